//! The hash of a scenario, by which runs with the same one are recognized.

use scenario::Scenario;
use sha2::{Digest, Sha256};

/// SHA-256 of the merged file, in hexadecimal digits. Secret values are not part of it.
pub fn scenario_fingerprint(scenario: &Scenario) -> String {
    let digest = Sha256::digest(scenario.merged_file().as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use scenario::{ScenarioOptions, ScenarioSource, VarSetting};

    use super::*;

    fn shipped(token: &str) -> Scenario {
        let setting = VarSetting {
            name: "token".to_owned(),
            label: String::new(),
            text: token.to_owned(),
        };
        let options = ScenarioOptions {
            set: vec![setting],
            ..ScenarioOptions::default()
        };
        let no_files = |_: &str, _: Option<&str>| Err(String::new());
        let preset = ScenarioSource::Preset("rpc-websockets");
        Scenario::parse(preset, &options, &no_files).unwrap()
    }

    #[test]
    fn a_secret_does_not_change_the_fingerprint() {
        let [a, b] = ["a", "b"].map(|token| scenario_fingerprint(&shipped(token)));
        assert_eq!(a, b);
        assert_eq!(a.len(), 64);
    }
}
