//! Distributions used for intervals: the standard normal and Student's t.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// The probability of a standard normal value below `z`.
pub fn normal_cdf(z: f64) -> f64 {
    Normal::standard().cdf(z)
}

/// The standard normal quantile of the probability `p` in \[0, 1\]; infinite at the ends.
///
/// # Panics
/// When `p` is outside \[0, 1\].
pub fn normal_quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p)
}

/// The quantile of the probability `p` in \[0, 1\] of Student's distribution with `freedom` degrees of freedom;
/// infinite at the ends. Accurate to 1e-9 for `p` from 0.0001 to 0.9999. Less accurate further out, and with few
/// degrees of freedom.
///
/// # Panics
/// When `p` is outside \[0, 1\], or `freedom` is not above 0.
pub fn student_quantile(p: f64, freedom: f64) -> f64 {
    assert!(
        (0.0..=1.0).contains(&p) && freedom > 0.0,
        "Student's law: p = {p}, {freedom} degrees"
    );
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |law| law.inverse_cdf(p))
}

/// The probability of a value below `t` of Student's distribution with `freedom` degrees of freedom.
///
/// # Panics
/// When `freedom` is not above 0.
pub fn student_cdf(t: f64, freedom: f64) -> f64 {
    assert!(freedom > 0.0, "Student's law: {freedom} degrees");
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |law| law.cdf(t))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of SciPy 1.17's `norm.cdf`, `norm.ppf`, `t.ppf` and `t.cdf`. `tests/scipy_check.py` compares more.
    #[test]
    fn as_scipy_has_them() {
        for (found, wanted) in [
            (normal_cdf(0.0), 0.5),
            (normal_cdf(-1.96), 0.024_997_895_148_220_435),
            (normal_quantile(0.975), 1.959_963_984_540_054),
            (normal_quantile(0.00125), -3.023_341_439_739_147_6),
            (student_quantile(0.975, 1.0), 12.706_204_736_174_694),
            (student_quantile(0.975, 4.0), 2.776_445_105_197_793_4),
            (student_quantile(0.00625, 9.0), -3.110_934_823_179_474_2),
            (student_cdf(-3.110_934_823_179_474_2, 9.0), 0.00625),
        ] {
            assert!((found - wanted).abs() < 1e-9, "{found} {wanted}");
        }
        assert_eq!(normal_quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(student_quantile(1.0, 3.0), f64::INFINITY);
    }
}
