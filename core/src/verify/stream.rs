//! Streams that outlive what let them pass: whether they still may.

use core::time::Duration;
use std::rc::Rc;

use super::{
    Settlement, Step, Verifier,
    judge::{Again, Aside, Stands, Status, Stop, Trail, unrevoked},
};
use crate::{
    audit::{AuditRecord, Shadow},
    lease::{Lease, LeasedToken, Leases},
    limits,
    reason::{Forbidden, Insufficient, Reason, Rejection, StepUp, Unavailable, Untrusted},
    request::Request,
    revocation::Standing,
    status_list::Reference,
    supply::Supply,
    time::UnixTime,
    verdict::Verdict,
};

/// A stream that is to be ended, or that would be.
#[derive(Debug)]
pub struct Cut {
    /// Its number.
    pub stream: u32,
    /// What is told: one more record of its request.
    pub record: Box<AuditRecord>,
    /// What the client is told, if the service has not answered yet. `None`: it is only observed,
    /// and goes on.
    pub rejection: Option<Rejection>,
}

/// Streams that are judged anew in one go.
const JUDGEMENTS: usize = 64;
/// What signatures may cost in one go: of tokens that a new policy judges, and of status lists.
const SIGNATURES: Duration = Duration::from_millis(1);

/// What comes of a look at a lease.
type Looked = Result<(), (Reason, Option<String>)>;

impl Verifier {
    /// Joins the judges of these streams.
    pub const fn join(&mut self, leases: &mut Leases) {
        self.judge = leases.enter_judge();
    }

    /// Leaves them, with all streams that it let pass.
    pub fn leave(&self, leases: &mut Leases) {
        leases.leave_judge(self.judge);
    }

    /// A request came through this door of the host: this verifier looks after the streams that
    /// other policies let pass there.
    pub fn enter(&self, leases: &mut Leases, door: &[u8]) {
        leases.enter(door, self.judge);
    }

    /// Notes whether there is room for another stream, before a request is judged.
    pub fn note_room(&mut self, leases: &Leases) {
        self.is_full = leases.is_full(self.prepared.config.limits());
    }

    /// A stream goes on that has this lease, and came through this door.
    pub fn hold(&mut self, leases: &mut Leases, stream: u32, door: &[u8], mut lease: Box<Lease>) {
        lease.door = leases.enter(door, self.judge);
        leases.hold(stream, lease);
        // The next one may be judged before another request comes: those that waited are.
        self.note_room(leases);
    }

    /// When to call [`Self::look_after`]; `None`: no stream is open.
    #[must_use]
    pub fn next_look(&self, leases: &Leases, now: UnixTime) -> Option<UnixTime> {
        self.round.next(leases, now)
    }

    /// Looks at some open streams, and says which of them are to be ended now, `most` at once.
    pub fn look_after(
        &mut self,
        leases: &mut Leases,
        most: usize,
        supply: &mut Supply,
        now: UnixTime,
    ) -> Vec<Cut> {
        let mut cuts = Vec::new();
        if !self.round.is_due(now) {
            return cuts;
        }
        let mut last = None;
        let slice = leases.slice(&self.round);
        let mut judgements: usize = 0;
        let mut signatures = Duration::ZERO;
        // That of requests is theirs.
        self.crypto.take_spent();
        for stream in slice {
            signatures = signatures.saturating_add(self.crypto.take_spent());
            if cuts.len() >= most || judgements >= JUDGEMENTS || signatures >= SIGNATURES {
                break;
            }
            last = Some(stream);
            // The newest judge of a door sleeps where requests come to an older one alone. Who let
            // a stream pass looks at it until another has judged it.
            let is_others =
                |lease: &Lease| lease.judge != self.judge && leases.keeper(lease) != self.judge;
            let stands = match leases.get(stream) {
                None => continue,
                Some(lease) if is_others(lease) => continue,
                Some(lease) if self.is_only_observed(lease, now) => continue,
                Some(lease) if lease.judge != self.judge => None,
                Some(lease) if lease.ends.is_some_and(|ends| ends <= now) => None,
                Some(lease) => match self.still_stands(lease, supply, now) {
                    Ok(()) => continue,
                    Err(reason) => Some(reason),
                },
            };
            let Some(lease) = leases.let_go(stream) else {
                continue;
            };
            let (lease, cut) = match stands {
                Some(reason) => self.over(stream, lease, reason, now),
                None => {
                    judgements = judgements.saturating_add(1);
                    self.judge_again(stream, lease, supply, now)
                }
            };
            if let Some(lease) = lease {
                leases.hold(stream, lease);
            }
            cuts.extend(cut);
        }
        self.round.end(last, leases, now);
        cuts
    }

    /// Whether no list has ended what the lease rests on.
    fn still_stands(&mut self, lease: &Lease, supply: &mut Supply, now: UnixTime) -> Looked {
        let Some(token) = &lease.token else {
            return Ok(());
        };
        let id = token.provider;
        let Some(provider) = self.prepared.config.provider(id) else {
            return Ok(());
        };
        let of_token = Some((&token.names, token.issued));
        let of_passkey = token.passkey.as_ref();
        let of_passkey = of_passkey.map(|(names, made)| (names, Some(*made)));
        let has_list = |_: &_| provider.revocations.is_some();
        for (names, dated) in of_token.into_iter().chain(of_passkey).filter(has_list) {
            match supply.standing_later(id, names, dated, now) {
                Standing::Clear | Standing::Unchecked | Standing::Pending => {}
                Standing::Revoked { kind, before } => {
                    return Err((Untrusted::Revoked.into(), Some(unrevoked(kind, before))));
                }
                Standing::Unavailable(retry_after) => {
                    return Err((Unavailable::Revocations { retry_after }.into(), None));
                }
            }
        }
        let Some((uri, index)) = &token.status else {
            return Ok(());
        };
        let crypto = &mut self.crypto;
        let mut status = Status {
            supply,
            crypto,
            now,
        };
        let index = *index;
        match status.check((id, provider), Reference { uri, index }) {
            Ok(()) | Err((Stop::Await(_), _)) => Ok(()),
            Err((Stop::Deny(reason), wanted)) => Err((reason, wanted)),
        }
    }

    /// Judges a stream anew, by the token that it showed when it began.
    fn judge_again(
        &mut self,
        stream: u32,
        mut lease: Box<Lease>,
        supply: &mut Supply,
        now: UnixTime,
    ) -> (Option<Box<Lease>>, Option<Cut>) {
        let shown = match &lease.token {
            None => Some(None),
            Some(token) => token.known.upgrade().map(Some),
        };
        let (Some(token), Some(_)) = (shown, &lease.request) else {
            let asked = lease.token.as_ref().map(|token| token.provider);
            let asked =
                asked.and_then(|id| self.prepared.config.provider(id)?.introspection.as_ref());
            let reason = forgotten(&lease, asked.is_some(), now);
            return self.over(stream, lease, (reason, None), now);
        };
        let headers = told(&lease);
        let is_ours = lease.judge == self.judge;
        let peer = lease.peer.clone();
        let mcp = lease.mcp.clone();
        let again = Again {
            token,
            peer,
            mcp,
            is_ours,
        };
        let step = self.judge(Request::new(&headers), Some(again), supply, now);
        drop(headers);
        let Settlement {
            verdict,
            mut record,
        } = match step {
            Step::Settle(settlement) => settlement,
            Step::Await(need) => {
                let longest = supply.longest_wait(need);
                return match waits(&mut lease, longest, now) {
                    Ok(()) => (Some(lease), None),
                    Err(reason) => self.over(stream, lease, (reason, None), now),
                };
            }
        };
        match verdict {
            Verdict::Serve(_) => (None, None),
            Verdict::Allow(mut permit) => {
                let Some(mut next) = permit.take_lease() else {
                    return (None, None);
                };
                next.door = lease.door;
                // It is the same connection, whichever rule asks.
                next.peer = next.peer.or(lease.peer);
                next.mcp = next.mcp.or(lease.mcp);
                next.is_grpc = lease.is_grpc;
                if !next.is_told {
                    return (Some(next), None);
                }
                // It passes only because it is observed. When that ends it is judged by the same
                // token.
                next.token = lease.token;
                record.shadow = Some(shadow());
                let cut = Cut {
                    stream,
                    record,
                    rejection: None,
                };
                (Some(next), (!lease.is_told).then_some(cut))
            }
            Verdict::Deny(rejection) => {
                record.decision = "cut";
                record.login = None;
                if let Some(token) = &lease.token {
                    token.tell(&mut record);
                }
                let cut = Cut {
                    stream,
                    record,
                    rejection: Some(rejection),
                };
                (None, Some(cut))
            }
        }
    }

    /// Ends a stream for this reason.
    fn over(
        &self,
        stream: u32,
        mut lease: Box<Lease>,
        (reason, expected): (Reason, Option<String>),
        now: UnixTime,
    ) -> (Option<Box<Lease>>, Option<Cut>) {
        let headers = told(&lease);
        let request = Request::new(&headers);
        let mut record = self.prepared.record(request);
        record.expected = expected;
        record.peer.clone_from(&lease.peer);
        let is_ours = lease.judge == self.judge;
        let trail = if is_ours {
            trail(&lease)
        } else {
            let target = self.prepared.target(request, lease.mcp.clone()).ok();
            let rules = target.map(|target| self.prepared.rules_of(&target));
            Trail::of(rules.unwrap_or_default())
        };
        self.prepared.name_rule(&mut record, trail.rule);
        if let Some(token) = &lease.token {
            if is_ours {
                let provider = self.prepared.config.provider(token.provider);
                record.provider = provider.map(|provider| Rc::clone(&provider.name));
                record.provider_id = Some(token.provider);
            }
            token.tell(&mut record);
        }
        let Settlement {
            verdict,
            mut record,
        } = self.deny(request, None, &reason, Aside::default(), record);
        let is_observed = self.is_observed(&trail, !is_ours, Some(now));
        record.decision = if is_observed { "shadow" } else { "cut" };
        record.shadow = is_observed.then(shadow);
        let rejection = match verdict {
            Verdict::Deny(rejection) if !is_observed => Some(rejection),
            _ => None,
        };
        drop(headers);
        lease.is_told = true;
        if !is_ours {
            // From now on it is, by what is left: its token is known to the other alone.
            lease.judge = self.judge;
            (lease.rule, lease.rules) = (trail.rule, trail.rules.into());
            (lease.token, lease.ends) = (None, Some(UnixTime::from_millis(0)));
        }
        let cut = Cut {
            stream,
            record,
            rejection,
        };
        (is_observed.then_some(lease), Some(cut))
    }

    /// Whether it was told already what would be done, and nothing is done yet.
    fn is_only_observed(&self, lease: &Lease, now: UnixTime) -> bool {
        lease.is_told
            && lease.judge == self.judge
            && self.is_observed(&trail(lease), false, Some(now))
    }

    /// Whether a request of these rules finds no room for its stream.
    pub(super) fn has_no_room(&self, trail: &Trail, now: UnixTime) -> bool {
        self.is_full && !self.is_observed(trail, false, Some(now))
    }

    /// The lease of a request that passes. `is_told`: it passes only because it is observed.
    pub(super) fn lease(
        &self,
        request: Request<'_>,
        trail: Trail,
        stands: Stands,
        is_told: bool,
    ) -> Box<Lease> {
        let value = |name| {
            let value = request.values(name).next().unwrap_or_default();
            core::str::from_utf8(value).ok()
        };
        let kept = || {
            let path = value(":path")?;
            let path = path.split_once('?').map_or(path, |(path, _)| path);
            let text = [value(":method")?, value(":authority")?, path].join("\0");
            (text.len() <= limits::STREAM_REQUEST_BYTES).then(|| text.into_boxed_str())
        };
        Box::new(Lease {
            judge: self.judge,
            ends: if is_told {
                Some(UnixTime::from_millis(0))
            } else {
                stands.ends
            },
            request: kept(),
            request_id: request.id().map(Into::into),
            is_grpc: request.is_grpc(),
            door: None,
            rule: trail.rule,
            rules: trail.rules.into(),
            token: stands.token,
            peer: stands.peer,
            mcp: stands.mcp,
            is_told,
        })
    }
}

impl LeasedToken {
    /// Says whose it was, which was verified when the stream began.
    fn tell(&self, record: &mut AuditRecord) {
        record.issuer = Some(Rc::clone(&self.issuer));
        record.subject.clone_from(&self.subject);
        record.kind = Some(self.kind);
    }
}

/// The rules by which its own judge let it pass.
fn trail(lease: &Lease) -> Trail {
    Trail {
        rule: lease.rule,
        ..Trail::of(lease.rules.to_vec())
    }
}

/// What is left of the headers of its request.
fn told(lease: &Lease) -> Vec<(&[u8], &[u8])> {
    let id = lease.request_id.as_deref();
    let id = id.map(|id| (&b"x-request-id"[..], id.as_bytes()));
    let grpc = (&b"content-type"[..], &b"application/grpc"[..]);
    let mut parts = lease.request.as_deref().map(|text| text.splitn(3, '\0'));
    let mut part = |name: &'static str| {
        let value = parts.as_mut()?.next().filter(|value| !value.is_empty());
        value.map(|value| (name.as_bytes(), value.as_bytes()))
    };
    let target = [":method", ":authority", ":path"].map(&mut part);
    let target = target.into_iter().flatten();
    id.into_iter()
        .chain(lease.is_grpc.then_some(grpc))
        .chain(target)
        .collect()
}

fn shadow() -> Shadow {
    Shadow {
        decision: "cut",
        ..Shadow::default()
    }
}

/// Whether a stream may wait on, by its old answer: no longer than a request would, counted from
/// the end of that answer, and than its token lives.
fn waits(lease: &mut Lease, longest: Duration, now: UnixTime) -> Result<(), Reason> {
    if let Some(token) = &lease.token
        && token.expires <= now
    {
        return Err(Untrusted::Expired.into());
    }
    match &mut lease.ends {
        // It was only observed, and begins to wait now.
        Some(ends) if ends.as_millis() == 0 => *ends = now,
        Some(ends) if ends.saturating_add(longest) <= now => {
            return Err(Unavailable::Streams.into());
        }
        Some(_) | None => {}
    }
    Ok(())
}

/// Why a stream ends whose token nobody remembers any more. `is_asked`: its issuer would be asked
/// about it now.
fn forgotten(lease: &Lease, is_asked: bool, now: UnixTime) -> Reason {
    let is_over = lease.ends.is_some_and(|ends| ends <= now);
    match &lease.token {
        _ if !is_over => Unavailable::Streams.into(),
        None => Forbidden::ExemptionEnded.into(),
        Some(LeasedToken { expires, .. }) if *expires <= now => Untrusted::Expired.into(),
        Some(_) if is_asked => Unavailable::Streams.into(),
        Some(_) => {
            let step_up = StepUp::default();
            Insufficient::MaxAge { step_up }.into()
        }
    }
}
