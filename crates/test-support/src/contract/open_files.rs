//! The limit on open files.

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use super::{
    client::{Client, TEXT, UPGRADE, frame, get},
    running_program::{ProgramUnderTest, RunningProgram},
    within,
};

pub async fn the_open_file_limit_is_raised(program: ProgramUnderTest) {
    let mut shell = Command::new("sh");
    shell.args([
        "-c",
        "ulimit -S -n 64 && exec \"$0\" --bind=127.0.0.1:0",
        program.path,
    ]);
    let running = RunningProgram::start(&mut shell).await;
    let mut clients = Vec::new();
    for _ in 0..100 {
        clients.push(Client::connect(running.address()).await);
    }
}

pub async fn the_room_comes_from_the_open_file_limit(program: ProgramUnderTest) {
    let mut shell = Command::new("sh");
    shell.args([
        "-c",
        "ulimit -n 64 && exec \"$0\" --bind=127.0.0.1:0 --threads=1",
        program.path,
    ]);
    let running = RunningProgram::start(&mut shell).await;
    let mut clients = Vec::new();
    // A quarter of the limit is reserved, and 4 files per thread.
    for _ in 0..44 {
        clients.push(Client::connect(running.address()).await);
    }
    let refused = get(running.address(), "/").await;
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
}

pub async fn running_out_of_files_is_survived(program: ProgramUnderTest) {
    let mut shell = Command::new("sh");
    let script = "ulimit -n 40 && exec \"$0\" --bind=127.0.0.1:0 --max-connections=1000";
    shell.args(["-c", script, program.path]);
    let mut running = RunningProgram::start(&mut shell).await;
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
