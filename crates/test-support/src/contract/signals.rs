//! Signals end the program.

use tokio::io::AsyncReadExt;

use super::{
    client::{Client, close},
    running_program::{ProgramUnderTest, RunningProgram},
};

pub async fn a_signal_closes_every_connection_and_is_no_failure(program: ProgramUnderTest) {
    for name in ["-TERM", "-INT"] {
        let running = program.start(&["--drain-timeout=1h"]).await;
        let mut client = Client::connect(running.address()).await;
        running.signal(name).await;
        client.closed_with(1001).await;
        client.send(&close(1001, "")).await;
        assert_eq!(client.next().await, None);
        drop(client);
        assert_eq!(running.end().await, (Some(0), String::new()), "{name}");
    }
}

pub async fn a_second_signal_does_not_wait(program: ProgramUnderTest) {
    for (name, code) in [("-TERM", 143), ("-INT", 130)] {
        let running = program.start(&["--drain-timeout=1h"]).await;
        let mut client = Client::connect(running.address()).await;
        running.signal("-TERM").await;
        // The close shows that the first signal was received.
        client.closed_with(1001).await;
        running.signal(name).await;
        assert_eq!(running.end().await.0, Some(code), "{name}");
    }
}

pub async fn logs_go_to_stderr_when_asked_for(program: ProgramUnderTest) {
    let mut command = program.command();
    command.arg("--bind=127.0.0.1:0").env("RUST_LOG", "debug");
    let mut running = RunningProgram::start(&mut command).await;
    let mut stderr = running.child.stderr.take().unwrap();
    let mut client = Client::connect(running.address()).await;
    client.send(&close(1000, "")).await;
    assert!(client.next().await.is_some());
    running.signal("-TERM").await;
    assert_eq!(running.end().await, (Some(0), String::new()));
    let mut log = String::new();
    stderr.read_to_string(&mut log).await.unwrap();
    assert!(log.contains("connected"), "{log}");
}
