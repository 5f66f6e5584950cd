//! The name of a room in the path of a request.

use std::sync::Arc;

/// Start of the path of every room.
const PREFIX: &str = "/room/";

/// Maximum length of a room's name, in bytes.
const MAX_NAME: usize = 255;

/// The name of a room: one segment of a path, as it stands in the request line. Percent-encoding is not decoded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoomName(Arc<str>);

impl RoomName {
    /// Parses the path of a room. `None` for any other path, and for a name that is empty or too long.
    pub(crate) fn in_path(path: &str) -> Option<Self> {
        let name = path.strip_prefix(PREFIX)?;
        let is_name = (1..=MAX_NAME).contains(&name.len()) && !name.contains('/');
        is_name.then(|| Self(name.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_segment_as_it_stands_in_the_path() {
        let longest = "x".repeat(MAX_NAME);
        for name in ["a", "%C3%A9", "..", "a:b@c", &longest] {
            let parsed = RoomName::in_path(&format!("/room/{name}"));
            assert_eq!(parsed, Some(RoomName(name.into())), "{name}");
        }
        let too_long = format!("/room/{longest}x");
        for path in [
            "/room/",
            "/room",
            "/room/a/b",
            "/room/a/",
            "/rooms/a",
            "/a",
            &too_long,
        ] {
            assert_eq!(RoomName::in_path(path), None, "{path}");
        }
    }
}
