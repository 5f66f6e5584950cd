//! The program: flags, ready line, exit code.

#[cfg(target_os = "linux")]
use super::{POLL, within};
use super::{
    client::{Client, TEXT, UPGRADE, frame, get, request},
    running_program::{ProgramUnderTest, RunningProgram},
};

pub async fn the_ready_line_tells_the_port_and_the_path(program: ProgramUnderTest) {
    let running = program.start(&["--path=/echo", "--threads=1"]).await;
    let address = running.address();
    assert_ne!(address.port(), 0);
    assert_eq!(running.line, format!("listening on ws://{address}/echo\n"));
    assert!(get(address, "/echo").await.starts_with("HTTP/1.1 426 "));
}

pub async fn a_host_name_is_bound(program: ProgramUnderTest) {
    let running = RunningProgram::start(program.command().arg("--bind=localhost:0")).await;
    let mut client = Client::connect(running.address()).await;
    client.send(&frame(TEXT, b"x")).await;
    assert_eq!(client.next().await, Some((TEXT, b"x".to_vec())));
}

pub async fn a_port_in_use_is_an_error_that_is_told_once(program: ProgramUnderTest) {
    let running = program.start(&[]).await;
    let address = running.address();
    let failed = program.output(&["--bind", &address.to_string()]).await;
    assert_eq!(failed.status.code(), Some(1));
    assert!(failed.stdout.is_empty());
    let stderr = String::from_utf8(failed.stderr).unwrap();
    let wanted = format!("error: cannot bind {address}: ");
    assert!(stderr.starts_with(&wanted), "{stderr}");
    assert_eq!(stderr.matches("cannot bind").count(), 1, "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    let hint = "another port with --bind (port 0 picks a free one)";
    assert!(stderr.contains(hint), "{stderr}");
}

pub async fn usage_errors_exit_with_2(program: ProgramUnderTest) {
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
        // Certificate or key alone.
        ["--tls-cert=cert.pem"],
        ["--tls-key=key.pem"],
    ] {
        let failed = program.output(&flags).await;
        assert_eq!(failed.status.code(), Some(2), "{flags:?}");
        assert!(failed.stdout.is_empty(), "{flags:?}");
        assert!(!failed.stderr.is_empty(), "{flags:?}");
    }
}

pub async fn help_and_version_name_the_program(program: ProgramUnderTest) {
    let help = program.output(&["--help"]).await;
    assert!(help.status.success());
    let help = String::from_utf8(help.stdout).unwrap();
    let words: Vec<_> = help.split_whitespace().collect();
    let help = words.join(" ");
    assert!(help.contains(program.program.about), "{help}");
    assert!(
        help.contains(&format!("[default: {}]", program.program.bind)),
        "{help}"
    );
    let version = program.output(&["--version"]).await;
    let wanted = format!("{} {}", program.program.name, env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8(version.stdout).unwrap().trim(), wanted);
}

pub async fn the_flags_reach_the_server(program: ProgramUnderTest) {
    let running = program
        .start(&["--max-message-size=10", "--max-connections=1"])
        .await;
    let mut client = Client::connect(running.address()).await;
    let refused = get(running.address(), "/healthz").await;
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    client.send(&frame(TEXT, b"12345678901")).await;
    client.closed_with(1009).await;
}

#[cfg(target_os = "linux")]
pub async fn it_works_on_as_many_threads_as_it_is_told(program: ProgramUnderTest) {
    let running = program.start(&["--threads=3"]).await;
    let tasks = format!("/proc/{}/task", running.child.id().expect("runs"));
    // The main thread accepts. The worker threads serve and have a name once they run.
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

pub async fn only_pages_of_allowed_origins_are_let_in(program: ProgramUnderTest) {
    let flags = [
        "--allow-origin=https://a.example",
        "--allow-origin=http://b.example",
    ];
    let server = program.start(&flags).await;
    let from = |origin: &str| UPGRADE.replace("\r\n\r\n", &format!("\r\nOrigin: {origin}\r\n\r\n"));
    for origin in ["https://a.example", "http://b.example"] {
        let mut client = Client::open(server.address()).await;
        client.send(from(origin).as_bytes()).await;
        client.upgraded().await;
        client.echoes(TEXT, b"in").await;
    }
    for origin in ["https://b.example", "https://a.example:444", "null"] {
        let answer = request(server.address(), &from(origin)).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{origin}: {answer}");
    }
    // Clients other than browsers send no origin.
    Client::connect(server.address()).await;
}
