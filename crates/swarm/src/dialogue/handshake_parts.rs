//! Path, headers and subprotocols of one client.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use measurement::plan::ServerUrl;
use measurement::record::ConnectFailure;
use scenario::{Captures, Template};

use super::Dialogue;

impl Dialogue {
    /// Returns true when the scenario adds to the handshake.
    pub(crate) fn has_handshake(&self) -> bool {
        let parts = &self.scenario.handshake;
        self.scenario.url.is_some()
            || !parts.headers.is_empty()
            || !parts.subprotocols.is_empty()
            || parts.origin.is_some()
    }

    /// URL and headers of a client's handshake. Those that are given beside the scenario replace its own. Its path is
    /// used where the URL has none.
    pub(crate) fn handshake(
        &self,
        client: u32,
        url: &ServerUrl,
        given: &HeaderMap,
    ) -> Result<(ServerUrl, HeaderMap), ConnectFailure> {
        let state = self.client_state(client);
        let text = |template: &Template| {
            let values = self.aside(&state, template, (0, 0), Captures::none());
            let mut text = Vec::new();
            template.fill(values).write(&mut text);
            text
        };
        let invalid = |what: &str| {
            let reason = format!("{what} of the scenario cannot be sent for client {client}");
            ConnectFailure::Handshake(reason)
        };
        let parts = &self.scenario.handshake;
        let mut headers = HeaderMap::new();
        for (name, value) in &parts.headers {
            if !add(&mut headers, name, &text(value)) {
                return Err(invalid(&format!("the header `{name}`")));
            }
        }
        if let Some(origin) = &parts.origin
            && !add(&mut headers, header::ORIGIN.as_str(), &text(origin))
        {
            return Err(invalid("the origin"));
        }
        let offered = parts.subprotocols.join(", ");
        let name = header::SEC_WEBSOCKET_PROTOCOL;
        if !offered.is_empty() && !add(&mut headers, name.as_str(), offered.as_bytes()) {
            return Err(invalid("a subprotocol"));
        }
        for name in given.keys() {
            headers.remove(name);
        }
        headers.extend(given.clone());
        let own_path = self.scenario.url.as_ref().filter(|_| !url.has_path());
        let url = match own_path {
            Some(path) => {
                let path = String::from_utf8(text(path)).ok();
                let url = path.and_then(|path| url.with_resource(&path));
                url.ok_or_else(|| invalid("the path"))?
            }
            None => url.clone(),
        };
        Ok((url, headers))
    }
}

/// Adds a header. Returns false when name or value cannot be sent.
fn add(headers: &mut HeaderMap, name: &str, value: &[u8]) -> bool {
    let name = HeaderName::from_bytes(name.as_bytes());
    let value = HeaderValue::from_bytes(value);
    match (name, value) {
        (Ok(name), Ok(value)) => {
            headers.append(name, value);
            true
        }
        _ => false,
    }
}
