//! Scenario files that are shipped with the program.

use crate::document::read_draft;

/// Names and texts, in the order of the list.
pub(crate) const PRESETS: [(&str, &str); 15] = [
    ("echo", include_str!("../presets/echo.toml")),
    ("json-rpc", include_str!("../presets/json-rpc.toml")),
    (
        "rpc-websockets",
        include_str!("../presets/rpc-websockets.toml"),
    ),
    (
        "graphql-transport-ws",
        include_str!("../presets/graphql-transport-ws.toml"),
    ),
    ("socket.io", include_str!("../presets/socket.io.toml")),
    ("phoenix", include_str!("../presets/phoenix.toml")),
    ("signalr", include_str!("../presets/signalr.toml")),
    ("stomp", include_str!("../presets/stomp.toml")),
    ("mqtt", include_str!("../presets/mqtt.toml")),
    ("nats", include_str!("../presets/nats.toml")),
    ("wamp", include_str!("../presets/wamp.toml")),
    ("bayeux", include_str!("../presets/bayeux.toml")),
    ("xmpp", include_str!("../presets/xmpp.toml")),
    ("ocpp1.6", include_str!("../presets/ocpp1.6.toml")),
    ("jupyter", include_str!("../presets/jupyter.toml")),
];

/// A shipped scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShippedScenario {
    /// Name, for `base` and on the command line.
    pub name: &'static str,
    /// Description in one line.
    pub about: String,
    /// The file.
    pub text: &'static str,
}

/// All shipped scenarios.
pub fn shipped_scenarios() -> Vec<ShippedScenario> {
    let shipped = |(name, text): &(&'static str, &'static str)| {
        let about = read_draft(name, text).ok().and_then(|draft| draft.about);
        ShippedScenario {
            name,
            about: about.map(|text| text.value).unwrap_or_default(),
            text,
        }
    };
    PRESETS.iter().map(shipped).collect()
}

/// Text of a shipped scenario.
pub(crate) fn preset_text(name: &str) -> Option<&'static str> {
    PRESETS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}
