//! Points in time as JWTs write them.

use core::time::Duration;

use crate::{json::Json, time::UnixTime};

/// A NumericDate (RFC 7519 section 2): any finite JSON number between the epoch and the year 9999,
/// fractions included.
pub(crate) fn numeric_date(claim: &Json) -> Option<UnixTime> {
    match claim {
        Json::Number(digits) => parse_numeric_date(digits),
        _ => None,
    }
}

fn parse_numeric_date(digits: &str) -> Option<UnixTime> {
    if let Ok(seconds) = digits.parse::<u64>() {
        let time = UnixTime::from_secs(seconds);
        return (time <= UnixTime::MAX).then_some(time);
    }
    let seconds: f64 = digits.parse().ok()?;
    let duration = Duration::try_from_secs_f64(seconds).ok()?;
    let time = UnixTime::from_millis(0).saturating_add(duration);
    (time <= UnixTime::MAX).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::{numeric_date, parse_numeric_date};
    use crate::{json::Json, time::UnixTime};

    #[test]
    fn a_numeric_date_is_any_finite_number_of_our_time() {
        for (digits, millis) in [
            ("0", 0),
            ("1300819380", 1_300_819_380_000),
            ("1300819380.5", 1_300_819_380_500),
            ("1.30081938e9", 1_300_819_380_000),
            ("1300819380.0009", 1_300_819_380_000),
            ("253402300799", 253_402_300_799_000),
            ("-0", 0),
        ] {
            assert_eq!(
                parse_numeric_date(digits),
                Some(UnixTime::from_millis(millis)),
                "{digits}"
            );
        }
        for digits in [
            "-1",
            "1e400",
            "9223372036854775808",
            "18446744073709551616",
            "253402300800",
            "-1e400",
            "1e15",
            "1300819380000",
        ] {
            assert_eq!(parse_numeric_date(digits), None, "{digits}");
        }
    }

    #[test]
    fn what_is_no_number_is_no_date() {
        for claim in [r#""1300819380""#, "true", "null", "[1]", "{}"] {
            assert_eq!(
                numeric_date(&Json::parse(claim.as_bytes(), 100).unwrap()),
                None,
                "{claim}"
            );
        }
    }
}
