//! The echo loop on a socket that records every call.

use std::{collections::VecDeque, pin::Pin, task::Waker};

use super::*;
use crate::{
    Config, Program, ServerContext, graceful_stream::ReturnSlot, shutdown::ShutdownTrigger,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Message {
    Data(u64),
    Ping,
    Pong,
    Close(u16),
}

enum Test {}

impl WebSocketLibrary for Test {
    type Message = Message;
    type Error = Option<CloseReason>;

    fn classify(message: &Message) -> Incoming {
        match message {
            Message::Data(_) => Incoming::Data(1),
            Message::Ping => Incoming::Ping,
            Message::Pong => Incoming::Pong,
            Message::Close(code) => Incoming::Close(Some(*code)),
        }
    }

    fn close(reason: CloseReason) -> Message {
        Message::Close(reason.code())
    }

    fn ping() -> Message {
        Message::Ping
    }

    fn copy(message: &Message) -> Message {
        *message
    }

    fn fault(error: &Option<CloseReason>) -> Option<CloseReason> {
        *error
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Done {
    Read(Message),
    Wrote(Message),
    Flushed,
}

type Item = Result<Message, Option<CloseReason>>;

/// A socket that returns the items in `ready`, then is pending, or ends if `ends` is set.
#[derive(Default)]
struct Socket {
    ready: VecDeque<Item>,
    ends: bool,
    /// Number of writes that are accepted before the socket is full; `None` = unlimited.
    room: Option<usize>,
    done: Vec<Done>,
}

impl Socket {
    fn of(ready: impl IntoIterator<Item = Message>) -> Self {
        Self {
            ready: ready.into_iter().map(Ok).collect(),
            ..Self::default()
        }
    }

    fn room(&self) -> Poll<Result<(), Option<CloseReason>>> {
        match self.room {
            Some(0) => Poll::Pending,
            _ => Poll::Ready(Ok(())),
        }
    }

    fn wrote(&self) -> Vec<Message> {
        let wrote = |done: &Done| match done {
            Done::Wrote(message) => Some(*message),
            _ => None,
        };
        self.done.iter().filter_map(wrote).collect()
    }

    fn read(&self) -> usize {
        let is_read = |done: &&Done| matches!(done, Done::Read(_));
        self.done.iter().filter(is_read).count()
    }
}

impl Stream for Socket {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Item>> {
        match self.ready.pop_front() {
            Some(Ok(message)) => {
                self.done.push(Done::Read(message));
                Poll::Ready(Some(Ok(message)))
            }
            Some(error) => Poll::Ready(Some(error)),
            None if self.ends => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

impl Sink<Message> for Socket {
    type Error = Option<CloseReason>;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.room()
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Self::Error> {
        self.room = self.room.map(|room| room - 1);
        self.done.push(Done::Wrote(message));
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let room = self.room();
        if room.is_ready() {
            self.done.push(Done::Flushed);
        }
        room
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }
}

/// A connection without an idle timeout.
fn connection(trigger: &ShutdownTrigger) -> ConnectionContext {
    connection_with(trigger, Duration::ZERO)
}

fn connection_with(trigger: &ShutdownTrigger, idle_timeout: Duration) -> ConnectionContext {
    let program = Program {
        name: "test-ws",
        version: "",
        about: "",
        bind: "",
    };
    let config = Config {
        idle_timeout,
        ..Config::default()
    };
    ConnectionContext {
        server: Arc::new(ServerContext::new(program, config)),
        shutdown: trigger.subscribe(),
        slot: ReturnSlot::default(),
        deadline: None,
    }
}

/// Polls an echo on this socket once. Returns true when it has ended.
fn poll_once(socket: &mut Socket, connection: &mut ConnectionContext) -> bool {
    let mut echoing = std::pin::pin!(echo::<Test, _>(socket, connection));
    let mut cx = Context::from_waker(Waker::noop());
    echoing.as_mut().poll(&mut cx).is_ready()
}

fn run(socket: &mut Socket) -> bool {
    poll_once(socket, &mut connection(&ShutdownTrigger::default()))
}

fn data(count: u64) -> impl Iterator<Item = Message> {
    (0..count).map(Message::Data)
}

#[test]
fn all_that_is_ready_is_echoed_with_one_flush() {
    let mut socket = Socket::of(data(100).chain([Message::Pong]).chain(data(100)));
    assert!(!run(&mut socket));
    assert_eq!(socket.wrote().len(), 200);
    let flushes = socket.done.iter().filter(|done| **done == Done::Flushed);
    assert_eq!(flushes.count(), 1);
    assert_eq!(socket.done.last(), Some(&Done::Flushed));
}

#[test]
fn a_ping_is_flushed_before_anything_else_is_read() {
    let mut socket = Socket::of([Message::Data(1), Message::Ping, Message::Data(2)]);
    assert!(!run(&mut socket));
    let flushed = socket.done.iter().position(|done| *done == Done::Flushed);
    let read = Done::Read(Message::Data(2));
    let next_read = socket.done.iter().position(|done| *done == read);
    assert!(flushed < next_read, "{:?}", socket.done);
}

#[test]
fn without_room_to_write_nothing_is_read() {
    let mut socket = Socket::of(data(100));
    socket.room = Some(3);
    assert!(!run(&mut socket));
    assert_eq!(socket.wrote().len(), 3);
    // One more message is read before the loop notices that there is no room.
    assert_eq!(socket.read(), 4);
}

#[test]
fn without_room_for_pongs_nothing_is_read() {
    let mut socket = Socket::of([Message::Ping; 100]);
    socket.room = Some(0);
    assert!(!run(&mut socket));
    assert_eq!(socket.read(), 1);
}

#[test]
fn a_stop_echoes_what_is_ready_and_then_closes() {
    let trigger = ShutdownTrigger::default();
    trigger.stop();
    let mut socket = Socket::of(data(100));
    // Pending, because the peer has not answered the close.
    assert!(!poll_once(&mut socket, &mut connection(&trigger)));
    let wrote = socket.wrote();
    assert_eq!(wrote.len(), 101);
    assert_eq!(wrote.last(), Some(&Message::Close(1001)));
    assert_eq!(socket.done.last(), Some(&Done::Flushed));
}

#[test]
fn a_stop_waits_until_all_is_echoed() {
    let trigger = ShutdownTrigger::default();
    trigger.stop();
    let mut socket = Socket::of(data(10 * BATCH));
    assert!(!poll_once(&mut socket, &mut connection(&trigger)));
    assert_eq!(socket.wrote().len() as u64, 10 * BATCH + 1);
}

#[test]
fn a_stop_is_heard_although_messages_never_cease() {
    let trigger = ShutdownTrigger::default();
    trigger.stop();
    let mut socket = Socket::of(data(10 * BATCH));
    let mut connection = connection(&trigger);
    let config = Config {
        idle_timeout: Duration::ZERO,
        drain_timeout: Duration::ZERO,
        ..Config::default()
    };
    connection.server = Arc::new(ServerContext::new(connection.server.program, config));
    let mut echo_loop =
        MessageLoop::<Test, _, _>::new(&mut socket, &mut connection, EchoRelay::default());
    let mut cx = Context::from_waker(Waker::noop());
    let ending = echo_loop.poll(&mut cx);
    assert!(matches!(ending, Poll::Ready(LoopEnd::Shutdown)));
    // The current batch, and one more, for which the time was already over.
    assert_eq!(socket.wrote().len() as u64, 2 * BATCH);
}

#[test]
fn a_fault_is_closed_with_its_code_after_the_echoes() {
    let mut socket = Socket::of(data(2));
    socket.ready.push_back(Err(Some(CloseReason::TooLarge)));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let mut connection = connection(&ShutdownTrigger::default());
    runtime.block_on(echo::<Test, _>(&mut socket, &mut connection));
    let wanted = [Message::Data(0), Message::Data(1), Message::Close(1009)];
    assert_eq!(socket.wrote(), wanted);
    let text = connection.server.metrics.render();
    assert!(text.contains("closes_total{code=\"1009\"} 1\n"), "{text}");
}

#[test]
fn a_close_by_the_peer_ends_it_after_the_echoes() {
    let mut socket = Socket::of(data(2).chain([Message::Close(4000)]));
    let mut connection = connection(&ShutdownTrigger::default());
    assert!(poll_once(&mut socket, &mut connection));
    assert_eq!(socket.wrote().len(), 2);
    assert_eq!(socket.done.last(), Some(&Done::Flushed));
    let text = connection.server.metrics.render();
    assert!(text.contains("closes_total{code=\"4000\"} 1\n"), "{text}");
    assert!(text.contains("messages_out_total 2\n"), "{text}");
}

#[test]
fn a_stream_that_ends_counts_as_1006() {
    let mut socket = Socket {
        ends: true,
        ..Socket::default()
    };
    let mut connection = connection(&ShutdownTrigger::default());
    assert!(poll_once(&mut socket, &mut connection));
    let text = connection.server.metrics.render();
    assert!(text.contains("closes_total{code=\"1006\"} 1\n"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_pinged_and_then_closed() {
    let mut socket = Socket::of(data(1));
    let mut connection = connection_with(&ShutdownTrigger::default(), Duration::from_secs(60));
    let begun = tokio::time::Instant::now();
    echo::<Test, _>(&mut socket, &mut connection).await;
    assert_eq!(begun.elapsed().as_secs(), 60);
    let wanted = [Message::Data(0), Message::Ping, Message::Close(1001)];
    assert_eq!(socket.wrote(), wanted);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_is_dropped_too() {
    let mut socket = Socket::of(data(10));
    socket.room = Some(3);
    let mut connection = connection_with(&ShutdownTrigger::default(), Duration::from_secs(60));
    let begun = tokio::time::Instant::now();
    echo::<Test, _>(&mut socket, &mut connection).await;
    assert_eq!(begun.elapsed().as_secs(), 60 + FAULT_GRACE.as_secs());
    assert_eq!(socket.wrote().len(), 3, "no room for a ping");
}

/// A peer that takes bytes of a full write buffer was taken for a silent one.
#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_slowly_is_not_silent() {
    let mut socket = Socket::of(data(10));
    socket.room = Some(3);
    let mut connection = connection_with(&ShutdownTrigger::default(), Duration::from_secs(60));
    let slot = connection.slot.clone();
    let begun = tokio::time::Instant::now();
    let reads = async {
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_secs(20)).await;
            slot.note_test_write();
        }
    };
    tokio::join!(biased; reads, echo::<Test, _>(&mut socket, &mut connection));
    assert_eq!(begun.elapsed().as_secs(), 120 + 60 + FAULT_GRACE.as_secs());
}
