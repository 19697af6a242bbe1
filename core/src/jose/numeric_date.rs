//! Points in time as JWTs write them.

use core::iter;

use crate::{json::Json, time::UnixTime};

/// A NumericDate (RFC 7519 section 2): any finite JSON number between the epoch and the year 9999,
/// fractions included.
pub(crate) fn numeric_date(claim: &Json) -> Option<UnixTime> {
    match claim {
        Json::Number(digits) => parse_numeric_date(digits),
        _ => None,
    }
}

fn parse_numeric_date(number: &str) -> Option<UnixTime> {
    let time = match number.parse::<u64>() {
        Ok(seconds) => UnixTime::from_secs(seconds),
        Err(_) => UnixTime::from_millis(millis(number)?),
    };
    (time <= UnixTime::MAX).then_some(time)
}

/// The milliseconds in a JSON number of seconds (RFC 8259 section 6), if it is not negative. The
/// parser of floating-point numbers would be 20 KiB of the module.
fn millis(number: &str) -> Option<u64> {
    /// Zeros behind a digit that is not zero which are more than 64 bits hold.
    const TOO_MANY: usize = 20;
    let (digits, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (is_negative, digits) = match digits.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, digits),
    };
    if is_negative && digits.bytes().any(|digit| matches!(digit, b'1'..=b'9')) {
        return None;
    }
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let moved = exponent.parse::<i32>().ok()?.checked_add(3)?;
    let kept = whole.len().saturating_add_signed(moved.try_into().ok()?);
    let most = number.len().saturating_add(TOO_MANY);
    let digits = whole.bytes().chain(fraction.bytes());
    let mut digits = digits.chain(iter::repeat(b'0')).take(kept.min(most));
    digits.try_fold(0_u64, |value, digit| {
        let digit = char::from(digit).to_digit(10)?;
        value.checked_mul(10)?.checked_add(digit.into())
    })
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
            ("-0.0e9", 0),
            ("0e999999999", 0),
            ("0.0015", 1),
            ("12.5E-1", 1_250),
            ("13008193800e-1", 1_300_819_380_000),
            ("1300819380999e-99", 0),
            ("0.000000130081938e+16", 1_300_819_380_000),
        ] {
            assert_eq!(
                parse_numeric_date(digits),
                Some(UnixTime::from_millis(millis)),
                "{digits}"
            );
        }
        for digits in [
            "-1",
            "-0.0001",
            "1e400",
            "1e999999999",
            "0.1e25",
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
