//! The protocol of systemd: an inherited socket, and notifications.

use std::{
    net::TcpListener,
    os::{
        fd::OwnedFd,
        unix::net::{UnixListener, UnixStream},
    },
};

use tokio::{net::UnixDatagram, process::Command};

use super::{
    client::{Client, TEXT, get},
    running_program::{ProgramUnderTest, RunningProgram},
    within,
};

/// Runs the program with this inherited socket. A shell gets the socket as its standard input and moves it to the file
/// descriptor that systemd would use.
async fn activated(
    program: ProgramUnderTest,
    socket: impl Into<OwnedFd>,
    pid: &str,
) -> RunningProgram {
    let script = format!(
        "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID={pid}; \
         exec \"$0\" --bind=127.0.0.1:0"
    );
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &script, program.path])
        .stdin(std::process::Stdio::from(socket.into()));
    RunningProgram::start(&mut shell).await
}

pub async fn a_socket_that_is_passed_on_goes_before_the_address(program: ProgramUnderTest) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let running = activated(program, socket, "$$").await;
    assert_eq!(running.line, format!("listening on ws://{address}/ws\n"));
    Client::connect(address).await.echoes(TEXT, b"x").await;
}

/// The socket is ignored when `LISTEN_PID` is another process.
pub async fn a_socket_for_another_process_is_left_alone(program: ProgramUnderTest) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let running = activated(program, socket, "1").await;
    assert_ne!(running.address(), address);
    let page = get(running.address(), "/healthz").await;
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
}

pub async fn a_unix_socket_that_is_passed_on_stays_when_the_server_goes(program: ProgramUnderTest) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("echo.sock");
    let socket = UnixListener::bind(&path).unwrap();
    let running = activated(program, socket.try_clone().unwrap(), "$$").await;
    let wanted = format!("listening on ws+unix:{}:/ws\n", path.display());
    assert_eq!(running.line, wanted);
    let stream = within(tokio::net::UnixStream::connect(&path)).await;
    let mut client = Client::over(stream.unwrap());
    client.upgrade().await;
    client.echoes(TEXT, b"x").await;
    drop(client);
    running.signal("-TERM").await;
    assert_eq!(running.end().await.0, Some(0));
    // The socket belongs to the parent, which can pass it to the next server.
    UnixStream::connect(&path).unwrap();
}

pub async fn who_wants_to_know_is_told_when_it_is_ready_and_when_it_stops(
    program: ProgramUnderTest,
) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let notified = UnixDatagram::bind(&path).unwrap();
    let hear = async || {
        let mut words = [0; 256];
        let length = within(notified.recv(&mut words)).await.unwrap();
        String::from_utf8(words[..length].to_vec()).unwrap()
    };
    let mut command = program.command();
    command
        .args(["--bind=127.0.0.1:0", "--drain-timeout=1h"])
        .env("NOTIFY_SOCKET", &path);
    let running = RunningProgram::start(&mut command).await;
    assert_eq!(hear().await.trim_end(), "READY=1");
    let mut client = Client::connect(running.address()).await;
    running.signal("-TERM").await;
    // The notification is sent before connections are closed, not after.
    assert_eq!(hear().await.trim_end(), "STOPPING=1");
    client.closed_with(1001).await;
    drop(client);
    assert_eq!(running.end().await.0, Some(0));
}
