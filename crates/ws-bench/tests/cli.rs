//! The program on the command line: files, texts and exit codes.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::process::Command;

use common::{Bench, Server, rows, stderr, stdout};
use serde_json::Value;

#[test]
fn without_a_url_an_embedded_server_is_measured_and_a_spreadsheet_saved() {
    let bench = Bench::new();
    let output = bench.run("-c 4 -m 50 --warmup 50ms");
    let (out, err) = (stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    assert!(
        err.contains("measuring an embedded axum echo server at ws://127.0.0.1:"),
        "{err}"
    );
    assert!(
        out.contains("closed loop · 4 clients × 50 messages × 125 B · window 1"),
        "{out}"
    );
    assert!(
        out.contains("200 sent · 200 echoed · 0 lost · 0 corrupted · 0 late"),
        "{out}"
    );
    assert!(
        out.contains("saved latencies.xlsx (200 rows) · draw it with: draw-plot latencies.xlsx")
    );
    assert!(
        out.find("suspect").unwrap() < out.find("service time").unwrap(),
        "the verdict comes first"
    );
    assert!(!out.contains('\u{1b}'), "no colour in a pipe");
    assert_eq!(bench.files(), ["latencies.xlsx"]);
    assert_eq!(rows(&bench.path("latencies.xlsx"), "latencies"), 200);
    assert_eq!(rows(&bench.path("latencies.xlsx"), "connections"), 4);
}

#[test]
fn the_json_summary_is_the_same_on_stdout_and_in_the_file() {
    let bench = Bench::new();
    let output = bench.run(
        "--embedded tungstenite -c 3 -d 200ms --warmup 0s -s 10..300 --binary -w 4 --seed 9 \
         --threads 2 -o a.json --json -q",
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stderr(&output), "", "quiet is quiet");
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let file = std::fs::read(bench.path("a.json")).unwrap();
    assert_eq!(summary, serde_json::from_slice::<Value>(&file).unwrap());
    let plan = &summary["plan"];
    assert_eq!(
        (&plan["embedded"], &plan["seed"]),
        (&"tungstenite".into(), &9.into())
    );
    assert_eq!(
        plan["payload_bytes"],
        serde_json::json!({"min": 10, "max": 300})
    );
    assert_eq!(
        (&plan["duration_s"], &plan["messages_per_client"]),
        (&0.2.into(), &Value::Null)
    );
    assert_eq!(
        (&plan["text"], &plan["window"], &plan["threads"]),
        (&false.into(), &4.into(), &2.into())
    );
    let messages = &summary["messages"];
    assert_eq!(messages["sent"], messages["received"]);
    assert_eq!(summary["service_time_ns"]["count"], messages["received"]);
    assert_eq!(summary["service_time_ns"], summary["response_time_ns"]);
    assert_eq!(
        summary["connections"]["close_codes"],
        serde_json::json!({"1000": 3})
    );
    assert_eq!(summary["elapsed_s"], 0.2);
    if cfg!(target_os = "linux") {
        assert!(summary["server"]["cpu_s"].as_f64().unwrap() > 0.0);
        assert!(summary["client"]["cpu_s"].as_f64().unwrap() > 0.0);
    }
}

/// The shell is the parent of both server and ws-bench.
#[cfg(unix)]
#[test]
fn the_generators_own_process_is_never_taken_for_the_servers() {
    let server = Server::start(|_, message| Some(message));
    let bench = Bench::new();
    let shell = |script: &str| {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_ws-bench"), &server.url]);
        command.current_dir(bench.path(".")).output().unwrap()
    };
    let flags = "-c 1 -m 5 --warmup 0s -o a.json --server-pid";
    let output = shell(&format!("\"$0\" \"$1\" {flags} $$; exit $?"));
    let err = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert_eq!(
        err.matches("one of these processes started ws-bench")
            .count(),
        1,
        "{err}"
    );
    let file = std::fs::read(bench.path("a.json")).unwrap();
    let run: serde_json::Value = serde_json::from_slice(&file).unwrap();
    let server_pid = &run["server"]["pid"];
    assert_eq!(run["server"]["pids"], serde_json::json!([server_pid]));

    // ws-bench replaces the shell, so `$$` is its own process ID.
    let output = shell(&format!("exec \"$0\" \"$1\" {flags} $$"));
    let err = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("is ws-bench itself"), "{err}");
}

#[cfg(target_os = "linux")]
#[test]
fn server_and_generator_are_sampled_side_by_side() {
    // The server is in this process, which sleeps and wakes for every message.
    let server = Server::start(|_, message| Some(message));
    let bench = Bench::new();
    let pid = std::process::id();
    let line = format!(
        "{} -c 2 -d 300ms --warmup 0s -q --server-pid {pid} -o a.json",
        server.url
    );
    let output = bench.run(&line);
    let out = stdout(&output);
    let told = |label: &str| {
        let line = out.lines().find(|l| l.starts_with(label)).expect(label);
        assert!(
            line.contains("of CPU") && line.contains("messages per CPU-second"),
            "{line}"
        );
        assert!(line.contains("context switches"), "{line}");
    };
    told("server ");
    told("generator ");
    let file = std::fs::read(bench.path("a.json")).unwrap();
    let run: Value = serde_json::from_slice(&file).unwrap();
    assert_eq!(run["server"]["pid"], pid);
    for side in ["server", "client"] {
        let switches = &run[side]["context_switches"];
        assert!(
            switches["voluntary"].as_u64() > Some(0),
            "{side}: {switches}"
        );
    }
}

/// The shell used 200 MB before ws-bench replaced it by exec.
#[cfg(target_os = "linux")]
#[test]
fn memory_is_that_of_the_program_and_not_of_the_one_that_it_took_the_place_of() {
    let bench = Bench::new();
    let program = env!("CARGO_BIN_EXE_ws-bench");
    let held = "x=$(head -c 200000000 /dev/zero | tr '\\0' x)";
    let output = Command::new("sh")
        .args([
            "-c",
            &format!("{held}; exec {program} -c 2 -m 10 --warmup 0s --no-output --json"),
        ])
        .current_dir(bench.folder.path())
        .output()
        .unwrap();
    let found: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let bytes = found["client"]["max_rss_bytes"].as_u64().unwrap();
    assert!((1..150_000_000).contains(&bytes), "{bytes} bytes");
}

#[test]
fn each_file_holds_what_its_ending_says() {
    let bench = Bench::new();
    let output = bench
        .run("-c 2 -m 100 --warmup 0s --max-samples 30 -o a.xlsx -o b.csv -o c.json --plot d.png");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("saved a.xlsx (30 rows, chosen at random from 200)"));
    assert_eq!(bench.files(), ["a.xlsx", "b.csv", "c.json", "d.png"]);
    assert_eq!(rows(&bench.path("a.xlsx"), "latencies"), 30);
    let csv = std::fs::read_to_string(bench.path("b.csv")).unwrap();
    assert_eq!(csv.lines().count(), 31);
    assert!(csv.starts_with(
        "client,message,intended_s,sent_s,service_time_ms,response_time_ms,outcome,generator_stopped\n"
    ));
    let json: Value =
        serde_json::from_slice(&std::fs::read(bench.path("c.json")).unwrap()).unwrap();
    assert_eq!(
        json["service_time_ns"]["count"], 200,
        "figures count every message"
    );
    assert!(
        std::fs::read(bench.path("d.png"))
            .unwrap()
            .starts_with(b"\x89PNG")
    );
}

#[test]
fn large_messages_in_a_window_all_come_back() {
    let bench = Bench::new();
    for server in ["axum", "tungstenite"] {
        let line = format!(
            "--embedded {server} -c 4 -m 40 -w 8 -s 1MiB --warmup 0s --timeout 5s --no-output -q"
        );
        let output = bench.run(&line);
        let out = stdout(&output);
        assert_eq!(output.status.code(), Some(0), "{out}");
        assert!(
            out.contains("160 sent · 160 echoed · 0 lost · 0 corrupted · 0 late"),
            "{out}"
        );
    }
}

#[test]
fn no_output_is_no_file() {
    let bench = Bench::new();
    let output = bench.run("-c 1 -m 1 --warmup 0s --no-output");
    assert_eq!(output.status.code(), Some(0));
    assert!(bench.files().is_empty() && !stdout(&output).contains("saved"));
}

#[test]
fn bad_input_is_told_before_anything_is_done() {
    let taken = tempfile::tempdir().unwrap();
    let folder = taken.path().display().to_string();
    for (line, code, text) in [
        ("-c 0", 2, "at least 1"),
        ("-s 0", 2, "at least 1"),
        ("-m many", 2, "not a whole number"),
        ("-d 10", 2, "not a time"),
        (
            "gopher://127.0.0.1/",
            2,
            "has the scheme `gopher`: only ws://, wss:// and ws+unix: are supported",
        ),
        ("127.0.0.1:8000", 2, "it has no scheme"),
        ("-o a.txt", 2, "use .xlsx, .csv, .json or .hlog"),
        ("--plot a.gif", 2, "a.gif"),
        (
            "--timeout 0s",
            2,
            "a timeout of 0s is out of range: from 1ms to 1h",
        ),
        ("--rate 0", 2, "not a rate above 0"),
        (
            "--sweep 10..20 -d 0s",
            2,
            "a measured time of 0s is out of range: from 1ms to 30d",
        ),
        (
            "--find-capacity p99<10ms --budget 100d",
            2,
            "`100d` is not a budget",
        ),
        (
            "--drop 100d -d 5s",
            2,
            "--drop is at 100d, but the measured time (--duration) is 5s",
        ),
        (
            "-s 100GiB",
            2,
            "a payload size of 100 GiB is out of range: from 1 B to 1 GiB",
        ),
        ("--shards 0", 2, "`0` is too small: at least 1 is needed"),
        ("--shards 5_000_000_000", 2, "is too large: at most 100000"),
        (
            "--rate 1e12",
            2,
            "a rate of 1,000,000,000,000 is out of range: from 0.001 to 1,000,000,000",
        ),
        ("--arrivals poisson", 2, "required arguments"),
        (
            "--server-pid 1",
            2,
            "--server-pid needs the URL of that server",
        ),
        ("--fail-if p99", 2, "compares nothing"),
        ("--header Upgrade:h2c", 2, "set by the handshake itself"),
        ("-o none/a.xlsx", 1, "cannot write none/a.xlsx"),
        (&format!("-o {folder}/x.xlsx/y.csv"), 1, "cannot write"),
        (
            "ws://127.0.0.1:1/ --server-pid 4294967290",
            1,
            "no process 4294967290",
        ),
    ] {
        let bench = Bench::new();
        let output = bench.run(line);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{line}: {}",
            stderr(&output)
        );
        let err = stderr(&output);
        assert!(err.contains(text), "{line}: {err}");
        assert_eq!(err.matches("error:").count(), 1, "{err}");
        assert!(
            output.stdout.is_empty() && bench.files().is_empty(),
            "{line}"
        );
    }
}

#[test]
fn nothing_connected_says_what_to_do() {
    // An HTTP server, and a server that answers plain text with a TLS alert.
    for (answer, told) in [
        (
            &b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"[..],
            "HTTP 404 Not Found · is the path right? axum-ws and tungstenite-ws use /ws\n",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP 200 OK · is the path right? axum-ws and tungstenite-ws use /ws\n",
        ),
        (
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
            "HTTP 403 Forbidden · --header 'Authorization: …' or 'Cookie: …' logs in; --origin names an allowed origin\n",
        ),
        (
            &[0x15, 3, 1, 0, 2, 2, 70],
            " · does the server speak TLS? try wss://\n",
        ),
    ] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                // Reads the whole request, because unread bytes would cause a reset.
                let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
                let _ = std::io::Write::write_all(&mut stream, answer);
            }
        });
        let output = Bench::new().run(&format!("{url} -c 2 -m 1 -q"));
        assert_eq!(output.status.code(), Some(1));
        let err = stderr(&output);
        assert!(err.ends_with(told), "{err}");
    }
}

#[test]
fn a_server_that_is_not_there_is_exit_1() {
    // A port that was free just before.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let bench = Bench::new();
    let output = bench.run(&format!("ws://127.0.0.1:{port}/ws -c 3"));
    assert_eq!(output.status.code(), Some(1));
    let err = stderr(&output);
    assert!(
        err.starts_with("error: 0 of 3 connections to ws://127.0.0.1:"),
        "{err}"
    );
    assert!(
        err.contains("refused") && err.ends_with(" · is the server running?\n"),
        "{err}"
    );
    assert!(
        bench.files().is_empty(),
        "nothing unfinished is left behind"
    );
}

#[cfg(unix)]
#[test]
fn more_clients_than_files_is_told_with_how_many_fit() {
    let bench = Bench::new();
    let line = |limit: u32, args: &str| {
        let program = env!("CARGO_BIN_EXE_ws-bench");
        Command::new("sh")
            .args(["-c", &format!("ulimit -n {limit} && exec {program} {args}")])
            .current_dir(bench.folder.path())
            .output()
            .unwrap()
    };
    let output = line(200, "-c 100");
    assert_eq!(output.status.code(), Some(1));
    let err = stderr(&output);
    assert!(
        err.contains("100 clients need 264 open files, because the embedded server shares"),
        "{err}"
    );
    assert!(err.contains("68 clients fit"), "{err}");
    let output = line(200, "ws://127.0.0.1:1/ -c 137");
    assert!(
        stderr(&output).contains("136 clients fit"),
        "{}",
        stderr(&output)
    );
    let output = line(200, "ws://127.0.0.1:1/ -c 10 --idle 1_000");
    let err = stderr(&output);
    assert!(
        err.contains(
            "1,010 connections (10 clients, 1,000 idle) need 1,074 open files, but the limit is 200: 136 connections fit; raise \
             the limit (`ulimit -n 1074` as root) or use `--idle 126`, or `--shards 8`"
        ),
        "{err}"
    );
    let output = line(200, "ws://127.0.0.1:1/ -c 10 --idle 1_000 --shards 7");
    let err = stderr(&output);
    assert!(
        err.contains("each of 7 processes needs 209 open files for 145 connections")
            && err.contains("use `--idle 942`, or `--shards 8`"),
        "{err}"
    );
    // A soft limit below the hard limit is raised, with a notice.
    let program = env!("CARGO_BIN_EXE_ws-bench");
    let output = Command::new("sh")
        .args([
            "-c",
            &format!("ulimit -Sn 100 && exec {program} -c 40 -m 1 --warmup 0s --no-output"),
        ])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("raised the limit on open files from 100 to "));
}
