//! Whether answers can be had, and what an operator is told when that changes.

use core::fmt;

/// A log line, and whether an operator should look into it.
pub(crate) type Event = (String, bool);

/// Most events that are kept for a shell that does not ask for them.
const EVENTS: usize = 64;

/// Whether answers can be had.
#[derive(Debug, Default)]
pub(crate) struct Health {
    is_failing: bool,
    events: Vec<Event>,
}

impl Health {
    /// An answer came. `again` is told if none could be had before.
    pub(crate) fn came(&mut self, again: &str) {
        if core::mem::take(&mut self.is_failing) {
            self.tell((again.to_owned(), false));
        }
    }

    /// None could be had, for this reason. It is told once, until one comes.
    pub(crate) fn failed(&mut self, what: &str, why: &dyn fmt::Display, advice: &str) {
        if !core::mem::replace(&mut self.is_failing, true) {
            self.tell(([what, &why.to_string(), advice].concat(), true));
        }
    }

    pub(crate) fn tell(&mut self, event: Event) {
        if self.events.len() < EVENTS {
            self.events.push(event);
        }
    }

    /// What was not told yet.
    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        core::mem::take(&mut self.events)
    }
}
