//! A long document, its clock, and short words for what happens to it: for its own tests and those
//! of its keepers.

use core::time::Duration;

use crate::{
    fetch::{
        Answer, Call, FetchId,
        clock::{Clock, Moment},
        long::{Keeper, Long},
    },
    time::UnixTime,
};

pub(crate) struct World<K: Keeper> {
    pub(crate) long: Long<K>,
    clock: Clock,
    pub(crate) wall: UnixTime,
    ids: u64,
    pub(crate) calls: Vec<Call>,
}

pub(crate) const START: u64 = 1_795_900_000;

pub(crate) fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) fn ok(body: &str) -> Answer<'_> {
    Answer::Http {
        status: 200,
        headers: &[(b"etag", b"\"one\"")],
        body: body.as_bytes(),
    }
}

impl<K: Keeper> World<K> {
    pub(crate) fn of(long: Long<K>) -> Self {
        Self {
            long,
            clock: Clock::default(),
            wall: UnixTime::from_secs(START),
            ids: 0,
            calls: Vec::new(),
        }
    }

    pub(crate) fn now(&mut self) -> Moment {
        self.clock.advance(self.wall)
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.wall = self.wall.saturating_add(time);
    }

    /// What a tick does. The fetch that starts now, if one does.
    pub(crate) fn fetch(&mut self) -> Option<FetchId> {
        let now = self.now();
        self.ids = self.ids.saturating_add(1);
        let id = FetchId(self.ids);
        self.long.read_on((now, self.wall));
        let call = self.long.poll(id, now)?;
        self.calls.push(call);
        Some(id)
    }

    /// Lets time pass until a fetch starts.
    pub(crate) fn next_fetch(&mut self) -> FetchId {
        for _ in 0..100_000 {
            if let Some(id) = self.fetch() {
                return id;
            }
            self.pass(Duration::from_millis(10));
        }
        panic!("no fetch for minutes");
    }

    pub(crate) fn answer(&mut self, id: FetchId, answer: &Answer<'_>) {
        let now = self.now();
        let body = answer.body().to_vec();
        assert!(self.long.is_in_flight(id));
        assert!(self.long.on_answer(id, (answer, body), (now, self.wall)));
    }

    /// The next fetch brings this.
    pub(crate) fn comes(&mut self, body: &str) {
        let id = self.next_fetch();
        self.answer(id, &ok(body));
    }

    pub(crate) fn fails(&mut self) {
        let id = self.next_fetch();
        self.answer(id, &Answer::NoAnswer);
    }

    pub(crate) fn log(&mut self) -> Vec<String> {
        let events = self.long.events();
        events.into_iter().map(|(event, _)| event).collect()
    }
}
