//! The end of an exemption, a date or the word `never`; and the end of shadow, a date.

use core::time::Duration;

use crate::{
    decode::{Fault, FromText},
    time::UnixTime,
};

/// When an exemption ends; `None`: never.
#[derive(Debug)]
pub(super) struct Until(pub(super) Option<UnixTime>);

impl FromText for Until {
    const WANTED: &'static str = "a date such as \"2027-06-30\", or never";
    const PATTERN: &'static str = "^(never|[0-9]{4}-[0-9]{2}-[0-9]{2})$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        if text == "never" {
            return Ok(Self(None));
        }
        match last_moment_of(text) {
            Ok(moment) => Ok(Self(Some(moment))),
            Err(Odd::Shape) => Err(("is not a date", "write it as 2027-06-30, or never").into()),
            Err(Odd::Day) => Err(NO_DAY.into()),
        }
    }
}

/// The last day of what may not go on for ever.
#[derive(Debug)]
pub(super) struct LastDay(pub(super) UnixTime);

impl FromText for LastDay {
    const WANTED: &'static str = "a date such as \"2026-12-31\"";
    const PATTERN: &'static str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        if text == "never" {
            return Err(("is no end", "write the last day, such as 2026-12-31").into());
        }
        last_moment_of(text).map(Self).map_err(|odd| match odd {
            Odd::Shape => ("is not a date", "write it as 2026-12-31").into(),
            Odd::Day => NO_DAY.into(),
        })
    }
}

const NO_DAY: (&str, &str) = ("is no day of the calendar", "write one from 1970 to 9999");

/// Why a text is no day.
enum Odd {
    Shape,
    Day,
}

/// The last millisecond, in UTC, of a day that is written as `2027-06-30`.
fn last_moment_of(text: &str) -> Result<UnixTime, Odd> {
    let bytes = text.as_bytes();
    let (10, Some(b'-'), Some(b'-')) = (bytes.len(), bytes.get(4), bytes.get(7)) else {
        return Err(Odd::Shape);
    };
    let number = |from: usize, to: usize| -> Option<u64> {
        let digits = text.get(from..to)?;
        digits
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| digits.parse().ok())?
    };
    let (Some(year), Some(month), Some(day)) = (number(0, 4), number(5, 7), number(8, 10)) else {
        return Err(Odd::Shape);
    };
    let day = UnixTime::from_date(year, month, day).ok_or(Odd::Day)?;
    Ok(day.saturating_add(Duration::from_millis(86_399_999)))
}

#[cfg(test)]
mod tests {
    use super::{FromText as _, Until};

    fn last_second(text: &str) -> Option<u64> {
        let until = Until::from_text(text).ok()?;
        until.0.map(crate::time::UnixTime::as_secs)
    }

    #[test]
    fn a_day_ends_with_its_last_second_in_utc() {
        assert_eq!(last_second("1970-01-01"), Some(86_399));
        assert_eq!(last_second("2000-02-29"), Some(951_868_799));
        assert_eq!(last_second("2027-06-30"), Some(1_814_399_999));
        assert_eq!(last_second("9999-12-31"), Some(253_402_300_799));
    }

    #[test]
    fn days_that_no_calendar_has_are_refused() {
        for text in [
            "2027-02-29",
            "2100-02-29",
            "2027-04-31",
            "2027-13-01",
            "2027-00-10",
            "2027-01-00",
            "1969-12-31",
        ] {
            assert_eq!(last_second(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2027-6-30",
            "30.06.2027",
            "+027-06-30",
            "2027-06-30T00:00:00Z",
            "Never",
            "2027/06/30",
            "２０27-06",
        ] {
            assert!(Until::from_text(text).is_err(), "{text}");
        }
    }
}
