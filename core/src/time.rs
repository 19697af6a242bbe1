//! Time, which enters by argument: the core does not have a clock.

mod civil;

use core::{ops::Range, time::Duration};

const DAY_MILLIS: u64 = 86_400_000;

/// A point in time: milliseconds since the Unix epoch.
///
/// Arithmetic saturates, so no claim of a token can overflow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(u64);

impl UnixTime {
    /// The end of the year 9999, as RFC 3339 counts years: the latest date that a token or an
    /// exemption may name.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// A time from milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// A time from seconds since the epoch.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000))
    }

    /// The beginning of a day in UTC, in the Gregorian calendar. `None`: it has no such day from
    /// 1970 to 9999.
    #[must_use]
    pub fn from_date(year: u64, month: u64, day: u64) -> Option<Self> {
        let millis = civil::days(year, month, day)?.checked_mul(DAY_MILLIS)?;
        (millis <= Self::MAX.0).then_some(Self(millis))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000
    }

    /// This time plus a duration, at most the largest representable time.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// This time minus a duration, at least the epoch.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// How long ago `earlier` was; zero when it lies in the future.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl UnixTime {
    /// RFC 3339, UTC, with milliseconds: `2026-11-21T12:30:00.000Z`. What lies beyond [`Self::MAX`]
    /// is shown as that. Every record has one, so it does without `fmt`.
    pub(crate) fn rfc3339(self) -> String {
        let millis = self.0.min(Self::MAX.0);
        let (year, month, day) = civil::date(millis / DAY_MILLIS);
        let (hour, minute) = (millis / 3_600_000 % 24, millis / 60_000 % 60);
        let (second, milli) = (millis / 1_000 % 60, millis % 1_000);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        for (number, place) in [
            (year, 0..4),
            (month, 5..7),
            (day, 8..10),
            (hour, 11..13),
            (minute, 14..16),
            (second, 17..19),
            (milli, 20..23),
        ] {
            put_digits(text.get_mut(place).unwrap_or_default(), number);
        }
        core::str::from_utf8(&text).unwrap_or_default().to_owned()
    }
}

impl UnixTime {
    /// The time of a text as RFC 3339 section 5.6 writes it; parts of a second are left out.
    #[must_use]
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let text = text.to_ascii_uppercase();
        let (local, rest) = text.split_at_checked("2027-06-30T12:00:00".len())?;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let offset = match rest.strip_prefix('.') {
            Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
            None => rest,
        };
        let local = Self::second(local)?;
        let Some((sign, offset)) = offset.split_at_checked(1).filter(|_| offset != "Z") else {
            return (offset == "Z").then_some(local);
        };
        let (hours, minutes) = offset.split_once(':')?;
        if hours.len() != 2 || minutes.len() != 2 || !digits(hours) || !digits(minutes) {
            return None;
        }
        let number = |text: &str, below: u64| -> Option<u64> {
            let number = text.parse().ok()?;
            (number < below).then_some(number)
        };
        let (hours, minutes) = (number(hours, 24)?, number(minutes, 60)?);
        let seconds = hours
            .saturating_mul(3_600)
            .saturating_add(minutes.saturating_mul(60));
        let offset = Duration::from_secs(seconds);
        match sign {
            "+" => Some(local.saturating_sub(offset)),
            "-" => Some(local.saturating_add(offset)),
            _ => None,
        }
    }

    /// The second that is written so.
    fn second(text: &str) -> Option<Self> {
        let number = |place: Range<usize>| text.get(place)?.parse::<u64>().ok();
        let day = Self::from_date(number(0..4)?, number(5..7)?, number(8..10)?)?;
        let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
        let minutes = hour.saturating_mul(60).saturating_add(minute);
        let seconds = minutes.saturating_mul(60).saturating_add(second);
        let time = day.saturating_add(Duration::from_secs(seconds));
        // Signs, other separators and an hour 24 read back as something else.
        (time.to_string() == [text, ".000Z"].concat()).then_some(time)
    }
}

/// Fills a place with the last digits of a number.
fn put_digits(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0'.saturating_add(u8::try_from(number % 10).unwrap_or_default());
        number /= 10;
    }
}

impl core::fmt::Display for UnixTime {
    /// RFC 3339, UTC, with milliseconds.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

/// Whole milliseconds of a duration, saturating.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::UnixTime;

    #[test]
    fn a_day_begins_at_midnight() {
        let begins =
            |year, month, day| UnixTime::from_date(year, month, day).map(UnixTime::as_secs);
        assert_eq!(begins(1970, 1, 1), Some(0));
        assert_eq!(begins(2000, 2, 29), Some(951_782_400));
        assert_eq!(begins(9999, 12, 31), Some(253_402_214_400));
        for (year, month, day) in [
            (1969, 12, 31),
            (2027, 2, 29),
            (2027, 0, 1),
            (2027, 13, 1),
            (2027, 1, 0),
            (10_000, 1, 1),
            (u64::MAX, u64::MAX, u64::MAX),
        ] {
            assert_eq!(begins(year, month, day), None, "{year}-{month}-{day}");
        }
    }

    #[test]
    fn a_time_is_written_as_rfc_3339_has_it() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_798_761_599_000, "2026-12-31T23:59:59.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(UnixTime::from_millis(millis).to_string(), text);
        }
    }
}
