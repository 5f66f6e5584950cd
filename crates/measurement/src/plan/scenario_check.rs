//! Checks of a scenario that need the load.

use scenario::{ClientState, RoleAssignment, Scenario, SourcePlace};

use super::{Load, LoadDraft, PlanError};

impl LoadDraft {
    /// Checks the scenario against the load, and takes from it what it decides: the type of messages, and their
    /// verification.
    pub(super) fn check_scenario(&mut self) -> Result<(), PlanError> {
        let Some(scenario) = self.scenario.clone() else {
            return Ok(());
        };
        check_support(&scenario)?;
        let clients = self.clients.get();
        scenario.check_complete(clients.into())?;
        let roles = scenario.assign_roles(clients.into())?;
        if roles.senders() == 0 {
            return Err(PlanError::UnsupportedScenario {
                place: scenario.name.clone(),
                what: "no client has a role that sends",
            });
        }
        if matches!(self.load, Load::Closed { .. }) {
            scenario.check_closed_loop()?;
        }
        if self.size_is_wanted {
            let states = (0..clients).filter_map(|client| state_of(&scenario, &roles, client));
            scenario.check_sizes(self.seed, self.payload, states)?;
        }
        self.text = !scenario.binary;
        self.verify = super::Verify::Full;
        Ok(())
    }
}

/// State of a client at the beginning of its connection. All clients are in one room.
pub(super) fn state_of(
    scenario: &Scenario,
    roles: &RoleAssignment,
    client: u32,
) -> Option<ClientState> {
    let (role, member) = roles.of(client)?;
    Some(scenario.client(client, role, member, 1))
}

/// Refuses what needs several receivers of a message, or messages without a request.
fn check_support(scenario: &Scenario) -> Result<(), PlanError> {
    let unsupported = |place: String, what| Err(PlanError::UnsupportedScenario { place, what });
    // Only a file can have these keys, so they have a place.
    let of_key = |place: Option<&SourcePlace>| {
        place.map_or_else(|| scenario.name.clone(), SourcePlace::to_string)
    };
    if let Some(message) = scenario.messages.iter().find(|m| m.has_deliveries()) {
        let place = message.place().to_string();
        return unsupported(place, "this message is delivered to other clients");
    }
    if let Some(push) = &scenario.push {
        let what = "the server sends messages of its own ([push])";
        return unsupported(push.place().to_string(), what);
    }
    if let Some(role) = scenario.roles.first()
        && scenario.roles.iter().all(|role| !role.sends)
    {
        let place = of_key(role.sends_place());
        return unsupported(place, "no role sends (`sends = false`)");
    }
    if let Some(role) = scenario.roles.iter().find(|role| role.read.is_some()) {
        return unsupported(of_key(role.read_place()), "a role reads slowly (`read`)");
    }
    match scenario.messages.iter().find(|m| !m.has_reply()) {
        Some(message) => unsupported(message.place().to_string(), "this message has no `reply`"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::sync::Arc;

    use scenario::{ScenarioOptions, ScenarioSource};
    use units::SizeRange;

    use super::*;
    use crate::plan::{LoadSpec, ServerUrl};

    const CALL: &str = "[[message]]\nsend = '{\"id\":${id},\"p\":\"${pad}\"}'\nreply = { json = { \"/id\" = \"${id}\" } }\n";

    fn scenario(text: &str) -> Option<Arc<Scenario>> {
        let source = ScenarioSource::File {
            name: "t.toml",
            text,
        };
        let no_files = |_: &str, _: Option<&str>| Err("no files".to_owned());
        let scenario = Scenario::parse(source, &ScenarioOptions::default(), &no_files);
        Some(Arc::new(scenario.unwrap()))
    }

    fn spec(text: &str, change: impl FnOnce(&mut LoadDraft)) -> Result<LoadSpec, String> {
        let mut draft = LoadDraft {
            scenario: scenario(text),
            ..LoadDraft::closed_loop()
        };
        change(&mut draft);
        LoadSpec::new(draft).map_err(|error| error.to_string())
    }

    #[test]
    fn the_scenario_decides_type_and_verification() {
        let binary = format!("binary = true\n{CALL}");
        let spec = spec(&binary, |draft| draft.verify = crate::plan::Verify::Off).unwrap();
        assert!(!spec.text);
        assert_eq!(spec.verify, crate::plan::Verify::Full);
        let plan = spec.against(ServerUrl::parse("ws://a/").unwrap()).unwrap();
        assert_eq!(plan.scenario().unwrap().name, "t");
    }

    #[test]
    fn what_needs_other_receivers_is_refused_with_its_place() {
        for (text, error) in [
            (
                "[[message]]\nsend = '${uid}'\ndeliver = '${uid}'\n",
                "t.toml:2:8: this message is delivered to other clients, which this version cannot measure",
            ),
            (
                "[push]\nmatch = '${seq}'\n",
                "t.toml:1:1: the server sends messages of its own ([push]), which this version cannot measure",
            ),
            (
                "[[message]]\nsend = 'a'\n",
                "t.toml:2:8: this message has no `reply`, which this version cannot measure",
            ),
            (
                &format!("{CALL}[roles.a]\nsends = false\n"),
                "t.toml:5:9: no role sends (`sends = false`), which this version cannot measure",
            ),
            (
                &format!("{CALL}[roles.a]\nread = \"4KiB/s\"\n"),
                "t.toml:5:8: a role reads slowly (`read`), which this version cannot measure",
            ),
        ] {
            assert_eq!(spec(text, |_| {}).unwrap_err(), error);
        }
    }

    #[test]
    fn a_load_that_no_client_sends_is_refused() {
        let mut scenario = Scenario::clone(
            &scenario(&format!(
                "{CALL}[roles.a]\n[roles.b]\ncount = 1\nsends = false\n"
            ))
            .unwrap(),
        );
        let one = scenario::RoleCount::Clients;
        (scenario.roles[0].count, scenario.roles[1].count) = (one(0), one(3));
        let error = spec(CALL, |draft| {
            draft.scenario = Some(Arc::new(scenario));
            draft.clients = NonZeroU32::new(3).unwrap();
        });
        assert_eq!(
            error.unwrap_err(),
            "t: no client has a role that sends, which this version cannot measure"
        );
    }

    #[test]
    fn clients_that_only_listen_have_no_share_of_the_messages() {
        let text =
            format!("{CALL}[roles.a]\ncount = 1\n[roles.b]\ncount = 2\nsends = false\n[roles.c]\n");
        let spec = spec(&text, |draft| draft.clients = NonZeroU32::new(7).unwrap()).unwrap();
        let plan = spec.against(ServerUrl::parse("ws://a/").unwrap()).unwrap();
        let roles = plan.roles().unwrap();
        assert_eq!(plan.senders(), 5);
        let senders: Vec<_> = (0..7).map(|client| roles.sender(client)).collect();
        let listening = None;
        assert_eq!(
            senders,
            [
                Some(0),
                listening,
                listening,
                Some(1),
                Some(2),
                Some(3),
                Some(4)
            ]
        );
        assert_eq!(plan.planned_messages().map(|all| all % 5), Some(0));
    }

    #[test]
    fn only_a_size_that_was_asked_for_is_checked() {
        let small = SizeRange { min: 5, max: 5 };
        assert!(spec(CALL, |draft| draft.payload = small).is_ok());
        let error = spec(CALL, |draft| {
            draft.payload = small;
            draft.size_is_wanted = true;
        });
        assert_eq!(error.unwrap_err(), "a message of t has at least 15 bytes");
        let fixed = "[[message]]\nsend = '${id}'\nreply = '${id}'\n";
        assert!(spec(fixed, |_| {}).is_ok());
        let error = spec(fixed, |draft| draft.size_is_wanted = true).unwrap_err();
        assert_eq!(error, "no message of t holds ${pad}, so its size is fixed");
    }

    #[test]
    fn roles_must_share_all_clients() {
        let text = format!("{CALL}[roles.a]\ncount = 3\n");
        let error = spec(&text, |draft| draft.clients = NonZeroU32::MIN).unwrap_err();
        assert_eq!(error, "the roles need 3 clients, but there are 1");
    }
}
