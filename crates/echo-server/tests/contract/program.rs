//! The program: its flags, its one line on stdout, its exit code.

use tokio::process::Command;

#[cfg(target_os = "linux")]
use super::POLL;
#[cfg(unix)]
use super::within;
use super::{
    super::{BINARY, PROGRAM},
    client::{Client, TEXT, frame, get},
    running::{Running, output},
};

#[tokio::test]
async fn the_ready_line_tells_the_port_and_the_path() {
    let running = Running::with(&["--path=/echo", "--threads=1"]).await;
    let address = running.address();
    assert_ne!(address.port(), 0);
    assert_eq!(running.line, format!("listening on ws://{address}/echo\n"));
    assert!(get(address, "/echo").await.starts_with("HTTP/1.1 426 "));
}

#[tokio::test]
async fn a_host_name_is_bound() {
    let running = Running::start(Command::new(BINARY).arg("--bind=localhost:0")).await;
    let mut client = Client::connect(running.address()).await;
    client.send(&frame(TEXT, b"x")).await;
    assert_eq!(client.next().await, Some((TEXT, b"x".to_vec())));
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_is_told_once() {
    let running = Running::with(&[]).await;
    let address = running.address();
    let failed = output(&["--bind", &address.to_string()]).await;
    assert_eq!(failed.status.code(), Some(1));
    assert!(failed.stdout.is_empty());
    let stderr = String::from_utf8(failed.stderr).unwrap();
    let wanted = format!("error: cannot bind {address}: ");
    assert!(stderr.starts_with(&wanted), "{stderr}");
    assert_eq!(stderr.matches("cannot bind").count(), 1, "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[tokio::test]
async fn usage_errors_exit_with_2() {
    for flags in [
        ["--threads=0"],
        ["--max-connections=none"],
        ["--max-message-size=4 parsecs"],
        ["--drain-timeout=5"],
        ["--path=no-slash"],
        ["--idle-timeout=1"],
        ["--handshake-timeout=soon"],
        ["--backlog=0"],
        ["--allow-origin=example.org"],
        // One without the other.
        ["--tls-cert=cert.pem"],
        ["--tls-key=key.pem"],
    ] {
        let failed = output(&flags).await;
        assert_eq!(failed.status.code(), Some(2), "{flags:?}");
        assert!(failed.stdout.is_empty(), "{flags:?}");
        assert!(!failed.stderr.is_empty(), "{flags:?}");
    }
}

#[tokio::test]
async fn help_and_version_name_the_program() {
    let help = output(&["--help"]).await;
    assert!(help.status.success());
    let help = String::from_utf8(help.stdout).unwrap();
    let words: Vec<_> = help.split_whitespace().collect();
    let help = words.join(" ");
    assert!(help.contains(PROGRAM.about), "{help}");
    assert!(
        help.contains(&format!("[default: {}]", PROGRAM.bind)),
        "{help}"
    );
    let version = output(&["--version"]).await;
    let wanted = format!("{} {}", PROGRAM.name, env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8(version.stdout).unwrap().trim(), wanted);
}

#[tokio::test]
async fn the_flags_reach_the_server() {
    let running = Running::with(&["--max-message-size=10", "--max-connections=1"]).await;
    let mut client = Client::connect(running.address()).await;
    let refused = get(running.address(), "/healthz").await;
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    client.send(&frame(TEXT, b"12345678901")).await;
    client.closed_with(1009).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn it_works_on_as_many_threads_as_it_is_told() {
    let running = Running::with(&["--threads=3"]).await;
    let tasks = format!("/proc/{}/task", running.child.id().expect("runs"));
    // The main thread accepts; the others serve, and have a name once they run.
    let is_worker = |task: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(task.unwrap().path().join("comm"))
            .is_ok_and(|name| name.starts_with("echo-"))
    };
    within(async {
        while std::fs::read_dir(&tasks)
            .unwrap()
            .map(is_worker)
            .filter(|yes| *yes)
            .count()
            != 3
        {
            tokio::time::sleep(POLL).await;
        }
    })
    .await;
}

#[cfg(unix)]
mod unix {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

    use super::{super::client::UPGRADE, *};

    #[tokio::test]
    async fn a_signal_closes_every_connection_and_is_no_failure() {
        for name in ["-TERM", "-INT"] {
            let running = Running::with(&["--drain-timeout=1h"]).await;
            let mut client = Client::connect(running.address()).await;
            running.signal(name).await;
            client.closed_with(1001).await;
            client.send(&super::super::client::close(1001, "")).await;
            assert_eq!(client.next().await, None);
            drop(client);
            assert_eq!(running.end().await, (Some(0), String::new()), "{name}");
        }
    }

    #[tokio::test]
    async fn a_second_signal_does_not_wait() {
        for (name, code) in [("-TERM", 143), ("-INT", 130)] {
            let running = Running::with(&["--drain-timeout=1h"]).await;
            let mut client = Client::connect(running.address()).await;
            running.signal("-TERM").await;
            // Only now is the first one known to have been seen.
            client.closed_with(1001).await;
            running.signal(name).await;
            assert_eq!(running.end().await.0, Some(code), "{name}");
        }
    }

    #[tokio::test]
    async fn the_open_file_limit_is_raised() {
        let mut shell = Command::new("sh");
        shell.args([
            "-c",
            "ulimit -S -n 64 && exec \"$0\" --bind=127.0.0.1:0",
            BINARY,
        ]);
        let running = Running::start(&mut shell).await;
        let mut clients = Vec::new();
        for _ in 0..100 {
            clients.push(Client::connect(running.address()).await);
        }
    }

    #[tokio::test]
    async fn the_room_comes_from_the_open_file_limit() {
        let mut shell = Command::new("sh");
        shell.args([
            "-c",
            "ulimit -n 64 && exec \"$0\" --bind=127.0.0.1:0 --threads=1",
            BINARY,
        ]);
        let running = Running::start(&mut shell).await;
        let mut clients = Vec::new();
        // A quarter is kept back, and what a thread needs.
        for _ in 0..44 {
            clients.push(Client::connect(running.address()).await);
        }
        let refused = get(running.address(), "/").await;
        assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    }

    #[tokio::test]
    async fn running_out_of_files_is_survived() {
        let mut shell = Command::new("sh");
        let script = "ulimit -n 40 && exec \"$0\" --bind=127.0.0.1:0 --max-connections=1000";
        shell.args(["-c", script, BINARY]);
        let mut running = Running::start(&mut shell).await;
        let mut crowd = Vec::new();
        for _ in 0..60 {
            let mut client = Client::open(running.address()).await;
            client.send(UPGRADE.as_bytes()).await;
            crowd.push(client);
        }
        let mut log = BufReader::new(running.child.stderr.take().unwrap()).lines();
        within(async {
            while let Some(line) = log.next_line().await.unwrap() {
                if line.contains("cannot accept connections") {
                    return;
                }
            }
            panic!("the server ended");
        })
        .await;
        drop(crowd);
        let mut client = Client::connect(running.address()).await;
        client.send(&frame(TEXT, b"back")).await;
        assert_eq!(client.next().await, Some((TEXT, b"back".to_vec())));
    }

    #[tokio::test]
    async fn logs_go_to_stderr_when_asked_for() {
        let mut command = Command::new(BINARY);
        command.arg("--bind=127.0.0.1:0").env("RUST_LOG", "debug");
        let mut running = Running::start(&mut command).await;
        let mut stderr = running.child.stderr.take().unwrap();
        let mut client = Client::connect(running.address()).await;
        client.send(&super::super::client::close(1000, "")).await;
        assert!(client.next().await.is_some());
        running.signal("-TERM").await;
        assert_eq!(running.end().await, (Some(0), String::new()));
        let mut log = String::new();
        stderr.read_to_string(&mut log).await.unwrap();
        assert!(log.contains("connected"), "{log}");
    }
}
