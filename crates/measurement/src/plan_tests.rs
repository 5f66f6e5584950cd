//! What a plan takes and what it refuses.

use super::*;
use proptest::prelude::*;

pub(crate) fn draft() -> PlanDraft {
    PlanDraft {
        target: Target::parse("ws://127.0.0.1:8000/ws").unwrap(),
        trust: Default::default(),
        embedded: None,
        clients: NonZeroU32::new(100).unwrap(),
        length: Length::MessagesPerClient(NonZeroU64::new(1000).unwrap()),
        payload: SizeRange { min: 125, max: 125 },
        text: true,
        load: Load::PING_PONG,
        connect_rate: None,
        connect_timeout: Duration::from_secs(10),
        timeout: Duration::from_secs(10),
        warmup: Duration::from_secs(1),
        verify: Verify::Full,
        threads: NonZeroUsize::new(2).unwrap(),
        pin: Vec::new(),
        busy_poll: false,
        headers: HeaderMap::new(),
        seed: 1,
        max_samples: 1_000_000,
    }
}

#[test]
fn figures_out_of_range_are_named() {
    let error = |change: fn(&mut PlanDraft)| {
        let mut d = draft();
        change(&mut d);
        Plan::new(d).map(|_| ()).unwrap_err().to_string()
    };
    assert!(error(|d| d.timeout = Duration::ZERO).contains("a timeout of 0ns"));
    assert!(error(|d| d.payload.max = MAX_PAYLOAD_BYTES + 1).contains("payload size"));
    assert!(
        error(|d| d.load = Load::Closed {
            window: NonZeroU32::MAX
        })
        .contains("window")
    );
    assert!(
        error(|d| d.load = Load::Open {
            profile: RateProfile::constant(Rate::new(1e12).unwrap()),
            arrivals: Arrivals::Constant,
            window: None,
        })
        .contains("a rate of 1000000000000.0")
    );
    assert!(error(|d| d.connect_rate = Rate::new(1e-300)).contains("connect rate"));
    assert!(error(|d| d.clients = NonZeroU32::MAX).contains("clients"));
    assert!(error(|d| d.length = Length::Duration(Duration::ZERO)).contains("measured time"));
}

#[test]
fn trust_needs_a_certificate() {
    let plan = |url: &str, trust: Trust| {
        let target = Target::parse(url).unwrap();
        Plan::new(PlanDraft {
            target,
            trust,
            ..draft()
        })
        .map(|_| ())
    };
    for trust in [Trust::Unchecked, Trust::Roots(vec![1])] {
        let error = plan("ws://a/", trust.clone()).unwrap_err();
        assert!(error.to_string().contains("`ws://a/` has no TLS"));
        assert_eq!(plan("wss://a/", trust), Ok(()));
    }
    assert_eq!(plan("ws://a/", Trust::System), Ok(()));
}

#[test]
fn the_handshake_keeps_its_own_headers() {
    let mut d = draft();
    d.headers.insert(header::HOST, "other".parse().unwrap());
    assert!(Plan::new(d.clone()).is_ok());
    d.headers.insert(header::UPGRADE, "h2c".parse().unwrap());
    assert_eq!(
        Plan::new(d).map(|_| ()),
        Err(PlanError::OwnHeader("upgrade".into()))
    );
}

proptest! {
    #[test]
    fn every_client_has_one_thread_and_shares_differ_by_one(clients in 1..500_u32, threads in 1..40_usize) {
        let plan = Plan::new(PlanDraft {
            clients: NonZeroU32::new(clients).unwrap(),
            threads: NonZeroUsize::new(threads).unwrap(),
            ..draft()
        }).unwrap();
        let shares: Vec<Vec<u32>> = (0..plan.threads.get()).map(|t| plan.clients_of(t).collect()).collect();
        let mut all = shares.concat();
        all.sort_unstable();
        prop_assert_eq!(all, (0..clients).collect::<Vec<_>>());
        let sizes = shares.iter().map(Vec::len);
        prop_assert!(sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1);
    }
}
