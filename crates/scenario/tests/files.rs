//! Files: all scenarios of the design are accepted, all bad ones are refused with exact errors, and the
//! merged file means the same as the files.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use scenario::{
    Captures, MessageValues, OneLiner, OneLinerKind, Padding, Scenario, ScenarioError,
    ScenarioOptions, ScenarioSource, VarSetting, shipped_scenarios,
};
use units::SizeRange;

const USERS: &str = "name,token\nuser0,tok-0000\nuser1,tok-0001\n";

fn load(name: &str, _beside: Option<&str>) -> Result<String, String> {
    match name {
        "users.csv" => Ok(USERS.to_owned()),
        "own-base.toml" => Ok("base = \"own-base.toml\"\n".to_owned()),
        _ => Err("no such file".to_owned()),
    }
}

fn parse(name: &str, text: &str) -> Result<Scenario, ScenarioError> {
    parse_with(name, text, &ScenarioOptions::default())
}

fn parse_with(
    name: &str,
    text: &str,
    options: &ScenarioOptions,
) -> Result<Scenario, ScenarioError> {
    Scenario::parse(ScenarioSource::File { name, text }, options, &load)
}

fn fault(text: &str) -> String {
    parse("f.toml", text).unwrap_err().to_string()
}

fn files(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(folder);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    paths.iter().map(read).collect()
}

#[test]
fn all_scenarios_of_the_design_are_accepted() {
    let mut accepted = 0;
    for (name, text) in files("scenarios").into_iter().chain(files("truth")) {
        if let Err(error) = parse(&name, &text) {
            panic!("{error}");
        }
        accepted += 1;
    }
    assert_eq!(accepted, 33);
}

#[test]
fn bad_files_are_refused_with_exact_errors() {
    let expected = [
        ("brace.toml", "brace.toml:2:18: `id\"` is no name"),
        (
            "hex.toml",
            "hex.toml:3:13: `3` is not a row of bytes: two hexadecimal digits for each",
        ),
        (
            "key.toml",
            "key.toml:1:3: unknown key `mesage`; did you mean `message`?",
        ),
        (
            "key2.toml",
            "key2.toml:3:1: unknown key `replay` in [message]; did you mean `reply`?",
        ),
        (
            "name.toml",
            "name.toml:4:20: nothing is called `evnt` here; did you mean `event`?",
        ),
        (
            "noid.toml",
            "noid.toml:2:8: `reply` is recognised by ${id}, which this message does not hold",
        ),
        (
            "nouid.toml",
            "nouid.toml:3:11: a delivery is recognised by ${uid}, which is missing here",
        ),
        (
            "pointer.toml",
            "pointer.toml:3:9: `id` is no JSON pointer: it must begin with `/`",
        ),
        (
            "single.toml",
            "single.toml:1:1: [message] is a list: write [[message]]",
        ),
        ("syntax.toml", "syntax.toml:3:11: Illegal character '\\n'"),
        (
            "unused.toml",
            "unused.toml:2:10: `sid` is read here but never used; did you mean `id`?",
        ),
    ];
    let mut refused = Vec::new();
    for (name, text) in files("bad") {
        if name == "fieldloop.toml" {
            // Fine with a rate: see below.
            parse(&name, &text).unwrap();
            continue;
        }
        refused.push((name.clone(), parse(&name, &text).unwrap_err().to_string()));
    }
    let expected: Vec<_> = expected
        .map(|(name, error)| (name.to_owned(), error.to_owned()))
        .into();
    assert_eq!(refused, expected);
}

#[test]
fn a_closed_loop_needs_a_reply_or_an_own_delivery() {
    let check = |text: &str| match parse("fieldloop.toml", text).unwrap().check_closed_loop() {
        Ok(()) => String::new(),
        Err(error) => error.to_string(),
    };
    let (_, text) = files("bad")
        .into_iter()
        .find(|(name, _)| name == "fieldloop.toml")
        .unwrap();
    assert_eq!(check(&text), "nothing tells a publisher when to go on");
    let chat = "[[message]]\nsend = '${uid}'\ndeliver = '${uid}'\n";
    assert_eq!(check(chat), "");
    let without_sender = format!("{chat}to_sender = false\n");
    assert_eq!(
        check(&without_sender),
        "nothing tells a publisher when to go on"
    );
    let roles = format!("{chat}[roles.p]\ncount = 1\nreceives = false\n[roles.s]\nsends = false\n");
    assert_eq!(check(&roles), "nothing tells a publisher when to go on");
}

#[test]
fn what_is_missing_is_named_before_the_run() {
    let jupyter = Scenario::parse(
        ScenarioSource::Preset("jupyter"),
        &ScenarioOptions::default(),
        &load,
    );
    let error = jupyter.unwrap().check_complete(1).unwrap_err();
    assert!(
        matches!(&error, ScenarioError::VarNotSet { name, about: Some(_) } if name == "kernel"),
        "{error:?}"
    );
    let text = "url = '/${users.token}'\n[[message]]\nsend = '${uid}'\nreply = '${message}'\n";
    let error = parse("t", text).unwrap().check_complete(1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "this scenario needs a CSV file for the table users"
    );
    let options = ScenarioOptions {
        data: vec![("users".to_owned(), "users.csv".to_owned())],
        ..ScenarioOptions::default()
    };
    let scenario = parse_with("t", text, &options).unwrap();
    scenario.check_complete(2).unwrap();
    let error = scenario.check_complete(3).unwrap_err();
    assert_eq!(
        error.to_string(),
        "users has 2 rows, client 2 needs one of its own"
    );
    let wrap = ScenarioOptions {
        data_wrap: true,
        ..options.clone()
    };
    parse_with("t", text, &wrap)
        .unwrap()
        .check_complete(3)
        .unwrap();
    let column = text.replace("token", "tokn");
    let error = parse_with("t", &column, &options).unwrap_err();
    assert_eq!(
        error.to_string(),
        "t:1:11: users has no column `tokn`; did you mean `token`?"
    );
    let client = scenario.client(1, 0, 1, 1);
    assert_eq!(
        rendered(scenario.url.as_ref().unwrap(), &client, None),
        "/tok-0001"
    );
}

fn rendered(
    template: &scenario::Template,
    client: &scenario::ClientState,
    size: Option<u64>,
) -> String {
    let padding = Padding::new(
        1,
        size.map(|size| SizeRange {
            min: size,
            max: size,
        }),
    );
    let values = MessageValues {
        client,
        sender: client.client(),
        number: 7,
        id: 3,
        wall_ns: 1_234_567_890,
        captures: Captures::none(),
        padding: &padding,
    };
    let filled = template.fill(&values);
    let mut bytes = Vec::new();
    filled.write(&mut bytes);
    assert_eq!(bytes.len() as u64, filled.len());
    String::from_utf8(bytes).unwrap()
}

#[test]
fn faults_are_found_where_they_are_written() {
    let message = "[[message]]\nsend = '${uid}'\nreply = '${message}'\n";
    let with = |before: &str| fault(&format!("{before}{message}"));
    for (text, expected) in [
        (
            "[vars]\na = 'x${b}'\nb = '${a}'\n[[every]]\ninterval = '1s'\nsend = '${a}'\n",
            "f.toml:3:8: `a` holds itself",
        ),
        (
            "[vars]\nuid = 'x'\n",
            "f.toml:2:1: `uid` is the name of a hole: choose another one",
        ),
        ("[vars]\n'a b' = 'x'\n", "f.toml:2:1: `a b` is no name"),
        (
            "[[setup]]\nrefuse = 'x'\n",
            "f.toml:1:1: [setup] needs `send`, `expect` or `wait`",
        ),
        (
            "[[every]]\nsend = 'x'\n",
            "f.toml:1:1: [every] needs `interval`",
        ),
        (
            "[[every]]\ninterval = '1 parsec'\nsend = 'x'\n",
            "f.toml:2:12: `interval` must be a time such as \"200ms\" or \"30s\"",
        ),
        (
            "[[setup]]\nsend = \"\\u001e${uid}\"\n",
            "f.toml:2:17: ${uid} has no meaning here: only a [[message]] has one",
        ),
        (
            "[[setup]]\nsend = 'x'\nrole = 'clientt'\n",
            "f.toml:3:8: no role is called `clientt`; did you mean `client`?",
        ),
        (
            "[[on]]\nmatch = '${x1}'\nsend = '${x2}'\n",
            "f.toml:3:11: nothing is called `x2` here; did you mean `x1`?",
        ),
        (
            "[[on]]\nmatch = '${word}'\n",
            "f.toml:2:9: `word` is read here but never used",
        ),
        (
            "url = '/${id}'\n",
            "f.toml:1:11: ${id} has no meaning here: this text must be fixed for a client",
        ),
        (
            "base = 'stmp'\n",
            "f.toml:1:8: no scenario `stmp` is shipped; did you mean `stomp`?",
        ),
        (
            "base = 'missing.toml'\n",
            "f.toml:1:8: missing.toml was not read: no such file",
        ),
        (
            "base = 'own-base.toml'\n",
            "own-base.toml:1:8: `own-base.toml` builds on itself",
        ),
        (
            "records = 'lines'\n",
            "f.toml:1:11: `records` must be \"message\", \"nats\", \"mqtt\" or { until = \"…\" }",
        ),
        (
            "[close]\ncode = 1005\n",
            "f.toml:2:8: `code` must be a close code that may be sent, such as 1000",
        ),
        (
            "[roles.a]\ncount = '101%'\n",
            "f.toml:2:9: `count` must be a number, a share such as \"5%\", or \"rest\"",
        ),
        ("about = 1\n", "f.toml:1:9: `about` must be a text"),
    ] {
        assert_eq!(with(text), expected);
    }
    for (text, expected) in [
        (
            "about = 'x'\n",
            "f.toml:1:1: nothing is measured: add [[message]] or [push]",
        ),
        (
            "[push]\ninterval = '1s'\n",
            "f.toml:1:1: [push] needs `match`",
        ),
        (
            "[[message]]\nreply = 'x'\n",
            "f.toml:1:1: [message] needs `send`",
        ),
        (
            "[[message]]\nsend = '${pad}${pad}'\n",
            "f.toml:2:8: ${pad} stands twice in this message",
        ),
        (
            "[vars]\nb = '${pad}'\n[[message]]\nsend = '${len.c}'\n",
            "f.toml:4:11: nothing is called `c` here",
        ),
        (
            "[vars]\nb = '${len.c}${pad}'\nc = '${pad}'\n[[message]]\nsend = '${uid}${b}'\n",
            "f.toml:2:8: the length of `c` depends on ${pad}, and ${pad} on it",
        ),
        (
            "[[message]]\nsend = '${x:ff}'\n",
            "f.toml:2:8: a text message cannot hold these bytes: say `binary = true`",
        ),
        (
            "[[message]]\nsend = '${id:u16}'\n",
            "f.toml:2:8: a text message cannot hold these bytes: say `binary = true`",
        ),
        (
            "[[message]]\nsend = '${uid}'\nreply = '${now:ns}'\n",
            "f.toml:3:12: ${now} has no meaning here: a time is known only while it is written",
        ),
        (
            "[[message]]\nsend = '${*}'\n",
            "f.toml:2:11: ${*} has no meaning here: it is read, not sent",
        ),
        (
            "[[message]]\nsend = '${uid}'\nreply = { jsn = { '/a' = 'b' } }\n",
            "f.toml:3:11: unknown key `jsn` in [reply]; did you mean `json`?",
        ),
        (
            "[[message]]\nsend = '${uid}'\nreply = '${fresh}'\n",
            "f.toml:3:12: nothing is called `fresh` here",
        ),
        (
            "[push]\nmatch = '${id}'\n",
            "f.toml:2:12: ${id} has no meaning here: the record belongs to no message",
        ),
    ] {
        assert_eq!(fault(text), expected);
    }
}

#[test]
fn sizes_are_checked_against_the_shortest_message() {
    let text = "[vars]\nevent = 'echo'\n[[message]]\nsend = '42${id}[\"${event}\",{\"id\":\"${uid}\",\"pad\":\"${pad}\"}]'\n";
    let scenario = parse("socket.io.toml", text).unwrap();
    let clients = [scenario.client(0, 0, 0, 1)];
    let check = |scenario: &Scenario, size| {
        let result = scenario.check_sizes(
            1,
            SizeRange {
                min: size,
                max: size,
            },
            &clients,
        );
        result
            .map_err(|error| error.to_string())
            .err()
            .unwrap_or_default()
    };
    assert_eq!(check(&scenario, 47), "");
    assert_eq!(
        check(&scenario, 46),
        "a message of socket.io has at least 47 bytes"
    );
    assert_eq!(
        rendered(&scenario.messages[0].send, &clients[0], Some(60)).len(),
        60
    );
    let fixed = parse("fixed.toml", "[[message]]\nsend = '${uid}'\n").unwrap();
    assert_eq!(
        check(&fixed, 100),
        "no message of fixed holds ${pad}, so its size is fixed"
    );
    let text = "binary = true\n[vars]\nb = '${pad}'\n[[message]]\nsend = '${len.b:u8}${b}${uid}'\n";
    let short = parse("short.toml", text).unwrap();
    assert_eq!(check(&short, 255), "");
    assert_eq!(
        check(&short, 256),
        "short.toml:5:8: 256 bytes do not fit u8"
    );
}

#[test]
fn a_size_counts_the_var_that_holds_the_pad() {
    let text = "[vars]\nbody = '${uid}${pad}'\n[[message]]\nsend = '${len.body} ${body} ${now:ms} ${int:5..5} ${client:04}'\n";
    let scenario = parse("t", text).unwrap();
    let message = rendered(
        &scenario.messages[0].send,
        &scenario.client(9, 0, 9, 1),
        Some(20),
    );
    assert!(message.starts_with("20 ~0000090000000007"), "{message}");
    assert!(message.ends_with(" 1234 5 0009"), "{message}");
    assert_eq!(message.len(), "20 ".len() + 20 + " 1234 5 0009".len());
}

#[test]
fn the_merged_file_means_the_same_and_hides_secrets() {
    for (name, text) in files("scenarios") {
        let scenario = parse(&name, &text).unwrap();
        let printed = scenario.merged_file();
        let again = parse(&name, printed).unwrap_or_else(|error| panic!("{error}\n{printed}"));
        assert_eq!(again.merged_file(), printed, "{name}");
        // Steps of roles that the file replaces are left out.
        let steps = |scenario: &Scenario| {
            let roles = scenario.roles.len();
            let steps = scenario.setup.iter();
            steps
                .filter(|step| (0..roles).any(|role| step.is_for(role)))
                .count()
        };
        assert_eq!(steps(&again), steps(&scenario), "{name}");
    }
    let text = "[vars]\ntoken = { value = 'hunter2', secret = true, about = 'a token' }\nauth = { value = '', secret = true }\n[[message]]\nsend = '${uid}${token}${auth}'\n";
    let scenario = parse("t", text).unwrap();
    assert!(
        !scenario.merged_file().contains("hunter2"),
        "{}",
        scenario.merged_file()
    );
    assert!(!format!("{:?}", scenario.vars()).contains("hunter2"));
    assert!(scenario.merged_file().contains(
        "token = { about = 'a token', secret = true }\nauth = { value = '', secret = true }\n"
    ));
}

#[test]
fn a_printed_protocol_needs_no_settings_that_the_shipped_one_does_not_need() {
    let with_logins = [
        "socket.io",
        "graphql-transport-ws",
        "phoenix",
        "mqtt",
        "nats",
        "bayeux",
        "xmpp",
    ];
    for name in with_logins {
        let source = ScenarioSource::Preset(name);
        let shipped = Scenario::parse(source, &ScenarioOptions::default(), &load).unwrap();
        assert!(shipped.vars().iter().any(|var| var.secret), "{name}");
        let printed = shipped.merged_file();
        let again = parse(name, printed).unwrap_or_else(|error| panic!("{error}\n{printed}"));
        assert_eq!(again.merged_file(), printed, "{name}");
    }
}

#[test]
fn one_liners_build_a_scenario_or_add_to_one() {
    let line = |kind, label: &str, text: &str| OneLiner {
        kind,
        label: label.to_owned(),
        text: text.to_owned(),
    };
    let options = ScenarioOptions {
        one_liners: vec![
            line(OneLinerKind::Send, "--send", r#"{"say":"${uid}${pad}"}"#),
            line(OneLinerKind::Deliver, "--deliver", "${*}${uid}${*}"),
            line(OneLinerKind::Ignore, "--ignore", r#"{"type":"ping"${*}"#),
            line(OneLinerKind::On, "--on", "q${x1} => a${x1}"),
            line(OneLinerKind::First, "--first", "hello"),
            line(OneLinerKind::WaitFor, "--wait-for", "welcome${*}"),
        ],
        ..ScenarioOptions::default()
    };
    let scenario = Scenario::parse(ScenarioSource::Nothing, &options, &load).unwrap();
    assert_eq!(
        (
            scenario.messages.len(),
            scenario.on.len(),
            scenario.setup.len()
        ),
        (1, 2, 1)
    );
    assert!(scenario.setup[0].expects() && scenario.setup[0].send.is_some());
    let on_top = Scenario::parse(ScenarioSource::Preset("socket.io"), &options, &load).unwrap();
    assert_eq!(
        (on_top.messages.len(), on_top.on.len(), on_top.setup.len()),
        (1, 3, 3)
    );
    let wrong = ScenarioOptions {
        one_liners: vec![
            line(OneLinerKind::Send, "--send", "${uid"),
            line(OneLinerKind::On, "--on", "x"),
        ],
        ..ScenarioOptions::default()
    };
    let error = Scenario::parse(ScenarioSource::Nothing, &wrong, &load).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("--on:1:1: `x` is not a pattern"),
        "{error}"
    );
}

#[test]
fn vars_are_replaced_and_unknown_ones_refused() {
    let setting = |name: &str, text: &str| VarSetting {
        name: name.to_owned(),
        label: format!("--set {name}"),
        text: text.to_owned(),
    };
    let with = |set| ScenarioOptions {
        set: vec![set],
        ..ScenarioOptions::default()
    };
    let parse = |options: &ScenarioOptions| {
        Scenario::parse(ScenarioSource::Preset("socket.io"), options, &load)
    };
    let scenario = parse(&with(setting("event", "shout"))).unwrap();
    let message = rendered(
        &scenario.messages[0].send,
        &scenario.client(0, 0, 0, 1),
        None,
    );
    assert!(message.contains("\"shout\""), "{message}");
    let error = parse(&with(setting("evnt", "x"))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the scenario has no var evnt; did you mean `event`?"
    );
    let error = parse(&with(setting("event", "${nope}"))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "--set event:1:3: nothing is called `nope` here"
    );
}

#[test]
fn shipped_scenarios_have_a_reply_or_deliveries() {
    for preset in shipped_scenarios() {
        assert!(!preset.about.is_empty(), "{}", preset.name);
        let source = ScenarioSource::Preset(preset.name);
        let scenario = Scenario::parse(source, &ScenarioOptions::default(), &load).unwrap();
        assert_eq!(scenario.name, preset.name);
        let mut messages = scenario.messages.iter();
        assert!(
            messages.all(|message| message.has_reply() || message.has_deliveries()),
            "{}",
            preset.name
        );
        assert!(!scenario.has_deliveries() || scenario.roles.iter().any(|role| role.receives));
    }
}

#[test]
fn shipped_rooms_need_a_rate_where_no_record_tells_the_sender_to_go_on() {
    let names = |closed: bool| -> Vec<&str> {
        let shipped = shipped_scenarios().into_iter();
        let parsed = shipped.map(|preset| {
            let source = ScenarioSource::Preset(preset.name);
            let scenario = Scenario::parse(source, &ScenarioOptions::default(), &load).unwrap();
            (preset.name, scenario)
        });
        let rooms = parsed.filter(|(_, scenario)| scenario.has_deliveries());
        let chosen = rooms.filter(|(_, scenario)| scenario.check_closed_loop().is_ok() == closed);
        chosen.map(|(name, _)| name).collect()
    };
    assert_eq!(names(false), ["socket.io-rooms", "mqtt", "nats"]);
    assert_eq!(
        names(true),
        [
            "room",
            "graphql-rooms",
            "phoenix-rooms",
            "signalr-all",
            "stomp",
            "mqtt-qos1",
            "wamp",
            "bayeux",
            "actioncable",
            "channels",
            "xmpp-muc"
        ]
    );
}

#[test]
fn clients_are_assigned_to_roles() {
    let assign = |roles: &str, clients| {
        let text = format!("{roles}\n[[message]]\nsend = '${{uid}}'\n");
        parse("t", &text).unwrap().assign_roles(clients)
    };
    let counts = |roles: &str, clients| {
        let assigned = assign(roles, clients).unwrap();
        (0..3)
            .map(|role| assigned.clients(role))
            .collect::<Vec<_>>()
    };
    assert_eq!(counts("", 5), [5, 0, 0]);
    assert_eq!(
        counts("[roles.a]\ncount = 2\n[roles.b]\n[roles.c]\n", 7),
        [2, 3, 2]
    );
    assert_eq!(
        counts("[roles.a]\n[roles.b]\ncount = '5%'\n", 10),
        [9, 1, 0]
    );
    let assigned = assign("[roles.a]\ncount = 2\n[roles.b]\n", 5).unwrap();
    assert_eq!(
        (assigned.of(1), assigned.of(3), assigned.of(5)),
        (Some((0, 1)), Some((1, 1)), None)
    );
    let error = |roles: &str| assign(roles, 5).unwrap_err().to_string();
    assert_eq!(
        error("[roles.a]\ncount = 6\n"),
        "the roles need 6 clients, but there are 5"
    );
    assert_eq!(
        error("[roles.a]\ncount = 4\n"),
        "the roles take 4 of 5 clients: one role must take the rest"
    );
}

#[test]
fn secrets_are_masked_wherever_they_stand() {
    let text = "[data]\nusers = 'users.csv'\n[vars]\nkey = { value = 'k3y-${client}', secret = true }\n[[message]]\nsend = '${uid}${key}${users.token}'\n";
    let scenario = parse("t", text).unwrap();
    let client = scenario.client(1, 0, 1, 1);
    let masked = scenario.masked(&client, b"key=k3y-1 token=tok-0001 other=tok-0000");
    assert_eq!(
        String::from_utf8(masked).unwrap(),
        "key=***1 token=*** other=tok-0000"
    );
}

#[test]
fn punctuation_beside_a_hole_is_no_secret() {
    let masked = |value: &str, record: &str| {
        let text = format!(
            "[data]\nusers = 'users.csv'\n[vars]\nauth = {{ value = '{value}', secret = true }}\n[[message]]\nsend = '${{uid}}${{auth}}${{users.name}}'\n"
        );
        let scenario = parse("t", &text).unwrap();
        let masked = scenario.masked(&scenario.client(1, 0, 1, 1), record.as_bytes());
        String::from_utf8(masked).unwrap()
    };
    let of_cell = r#"{"token":"${users.token}"}"#;
    assert_eq!(masked(of_cell, r#"{"sid":"x"}"#), r#"{"sid":"x"}"#);
    assert_eq!(masked(of_cell, r#"{"token":"tok-0001"}"#), r#"******"}"#);
    // A password may be punctuation alone.
    assert_eq!(masked("?!", "my ?! word"), "my *** word");
}

#[test]
fn secrets_are_masked_as_a_server_escapes_them_in_json() {
    let text = "[vars]\nkey = { value = 'CLIS\u{c9}\"C', secret = true }\n[[message]]\nsend = '${uid}${key}'\n";
    let scenario = parse("t", text).unwrap();
    let client = scenario.client(1, 0, 1, 1);
    for record in [
        "{\"u\":\"CLIS\u{c9}\\\"C\"}",
        r#"{"u":"CLIS\u00c9\"C"}"#,
        "{\"u\":\"CLIS\u{c9}\"C\"}",
    ] {
        assert_eq!(scenario.masked_text(&client, record), r#"{"u":"***"}"#);
    }
}

#[test]
fn messages_whose_results_would_be_stored_under_one_name_are_refused() {
    let named = |first: &str, second: &str| {
        let message =
            |name: &str| format!("[[message]]\n{name}send = '${{uid}}'\nreply = '${{message}}'\n");
        parse("f.toml", &(message(first) + &message(second))).map_err(|error| error.to_string())
    };
    let same = |place: &str, name: &str| {
        format!(
            "f.toml:{place}: another message is called `{name}`, and results are stored by name"
        )
    };
    let fault = named("name = 'a'\n", "name = 'a'\n").unwrap_err();
    assert_eq!(fault, same("6:8", "a"));
    let fault = named("name = 'message_2'\n", "").unwrap_err();
    assert_eq!(fault, same("2:8", "message_2"));
    let fault = named("name = \"x\\n\"\n", "").unwrap_err();
    assert!(fault.contains("`name` must be one line of text"), "{fault}");
    assert!(named("name = 'a'\n", "").is_ok());
}

#[test]
fn holes_in_a_subprotocol_are_refused() {
    let text = "[handshake]\nsubprotocols = ['p.${client}']\n[[message]]\nsend = '${uid}'\nreply = '${message}'\n";
    assert_eq!(
        fault(text),
        "f.toml:2:17: a subprotocol is a fixed name: `${…}` is not replaced here"
    );
}
