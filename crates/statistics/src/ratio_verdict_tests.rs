//! Verdicts from intervals that are known.

use super::*;

fn ratio(estimate: f64, low: f64, high: f64, rounds: usize) -> Ratio {
    Ratio {
        estimate,
        low,
        high,
        level: 0.95,
        rounds,
    }
}

fn verdict(ratio: Ratio, direction: Direction) -> RatioVerdict {
    RatioComparison::of(ratio, direction).verdict
}

#[test]
fn the_whole_interval_lies_on_one_side() {
    use Direction::{HigherIsBetter, LowerIsBetter};
    let above = ratio(1.1, 1.01, 1.2, 10);
    assert_eq!(verdict(above, HigherIsBetter), RatioVerdict::Better);
    assert_eq!(verdict(above, LowerIsBetter), RatioVerdict::Worse);
    assert_eq!(
        verdict(above.inverse(), HigherIsBetter),
        RatioVerdict::Worse
    );
    assert_eq!(
        verdict(above.inverse(), LowerIsBetter),
        RatioVerdict::Better
    );
    let on_it = ratio(1.1, 1.0, 1.2, 10);
    assert!(matches!(
        verdict(on_it, HigherIsBetter),
        RatioVerdict::CannotTell { .. }
    ));
}

#[test]
fn five_rounds_tell_nothing_at_95_percent() {
    let clear = ratio(2.0, 1.9, 2.1, 5);
    assert_eq!(
        verdict(clear, Direction::HigherIsBetter),
        RatioVerdict::CannotTell {
            more_rounds: Some(1)
        }
    );
    let stricter = Ratio {
        level: 0.99,
        ..clear
    };
    assert_eq!(
        verdict(stricter, Direction::HigherIsBetter),
        RatioVerdict::CannotTell {
            more_rounds: Some(3)
        }
    );
}

#[test]
fn more_rounds_narrow_with_the_square_root() {
    // The interval reaches twice as far as the distance from 1: at the level alone 4 × 10 rounds,
    // for a power of 0.8 another ((1.96 + 0.84) / 1.96)² = 2.04 times as many: 82 in all.
    let seen = ratio(0.01_f64.exp(), (-0.01_f64).exp(), 0.03_f64.exp(), 10);
    for seen in [seen, seen.inverse()] {
        assert_eq!(
            verdict(seen, Direction::LowerIsBetter),
            RatioVerdict::CannotTell {
                more_rounds: Some(72)
            }
        );
    }
    for same in [
        ratio(1.0, 0.99, 1.01, 10),
        ratio(1.0, 1.0, 1.0, 10),
        ratio(1.0001, 0.98, 1.02, 10),
    ] {
        assert_eq!(
            verdict(same, Direction::LowerIsBetter),
            RatioVerdict::CannotTell { more_rounds: None }
        );
    }
}

#[test]
fn in_words() {
    let text = |r, d| RatioComparison::of(r, d).to_string();
    let r = ratio(1.32, 1.28, 1.36, 10);
    assert_eq!(
        text(r, Direction::HigherIsBetter),
        "1.32 × better (1.28–1.36)"
    );
    assert_eq!(
        text(r, Direction::LowerIsBetter),
        "1.32 × worse (1.28–1.36)"
    );
    assert_eq!(
        text(r.inverse(), Direction::LowerIsBetter),
        "1.32 × better (1.28–1.36)"
    );
    assert_eq!(
        text(ratio(1.002, 1.001, 1.003, 10), Direction::HigherIsBetter),
        "1.0020 × better (1.0010–1.0030)"
    );
    assert_eq!(
        text(ratio(1.0, 0.99, 1.01, 10), Direction::HigherIsBetter),
        "cannot tell, nor would more rounds (0.99–1.01)"
    );
}

#[test]
fn an_interval_that_holds_one_is_seen_to_hold_it() {
    let told = |low, high| {
        let ratio = Ratio {
            estimate: 1.004,
            low,
            high,
            level: 0.95,
            rounds: 10,
        };
        RatioComparison::of(ratio, Direction::HigherIsBetter).to_string()
    };
    assert!(told(0.997_3, 1.014_1).ends_with("(0.9973–1.0141)"));
    assert!(told(0.94, 1.002).ends_with("(0.9400–1.0020)"));
    assert!(told(0.94, 1.06).ends_with("(0.94–1.06)"));
}
