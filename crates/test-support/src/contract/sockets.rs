//! Unix sockets, and the length of the accept queue.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::net::UnixStream;

use super::{
    client::{Client, TEXT, close},
    running_program::{ProgramUnderTest, RunningProgram},
    within,
};

/// A temporary folder, and a path in it.
fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("echo.sock");
    (folder, path)
}

fn bind(path: &Path) -> String {
    format!("--bind=unix:{}", path.display())
}

async fn start(program: ProgramUnderTest, path: &Path, flags: &[&str]) -> RunningProgram {
    RunningProgram::start(program.command().arg(bind(path)).args(flags)).await
}

async fn open(path: &Path) -> Client<UnixStream> {
    Client::over(within(UnixStream::connect(path)).await.unwrap())
}

async fn connect(path: &Path) -> Client<UnixStream> {
    let mut client = open(path).await;
    client.upgrade().await;
    client
}

pub async fn a_unix_socket_is_served_like_any_other(program: ProgramUnderTest) {
    let (_folder, path) = place();
    let running = start(program, &path, &[]).await;
    let wanted = format!("listening on ws+unix:{}:/ws\n", path.display());
    assert_eq!(running.line, wanted);
    let mut client = connect(&path).await;
    client.echoes(TEXT, b"near").await;
    client.echoes(TEXT, &vec![b'x'; 1 << 20]).await;
    running.signal("-TERM").await;
    client.closed_with(1001).await;
    client.send(&close(1001, "")).await;
    assert_eq!(running.end().await.0, Some(0));
    assert!(!path.exists(), "it cleans up");
}

pub async fn a_path_in_use_is_an_error_and_one_left_behind_is_taken(program: ProgramUnderTest) {
    let (_folder, path) = place();
    let mut first = start(program, &path, &[]).await;
    let failed = program.output(&[&bind(&path)]).await;
    assert_eq!(failed.status.code(), Some(1));
    assert!(failed.stdout.is_empty());
    let stderr = String::from_utf8(failed.stderr).unwrap();
    let wanted = format!("error: cannot bind unix:{}: ", path.display());
    assert!(stderr.starts_with(&wanted), "{stderr}");
    // The first server still has its socket.
    connect(&path).await.echoes(TEXT, b"first").await;

    within(first.child.kill()).await.unwrap();
    assert!(path.exists(), "a killed server cannot clean up");
    let _second = start(program, &path, &[]).await;
    connect(&path).await.echoes(TEXT, b"second").await;
}

/// A suspended server accepts no connection. A Unix socket reports a full backlog immediately, whereas TCP would retry
/// silently.
#[cfg(target_os = "linux")]
pub async fn the_backlog_is_as_long_as_it_is_told(program: ProgramUnderTest) {
    const BACKLOG: usize = 5;
    let (_folder, path) = place();
    let running = start(program, &path, &["--backlog=5"]).await;
    running.signal("-STOP").await;
    let stat = format!("/proc/{}/stat", running.child.id().expect("runs"));
    within(async {
        while !std::fs::read_to_string(&stat).unwrap().contains(") T ") {
            tokio::time::sleep(super::POLL).await;
        }
    })
    .await;
    let mut queue = Vec::new();
    let refused = loop {
        match within(UnixStream::connect(&path)).await {
            Ok(stream) => queue.push(Client::over(stream)),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), std::io::ErrorKind::WouldBlock);
    // Linux admits one more than the backlog.
    assert_eq!(queue.len(), BACKLOG + 1);
    running.signal("-CONT").await;
    for client in &mut queue {
        client.upgrade().await;
        client.echoes(TEXT, b"at last").await;
    }
}
