//! The questions to one provider, and its answers.

use core::time::Duration;
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use super::{
    answer::{self, Active, Answered, Name, Unfit, Unreadable},
    signed::read_signed,
    source::IntrospectionSource,
};
use crate::{
    budget::{Admission, Budget},
    fetch::{
        Measure, Number,
        answer::Answer,
        call::Call,
        clock::Moment,
        fault::Fault,
        flight::FetchId,
        health::{Event, Health},
        keyed::{Asked, Bounds, Keyed},
    },
    jose::Signed,
    limits,
    provider_id::ProviderId,
    text::percent,
    time::UnixTime,
};

fn name_of(token: &str) -> Name {
    let digest: [u8; 32] = Sha256::digest(token).into();
    let mut name = [0; 4];
    for (number, bytes) in name.iter_mut().zip(digest.as_chunks().0) {
        *number = u64::from_be_bytes(*bytes);
    }
    name
}

/// The questions to one provider, and its answers.
#[derive(Debug)]
pub(crate) struct Desk {
    source: IntrospectionSource,
    issuer: Box<str>,
    keyed: Keyed<Name, Kept>,
    /// Those that somebody waits for.
    questions: Vec<Question>,
    budget: Budget,
    /// Answers from the command line come in the place of questions.
    #[cfg(feature = "explain")]
    given: Option<Vec<u8>>,
    health: Health,
    counts: [u64; COUNTED.len()],
}

#[derive(Debug)]
struct Question {
    name: Name,
    /// Until it is sent.
    token: Box<str>,
    /// What it takes out of the budget.
    admission: Option<Admission>,
    was_active: bool,
}

/// An answer that is kept until it is taken, or ends.
#[derive(Debug)]
struct Kept {
    answered: Answered,
    /// What it says is true if this signature is right, which nobody has checked.
    unverified: Option<Rc<Signed>>,
    /// Its token was active before: a stream may rest on it.
    was_active: bool,
    /// What it took out of the budget, to be given back if the gate accepts the token.
    admission: Option<Admission>,
}

impl Kept {
    /// Made-up tokens have the lowest.
    fn rank(&self) -> u8 {
        match self.answered {
            Answered::Active(_) => 2,
            Answered::Unfit(_) => self.was_active.into(),
        }
    }
}

/// What is known of a token.
#[derive(Debug)]
pub(crate) enum Said {
    /// It is active.
    Active(Rc<Active>),
    /// It does not count.
    Unfit(Unfit),
    /// An answer came whose signature nobody has checked.
    Unverified(Rc<Signed>),
    /// Wait for the answer that has this number, then ask again.
    Pending(u64),
    /// Wait for the provider's keys, then ask again.
    Keyless,
    /// So many made-up tokens have come that nobody is asked about new ones for now.
    NoQuestions,
    /// Too many wait already for other answers than that of this number.
    NoRoom(u64),
    /// It cannot be known now; when to try again.
    Unavailable(Duration),
}

/// What is counted, by its name in metrics.
const COUNTED: [&str; 6] = [
    "fetches.ok",
    "fetches.failed",
    "fetches.unusable",
    "answers.active",
    "answers.inactive",
    "questions.refused",
];
const OK: usize = 0;
const FAILED: usize = 1;
const UNUSABLE: usize = 2;
const ACTIVE: usize = 3;
const INACTIVE: usize = 4;
const REFUSED: usize = 5;

/// Most tokens that somebody waits for, and how many of them are asked about at once; and as many
/// more for tokens that were active.
const AWAITED: usize = 48;
const CALLS: usize = 12;
const SPARE: usize = 16;
/// The only provider of its budget.
const ONLY: ProviderId = ProviderId(0);

impl Desk {
    /// Most questions in flight.
    pub(crate) const MOST_CALLS: usize = CALLS + SPARE;

    /// That of one of so many providers that are asked.
    pub(crate) fn new(
        source: &IntrospectionSource,
        issuer: &str,
        providers: usize,
        seed: u64,
    ) -> Self {
        let bounds = Bounds {
            remembered: Bounds::share(limits::INTROSPECTION_ANSWERS, providers),
            awaited: AWAITED,
            calls: CALLS,
            spare: SPARE,
        };
        Self {
            source: source.clone(),
            issuer: issuer.into(),
            keyed: Keyed::ranking(bounds, Kept::rank, seed),
            questions: Vec::new(),
            budget: Budget::of(1, 100, seed),
            #[cfg(feature = "explain")]
            given: None,
            health: Health::default(),
            counts: [0; COUNTED.len()],
        }
    }

    /// What is known of a token. `was_active`: it was, before.
    pub(crate) fn ask(
        &mut self,
        token: &str,
        was_active: bool,
        (now, wall): (Moment, UnixTime),
    ) -> Said {
        #[cfg(feature = "explain")]
        if let Some(said) = self.said_by_hand((now, wall)) {
            return said;
        }
        let name = name_of(token);
        let is_new = self.keyed.is_new(&name, now);
        let admission = if is_new && !was_active {
            let admission = self.budget.admit(ONLY, false, wall);
            if admission.is_none() {
                self.count(REFUSED);
                return Said::NoQuestions;
            }
            admission
        } else {
            None
        };
        let is_out = self.keyed.is_out();
        match self.keyed.ask_as(&name, was_active, now) {
            Asked::Unavailable(_) if is_new && !is_out => Said::NoRoom(number(&name)),
            Asked::Said(kept) => match (&kept.unverified, &kept.answered) {
                (Some(signed), _) => Said::Unverified(Rc::clone(signed)),
                (None, Answered::Active(active)) => Said::Active(Rc::clone(active)),
                (None, Answered::Unfit(why)) => Said::Unfit(*why),
            },
            Asked::Unavailable(retry_after) => Said::Unavailable(retry_after),
            Asked::Pending => {
                if is_new {
                    self.questions.push(Question {
                        name,
                        token: token.into(),
                        admission,
                        was_active,
                    });
                } else if was_active && let Some(question) = find(&mut self.questions, &name) {
                    question.was_active = true;
                }
                Said::Pending(number(&name))
            }
        }
    }

    /// The signature of the answer about a token was checked.
    pub(crate) fn opened(&mut self, token: &str, result: Result<(), &'static str>, now: Moment) {
        let name = name_of(token);
        match (result, self.keyed.said_mut(&name)) {
            (Ok(()), Some(kept)) => {
                kept.unverified = None;
                let is_active = matches!(kept.answered, Answered::Active(_));
                self.tell(Ok(is_active));
            }
            (Ok(()), None) => {}
            (Err(why), _) => {
                self.keyed.spoil(&name, now);
                self.tell(Err(&Unreadable::Unsigned(why)));
            }
        }
    }

    /// The gate accepts a token, so its question was free. `is_remembered`: those who remember
    /// tokens took the answer over.
    pub(crate) fn taken(&mut self, active: &Active, is_remembered: bool) {
        let kept = self.keyed.said_mut(&active.name);
        if let Some(admission) = kept.and_then(|kept| kept.admission.take()) {
            self.budget.give_back(admission, COST);
        }
        if is_remembered {
            self.keyed.forget_said(&active.name);
        }
    }

    /// From now on this is the answer to each question.
    #[cfg(feature = "explain")]
    pub(crate) fn give(&mut self, body: Vec<u8>) {
        self.given = Some(body);
    }

    #[cfg(feature = "explain")]
    fn said_by_hand(&self, (now, wall): (Moment, UnixTime)) -> Option<Said> {
        let about = (&*self.issuer, self.source.cache_duration, [0; 4]);
        let read = answer::read(self.given.as_ref()?, about, now, wall);
        Some(match read {
            Ok((Answered::Active(active), _)) => Said::Active(active),
            Ok((Answered::Unfit(why), _)) => Said::Unfit(why),
            Err(_) => Said::Unavailable(Duration::from_secs(1)),
        })
    }

    /// Whether those who wait for this number wait for an answer.
    pub(crate) fn holds(&self, wanted: u64) -> bool {
        self.keyed.awaits(|name| number(name) == wanted)
    }

    /// Longest that a request waits: for those before it, and for its own answer.
    pub(crate) fn longest_wait(&self) -> Duration {
        self.keyed.bounds().longest_wait(self.source.timeout)
    }

    /// The next question to send now, and its number.
    pub(crate) fn poll(&mut self, id: FetchId, now: Moment) -> Option<(u64, Call)> {
        while let Some(lost) = self.keyed.take_lost(now) {
            if let Err(fault) = lost.result {
                self.ended(&lost.key, Err(&fault.into()));
            }
        }
        let (source, questions) = (&self.source, &mut self.questions);
        let call = self.keyed.poll(id, now, |name| {
            let question = find(questions, name);
            let token = question.map(|question| core::mem::take(&mut question.token));
            call(source, &token.unwrap_or_default())
        })?;
        Some((number(self.keyed.in_flight(id)?), call))
    }

    /// Takes the answer to a question in flight, and says which.
    pub(crate) fn on_answer(
        &mut self,
        id: FetchId,
        answer: &Answer<'_>,
        (now, wall): (Moment, UnixTime),
    ) -> Option<u64> {
        let starts = self.keyed.started(id)?;
        let name = *self.keyed.in_flight(id)?;
        let about = (&*self.issuer, self.source.cache_duration, name);
        let question = find(&mut self.questions, &name);
        let (was_active, admission) =
            question.map_or((false, None), |own| (own.was_active, own.admission));
        let (mut is_active, mut is_open) = (false, true);
        let ended = self.keyed.on_answer(id, answer, now, |body| {
            let (unverified, answered, fresh) = match &self.source.signed_for {
                None => {
                    let (answered, fresh) = answer::read(body?, about, starts, wall)?;
                    (None, answered, fresh)
                }
                Some(signed_for) => {
                    let times = (starts, now, wall);
                    let (signed, answered, fresh) = read_signed(body?, signed_for, about, times)?;
                    is_open = false;
                    (Some(Rc::new(signed)), answered, fresh)
                }
            };
            is_active = matches!(answered, Answered::Active(_));
            let kept = Kept {
                answered,
                unverified,
                was_active,
                admission,
            };
            Ok::<_, Unreadable>((kept, fresh))
        })?;
        let result = ended.result.as_ref().map(|()| is_open.then_some(is_active));
        self.ended(&ended.key, result);
        Some(number(&ended.key))
    }

    /// A question has come to this: whether its token is active, if that is known before the
    /// signature is checked, or why nobody knows.
    fn ended(&mut self, name: &Name, result: Result<Option<bool>, &Unreadable>) {
        let mut questions = self.questions.iter();
        if let Some(at) = questions.position(|question| question.name == *name) {
            let question = self.questions.swap_remove(at);
            if let Some(admission) = question.admission {
                self.budget.was_wrong(admission, COST);
            }
        }
        if self.keyed.is_out() {
            // Those that were not sent are over, too.
            self.questions.clear();
        }
        if let Some(result) = result.transpose() {
            self.tell(result);
        }
    }

    /// Tells operators whether a token is active, or why nobody knows.
    fn tell(&mut self, result: Result<bool, &Unreadable>) {
        let unreadable = match result {
            Ok(is_active) => {
                self.count(OK);
                self.count(if is_active { ACTIVE } else { INACTIVE });
                return self.health.came("answers can be had again");
            }
            Err(unreadable) => unreadable,
        };
        self.count(match unreadable {
            Unreadable::Fetch(_) => FAILED,
            _ => UNUSABLE,
        });
        let advice = match unreadable {
            Unreadable::Fetch(Fault::Status(400 | 401 | 403)) => {
                "; does the cluster add the client's secret?"
            }
            _ => "",
        };
        let what = "an answer cannot be had: ";
        self.health.failed(what, unreadable, advice);
    }

    fn count(&mut self, what: usize) {
        if let Some(count) = self.counts.get_mut(what) {
            *count = count.saturating_add(1);
        }
    }

    /// When time alone changes something next.
    pub(crate) fn next_change(&self) -> Option<Moment> {
        self.keyed.next_change()
    }

    /// The changes of state since the last call, for the log.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        self.health.take_events()
    }

    /// Numbers, for metrics.
    pub(crate) fn measures(&mut self) -> Vec<Measure> {
        let counts = core::mem::take(&mut self.counts);
        let counts = COUNTED.iter().zip(counts).filter(|(_, count)| *count > 0);
        let measure = |(name, count): (&&str, u64)| Measure::new(&[name], Number::Count(count));
        counts.map(measure).collect()
    }
}

/// What a question takes out of a budget that is all the time there is.
const COST: Duration = Duration::from_nanos(1_000_000_000 / limits::INTROSPECTION_QUESTIONS);

/// The question about the token of this name, while somebody waits for it.
fn find<'q>(questions: &'q mut [Question], name: &Name) -> Option<&'q mut Question> {
    questions.iter_mut().find(|question| question.name == *name)
}

/// Who waits for it says so by this number.
const fn number([number, ..]: &Name) -> u64 {
    *number
}

/// RFC 7662 section 2.1.
fn call(source: &IntrospectionSource, token: &str) -> Call {
    let mut form = "token_type_hint=access_token&token=".to_owned();
    percent::encode(&mut form, token.bytes(), percent::is_unreserved);
    let form = ("application/x-www-form-urlencoded", form.into_bytes());
    let most = limits::INTROSPECTION_BYTES;
    let endpoint = source.endpoint.clone();
    let accept = match source.signed_for {
        None => "application/json",
        // RFC 9701 section 4.
        Some(_) => "application/token-introspection+jwt",
    };
    Call::post(endpoint, accept, form, most, source.timeout)
}
