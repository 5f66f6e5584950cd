//! Scenario files that are shipped with the program.

use crate::document::read_draft;

/// Names and texts, in the order of the list.
pub(crate) const PRESETS: [(&str, &str); 25] = [
    ("echo", include_str!("../presets/echo.toml")),
    ("room", include_str!("../presets/room.toml")),
    ("json-rpc", include_str!("../presets/json-rpc.toml")),
    (
        "rpc-websockets",
        include_str!("../presets/rpc-websockets.toml"),
    ),
    (
        "graphql-transport-ws",
        include_str!("../presets/graphql-transport-ws.toml"),
    ),
    (
        "graphql-rooms",
        include_str!("../presets/graphql-rooms.toml"),
    ),
    ("socket.io", include_str!("../presets/socket.io.toml")),
    (
        "socket.io-rooms",
        include_str!("../presets/socket.io-rooms.toml"),
    ),
    ("phoenix", include_str!("../presets/phoenix.toml")),
    (
        "phoenix-rooms",
        include_str!("../presets/phoenix-rooms.toml"),
    ),
    ("signalr", include_str!("../presets/signalr.toml")),
    ("signalr-all", include_str!("../presets/signalr-all.toml")),
    ("stomp", include_str!("../presets/stomp.toml")),
    ("mqtt", include_str!("../presets/mqtt.toml")),
    ("mqtt-qos1", include_str!("../presets/mqtt-qos1.toml")),
    ("nats", include_str!("../presets/nats.toml")),
    ("nats-echo", include_str!("../presets/nats-echo.toml")),
    ("wamp", include_str!("../presets/wamp.toml")),
    ("bayeux", include_str!("../presets/bayeux.toml")),
    ("actioncable", include_str!("../presets/actioncable.toml")),
    ("channels", include_str!("../presets/channels.toml")),
    ("xmpp", include_str!("../presets/xmpp.toml")),
    ("xmpp-muc", include_str!("../presets/xmpp-muc.toml")),
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
