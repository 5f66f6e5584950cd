//! URL and headers of one client: those of the command line, joined with those of its scenario.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use scenario::{Captures, ClientState, MessageValues, Padding, Template};

use super::load::OWN_HEADERS;
use super::{Plan, ServerUrl};

/// URL and additional headers of one client's upgrade request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientHandshake {
    /// URL of the request.
    pub url: ServerUrl,
    /// Headers in addition to those of every upgrade.
    pub headers: HeaderMap,
}

/// Reason why a client's handshake cannot be sent. No text holds a value, which may be a secret.
#[allow(missing_docs)]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeFault {
    #[error("`{0}` in [handshake] is not the name of a header")]
    Name(String),
    #[error("`{0}` in [handshake] is set by the handshake itself")]
    OwnHeader(String),
    #[error("the value of `{name}` in [handshake] is not one of a header, for client {client}")]
    Value { name: String, client: u32 },
    #[error("`url` of the scenario does not begin with / or ?, for client {0}")]
    Path(u32),
    #[error("`url` of the scenario is not a path, for client {0}")]
    Url(u32),
}

impl Plan {
    /// Joins the handshake of the command line with that of the scenario, for this client. A header of the command line
    /// replaces that of the scenario, and so do offered subprotocols, the origin and the path of the URL.
    ///
    /// # Errors
    /// A header or a path that cannot be sent.
    pub fn client_handshake(
        &self,
        client: &ClientState,
    ) -> Result<ClientHandshake, HandshakeFault> {
        let mut joined = ClientHandshake {
            url: self.server_url().clone(),
            headers: self.headers.clone(),
        };
        let Some(scenario) = self.scenario() else {
            return Ok(joined);
        };
        let number = client.client();
        let padding = Padding::new(0, None);
        let rendered = |template| rendered(template, client, &padding);
        if let Some(path) = scenario.url.as_ref().filter(|_| !joined.url.has_path()) {
            let path = String::from_utf8(rendered(path));
            let path = path.map_err(|_| HandshakeFault::Url(number))?;
            let path = match path.as_bytes().first() {
                Some(b'/') => path,
                Some(b'?') => format!("/{path}"),
                _ => return Err(HandshakeFault::Path(number)),
            };
            let url = joined.url.with_resource(&path);
            joined.url = url.ok_or(HandshakeFault::Url(number))?;
        }
        let parts = &scenario.handshake;
        for (name, value) in &parts.headers {
            let header: HeaderName = name
                .parse()
                .map_err(|_| HandshakeFault::Name(name.clone()))?;
            if OWN_HEADERS.contains(&header) {
                return Err(HandshakeFault::OwnHeader(name.clone()));
            }
            joined.add(header, &rendered(value), number)?;
        }
        if let Some(origin) = &parts.origin {
            joined.add(header::ORIGIN, &rendered(origin), number)?;
        }
        if !parts.subprotocols.is_empty() {
            let list = parts.subprotocols.join(", ");
            joined.add(header::SEC_WEBSOCKET_PROTOCOL, list.as_bytes(), number)?;
        }
        Ok(joined)
    }

    /// Checks the handshakes of all clients.
    ///
    /// # Errors
    /// The first header or path that cannot be sent.
    pub fn check_handshakes(&self) -> Result<(), HandshakeFault> {
        let Some(roles) = self.roles() else {
            return Ok(());
        };
        let has_templates = self.scenario().is_some_and(|scenario| {
            let parts = &scenario.handshake;
            scenario.url.is_some() || !parts.headers.is_empty() || parts.origin.is_some()
        });
        let checked = if has_templates { self.clients.get() } else { 1 };
        (0..checked)
            .filter_map(|client| self.client_state(&roles, client))
            .try_for_each(|client| self.client_handshake(&client).map(|_| ()))
    }
}

impl ClientHandshake {
    /// Adds a header, unless the command line has it.
    fn add(&mut self, name: HeaderName, value: &[u8], client: u32) -> Result<(), HandshakeFault> {
        if self.headers.contains_key(&name) {
            return Ok(());
        }
        let value = HeaderValue::from_bytes(value).map_err(|_| HandshakeFault::Value {
            name: name.to_string(),
            client,
        })?;
        self.headers.insert(name, value);
        Ok(())
    }
}

/// A text that is fixed for a client.
fn rendered(template: &Template, client: &ClientState, padding: &Padding) -> Vec<u8> {
    let mut bytes = Vec::new();
    let values = MessageValues {
        client,
        sender: client.client(),
        number: 0,
        id: 0,
        wall_ns: 0,
        captures: Captures::none(),
        padding,
    };
    let filled = template.fill(&values);
    filled.write(&mut bytes);
    bytes
}
