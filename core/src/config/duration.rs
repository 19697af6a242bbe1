//! Durations: a whole number and its unit.

use crate::{
    decode::{At, Fault, FromText, Problems, shown},
    limits,
};
use core::time::Duration;

impl FromText for Duration {
    const WANTED: &'static str = "a duration with its unit, such as \"300s\"";
    const PATTERN: &'static str = "^[0-9]+(ms|s|m|h)$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at_checked(digits).unwrap_or_default();
        let unit = match unit {
            "ms" if digits > 0 => 1,
            "s" if digits > 0 => 1_000,
            "m" if digits > 0 => 60_000,
            "h" if digits > 0 => 3_600_000,
            "" if digits > 0 => {
                return Err(Fault::of(&["has no unit"], &["write \"", text, "s\""]));
            }
            "d" if digits > 0 => {
                return Err(("counts in days", "write hours, such as \"24h\"").into());
            }
            _ => {
                return Err((
                    "is not a duration",
                    "write \"500ms\", \"300s\", \"5m\" or \"1h\"",
                )
                    .into());
            }
        };
        let millis = number.parse::<u64>().ok().and_then(|n| n.checked_mul(unit));
        millis
            .filter(|millis| *millis <= limits::DURATION_SECS.saturating_mul(1_000))
            .map(Self::from_millis)
            .ok_or_else(|| ("is longer than ten years", "write a shorter time").into())
    }
}

/// Says so when a duration is out of its bounds.
pub(super) fn bound(
    value: Duration,
    least: Duration,
    most: Duration,
    at: At<'_>,
    problems: &mut Problems,
) {
    if value < least {
        problems.add(
            at,
            &[&written(value), " is too short"],
            &["write at least ", &written(least)],
        );
    } else if value > most {
        problems.add(
            at,
            &[&written(value), " is too long"],
            &["write at most ", &written(most)],
        );
    }
}

/// As one writes it in the configuration, quoted, in the largest unit that is exact.
pub(super) fn written(value: Duration) -> String {
    let millis = value.as_millis();
    let (number, unit) = [(3_600_000, "h"), (60_000, "m"), (1_000, "s")]
        .into_iter()
        .find(|(size, _)| millis > 0 && millis.is_multiple_of(*size))
        .map_or(
            (millis, if millis == 0 { "s" } else { "ms" }),
            |(size, unit)| (millis.checked_div(size).unwrap_or(millis), unit),
        );
    shown::join(&["\"", &number.to_string(), unit, "\""])
}
