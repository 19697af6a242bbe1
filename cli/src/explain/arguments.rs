//! What was asked.

use core::time::Duration;
use std::ffi::{OsStr, OsString};

use passgate_core::UnixTime;

/// The options of `passgate explain`.
#[derive(Default)]
pub(super) struct Arguments {
    pub(super) config: OsString,
    pub(super) token: Option<OsString>,
    pub(super) claims: Option<OsString>,
    pub(super) jwks: Option<OsString>,
    pub(super) request: String,
    pub(super) at: Option<UnixTime>,
}

impl Arguments {
    pub(super) fn parse(words: &[OsString]) -> Result<Self, String> {
        let mut read = Self::default();
        let mut request = None;
        let mut words = words.iter();
        while let Some(name) = words.next() {
            let name = name.to_string_lossy();
            let value = words
                .next()
                .ok_or_else(|| usage(&format!("{name} wants a value")))?;
            match &*name {
                "--config" => read.config.clone_from(value),
                "--token" => read.token = Some(value.clone()),
                "--claims" => read.claims = Some(value.clone()),
                "--jwks" => read.jwks = Some(value.clone()),
                "--request" => request = Some(value.to_string_lossy().into_owned()),
                "--at" => read.at = Some(time(value)?),
                _ => return Err(usage(&format!("{name} is not an option"))),
            }
        }
        if read.config.is_empty() {
            return Err(usage("--config is missing"));
        }
        if read.token.is_some() && read.claims.is_some() {
            return Err(usage(
                "--token and --claims are both given; give one of them",
            ));
        }
        read.request =
            request.ok_or_else(|| usage("--request is missing, such as 'GET /payments'"))?;
        Ok(read)
    }
}

/// RFC 3339, or seconds since the epoch.
fn time(value: &OsStr) -> Result<UnixTime, String> {
    let text = value.to_str();
    let seconds = text.and_then(|text| text.parse().ok().map(UnixTime::from_secs));
    let time = seconds.or_else(|| text.and_then(rfc_3339));
    time.ok_or_else(|| {
        usage("--at wants a time such as 2027-06-30T12:00:00Z, or seconds since 1970")
    })
}

/// A time with its offset; parts of a second are left out.
fn rfc_3339(text: &str) -> Option<UnixTime> {
    let text = text.to_ascii_uppercase();
    let (local, rest) = text.split_at_checked("2027-06-30T12:00:00".len())?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let offset = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    let local = second(local)?;
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

/// The second that is written so. Times that are written in this way have the order of their texts.
fn second(text: &str) -> Option<UnixTime> {
    let written = |second| UnixTime::from_secs(second).to_string().replace(".000Z", "");
    let (mut low, mut high) = (0, UnixTime::MAX.as_secs());
    while low < high {
        let middle = low.midpoint(high);
        if *written(middle) < *text {
            low = middle.saturating_add(1);
        } else {
            high = middle;
        }
    }
    (written(low) == text).then(|| UnixTime::from_secs(low))
}

fn usage(problem: &str) -> String {
    format!("passgate: {problem}\n{}", crate::USAGE)
}
