//! How often the other side may be asked: ahead of need, not too often, and less often in an
//! outage.

use core::{fmt::Display, time::Duration};

use super::{clock::Moment, freshness::SHORTEST, jitter::Jitter};

/// Workers that start together do not ask at the same instant.
pub(crate) const FIRST_STAGGER: Duration = Duration::from_millis(50);
/// Two fetches of one thing start at least so far apart, whatever their causes: five per second at
/// most.
pub(crate) const LEAST_APART: Duration = Duration::from_millis(200);
/// Longest time before the end of freshness that a refresh starts, without and with its jitter.
const LONGEST_LEAD: Duration = Duration::from_secs(30);

/// When a fetch may start that is wished for then.
pub(crate) fn apart(wish: Moment, last_start: Option<Moment>) -> Moment {
    last_start.map_or(wish, |last| wish.max(last.plus(LEAST_APART)))
}

/// Until when an answer is fresh, and when to ask again: a little before, and not all workers at
/// once.
///
/// Freshness counts from the start of the fetch: the answer may be as old as that. At least a
/// second of it is left all the same, or what a slow provider says would never serve.
pub(crate) fn refresh_at(
    started: Moment,
    fresh: Duration,
    now: Moment,
    jitter: &mut Jitter,
) -> (Moment, Moment) {
    let fresh_until = started.plus(fresh).max(now.plus(SHORTEST));
    let tenth = fresh_until.since(now).checked_div(10).unwrap_or_default();
    let lead = tenth.min(LONGEST_LEAD);
    let lead = lead.saturating_add(jitter.up_to(lead));
    (fresh_until, fresh_until.minus(lead))
}

/// First wait after a fetch that failed; each further one is twice as long.
pub(crate) const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Longest wait while an outage is shorter than [`SHORT_OUTAGE`]: a provider that comes back is
/// asked within 5 s.
const WAIT_IN_SHORT_OUTAGE: Duration = Duration::from_secs(4);
/// Outages up to this length are expected to end any moment: a minute, and the fetches at its
/// edges.
const SHORT_OUTAGE: Duration = Duration::from_secs(70);
/// Longest wait of all.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Shortest wait after a fetch that took longer than was to be waited: longer than a host needs to
/// answer all who waited for it, so that none of them is made to wait again.
const SHORTEST_WAIT: Duration = Duration::from_millis(250);
/// Most time for a fetch in a short outage, whatever `timeout` says: one that hangs must not
/// outlast the promise. With the slack of a lost answer and [`SHORTEST_WAIT`] two fetches start
/// less than 5 s apart.
const LONGEST_TRY: Duration = Duration::from_millis(3_500);
/// The same where the document and the keys both fail, and their fetches take turns.
const LONGEST_TRY_IN_TURN: Duration = Duration::from_millis(1_500);

/// Most causes of one outage that the log tells.
const MOST_CAUSES: usize = 8;

/// Fetches have failed since the last one that succeeded.
#[derive(Debug)]
pub(crate) struct Outage {
    since: Moment,
    wait: Duration,
    /// The causes that were told, as text of bounded length.
    told: Vec<String>,
}

impl Outage {
    /// Takes note of a failure, and says how long to wait before the next fetch. The time that the
    /// failed fetch itself took counts, but for the shortest wait: a request that waited for it is
    /// never made to wait again.
    pub(crate) fn failed(
        outage: &mut Option<Self>,
        started: Moment,
        now: Moment,
        jitter: &mut Jitter,
    ) -> Duration {
        let wait = outage.as_ref().map_or(FIRST_WAIT, |outage| {
            let longest = if outage.is_short(now) {
                WAIT_IN_SHORT_OUTAGE
            } else {
                LONGEST_WAIT
            };
            outage.wait.saturating_mul(2).min(longest)
        });
        let (since, told) = outage
            .take()
            .map_or((now, Vec::new()), |outage| (outage.since, outage.told));
        *outage = Some(Self { since, wait, told });
        let left = wait.saturating_sub(now.since(started)).max(SHORTEST_WAIT);
        // Never longer than planned, so that the promise about short outages holds.
        left.saturating_sub(jitter.up_to(left.checked_div(4).unwrap_or_default()))
    }

    /// Whether it may be expected to end any moment.
    fn is_short(&self, now: Moment) -> bool {
        now.since(self.since) < SHORT_OUTAGE
    }

    /// What the log is told of this cause: the first in this outage, another one, or nothing. At
    /// most a few are told, so that causes which take turns, or that the other side makes up, fill
    /// no log.
    pub(crate) fn tells<F: Display, C>(
        &mut self,
        cause: F,
        [first, another]: [fn(F) -> C; 2],
    ) -> Option<C> {
        let text = cause.to_string();
        if self.told.len() >= MOST_CAUSES || self.told.contains(&text) {
            return None;
        }
        let change = if self.told.is_empty() { first } else { another };
        self.told.push(text);
        Some(change(cause))
    }
}

/// The time that a fetch gets now: never less than twice what the last good answer `took`, or a
/// provider that is always slow would not come back. `other`: the outage of what takes turns with
/// it.
pub(crate) fn longest_try(
    timeout: Duration,
    took: Duration,
    outage: Option<&Outage>,
    other: Option<&Outage>,
    now: Moment,
) -> Duration {
    let is_short = |outage: Option<&Outage>| outage.is_some_and(|outage| outage.is_short(now));
    let longest = match (is_short(outage), is_short(other)) {
        (true, true) => LONGEST_TRY_IN_TURN,
        (true, false) => LONGEST_TRY,
        (false, _) => return timeout,
    };
    timeout.min(longest.max(took.saturating_mul(2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Moment {
        Moment::default().plus(Duration::from_secs(secs))
    }

    #[test]
    fn the_backoff_doubles_from_one_second_to_its_ceiling_and_stays_short_in_the_first_minute() {
        let mut jitter = Jitter::new(7);
        let mut outage = None;
        let mut now = at(10);
        let mut planned = Vec::new();
        for _ in 0..30 {
            let wait = Outage::failed(&mut outage, now, now, &mut jitter);
            let plan = outage.as_ref().map(|o| o.wait).unwrap_or_default();
            assert!(wait <= plan && wait >= plan * 3 / 4, "{wait:?} of {plan:?}");
            assert!(now.since(at(10)) >= SHORT_OUTAGE || wait <= WAIT_IN_SHORT_OUTAGE);
            planned.push(plan.as_secs());
            now = now.plus(wait);
        }
        planned.dedup();
        assert_eq!(planned, [1, 2, 4, 8, 16, 32, 60]);
    }

    #[test]
    fn the_time_a_failed_fetch_took_counts_but_for_the_shortest_wait() {
        let mut jitter = Jitter::new(7);
        let mut outage = Some(Outage {
            since: at(0),
            wait: Duration::from_secs(2),
            told: Vec::new(),
        });
        let wait = Outage::failed(&mut outage, at(10), at(15), &mut jitter);
        assert!(wait <= SHORTEST_WAIT && wait >= SHORTEST_WAIT * 3 / 4);
    }

    #[test]
    fn a_fetch_in_a_short_outage_ends_in_time_for_the_promise() {
        let outage = |since| {
            let wait = FIRST_WAIT;
            let told = Vec::new();
            Some(Outage { since, wait, told })
        };
        let (timeout, now) = (Duration::from_secs(5), at(100));
        let (young, old) = (outage(at(50)), outage(at(30)));
        let quick = Duration::from_millis(40);
        let longest = |one: &Option<Outage>, other: &Option<Outage>| {
            longest_try(timeout, quick, one.as_ref(), other.as_ref(), now)
        };
        assert_eq!(longest(&None, &None), timeout);
        assert_eq!(longest(&None, &young), timeout);
        assert_eq!(longest(&old, &None), timeout);
        assert_eq!(longest(&young, &None), LONGEST_TRY);
        assert_eq!(longest(&young, &old), LONGEST_TRY);
        assert_eq!(longest(&young, &young), LONGEST_TRY_IN_TURN);
        let second = Duration::from_secs(1);
        let short = |timeout, took| longest_try(timeout, took, young.as_ref(), None, now);
        assert_eq!(short(second, quick), second);
        assert_eq!(short(timeout, 2 * second), 4 * second);
        assert_eq!(short(timeout, 3 * second), timeout);
    }

    #[test]
    fn each_cause_of_an_outage_is_told_once_and_only_a_few_are() {
        let (mut outage, mut jitter) = (None, Jitter::new(7));
        Outage::failed(&mut outage, at(0), at(0), &mut jitter);
        let words: [fn(u16) -> String; 2] = [
            |cause| format!("first {cause}"),
            |cause| format!("another {cause}"),
        ];
        let mut tells = |status| outage.as_mut().unwrap().tells(status, words);
        let (first, another) = ("first 500".into(), "another 502".into());
        assert_eq!(
            [500, 502, 500, 502].map(&mut tells),
            [Some(first), Some(another), None, None]
        );
        let told = (0..100).filter(|status| tells(*status).is_some()).count();
        assert_eq!(told, MOST_CAUSES - 2);
    }
}
