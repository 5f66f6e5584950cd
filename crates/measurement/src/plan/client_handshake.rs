//! URL and headers of one client: those of the command line, joined with those of its scenario.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use scenario::{Captures, ClientState, MessageValues, Padding, SourcePlace, Template};

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

/// Reason why a client's handshake cannot be sent, with its place in the scenario's file. No text holds a value, which
/// may be a secret.
#[allow(missing_docs)]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeFault {
    #[error("{place}: `{name}` in [handshake] is not the name of a header")]
    Name { place: SourcePlace, name: String },
    #[error("{place}: `{name}` in [handshake] is set by the handshake itself")]
    OwnHeader { place: SourcePlace, name: String },
    #[error(
        "{place}: the value of `{name}` in [handshake] is not one of a header, for client {client}"
    )]
    Value {
        place: SourcePlace,
        name: String,
        client: u32,
    },
    #[error("{place}: `url` of the scenario does not begin with / or ?, for client {client}")]
    Path { place: SourcePlace, client: u32 },
    #[error("{place}: `url` of the scenario is not a path, for client {client}")]
    Url { place: SourcePlace, client: u32 },
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
            url: self.server_of(client.client()).url.clone(),
            headers: self.headers.clone(),
        };
        let Some(scenario) = self.scenario() else {
            return Ok(joined);
        };
        let number = client.client();
        let padding = Padding::new(0, None);
        let rendered = |template| rendered(template, client, &padding);
        if let Some((path, place)) = scenario.url.as_ref().zip(scenario.url_place())
            && !joined.url.has_path()
        {
            let client = number;
            let not_a_path = || HandshakeFault::Url {
                place: place.clone(),
                client,
            };
            let path = String::from_utf8(rendered(path)).map_err(|_| not_a_path())?;
            let path = match path.as_bytes().first() {
                Some(b'/') => path,
                Some(b'?') => format!("/{path}"),
                _ => {
                    let place = place.clone();
                    return Err(HandshakeFault::Path { place, client });
                }
            };
            let url = joined.url.with_resource(&path);
            joined.url = url.ok_or_else(not_a_path)?;
        }
        let parts = &scenario.handshake;
        for one in &parts.headers {
            let (place, name) = (&one.place, &one.name);
            let header: HeaderName = name.parse().map_err(|_| HandshakeFault::Name {
                place: place.clone(),
                name: name.clone(),
            })?;
            if OWN_HEADERS.contains(&header) {
                let (place, name) = (place.clone(), name.clone());
                return Err(HandshakeFault::OwnHeader { place, name });
            }
            joined.add(header, &rendered(&one.value), (place, number))?;
        }
        if let Some(origin) = &parts.origin {
            let value = rendered(&origin.value);
            joined.add(header::ORIGIN, &value, (&origin.place, number))?;
        }
        if let Some(place) = parts.subprotocols_place() {
            let list = parts.subprotocols.join(", ");
            let name = header::SEC_WEBSOCKET_PROTOCOL;
            joined.add(name, list.as_bytes(), (place, number))?;
        }
        Ok(joined)
    }

    /// Checks the handshakes of all clients and idle connections.
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
        let checked = if has_templates { self.connections() } else { 1 };
        (0..checked)
            .filter_map(|client| self.client_state(&roles, client))
            .try_for_each(|client| self.client_handshake(&client).map(|_| ()))
    }
}

impl ClientHandshake {
    /// Adds a header, unless the command line has it.
    fn add(
        &mut self,
        name: HeaderName,
        value: &[u8],
        (place, client): (&SourcePlace, u32),
    ) -> Result<(), HandshakeFault> {
        if self.headers.contains_key(&name) {
            return Ok(());
        }
        let value = HeaderValue::from_bytes(value).map_err(|_| HandshakeFault::Value {
            place: place.clone(),
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use scenario::{Scenario, ScenarioOptions, ScenarioSource};

    use super::*;
    use crate::plan::{LoadDraft, LoadSpec};

    #[test]
    fn each_client_requests_the_path_of_a_scenario_from_its_own_server() {
        let source = ScenarioSource::File {
            name: "t.toml",
            text: "url = '/${client}'\n[[message]]\nsend = '${id}'\nreply = '${id}'\n",
        };
        let no_files = |_: &str, _: Option<&str>| Err(String::new());
        let scenario = Scenario::parse(source, &ScenarioOptions::default(), &no_files).unwrap();
        let load = LoadSpec::new(LoadDraft {
            scenario: Some(Arc::new(scenario)),
            ..LoadDraft::closed_loop()
        });
        let servers = ["ws://a", "wss://b:9", "ws://c/own"];
        let servers = servers.map(|url| ServerUrl::parse(url).unwrap().into());
        let plan = load.unwrap().against_all(servers.to_vec()).unwrap();
        let roles = plan.roles().unwrap();
        let url = |client| {
            let state = plan.client_state(&roles, client).unwrap();
            let url = plan.client_handshake(&state).unwrap().url;
            url.as_str().to_owned()
        };
        assert_eq!(
            [0, 1, 2, 3, 4].map(url),
            [
                "ws://a/0",
                "wss://b:9/1",
                "ws://c/own",
                "ws://a/3",
                "wss://b:9/4"
            ]
        );
    }
}
