//! Conditions of a capacity as text.

/// A condition as typed, with blanks: `p99 < 10 ms`.
pub fn spaced_condition(typed: &str) -> String {
    let is_sign = |c: char| matches!(c, '<' | '>' | '=' | '!');
    let Some(at) = typed.find(is_sign) else {
        return typed.to_owned();
    };
    let (figure, rest) = typed.split_at(at);
    let end = rest.find(|c| !is_sign(c)).unwrap_or(rest.len());
    let (sign, value) = rest.split_at(end);
    let end = value
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '_')))
        .unwrap_or(value.len());
    let (number, unit) = value.split_at(end);
    let number = number.replace('_', "");
    let value = match unit {
        "" => number,
        "us" => format!("{number} µs"),
        unit => format!("{number} {unit}"),
    };
    format!("{figure} {sign} {value}")
}

/// All conditions of a capacity: `p99 < 10 ms and error_rate < 0.1 %`.
pub fn all_conditions(conditions: &[String]) -> String {
    let conditions = conditions.iter().map(|typed| spaced_condition(typed));
    conditions.collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_written_with_blanks() {
        for (typed, expected) in [
            ("p99<10ms", "p99 < 10 ms"),
            ("service.p99.9<=250us", "service.p99.9 <= 250 µs"),
            ("error_rate<0.1%", "error_rate < 0.1 %"),
            ("lost==0", "lost == 0"),
            ("late<1_000", "late < 1000"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(spaced_condition(typed), expected);
        }
        let two = ["p99<10ms", "lost==0"].map(str::to_owned);
        assert_eq!(all_conditions(&two), "p99 < 10 ms and lost == 0");
    }
}
