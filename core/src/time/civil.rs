//! The Gregorian calendar, both ways. Years are counted from March, so that the leap day is the
//! last.

/// Days of 400 years.
const ERA: u64 = 146_097;
/// Days from the first of March of the year 0 to the epoch.
const BEFORE_EPOCH: u64 = 719_468;

/// Year, month and day of a number of days since the epoch.
pub(super) const fn date(days: u64) -> (u64, u64, u64) {
    let days = days.saturating_add(BEFORE_EPOCH);
    let (era, of_era) = (days / ERA, days % ERA);
    let leap_days = (of_era / 36_524).saturating_sub(of_era / 146_096);
    let year_of_era = of_era
        .saturating_sub(of_era / 1_460)
        .saturating_add(leap_days)
        / 365;
    let before = (year_of_era.saturating_mul(365))
        .saturating_add(year_of_era / 4)
        .saturating_sub(year_of_era / 100);
    let of_year = of_era.saturating_sub(before);
    let march_month = of_year.saturating_mul(5).saturating_add(2) / 153;
    let month_start = march_month.saturating_mul(153).saturating_add(2) / 5;
    let day = of_year.saturating_sub(month_start).saturating_add(1);
    let month = if march_month < 10 {
        march_month.saturating_add(3)
    } else {
        march_month.saturating_sub(9)
    };
    let january_or_february = if month <= 2 { 1 } else { 0 };
    let year = era
        .saturating_mul(400)
        .saturating_add(year_of_era)
        .saturating_add(january_or_february);
    (year, month, day)
}

/// The number of days from the epoch to a date. `None`: the calendar has no such day, or it is
/// before the epoch.
pub(super) fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let march_year = if month <= 2 {
        year.checked_sub(1)?
    } else {
        year
    };
    let (era, year_of_era) = (march_year / 400, march_year % 400);
    let march_month = month.checked_add(9)? % 12;
    let of_year =
        (march_month.checked_mul(153)?.checked_add(2)? / 5).checked_add(day.checked_sub(1)?)?;
    let of_era = (year_of_era.checked_mul(365)?)
        .checked_add(year_of_era / 4)?
        .checked_sub(year_of_era / 100)?
        .checked_add(of_year)?;
    let days = (era.checked_mul(ERA)?)
        .checked_add(of_era)?
        .checked_sub(BEFORE_EPOCH)?;
    // A day that the calendar does not have is another one of it.
    (date(days) == (year, month, day)).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::{date, days};

    #[test]
    fn every_day_of_eight_centuries_is_one_date() {
        let mut before = (1969, 12, 31);
        for day in 0..292_194 {
            let (year, month, of_month) = date(day);
            assert!((year, month, of_month) > before, "{day}");
            assert!(
                (1..=12).contains(&month) && (1..=31).contains(&of_month),
                "{day}"
            );
            assert_eq!(days(year, month, of_month), Some(day));
            before = (year, month, of_month);
        }
        assert_eq!(before, (2769, 12, 31));
    }
}
