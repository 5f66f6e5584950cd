//! A command line without secrets, for storage in files.

use std::ffi::OsString;
use std::path::Path;

use measurement::plan::{MASK, is_secret_header, mask_url};

/// The words of a command line, with the program reduced to its file name. [`MASK`] replaces the values of the headers
/// `Authorization`, `Cookie`, `Proxy-Authorization`, `X-…-Key` and `X-…-Token`, user information and query values of
/// URLs, and the values of these vars of a scenario (`NAME=…`).
pub fn masked_command_line(
    words: impl IntoIterator<Item = OsString>,
    secret_vars: &[&str],
) -> Vec<String> {
    let mut words = words.into_iter();
    let program = words.next().unwrap_or_default();
    let program = Path::new(&program).file_name().unwrap_or(&program);
    std::iter::once(program.to_string_lossy().into_owned())
        .chain(words.map(|word| masked(&word.to_string_lossy(), secret_vars)))
        .collect()
}

fn masked(word: &str, secret_vars: &[&str]) -> String {
    // A header may follow its flag after `=`.
    let (flag, value) = match word.split_once('=') {
        Some((flag, value)) if flag.starts_with("--") => (format!("{flag}="), value),
        _ => (String::new(), word),
    };
    let var = value.split_once('=').map(|(name, _)| name);
    if let Some(name) = var.filter(|name| secret_vars.contains(name)) {
        return format!("{flag}{name}={MASK}");
    }
    match value.split_once(':') {
        Some((name, _)) if is_secret_header(name.trim()) => format!("{flag}{name}: {MASK}"),
        _ => format!("{flag}{}", mask_url(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked_all(words: &[&str]) -> Vec<String> {
        masked_command_line(words.iter().map(Into::into), &["token"])
    }

    #[test]
    fn secrets_are_masked_and_the_rest_is_kept() {
        let words = [
            "/usr/bin/ws-bench",
            "--header",
            "Authorization: Bearer s3cret",
            "--header=cookie:id=s3cret",
            "--header=X-Api-Key: s3cret",
            "--header",
            "x-auth-token:s3cret",
            "--header",
            "X-Trace: kept",
            "-c",
            "10",
            "--fail-if=p99>10ms",
            "--set",
            "token=s3cret=s3cret",
            "--set=token=s3cret",
            "--set",
            "room=kept",
            "wss://me:s3cret@here/ws?token=s3cret&room=1",
        ];
        assert_eq!(
            masked_all(&words),
            [
                "ws-bench",
                "--header",
                "Authorization: ***",
                "--header=cookie: ***",
                "--header=X-Api-Key: ***",
                "--header",
                "x-auth-token: ***",
                "--header",
                "X-Trace: kept",
                "-c",
                "10",
                "--fail-if=p99>10ms",
                "--set",
                "token=***",
                "--set=token=***",
                "--set",
                "room=kept",
                "wss://***@here/ws?token=***&room=***",
            ]
        );
    }

    #[test]
    fn a_command_line_may_be_empty() {
        assert_eq!(masked_all(&[]), [""]);
    }
}
