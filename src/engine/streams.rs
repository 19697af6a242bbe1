//! The open streams that end with their authority.

use std::{cell::RefCell, rc::Rc};

use passgate_core::{Cut, Lease, Leases, Rejection, UnixTime};

use super::Engine;
use crate::host;

/// A stream that is to be ended.
pub(crate) struct Over {
    pub(crate) stream: u32,
    /// What its client is told, if the service's answer has not begun.
    pub(crate) rejection: Rejection,
    pub(crate) request_id: Option<String>,
}

impl Engine {
    /// Looks after these open streams, with the other configurations of this gate.
    pub(crate) fn join(&mut self, streams: Rc<RefCell<Leases>>) {
        self.verifier.join(&mut streams.borrow_mut());
        self.streams = streams;
    }

    /// The stream of the effective context goes on that has this lease.
    pub(crate) fn hold(&mut self, stream: u32, lease: Box<Lease>, now: Option<UnixTime>) {
        let mut streams = self.streams.borrow_mut();
        self.verifier
            .hold(&mut streams, stream, &host::door(), lease);
        let next = now.and_then(|now| self.verifier.next_look(&streams, now));
        drop(streams);
        self.wish_for(next);
    }

    /// Streams that are to be ended now, a few at once: each is told.
    pub(crate) fn cut_streams(&mut self, most: usize, now: UnixTime) -> Vec<Over> {
        let mut streams = self.streams.borrow_mut();
        if streams.is_empty() {
            return Vec::new();
        }
        let supply = &mut self.supply;
        let cuts = self.verifier.look_after(&mut streams, most, supply, now);
        drop(streams);
        let mut over = Vec::new();
        for cut in cuts {
            let Cut {
                stream,
                record,
                rejection,
            } = cut;
            // An error: the client has left.
            if host::set_effective_context(stream).is_ok() {
                let request_id = record.request_id.clone();
                self.ledger.enter(record, self.verifier.config(), Some(now));
                over.extend(rejection.map(|rejection| Over {
                    stream,
                    rejection,
                    request_id,
                }));
            }
        }
        over
    }

    /// A request comes: what that means for the streams that are open.
    pub(super) fn enter(&mut self, now: UnixTime) {
        let mut streams = self.streams.borrow_mut();
        self.verifier.note_room(&streams);
        // Another configuration may have let some of them pass.
        if !streams.is_empty() && Rc::strong_count(&self.streams) > 1 {
            self.verifier.enter(&mut streams, &host::door());
            let next = self.verifier.next_look(&streams, now);
            drop(streams);
            self.wish_for(next);
        }
    }
}
