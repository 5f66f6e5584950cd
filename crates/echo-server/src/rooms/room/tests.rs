//! Rooms whose members run, block and leave in any order.

use std::{
    collections::VecDeque,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering},
    },
    task::Wake,
};

use proptest::prelude::*;

use super::*;

/// Identities of three threads.
static THREADS: LazyLock<[ThreadId; 3]> =
    LazyLock::new(|| [(); 3].map(|()| std::thread::spawn(|| ()).thread().id()));

/// A waker that records that it was called.
#[derive(Debug, Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A connection of a room, as the message loop drives it.
struct Peer {
    seat: RoomSeat<u64>,
    woken: Arc<Flag>,
    is_blocked: bool,
    /// True until the first poll, because a connection joins before its handshake has finished, and after a poll in which
    /// it was blocked.
    may_lose: bool,
    /// Messages to publish: payload bytes.
    unread: VecDeque<usize>,
    /// Position in the room's order at which the peer joined.
    joined_at: usize,
    got: Vec<u64>,
}

#[derive(Default)]
struct World {
    room: Room<u64>,
    peers: Vec<Peer>,
    /// The sender of each message.
    senders: Vec<usize>,
    /// Number of peers that lost messages.
    overflows: usize,
}

impl World {
    fn join(&mut self, thread: usize) {
        let joined_at = self.room.lock().log.end();
        self.peers.push(Peer {
            seat: self.room.join(THREADS[thread]),
            woken: Arc::new(Flag(true.into())),
            is_blocked: false,
            may_lose: true,
            unread: VecDeque::new(),
            joined_at: usize::try_from(joined_at).unwrap(),
            got: Vec::new(),
        });
    }

    fn leave(&mut self, peer: usize) -> Peer {
        let mut peer = self.peers.swap_remove(peer);
        self.room.leave(&mut peer.seat);
        peer
    }

    fn send(&mut self, peer: usize, count: usize, bytes: usize) {
        let peer = &mut self.peers[peer];
        peer.unread.extend(vec![bytes; count]);
        peer.woken.0.store(true, Ordering::Relaxed);
    }

    fn block(&mut self, peer: usize, is_blocked: bool) {
        let peer = &mut self.peers[peer];
        peer.is_blocked = is_blocked;
        peer.woken.0.store(true, Ordering::Relaxed);
    }

    /// Polls a peer. Returns true when it has to leave.
    fn poll(&mut self, number: usize) -> bool {
        let peer = &mut self.peers[number];
        let waker = Waker::from(Arc::clone(&peer.woken));
        if self.room.begin_turn(&mut peer.seat) {
            return true;
        }
        peer.may_lose = peer.is_blocked;
        while !peer.is_blocked {
            if let Some((message, _)) = self.room.next(&mut peer.seat, &waker) {
                peer.got.push(message);
            } else if peer.seat.held.is_none()
                && let Some(bytes) = peer.unread.pop_front()
            {
                peer.seat.held = Some((self.senders.len() as u64, bytes));
                self.senders.push(number);
            } else {
                break;
            }
        }
        self.room.end_turn(&peer.seat, &waker);
        false
    }

    /// Polls woken peers, at most this number, beginning with this one.
    fn run(&mut self, first: usize, limit: usize) -> bool {
        for turn in 0..limit {
            let count = self.peers.len();
            let woken = (0..count)
                .map(|offset| (first + turn + offset) % count)
                .find(|peer| self.peers[*peer].woken.0.swap(false, Ordering::Relaxed));
            let Some(peer) = woken else {
                return true;
            };
            if self.poll(peer) {
                assert!(self.peers[peer].may_lose, "a peer that reads lost messages");
                self.leave(peer);
                self.overflows += 1;
            }
        }
        false
    }
}

#[derive(Debug, Clone)]
enum Step {
    Join(usize),
    Leave(usize),
    Send(usize, usize, usize),
    Block(usize, bool),
    Run(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let bytes = prop::sample::select(vec![0, 1, 100, 10_000, 300_000, 600_000, 3_000_000]);
    let step = prop_oneof![
        2 => (0..3_usize).prop_map(Step::Join),
        1 => any::<usize>().prop_map(Step::Leave),
        4 => (any::<usize>(), 1..400_usize, bytes).prop_map(|(peer, count, bytes)| Step::Send(peer, count, bytes)),
        2 => any::<(usize, bool)>().prop_map(|(peer, blocked)| Step::Block(peer, blocked)),
        4 => (any::<u16>(), 1..50_usize).prop_map(|(first, limit)| Step::Run(first.into(), limit)),
    ];
    prop::collection::vec(step, 1..60)
}

/// The first peer never blocks and never leaves, so it has the order of all messages.
fn check(steps: Vec<Step>) {
    let mut world = World::default();
    let mut left = Vec::new();
    world.join(0);
    assert!(world.run(0, 10));
    for step in steps {
        let count = world.peers.len();
        let another = |peer: usize| (count > 1).then(|| 1 + peer % (count - 1));
        match step {
            Step::Join(thread) => world.join(thread),
            Step::Leave(peer) => left.extend(another(peer).map(|peer| world.leave(peer))),
            Step::Send(peer, messages, bytes) => world.send(peer % count, messages, bytes),
            Step::Block(peer, blocked) => {
                if let Some(peer) = another(peer) {
                    world.block(peer, blocked);
                }
            }
            Step::Run(first, limit) => drop(world.run(first, limit)),
        }
    }
    for peer in 1..world.peers.len() {
        world.block(peer, false);
    }
    assert!(world.run(0, 1_000_000), "the room never comes to rest");
    let order = world.peers[0].got.clone();
    for peer in &world.peers {
        assert!(peer.unread.is_empty() && peer.seat.held.is_none());
        assert_eq!(peer.got, order[peer.joined_at..]);
    }
    for peer in &left {
        assert!(order[peer.joined_at..].starts_with(&peer.got));
    }
    while !world.peers.is_empty() {
        world.leave(0);
    }
    let state = world.room.lock();
    assert!(state.waiting.is_empty());
    assert!(!state.roster.has_unserved());
    assert_eq!(state.log.first(), state.log.end());
}

proptest! {
    #[test]
    fn all_members_see_one_order_and_who_reads_misses_nothing(steps in steps()) {
        check(steps);
    }
}

/// A world of a sender, a reader and a blocked peer, each on a thread of its own, at rest.
fn with_a_blocked_peer() -> World {
    let mut world = World::default();
    for thread in 0..3 {
        world.join(thread);
    }
    world.block(2, true);
    assert!(world.run(0, 100));
    world
}

#[test]
fn a_blocked_member_overflows_with_one_message_too_many() {
    let mut world = with_a_blocked_peer();
    world.send(0, MAX_QUEUED_MESSAGES, 1);
    assert!(world.run(0, 10_000));
    assert_eq!((world.overflows, world.peers.len()), (0, 3));
    world.send(0, 1, 1);
    assert!(world.run(0, 10_000));
    assert_eq!((world.overflows, world.peers.len()), (1, 2));
    for peer in &world.peers {
        assert_eq!(peer.got.len(), MAX_QUEUED_MESSAGES + 1);
    }
}

#[test]
fn a_blocked_member_overflows_with_one_byte_too_many() {
    let mut world = with_a_blocked_peer();
    world.send(0, 1, MAX_QUEUED_BYTES - 1);
    world.send(0, 1, 1);
    assert!(world.run(0, 10_000));
    assert_eq!(world.overflows, 0);
    world.send(0, 1, 1);
    assert!(world.run(0, 10_000));
    assert_eq!(world.overflows, 1);
}

/// Without their own place in the line, later publishers would wait as long as earlier ones have something to say.
#[test]
fn publishers_take_turns() {
    let mut world = World::default();
    for thread in 0..3 {
        world.join(thread);
    }
    assert!(world.run(0, 100));
    for peer in 0..3 {
        world.send(peer, 10 * BURST_MESSAGES, 1);
    }
    assert!(world.run(0, 100_000));
    let order = &world.peers[0].got;
    assert_eq!(order.len(), 30 * BURST_MESSAGES);
    let senders: Vec<usize> = order
        .iter()
        .map(|message| world.senders[usize::try_from(*message).unwrap()])
        .collect();
    for round in senders[..27 * BURST_MESSAGES].chunks(3 * BURST_MESSAGES) {
        for sender in 0..3 {
            assert!(round.contains(&sender), "{sender} had to wait");
        }
    }
}

#[test]
fn another_thread_is_woken_once_for_a_message() {
    let mut world = World::default();
    for thread in [0, 1, 1, 1, 2, 2, 0] {
        world.join(thread);
    }
    assert!(world.run(0, 100));
    world.send(0, 1, 1);
    world.peers[0].woken.0.store(false, Ordering::Relaxed);
    assert!(!world.poll(0));
    let woken = |world: &World, peers: std::ops::Range<usize>| {
        let is_woken = |peer: &&Peer| peer.woken.0.load(Ordering::Relaxed);
        world.peers[peers].iter().filter(is_woken).count()
    };
    assert_eq!(
        [
            woken(&world, 1..4),
            woken(&world, 4..6),
            woken(&world, 6..7)
        ],
        [1, 1, 1]
    );
    let first = (1..4).find(|peer| world.peers[*peer].woken.0.load(Ordering::Relaxed));
    assert!(!world.poll(first.unwrap()));
    assert_eq!(woken(&world, 1..4), 3);
    assert!(world.run(0, 100));
    assert!(world.peers.iter().all(|peer| peer.got == [0]));
}
