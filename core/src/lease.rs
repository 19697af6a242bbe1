//! What open streams rest on, so that they end with their authority: WebSockets and other upgrades,
//! gRPC, event streams.
//!
//! A request is judged when it begins, and a stream outlives that. So the verifier keeps a lease of
//! each stream that its policy names, and looks at all of them again and again, a slice in each
//! tick. A lease is small. It holds no token: only what revokes it, and when its time is over.

use core::time::Duration;
use std::rc::{Rc, Weak};

use crate::{
    limits::{Limits, STREAM_BYTES},
    provider_id::ProviderId,
    remembered::Known,
    request::McpCall,
    revocation::NameDigest,
    time::UnixTime,
};

/// What the authority of one stream rests on.
#[derive(Debug)]
pub struct Lease {
    /// Who judged it. What another has judged is judged anew.
    pub(crate) judge: u32,
    /// From then on it is judged anew; `None`: time does not end it.
    pub(crate) ends: Option<UnixTime>,
    /// Method, authority and path, separated by zero bytes. `None`: they are too long to be kept.
    pub(crate) request: Option<Box<str>>,
    pub(crate) request_id: Option<Box<str>>,
    pub(crate) is_grpc: bool,
    /// The door that its request came through.
    pub(crate) door: Option<usize>,
    /// The rule that let it pass.
    pub(crate) rule: Option<usize>,
    /// All rules that a path with several readings belongs to; else none.
    pub(crate) rules: Box<[Option<usize>]>,
    /// The token that it showed.
    pub(crate) token: Option<LeasedToken>,
    /// The SPIFFE ID of the workload that made it, where that was asked.
    pub(crate) peer: Option<Rc<str>>,
    /// What it calls, where that was asked.
    pub(crate) mcp: Option<McpCall>,
    /// It would have been refused or cut, and that was told: it is only observed.
    pub(crate) is_told: bool,
}

/// A token that is not held.
#[derive(Debug)]
pub(crate) struct LeasedToken {
    pub(crate) provider: ProviderId,
    /// The whole token, as long as the worker remembers it.
    pub(crate) known: Weak<Known>,
    pub(crate) expires: UnixTime,
    pub(crate) issued: Option<UnixTime>,
    /// By which names a list may revoke it.
    pub(crate) names: Box<[NameDigest]>,
    /// By which names a list may revoke the passkey that has approved the request, and when that
    /// was.
    pub(crate) passkey: Option<(Box<[NameDigest]>, UnixTime)>,
    /// Its place in a status list.
    pub(crate) status: Option<(Box<str>, usize)>,
    pub(crate) issuer: Rc<str>,
    pub(crate) subject: Option<Rc<str>>,
    pub(crate) kind: &'static str,
}

impl Lease {
    /// About how many bytes of memory it takes.
    fn weight(&self) -> usize {
        let text = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        let mut bytes = size_of::<(u32, Box<Self>)>()
            .saturating_add(size_of::<Self>())
            .saturating_add(OVERHEAD)
            .saturating_add(size_of_val(&*self.rules))
            .saturating_add(text(&self.request))
            .saturating_add(text(&self.request_id))
            .saturating_add(self.peer.as_ref().map_or(0, |peer| peer.len()))
            .saturating_add(self.mcp.as_ref().map_or(0, McpCall::weight));
        if let Some(token) = &self.token {
            let subject = token.subject.as_ref().map_or(0, |subject| subject.len());
            let status = token.status.as_ref().map_or(0, |(uri, _)| uri.len());
            let passkey = token.passkey.as_ref();
            bytes = bytes
                .saturating_add(size_of_val(&*token.names))
                .saturating_add(passkey.map_or(0, |(names, _)| size_of_val(&**names)))
                .saturating_add(subject)
                .saturating_add(status)
                .saturating_add(size_of::<Known>());
        }
        bytes
    }
}

/// What boxes take beside their content.
const OVERHEAD: usize = 64;
/// The lease of each stream is looked at so often.
const ROUND: Duration = Duration::from_millis(500);
/// Leases that are looked at in one go.
const LOOKS: usize = 256;
/// Doors of one gate; streams of others are looked after by the judge that let them pass.
const DOORS: usize = 64;

/// The leases of all open streams of one gate on one worker, whichever of its policies let them
/// pass.
///
/// Each policy has a judge. The host does not say which policy another takes the place of, and two
/// doors of a proxy may have a filter of the same name. So of the judges whose requests came
/// through one door the newest looks after the streams of that door.
#[derive(Debug, Default)]
pub struct Leases {
    /// In order of the numbers of streams.
    open: Vec<(u32, Box<Lease>)>,
    bytes: usize,
    judges: u32,
    /// Each with the newest judge that was asked there; zero: that judge is gone.
    doors: Vec<(Box<[u8]>, u32)>,
}

/// Where one judge stands in its rounds.
#[derive(Debug, Default)]
pub(crate) struct Round {
    /// The stream that was looked at last in this round.
    last: Option<u32>,
    /// When the next round or slice is due.
    due: Option<UnixTime>,
}

impl Round {
    /// Whether it is time to look.
    pub(crate) fn is_due(&self, now: UnixTime) -> bool {
        // A clock that went back puts nothing off.
        let soon = now.saturating_add(ROUND);
        self.due.is_none_or(|due| due <= now || due > soon)
    }

    /// This is all for now, after this stream; the rest is due now, or a new round later.
    pub(crate) fn end(&mut self, last: Option<u32>, leases: &Leases, now: UnixTime) {
        let end = leases.open.last().map(|(stream, _)| *stream);
        self.last = last.filter(|last| end.is_some_and(|end| *last < end));
        let pause = if self.last.is_some() {
            Duration::ZERO
        } else {
            ROUND
        };
        self.due = Some(now.saturating_add(pause));
    }

    /// When to look again; `None`: no stream is open.
    pub(crate) fn next(&self, leases: &Leases, now: UnixTime) -> Option<UnixTime> {
        let soon = now.saturating_add(ROUND);
        (!leases.open.is_empty()).then(|| self.due.unwrap_or(soon).min(soon))
    }
}

impl Leases {
    /// A new judge.
    pub(crate) const fn enter_judge(&mut self) -> u32 {
        self.judges = self.judges.saturating_add(1);
        self.judges
    }

    /// A judge is gone, and its streams are.
    pub(crate) fn leave_judge(&mut self, judge: u32) {
        for (_, newest) in &mut self.doors {
            if *newest == judge {
                *newest = 0;
            }
        }
    }

    /// A request came through this door to this judge; the number of the door.
    pub(crate) fn enter(&mut self, door: &[u8], judge: u32) -> Option<usize> {
        let at = self.doors.iter().position(|(name, _)| **name == *door);
        let at = at.or_else(|| {
            let at = self.doors.len();
            (at < DOORS).then(|| {
                self.doors.push((door.into(), 0));
                at
            })
        })?;
        let (_, newest) = self.doors.get_mut(at)?;
        *newest = judge.max(*newest);
        Some(at)
    }

    /// Who looks after this stream.
    pub(crate) fn keeper(&self, lease: &Lease) -> u32 {
        let door = lease.door.and_then(|door| self.doors.get(door));
        door.map_or(lease.judge, |(_, newest)| lease.judge.max(*newest))
    }

    /// Whether there is no room for another stream.
    pub(crate) const fn is_full(&self, limits: &Limits) -> bool {
        let bytes = limits.streams.saturating_mul(STREAM_BYTES);
        self.open.len() >= limits.streams || self.bytes >= bytes
    }

    /// How many streams there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    fn place(&self, stream: u32) -> Result<usize, usize> {
        self.open.binary_search_by_key(&stream, |(other, _)| *other)
    }

    pub(crate) fn get(&self, stream: u32) -> Option<&Lease> {
        let (_, lease) = self.open.get(self.place(stream).ok()?)?;
        Some(lease)
    }

    /// A stream has begun, or goes on.
    pub(crate) fn hold(&mut self, stream: u32, lease: Box<Lease>) {
        self.let_go(stream);
        if let Err(at) = self.place(stream) {
            if self.open.len() == self.open.capacity() {
                // Not the double, which would be memory for nothing.
                let more = (self.open.len() / 8).saturating_add(16);
                self.open.reserve_exact(more);
            }
            self.bytes = self.bytes.saturating_add(lease.weight());
            self.open.insert(at, (stream, lease));
        }
    }

    /// A stream has ended.
    pub fn let_go(&mut self, stream: u32) -> Option<Box<Lease>> {
        let at = self.place(stream).ok()?;
        let (_, lease) = self.open.remove(at);
        self.bytes = self.bytes.saturating_sub(lease.weight());
        if self.open.is_empty() {
            self.open = Vec::new();
        }
        Some(lease)
    }

    /// The streams that are next in this round, in order.
    pub(crate) fn slice(&self, round: &Round) -> Vec<u32> {
        let is_over = |stream: u32| round.last.is_some_and(|last| stream <= last);
        let first = self.open.partition_point(|(stream, _)| is_over(*stream));
        let rest = self.open.iter().skip(first).take(LOOKS);
        rest.map(|(stream, _)| *stream).collect()
    }
}
