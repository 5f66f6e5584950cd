//! Shares beside their limits.

use units::human_percent;

/// A share on the wrong side of its limit, with as many digits as it takes to see that.
pub(crate) fn percent_beside(share: f64, limit: f64) -> String {
    let whole = human_percent(share);
    if whole != human_percent(limit) {
        return whole;
    }
    let tenths = format!("{:.1} %", share * 100.0);
    if tenths == format!("{:.1} %", limit * 100.0) {
        let side = if share > limit { "over" } else { "under" };
        return format!("just {side} {whole}");
    }
    tenths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_never_reads_as_its_limit() {
        assert_eq!(percent_beside(0.97, 0.9), "97 %");
        assert_eq!(percent_beside(0.904, 0.9), "90.4 %");
        assert_eq!(percent_beside(0.9001, 0.9), "just over 90 %");
        assert_eq!(percent_beside(0.9499, 0.95), "just under 95 %");
    }
}
