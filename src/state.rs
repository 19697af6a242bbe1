//! Where a request stands, and so whether the host may let anything of it go on.

use std::{cell::Cell, rc::Rc};

use passgate_core::{AnswerHeader, Body};

use crate::host;

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
    arrived: Cell<Arrived>,
    /// Where the core waits for the body: how many bytes of it may come.
    most: Cell<Option<usize>>,
}

/// What has come of a body whose headers are held. The host keeps it.
#[derive(Clone, Copy, Default)]
enum Arrived {
    #[default]
    Nothing,
    /// So many bytes, and more follows.
    Part(usize),
    /// All of it, so many bytes.
    Whole(usize),
}

impl Wait {
    /// Ends the wait.
    pub(crate) fn settle(&self, settled: Settled, answer: Vec<AnswerHeader>) {
        self.settled.set(Some(settled));
        self.answer.set(answer);
    }

    /// From now on the core waits for the body, and takes so many bytes of it; or it does not.
    pub(crate) fn want_body(&self, most: Option<usize>) {
        self.most.set(most);
    }

    /// Notes how much of the body is held. Whether that is what the core waits for.
    pub(crate) fn hold_body(&self, size: usize, is_whole: bool) -> bool {
        self.arrived.set(if is_whole {
            Arrived::Whole(size)
        } else {
            Arrived::Part(size)
        });
        let is_enough = |most| is_whole || size > most;
        self.most.get().is_some_and(is_enough)
    }

    /// Notes that the trailers came and are held: whoever settles the request edits them too, for
    /// the host does not show them again. Whether the core waits for the body, which ends so.
    pub(crate) fn hold_trailers(&self) -> bool {
        self.holds_trailers.set(true);
        self.most.get().is_some()
    }

    /// Whether the host has handed over anything while it holds the headers.
    pub(crate) fn has_begun(&self) -> bool {
        self.holds_trailers() || !matches!(self.arrived.get(), Arrived::Nothing)
    }

    /// What the core is told of the body, of which it takes so many bytes. The request is that of
    /// the effective context.
    pub(crate) fn body(&self, most: usize) -> Body {
        match self.arrived.get() {
            _ if self.holds_trailers() => Body::HasTrailers,
            Arrived::Part(size) | Arrived::Whole(size) if size > most => Body::TooLarge,
            Arrived::Nothing | Arrived::Part(_) => Body::Unread,
            Arrived::Whole(0) => Body::of(&[]),
            Arrived::Whole(size) => match host::request_body(size) {
                Ok(bytes) if bytes.len() == size => Body::of(&bytes),
                _ => Body::NotHandedOver,
            },
        }
    }

    /// Whether the trailers came and are held.
    pub(crate) fn holds_trailers(&self) -> bool {
        self.holds_trailers.get()
    }
}
