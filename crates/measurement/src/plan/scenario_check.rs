//! Checks of a scenario that need the load.

use std::num::NonZeroU32;
use std::sync::Arc;

use scenario::{
    ClientState, DeliverTo, MessageType, RoleAssignment, Scenario, ScenarioOptions, ScenarioRole,
    ScenarioSource, SourcePlace,
};

use super::{Length, Load, LoadDraft, PlanError, SlowCount, Verify};

impl LoadDraft {
    /// Checks the scenario against the load, and takes from it what it decides: the type of messages, and their
    /// verification.
    pub(super) fn check_scenario(&mut self) -> Result<(), PlanError> {
        let Some(scenario) = self.scenario.clone() else {
            return Ok(());
        };
        check_support(&scenario)?;
        let clients = self.clients.get();
        scenario.check_complete(self.connections().into())?;
        let roles = scenario.assign_roles(clients.into())?;
        if scenario.is_push_only() {
            self.check_push_only()?;
        } else if roles.senders() == 0 {
            return Err(PlanError::UnsupportedScenario {
                place: scenario.name.clone(),
                what: "no client has a role that sends",
            });
        } else if matches!(self.load, Load::Closed { .. }) {
            scenario.check_closed_loop()?;
        }
        self.check_rooms(&scenario, &roles)?;
        self.assigned_slow_readers()?;
        if self.size_is_wanted {
            let state = |client| state_of(&scenario, &roles, client, self.rooms);
            let states = (0..clients).filter_map(state);
            scenario.check_sizes(self.seed, self.payload, states)?;
        }
        self.text = !scenario.binary;
        self.verify = Verify::Full;
        Ok(())
    }

    /// Checks the slow readers, and turns a plain echo into a scenario, which has figures for them.
    pub(super) fn check_slow(&mut self) -> Result<(), PlanError> {
        let Some(slow) = self.slow else {
            return Ok(());
        };
        if let SlowCount::Percent(percent) = slow.count
            && !(percent > 0.0 && percent <= 100.0)
        {
            return Err(PlanError::Range {
                what: "a share of slow readers in percent",
                value: percent.to_string(),
                range: "above 0, to 100".to_owned(),
            });
        }
        if let Length::Duration(time) = self.length
            && slow.after >= time
        {
            return Err(PlanError::SlowAfterEnd {
                after: slow.after,
                time,
            });
        }
        if self.scenario.is_none() {
            let verify = match self.verify {
                Verify::Full => None,
                Verify::Length => Some("length"),
                Verify::Off => Some("off"),
            };
            if let Some(verify) = verify {
                return Err(PlanError::SlowWithoutVerification { verify });
            }
            self.scenario = Some(Arc::new(echo_scenario(self.text)?));
            self.size_is_wanted = true;
        }
        Ok(())
    }

    /// Checks the load of a scenario whose clients only receive.
    fn check_push_only(&self) -> Result<(), PlanError> {
        match (&self.load, self.length) {
            (Load::Open { .. }, _) => Err(PlanError::PushOnlyRate),
            (_, Length::MessagesPerClient(_)) => Err(PlanError::PushOnlyMessages),
            (_, Length::Duration(_)) => Ok(()),
        }
    }

    /// Checks that every room has clients that send and clients that receive, and that a process has all of a room.
    fn check_rooms(&self, scenario: &Scenario, roles: &RoleAssignment) -> Result<(), PlanError> {
        let delivering = || scenario.messages.iter().filter(|m| m.has_deliveries());
        let (rooms, shards) = (self.rooms.get(), self.share.count.get());
        if shards > 1
            && let Some(message) = delivering().find(|m| m.to == DeliverTo::All)
        {
            let place = message.place().to_string();
            return Err(PlanError::ShardedToAll { place, shards });
        }
        if delivering().all(|m| m.to == DeliverTo::All) {
            return Ok(());
        }
        if rooms < shards {
            return Err(PlanError::TooFewRooms { rooms, shards });
        }
        let is_answered = delivering().all(MessageType::has_reply);
        let check = |activity, takes_part: fn(&ScenarioRole) -> bool| {
            let counts = scenario.roles.iter().enumerate();
            let counts = counts.filter(|(_, role)| takes_part(role));
            let filled = counts.map(|(index, _)| roles.clients(index)).max();
            match filled.unwrap_or(0) {
                filled if filled >= u64::from(rooms) => Ok(()),
                // `--roles subscriber=0`: only the replies are measured.
                0 if is_answered && activity == "receive" => Ok(()),
                filled => Err(PlanError::EmptyRooms {
                    rooms,
                    activity,
                    filled,
                }),
            }
        };
        check("send", |role| role.sends)?;
        check("receive", |role| role.receives)
    }
}

/// State of a client or of an idle connection at its beginning, in one of `rooms` rooms.
pub(super) fn state_of(
    scenario: &Scenario,
    roles: &RoleAssignment,
    connection: u32,
    rooms: NonZeroU32,
) -> Option<ClientState> {
    let (role, member) = roles.of(connection).or_else(|| roles.of_idle(connection))?;
    Some(scenario.client(connection, role, member, rooms.get()))
}

/// The shipped scenario that does what a plain echo does.
fn echo_scenario(text: bool) -> Result<Scenario, PlanError> {
    let file = format!("base = \"echo\"\nbinary = {}\n", !text);
    let source = ScenarioSource::File {
        name: "echo.toml",
        text: &file,
    };
    let no_files = |_: &str, _: Option<&str>| Err("it is not a shipped scenario".to_owned());
    Ok(Scenario::parse(
        source,
        &ScenarioOptions::default(),
        &no_files,
    )?)
}

/// Refuses a scenario of which nothing can be measured.
fn check_support(scenario: &Scenario) -> Result<(), PlanError> {
    let unsupported = |place: String, what| Err(PlanError::UnsupportedScenario { place, what });
    let receives = scenario.roles.iter().any(|role| role.receives);
    if let Some(message) = scenario.messages.iter().find(|m| m.has_deliveries())
        && !receives
    {
        let what = "this message is delivered to others, but no role receives (`receives = false`): remove `receives` \
                    from the role of its receivers";
        return unsupported(message.place().to_string(), what);
    }
    if let Some(push) = &scenario.push
        && !receives
    {
        let what = "the server sends messages of its own ([push]), but no role receives (`receives = false`): remove \
                    `receives` from the role of their receivers";
        return unsupported(push.place().to_string(), what);
    }
    if let Some(role) = scenario.roles.first()
        && scenario.push.is_none()
        && scenario.roles.iter().all(|role| !role.sends)
    {
        // Only a file can have this key, so it has a place.
        let place = role.sends_place();
        let place = place.map_or_else(|| scenario.name.clone(), SourcePlace::to_string);
        return unsupported(
            place,
            "no role sends (`sends = false`), and there is no [push]",
        );
    }
    let mut messages = scenario.messages.iter();
    match messages.find(|m| !m.has_reply() && !m.has_deliveries()) {
        Some(message) => {
            let what = "this message has neither `reply` nor `deliver`, so nothing shows that it arrived: add one of them";
            unsupported(message.place().to_string(), what)
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use units::SizeRange;

    use super::*;
    use crate::plan::{LoadSpec, ServerUrl, SlowReaders};

    const CALL: &str = "[[message]]\nsend = '{\"id\":${id},\"p\":\"${pad}\"}'\nreply = { json = { \"/id\" = \"${id}\" } }\n";

    const ROOM: &str = "[[message]]\nsend = '${uid}'\ndeliver = '${uid}'\n";

    const FEED: &str = "[push]\nmatch = '${seq}'\n";

    fn ten_seconds(draft: &mut LoadDraft) {
        draft.length = Length::Duration(Duration::from_secs(10));
    }

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
    fn what_cannot_be_measured_is_refused_with_its_place() {
        for (text, error) in [
            (
                "[[message]]\nsend = 'a'\n",
                "t.toml:2:8: this message has neither `reply` nor `deliver`, so nothing shows that it arrived: add one of them",
            ),
            (
                &format!("{CALL}[roles.a]\nsends = false\n"),
                "t.toml:5:9: no role sends (`sends = false`), and there is no [push]",
            ),
            (
                &format!("{ROOM}[roles.a]\nreceives = false\n"),
                "t.toml:2:8: this message is delivered to others, but no role receives (`receives = false`): remove `receives` \
                 from the role of its receivers",
            ),
            (
                "[push]\nmatch = '${seq}'\n[roles.a]\nreceives = false\n",
                "t.toml:1:1: the server sends messages of its own ([push]), but no role receives (`receives = false`): remove \
                 `receives` from the role of their receivers",
            ),
        ] {
            assert_eq!(spec(text, |_| {}).unwrap_err(), error);
        }
    }

    #[test]
    fn rooms_feeds_and_slow_roles_are_measured() {
        assert!(spec(ROOM, |_| {}).is_ok());
        assert!(spec(&format!("{CALL}[roles.a]\nread = \"4KiB/s\"\n"), |_| {}).is_ok());
        let feed = spec(FEED, ten_seconds).unwrap();
        assert_eq!(feed.senders(), 0);
        let both = format!("{CALL}{FEED}");
        assert!(spec(&both, |_| {}).is_ok());
        let listening = format!("{both}[roles.a]\nsends = false\n");
        assert_eq!(spec(&listening, ten_seconds).unwrap().senders(), 0);
    }

    #[test]
    fn a_feed_has_a_duration_and_no_rate() {
        let error = spec(FEED, |_| {}).unwrap_err();
        assert!(
            error.ends_with("nothing is sent; use --duration"),
            "{error}"
        );
        let error = spec(FEED, |draft| {
            ten_seconds(draft);
            draft.load = Load::Open {
                profile: crate::plan::RateProfile::constant(units::Rate::new(5.0).unwrap()),
                arrivals: crate::plan::Arrivals::Constant,
                window: None,
            };
        });
        assert!(error.unwrap_err().contains("leave it out"));
    }

    #[test]
    fn a_queue_does_not_tell_its_sender_to_go_on() {
        let text = format!("{ROOM}to = \"one\"\n");
        let error = spec(&text, |_| {}).unwrap_err();
        assert!(
            error.contains("nothing tells a publisher when to go on"),
            "{error}"
        );
    }

    #[test]
    fn every_room_has_senders_and_receivers_and_one_shard() {
        let error = |text: &str, rooms, shards| {
            let found = spec(text, |draft| {
                draft.clients = NonZeroU32::new(9).unwrap();
                draft.rooms = NonZeroU32::new(rooms).unwrap();
                draft.share.count = NonZeroU32::new(shards).unwrap();
            });
            found.map_or_else(|error| error, |_| String::new())
        };
        let roles = "[roles.p]\ncount = 2\nreceives = false\n[roles.s]\nsends = false\n";
        let reply = "reply = '${uid}'\n";
        assert_eq!(error(ROOM, 9, 9), "");
        assert_eq!(error(&format!("{ROOM}{reply}{roles}"), 2, 2), "");
        assert_eq!(
            error(&format!("{ROOM}{reply}{roles}"), 3, 1),
            "--rooms is 3, but the clients that send fill only 2: use at most --rooms 2, or more of these clients \
             (--clients, --roles)"
        );
        assert_eq!(
            error(ROOM, 2, 3),
            "a room and all of its receivers belong to one shard, so 3 shards (--shards) need at least 3 rooms, and --rooms \
             is 2: use more --rooms or fewer --shards"
        );
        assert_eq!(
            error(&format!("{ROOM}to = \"all\"\n"), 3, 3),
            "t.toml:2:8: `to = \"all\"` reaches the clients of all shards, which cannot be used with 3 shards (--shards): \
             use one process with more --threads"
        );
        // Without deliveries, rooms are a number in texts.
        assert_eq!(error(CALL, 1, 3), "");
        assert_eq!(error(CALL, 20, 1), "");
    }

    #[test]
    fn a_room_is_the_number_within_the_role_modulo_rooms() {
        let text = format!("{ROOM}[roles.a]\ncount = 4\n[roles.b]\n");
        let spec = spec(&text, |draft| {
            draft.clients = NonZeroU32::new(9).unwrap();
            draft.rooms = NonZeroU32::new(3).unwrap();
        });
        let plan = spec.unwrap().against(ServerUrl::parse("ws://a/").unwrap());
        let plan = plan.unwrap();
        let rooms: Vec<_> = (0..9).map(|client| plan.room_of(client)).collect();
        assert_eq!(rooms, [0, 1, 2, 0, 0, 1, 2, 0, 1]);
    }

    #[test]
    fn slow_readers_make_a_scenario_of_the_echo() {
        let slow = |verify, text, after| {
            LoadSpec::new(LoadDraft {
                verify,
                text,
                length: Length::Duration(Duration::from_secs(10)),
                slow: Some(SlowReaders {
                    count: SlowCount::Percent(5.0),
                    bytes_per_s: 0,
                    after: Duration::from_secs(after),
                }),
                ..LoadDraft::closed_loop()
            })
        };
        let error = |verify, after| slow(verify, true, after).unwrap_err().to_string();
        for text in [true, false] {
            let plan = slow(Verify::Full, text, 5).unwrap();
            let plan = plan.against(ServerUrl::parse("ws://a/").unwrap()).unwrap();
            assert_eq!(plan.scenario().unwrap().name, "echo");
            assert_eq!(plan.text, text);
            let slow: Vec<_> = (0..100).filter(|client| plan.is_slow(*client)).collect();
            assert_eq!(slow, [19, 39, 59, 79, 99]);
        }
        assert_eq!(
            error(Verify::Length, 5),
            "--slow cannot be used with --verify length: echoes of slow readers are matched by all of their bytes; leave \
             --verify out"
        );
        assert_eq!(
            error(Verify::Full, 10),
            "--slow-after is 10s, but the measured time is 10s: use a shorter --slow-after, or a longer --duration"
        );
    }

    #[test]
    fn threads_of_fan_out_are_limited_by_clients_and_not_by_senders() {
        let roles = "reply = '${uid}'\n[roles.p]\ncount = 2\n[roles.s]\nsends = false\n";
        let spec = spec(&format!("{ROOM}{roles}"), |draft| {
            draft.clients = NonZeroU32::new(9).unwrap();
            draft.rooms = NonZeroU32::new(2).unwrap();
            draft.share.count = NonZeroU32::new(2).unwrap();
            draft.threads = std::num::NonZeroUsize::new(8).unwrap();
        });
        assert_eq!(spec.unwrap().threads.get(), 4);
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
        assert_eq!(error.unwrap_err(), "t: no client has a role that sends");
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

    #[test]
    fn idle_connections_follow_the_clients_of_the_role_that_takes_the_rest() {
        let text =
            format!("{ROOM}to = 'room'\n[roles.a]\ncount = 2\n[roles.b]\n[roles.c]\ncount = 1\n");
        let spec = spec(&text, |draft| {
            ten_seconds(draft);
            draft.clients = NonZeroU32::new(6).unwrap();
            draft.connections.idle = 2;
        });
        let plan = spec.unwrap().against(ServerUrl::parse("ws://a/").unwrap());
        let plan = plan.unwrap();
        let roles = plan.roles().unwrap();
        assert_eq!((roles.of(6), roles.of_idle(5)), (None, None));
        assert_eq!(
            (roles.of_idle(6), roles.of_idle(7)),
            (Some((1, 3)), Some((1, 4)))
        );
        let state = plan.client_state(&roles, 7).unwrap();
        assert_eq!((state.client(), state.role()), (7, 1));
        assert!(plan.is_idle(6) && !plan.is_idle(5));
        plan.check_handshakes().unwrap();
    }

    #[test]
    fn every_idle_connection_needs_a_row_of_its_own() {
        let load = |idle, wrap| {
            let text = "[[message]]\nsend = '${t.name} ${id}'\nreply = '${*} ${id}'\n";
            let source = ScenarioSource::File {
                name: "t.toml",
                text,
            };
            let options = ScenarioOptions {
                data: vec![("t".to_owned(), "t.csv".to_owned())],
                data_wrap: wrap,
                ..ScenarioOptions::default()
            };
            let table = |_: &str, _: Option<&str>| Ok("name\na\nb\nc\n".to_owned());
            let scenario = Scenario::parse(source, &options, &table).unwrap();
            let mut draft = LoadDraft {
                clients: NonZeroU32::new(2).unwrap(),
                scenario: Some(Arc::new(scenario)),
                ..LoadDraft::closed_loop()
            };
            draft.connections.idle = idle;
            LoadSpec::new(draft).map_err(|error| error.to_string())
        };
        load(1, false).unwrap();
        let error = load(2, false).unwrap_err();
        assert_eq!(error, "t has 3 rows, client 3 needs one of its own");
        load(2, true).unwrap();
    }
}
