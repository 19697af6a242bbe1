//! How long an answer is fresh: `Cache-Control` and `Age` (RFC 9111) within the configured bounds;
//! and its `ETag`, by which the next fetch asks whether anything has changed (RFC 9110 section
//! 13.1.2).

use core::time::Duration;

use crate::limits;

/// The headers of an answer; names in any case.
pub(crate) type Headers<'a> = &'a [(&'a [u8], &'a [u8])];

/// Shortest freshness that an answer can ask for.
pub(crate) const SHORTEST: Duration = Duration::from_secs(1);
/// Freshness of an answer that is not to be reused at all. Keys that serve every request cannot be
/// fetched for each one, and some providers (Keycloak) say `no-cache` always: short, but without
/// hammering them.
const NOT_TO_BE_REUSED: Duration = Duration::from_secs(10);

/// How long an answer with these headers is fresh, counted from the start of its fetch.
pub(crate) fn freshness(
    headers: &[(&[u8], &[u8])],
    cache_duration: Duration,
    max_cache_duration: Duration,
) -> Duration {
    let said = cache_control(headers);
    let age = values(headers, "age").filter_map(delta_seconds).max();
    let wanted = match said.max_age {
        _ if said.not_to_be_reused => Duration::ZERO,
        None => return cache_duration.min(max_cache_duration).max(SHORTEST),
        // RFC 9111 section 4.2.3: the time that the answer spent in caches on its way counts.
        Some(max_age) => max_age.saturating_sub(age.unwrap_or_default()),
    };
    if wanted.is_zero() {
        return NOT_TO_BE_REUSED.min(cache_duration).max(SHORTEST);
    }
    wanted.min(max_cache_duration).max(SHORTEST)
}

/// Whether an answer says how long it is fresh.
pub(crate) fn is_said(headers: &[(&[u8], &[u8])]) -> bool {
    values(headers, "cache-control").next().is_some()
}

/// An entity tag (RFC 9110 section 8.8.3), weak or strong, that is sent back exactly as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Validator(String);

impl Validator {
    /// The `ETag` of an answer. One that is doubled, too long, or that is not visible ASCII in
    /// quotes is none.
    pub(crate) fn of(headers: &[(&[u8], &[u8])]) -> Option<Self> {
        let mut tags = values(headers, "etag");
        let (Some(tag), None) = (tags.next(), tags.next()) else {
            return None;
        };
        let text = core::str::from_utf8(tag.trim_ascii()).ok()?;
        let opaque = text.strip_prefix("W/").unwrap_or(text);
        let opaque = opaque.strip_prefix('"')?.strip_suffix('"')?;
        let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"';
        let fits = text.len() <= limits::ETAG_BYTES && opaque.bytes().all(plain);
        fits.then(|| Self(text.to_owned()))
    }
}

impl From<Validator> for String {
    fn from(Validator(tag): Validator) -> Self {
        tag
    }
}

#[derive(Default)]
struct CacheControl {
    max_age: Option<Duration>,
    not_to_be_reused: bool,
}

/// The directives that we know (RFC 9111 section 5.2.2). Of two that disagree the stricter counts;
/// a `max-age` that is no number counts as zero (section 4.2.1).
fn cache_control(headers: &[(&[u8], &[u8])]) -> CacheControl {
    let mut said = CacheControl::default();
    let directives =
        values(headers, "cache-control").flat_map(|value| value.split(|byte| *byte == b','));
    for directive in directives {
        let (name, argument) = match directive.iter().position(|byte| *byte == b'=') {
            Some(at) => {
                let (name, rest) = directive.split_at(at);
                (name, rest.get(1..).unwrap_or_default())
            }
            None => (directive, &[][..]),
        };
        let is = |wanted: &str| name.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes());
        if is("no-store") || is("no-cache") {
            said.not_to_be_reused = true;
        } else if is("max-age") {
            let max_age = delta_seconds(argument).unwrap_or_default();
            said.max_age = Some(said.max_age.map_or(max_age, |other| other.min(max_age)));
        }
    }
    said
}

/// The values of all headers of this name, whatever its case.
pub(crate) fn values<'a>(
    headers: &'a [(&'a [u8], &'a [u8])],
    wanted: &'static str,
) -> impl Iterator<Item = &'a [u8]> {
    headers
        .iter()
        .filter(move |(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()))
        .map(|(_, value)| *value)
}

/// A number of seconds (RFC 9111 section 1.2.2), also as a quoted string; one that is too large is
/// the largest.
fn delta_seconds(text: &[u8]) -> Option<Duration> {
    let text = text.trim_ascii();
    let text = text
        .strip_prefix(b"\"")
        .and_then(|text| text.strip_suffix(b"\""))
        .unwrap_or(text);
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = core::str::from_utf8(text).ok()?;
    Some(Duration::from_secs(digits.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CACHE_DURATION: Duration = Duration::from_secs(300);
    const MAX_CACHE_DURATION: Duration = Duration::from_secs(600);

    fn fresh_secs(headers: &[(&str, &str)]) -> u64 {
        let headers: Vec<(&[u8], &[u8])> = headers
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect();
        freshness(&headers, CACHE_DURATION, MAX_CACHE_DURATION).as_secs()
    }

    #[test]
    fn an_etag_is_sent_back_as_it_came_or_not_at_all() {
        let of = |tags: &[&[u8]]| {
            let headers: Vec<(&[u8], &[u8])> =
                tags.iter().map(|tag| (&b"ETag"[..], *tag)).collect();
            Validator::of(&headers).map(String::from)
        };
        for good in ["\"\"", "\"33a64df5\"", "W/\"1;gzip\""] {
            assert_eq!(of(&[good.as_bytes()]).as_deref(), Some(good));
        }
        assert_eq!(of(&[b" \"a\" "]).as_deref(), Some("\"a\""));
        let long = format!("\"{}\"", "x".repeat(255));
        let odd: [&[&[u8]]; 10] = [
            &[],
            &[b""],
            &[b"a"],
            &[b"\""],
            &[b"w/\"a\""],
            &[b"\"a\", \"b\""],
            &[b"\"a b\""],
            &[b"\"\xe9\""],
            &[b"\"a\"", b"\"a\""],
            &[long.as_bytes()],
        ];
        for tags in odd {
            assert_eq!(of(tags), None, "{tags:?}");
        }
    }

    #[test]
    fn an_answer_that_says_nothing_is_fresh_for_the_cache_duration() {
        assert_eq!(fresh_secs(&[]), 300);
        assert_eq!(
            fresh_secs(&[("cache-control", "public, immutable"), ("age", "20")]),
            300
        );
        assert_eq!(fresh_secs(&[("x-cache-control", "max-age=7")]), 300);
    }

    #[test]
    fn max_age_shortens_and_lengthens_within_the_bounds() {
        assert_eq!(fresh_secs(&[("cache-control", "max-age=7")]), 7);
        assert_eq!(
            fresh_secs(&[("Cache-Control", "public, MAX-AGE=\"400\"")]),
            400
        );
        assert_eq!(fresh_secs(&[("cache-control", "max-age=601")]), 600);
        assert_eq!(
            fresh_secs(&[("cache-control", "max-age=99999999999999999999999")]),
            600
        );
    }

    #[test]
    fn of_two_max_ages_the_smaller_counts() {
        assert_eq!(fresh_secs(&[("cache-control", "max-age=9, max-age=8")]), 8);
        assert_eq!(
            fresh_secs(&[
                ("cache-control", "max-age=8"),
                ("cache-control", "max-age=9")
            ]),
            8
        );
    }

    #[test]
    fn the_age_of_the_answer_is_taken_off() {
        assert_eq!(
            fresh_secs(&[("cache-control", "max-age=100"), ("Age", "40")]),
            60
        );
        assert_eq!(
            fresh_secs(&[("cache-control", "max-age=100"), ("age", "99")]),
            1
        );
        assert_eq!(
            fresh_secs(&[("cache-control", "max-age=100"), ("age", "junk")]),
            100
        );
    }

    #[test]
    fn an_answer_not_to_be_reused_is_fresh_for_a_short_time() {
        for value in [
            "no-store",
            "no-cache",
            " No-Cache , max-age=300",
            "no-cache=\"x\"",
            "max-age=0",
            "max-age=-1",
            "max-age",
            "max-age=1e3",
        ] {
            assert_eq!(fresh_secs(&[("cache-control", value)]), 10, "{value}");
        }
        assert_eq!(
            fresh_secs(&[("cache-control", "max-age=100"), ("age", "100")]),
            10
        );
        let no_store: [(&[u8], &[u8]); 1] = [(b"cache-control", b"no-store")];
        assert_eq!(freshness(&no_store, SHORTEST, SHORTEST), SHORTEST);
    }

    #[test]
    fn bytes_that_are_no_text_are_no_directive() {
        let odd: [(&[u8], &[u8]); 2] = [
            (b"cache-control", b"\xff, ma\x80x-age=3,,=,"),
            (b"\xff", b""),
        ];
        assert_eq!(
            freshness(&odd, CACHE_DURATION, MAX_CACHE_DURATION),
            CACHE_DURATION
        );
    }
}
