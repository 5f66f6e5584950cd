//! Errors of scenarios: exact texts, exit code 2, and nothing connects.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::talk_server::{TalkServer, chat};
use common::{Bench, stderr, stdout};

/// Runs with these words, and returns exit code and standard error.
fn refused(bench: &Bench, words: &[&str]) -> (Option<i32>, String) {
    let output = bench.command("").args(words).output().unwrap();
    assert_eq!(stdout(&output), "", "{words:?}");
    (output.status.code(), stderr(&output))
}

/// The first line of standard error of a refused run against a server, which gets no connection.
fn fault(bench: &Bench, words: &[&str]) -> String {
    let server = TalkServer::start(chat);
    let (code, text) = refused(bench, &[&[&server.url[..]], words].concat());
    assert_eq!(code, Some(2), "{text}");
    assert_eq!(server.requests(), [""; 0], "nothing connects");
    assert!(bench.files().iter().all(|file| !file.contains("latencies")));
    text.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn every_bad_file_is_refused_with_its_exact_error() {
    let expected = [
        ("brace", "brace.toml:2:18: `id\"` is no name"),
        (
            "fieldloop",
            "fieldloop.toml:3:8: this message has neither `reply` nor `deliver`, so nothing shows that it arrived: add one of them",
        ),
        (
            "hex",
            "hex.toml:3:13: `3` is not a row of bytes: two hexadecimal digits for each",
        ),
        (
            "key",
            "key.toml:1:3: unknown key `mesage`; did you mean `message`?",
        ),
        (
            "key2",
            "key2.toml:3:1: unknown key `replay` in [message]; did you mean `reply`?",
        ),
        (
            "name",
            "name.toml:4:20: nothing is called `evnt` here; did you mean `event`?",
        ),
        (
            "noid",
            "noid.toml:2:8: `reply` is recognised by ${id}, which this message does not hold",
        ),
        (
            "nouid",
            "nouid.toml:3:11: a delivery is recognised by ${uid}, which is missing here",
        ),
        (
            "pointer",
            "pointer.toml:3:9: `id` is no JSON pointer: it must begin with `/`",
        ),
        (
            "single",
            "single.toml:1:1: [message] is a list: write [[message]]",
        ),
        ("syntax", "syntax.toml:3:11: Illegal character '\\n'"),
        (
            "unused",
            "unused.toml:2:10: `sid` is read here but never used; did you mean `id`?",
        ),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenario/tests/fixtures/bad");
    let bench = Bench::new();
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(
            entry.path(),
            bench.path(entry.file_name().to_str().unwrap()),
        )
        .unwrap();
        names.push(
            entry
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned(),
        );
    }
    names.sort();
    let known: Vec<_> = expected
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(names, known, "every file has its text");
    for (name, text) in expected {
        let file = format!("{name}.toml");
        assert_eq!(fault(&bench, &["--scenario", &file]), text);
    }
}

#[test]
fn values_and_tables_that_are_missing_are_named_with_their_flag() {
    let bench = Bench::new();
    assert_eq!(
        fault(&bench, &["--protocol", "jupyter"]),
        "error: this scenario needs --set kernel=…: the id that POST /api/kernels gave"
    );
    let users = "name\n".to_owned() + &"user\n".repeat(200);
    std::fs::write(bench.path("users.csv"), users).unwrap();
    let load = [
        "--send",
        "${users.name} ${id}",
        "--reply",
        "${id}",
        "-c",
        "201",
    ];
    let with_table = [&load[..], &["--data", "users=users.csv"]].concat();
    let text = fault(&bench, &with_table);
    let exact = "error: users has 200 rows, client 200 needs one of its own";
    assert!(text.starts_with(exact), "{text}");
    assert!(text.contains("--data-wrap"), "{text}");
    assert_eq!(
        fault(&bench, &load),
        "error: this scenario needs --data users=FILE, a CSV table"
    );
    assert_eq!(
        fault(
            &bench,
            &[&load[..], &["--data", "users=nowhere.csv"]].concat()
        ),
        "error: users: nowhere.csv was not read: no such file"
    );
    assert_eq!(
        fault(&bench, &["--protocol", "json-rpc", "--set", "metod=x"]),
        "error: the scenario has no var metod; did you mean `method`?"
    );
    assert_eq!(
        fault(&bench, &["--protocol", "socketio"]),
        "error: no scenario `socketio` is shipped; did you mean `socket.io`?"
    );
    assert_eq!(
        fault(&bench, &["--scenario", "nowhere.toml"]),
        "error: cannot read the scenario nowhere.toml: no such file"
    );
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    let bench = Bench::new();
    let text = fault(&bench, &["--protocol", "socket.io", "-s", "10"]);
    assert!(
        text.starts_with("error: a message of socket.io has at least 47 bytes"),
        "{text}"
    );
    let fixed = ["--send", "ping ${id}", "--reply", "pong ${id}", "-s", "100"];
    let text = fault(&bench, &fixed);
    assert!(
        text.contains("holds ${pad}") && text.contains("--size"),
        "{text}"
    );
}

#[test]
fn faults_of_one_liners_have_their_flag_as_place() {
    let bench = Bench::new();
    assert_eq!(
        fault(&bench, &["--send", "${idd}", "--reply", "${*}"]),
        "--send:1:3: nothing is called `idd` here; did you mean `id`?"
    );
    assert_eq!(
        fault(
            &bench,
            &["--send", "${id}", "--reply", "${id}", "--on", "ping pong"]
        ),
        "--on:1:1: `ping pong` is not a pattern and a text with ` => ` between them"
    );
}

#[test]
fn holes_that_a_shell_has_replaced_get_advice() {
    let bench = Bench::new();
    // "{\"id\":${id}}" between double quotes.
    let text = fault(
        &bench,
        &["--send", "{\"id\":}", "--reply", "{\"id\":${id}}"],
    );
    assert!(
        text.starts_with(
            "--send:1:1: `reply` is recognised by ${id}, which this message does not hold"
        ),
        "{text}"
    );
    assert!(text.contains("so use single quotes"), "{text}");
}

#[test]
fn flags_that_a_scenario_decides_are_wrong_usage() {
    let bench = Bench::new();
    let said = |words: &[&str]| {
        let (code, text) = refused(&bench, words);
        assert_eq!(code, Some(2), "{text}");
        text
    };
    for flags in [
        &["--verify", "off"][..],
        &["--verify", "full"],
        &["--text"],
        &["--binary"],
    ] {
        let text = said(&[&["--protocol", "json-rpc"], flags].concat());
        assert!(
            text.contains(&format!("{} cannot be used with --protocol", flags[0])),
            "{text}"
        );
    }
    let text = said(&["--send", "${id}", "--reply", "${id}", "--binary"]);
    assert!(
        text.contains("--binary cannot be used with --send"),
        "{text}"
    );
    for flag in ["--try", "--print-scenario"] {
        let text = said(&[flag]);
        assert!(text.contains(&format!("{flag} needs a scenario")), "{text}");
    }
    for flags in [
        &["--reply", "x"][..],
        &["--ignore", "x"],
        &["--set", "a=b"],
        &["--data", "a=b"],
        &["--data-wrap"],
        &["--deliver", "x"],
        &["--rooms", "2"],
    ] {
        let text = said(flags);
        assert!(
            text.contains(&format!("{} adds to a scenario", flags[0])),
            "{text}"
        );
    }
    let text = said(&["--protocol", "echo", "--scenario", "a.toml"]);
    assert!(text.contains("cannot be used with"), "{text}");
}

#[test]
fn flags_without_effect_are_not_accepted() {
    let bench = Bench::new();
    let echo = ["--protocol", "echo", "ws://127.0.0.1:1/"];
    let (code, text) = refused(&bench, &[&echo[..], &["--try", "-o", "a.json"]].concat());
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.contains("--try") && text.contains("--output"),
        "{text}"
    );
    let wrapped = [&echo[..], &["--data-wrap", "-c", "1", "-m", "1"]].concat();
    let (code, text) = refused(&bench, &wrapped);
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.contains("--data-wrap") && text.contains("--data NAME=FILE"),
        "{text}"
    );
    assert_eq!(bench.files(), [""; 0]);
    // A table of the file is enough.
    std::fs::write(bench.path("users.csv"), "name\nanna\n").unwrap();
    let file = "[data]\nusers = 'users.csv'\n[[message]]\nsend = '${users.name} ${id}'\nreply = '${message}'\n";
    std::fs::write(bench.path("s.toml"), file).unwrap();
    let output = bench.run("--scenario s.toml --data-wrap -c 2 -m 1 --warmup 0s -q --no-output");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

/// A message to the others of a room, whose sender is told nothing.
const ROOM: &str = "[[message]]\nsend = '${uid}'\ndeliver = '${uid}'\nto_sender = false\n";

const FEED: &str = "[push]\nmatch = '${seq}'\n";

#[test]
fn loads_that_do_not_fit_rooms_are_refused() {
    let bench = Bench::new();
    std::fs::write(bench.path("room.toml"), ROOM).unwrap();
    let all = ROOM.replace("to_sender = false", "to = 'all'");
    std::fs::write(bench.path("all.toml"), all).unwrap();
    let refused = |file: &str, flags: &str| {
        let flags = flags.split_whitespace();
        let words: Vec<_> = ["--scenario", file].into_iter().chain(flags).collect();
        fault(&bench, &words)
    };
    assert_eq!(
        refused("room.toml", "-d 1s"),
        "room.toml:2:8: nothing tells a publisher when to go on: use --rate"
    );
    assert_eq!(
        refused("room.toml", "-r 5 -c 9 --rooms 2 --shards 3"),
        "error: a room and all of its receivers belong to one shard, so 3 shards (--shards) need at least 3 rooms, and \
         --rooms is 2: use more --rooms or fewer --shards"
    );
    assert_eq!(
        refused("room.toml", "-r 5 -c 9 --rooms 10"),
        "error: --rooms is 10, but the clients that send fill only 9: use at most --rooms 9, or more of these clients \
         (--clients, --roles)"
    );
    assert_eq!(
        refused("all.toml", "-r 5 -c 9 --rooms 3 --shards 3"),
        "all.toml:2:8: `to = \"all\"` reaches the clients of all shards, which cannot be used with 3 shards (--shards): use \
         one process with more --threads"
    );
}

#[test]
fn a_feed_takes_no_rate_and_no_number_of_messages() {
    let bench = Bench::new();
    std::fs::write(bench.path("feed.toml"), FEED).unwrap();
    let refused = |flags: &[&str]| fault(&bench, &[&["--scenario", "feed.toml"], flags].concat());
    let rate = "error: a rate (--rate, --stages) cannot be used with a scenario that only receives ([push]): nothing is \
                sent; leave it out, and use --duration";
    assert_eq!(refused(&["-r", "5"]), rate);
    assert_eq!(refused(&["--stages", "1s:5"]), rate);
    assert_eq!(
        refused(&["-m", "5"]),
        "error: --messages cannot be used with a scenario that only receives ([push]): nothing is sent; use --duration"
    );
}

#[test]
fn slow_readers_that_would_show_nothing_are_refused() {
    let bench = Bench::new();
    assert_eq!(
        fault(&bench, &["--slow", "5%", "--verify", "length"]),
        "error: --slow cannot be used with --verify length: echoes of slow readers are matched by all of their bytes; \
         leave --verify out"
    );
    assert_eq!(
        fault(&bench, &["--slow", "100"]),
        "error: --slow makes 100 of 100 receivers slow, so no receiver shows what they do to the others: use a smaller \
         --slow, or more clients"
    );
    assert_eq!(
        fault(&bench, &["--slow", "1", "-d", "5s", "--slow-after", "5s"]),
        "error: --slow-after is 5s, but the measured time is 5s: use a shorter --slow-after, or a longer --duration"
    );
}

#[test]
fn rules_of_connections_that_do_not_fit_the_load_are_refused() {
    let bench = Bench::new();
    std::fs::write(bench.path("feed.toml"), FEED).unwrap();
    for flag in [
        "--drop=1s",
        "--reconnect=now",
        "--lifetime=1s",
        "--messages-per-connection=5",
    ] {
        let name = flag.split('=').next().unwrap();
        assert_eq!(
            fault(&bench, &["-d", "5s", "--slow", "5%", flag]),
            format!(
                "error: --slow cannot be used with {name}: slow readers are measured on connections that stay open; leave one \
                 of them out"
            )
        );
    }
    assert_eq!(
        fault(&bench, &["-d", "5s", "--drop", "5s:50%"]),
        "error: --drop is at 5s, but the measured time (--duration) is 5s: use an earlier --drop, or a longer --duration"
    );
    assert_eq!(
        fault(&bench, &["-c", "1000", "--idle", "16_777_000"]),
        "error: 1000 clients (--clients) and 16777000 idle connections (--idle) are more than the 16777215 connections of a \
         run: use fewer of them"
    );
    let feed = ["--scenario", "feed.toml", "--messages-per-connection", "5"];
    assert_eq!(
        fault(&bench, &feed),
        "error: --messages-per-connection cannot be used with a scenario that only receives ([push]): nothing is sent; use \
         --lifetime"
    );
    assert_eq!(
        fault(&bench, &["--drop", "10s:50"]),
        "error: invalid value '10s:50' for '--drop <TIME[:PERCENT%]>': `50` is not a percentage above 0 and at most 100 \
         (examples: 10s:50%, 10s:0.5%)"
    );
}

#[test]
fn every_idle_connection_needs_a_row_of_its_own() {
    let bench = Bench::new();
    let text = "[data]\nusers = \"users.csv\"\n[[message]]\nsend = '${users.name} ${id}'\nreply = '${*} ${id}'\n";
    std::fs::write(bench.path("s.toml"), text).unwrap();
    std::fs::write(bench.path("users.csv"), "name\na\nb\nc\n").unwrap();
    let idle = ["--scenario", "s.toml", "-c", "2", "--idle", "5"];
    assert_eq!(
        fault(&bench, &idle),
        "error: users has 3 rows, client 3 needs one of its own · --data-wrap begins again with the first row"
    );
}

#[test]
fn keys_that_cannot_be_used_are_refused_with_their_line() {
    let bench = Bench::new();
    let call = "[[message]]\nsend = '${id}'\nreply = '${id}'\n";
    let refused = |text: &str, expected: &str| {
        std::fs::write(bench.path("s.toml"), format!("{call}{text}")).unwrap();
        assert_eq!(fault(&bench, &["--scenario", "s.toml"]), expected);
    };
    refused(
        "[roles.mute]\nsends = false\n",
        "s.toml:5:9: no role sends (`sends = false`), and there is no [push]",
    );
    refused(
        "[handshake]\nheaders = { X-User = 'a', Upgrade = 'b' }\n",
        "s.toml:5:27: `Upgrade` in [handshake] is set by the handshake itself",
    );
    refused(
        "[handshake.headers]\n\"a b\" = 'c'\n",
        "s.toml:5:1: `a b` in [handshake] is not the name of a header",
    );
    refused(
        "[handshake]\norigin = \"a\\nb\"\n",
        "s.toml:5:10: the value of `origin` in [handshake] is not one of a header, for client 0",
    );
    let text = format!("url = 'chat'\n{call}");
    std::fs::write(bench.path("s.toml"), text).unwrap();
    assert_eq!(
        fault(&bench, &["--scenario", "s.toml"]),
        "s.toml:1:7: `url` of the scenario does not begin with / or ?, for client 0"
    );
}

#[test]
fn a_trial_refuses_a_header_with_its_line() {
    let bench = Bench::new();
    let text =
        "[handshake]\nheaders = { Connection = 'a' }\n[[message]]\nsend = 'a'\nreply = 'a'\n";
    std::fs::write(bench.path("s.toml"), text).unwrap();
    assert_eq!(
        fault(&bench, &["--scenario", "s.toml", "--try"]),
        "s.toml:2:13: `Connection` in [handshake] is set by the handshake itself"
    );
}

const SECRET: &str = "pl4nted";

#[test]
fn no_error_shows_a_secret() {
    let bench = Bench::new();
    std::fs::write(
        bench.path("s.toml"),
        "[vars]\ntoken = { secret = true }\nzone = 'r'\n[[message]]\nsend = '${id}${token}${zone}'\nreply = '${id}${*}'\n",
    )
    .unwrap();
    for hole in ["${", "}"] {
        let value = format!("token=a${{{SECRET}{}", hole.trim_start_matches("${"));
        let text = fault(&bench, &["--scenario", "s.toml", "--set", &value]);
        assert!(text.starts_with("--set token:1:"), "{text}");
        assert!(!text.contains(SECRET), "{text}");
    }
    // The value of another var is shown, because it helps.
    let open = fault(
        &bench,
        &[
            "--scenario",
            "s.toml",
            "--set",
            "token=t",
            "--set",
            "zone=${zome}",
        ],
    );
    assert_eq!(
        open,
        "--set zone:1:3: nothing is called `zome` here; did you mean `zone`?"
    );
    let (code, text) = refused(&bench, &["--protocol", "json-rpc", "--set", SECRET]);
    assert_eq!(code, Some(2));
    assert!(
        text.contains("NAME=TEXT") && !text.contains(SECRET),
        "{text}"
    );
}

#[test]
fn shipped_scenarios_are_listed_and_printed() {
    let bench = Bench::new();
    let list = stdout(&bench.run("--protocols"));
    for name in ["echo", "room", "socket.io", "ocpp1.6", "jupyter"] {
        assert!(list.lines().any(|line| line.starts_with(name)), "{list}");
    }
    let output = bench.run("--protocol rpc-websockets --print-scenario --set token=pl4nted");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.contains("rpc.login") && text.contains("[[message]]"),
        "{text}"
    );
    assert!(!text.contains(SECRET), "{text}");
    // What is printed is a scenario of its own, with the same meaning.
    std::fs::write(bench.path("own.toml"), &text).unwrap();
    let again = bench.run("--scenario own.toml --print-scenario --set token=pl4nted");
    assert_eq!(stdout(&again), text);
}

#[test]
fn a_figure_that_the_run_cannot_have_is_a_usage_error_before_it() {
    let bench = Bench::new();
    for condition in ["reach<100%", "gap.p99>5ms"] {
        let words = format!("ws://127.0.0.1:9/ -c 1 -m 1 --no-output --fail-if {condition}");
        let output = bench.run(&words);
        assert_eq!(output.status.code(), Some(2), "{condition}");
        let err = stderr(&output);
        let figure = condition.split(['<', '>']).next().unwrap();
        let begins = format!(
            "error: --fail-if {condition}: `{figure}` cannot be measured in this run: it needs a scenario with"
        );
        assert!(err.contains(&begins), "{err}");
    }
}

#[test]
fn a_path_of_the_url_that_replaces_the_rooms_is_named() {
    let bench = Bench::new();
    let load = "--protocol room --rooms 2 -c 4 -m 1 --no-output";
    let notice = "the path of the URL replaces /room/r${room} of the scenario, so all clients are in one room and not in 2";
    for (path, is_named) in [("/room/x", true), ("", false)] {
        let output = bench.run(&format!("ws://127.0.0.1:9{path} {load}"));
        let err = stderr(&output);
        assert_eq!(err.contains(notice), is_named, "{err}");
    }
}
