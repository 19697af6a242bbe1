//! Whether answers can be had, and what an operator is told of it.

use core::fmt;

use super::measure::{Measure, Number};

/// A log line, and whether an operator should look into it.
pub(crate) type Event = (String, bool);

/// Most events, and ends of fetches, that are kept for a shell that does not ask for them.
const MOST: usize = 64;

/// Whether answers can be had.
#[derive(Debug, Default)]
pub(crate) struct Health {
    is_failing: bool,
    events: Vec<Event>,
    /// How fetches ended.
    ends: Vec<&'static str>,
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
        if self.events.len() < MOST {
            self.events.push(event);
        }
    }

    /// What was not told yet.
    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        core::mem::take(&mut self.events)
    }

    /// A fetch ended so, by its name in metrics.
    pub(crate) fn ended(&mut self, how: &'static str) {
        if self.ends.len() < MOST {
            self.ends.push(how);
        }
    }

    /// How fetches ended since the last call, for metrics.
    pub(crate) fn take_measures(&mut self) -> Vec<Measure> {
        let ends = core::mem::take(&mut self.ends).into_iter();
        let measure = |how| Measure::new(&["fetches", how], Number::Count(1));
        ends.map(measure).collect()
    }
}
