//! Where a request stands, and so whether the host may let anything of it go on.

use std::{cell::Cell, rc::Rc};

use passgate_core::AnswerHeader;

/// Where a request stands. Its headers, body and trailers are held unless it was settled as one
/// that goes on.
#[derive(Default)]
pub(crate) enum State {
    /// Nobody has judged it.
    #[default]
    Unjudged,
    /// It waits; the root settles it.
    Waits(Rc<Wait>),
    /// It was judged; the service's answer gets these headers.
    Settled(Settled, Vec<AnswerHeader>),
}

impl State {
    /// What was decided. `None`: nothing yet.
    pub(crate) fn settled(&self) -> Option<Settled> {
        match self {
            Self::Unjudged => None,
            Self::Waits(wait) => wait.settled.get(),
            Self::Settled(settled, _) => Some(*settled),
        }
    }

    /// What the service's answer gets, once.
    pub(crate) fn take_answer(&mut self) -> Vec<AnswerHeader> {
        match self {
            Self::Unjudged => Vec::new(),
            Self::Waits(wait) => wait.answer.take(),
            Self::Settled(_, answer) => core::mem::take(answer),
        }
    }
}

/// What was decided about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// Its headers are edited; let it go on.
    Passes,
    /// It is only observed; let it go on as it came.
    PassesUnchanged,
    /// It was answered; nothing of it goes on.
    Answered,
}

impl Settled {
    /// Whether the request goes on to the upstream.
    pub(crate) const fn goes_on(self) -> bool {
        match self {
            Self::Passes | Self::PassesUnchanged => true,
            Self::Answered => false,
        }
    }
}

/// A wait, shared by the request's own context and by the list of those who wait.
#[derive(Default)]
pub(crate) struct Wait {
    settled: Cell<Option<Settled>>,
    answer: Cell<Vec<AnswerHeader>>,
    holds_trailers: Cell<bool>,
}

impl Wait {
    /// Ends the wait.
    pub(crate) fn settle(&self, settled: Settled, answer: Vec<AnswerHeader>) {
        self.settled.set(Some(settled));
        self.answer.set(answer);
    }

    /// Notes that the trailers came and are held: whoever settles the request edits them too, for
    /// the host does not show them again.
    pub(crate) fn hold_trailers(&self) {
        self.holds_trailers.set(true);
    }

    /// Whether the trailers came and are held.
    pub(crate) fn holds_trailers(&self) -> bool {
        self.holds_trailers.get()
    }
}
