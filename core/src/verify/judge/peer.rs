//! The workload at the other end of the connection, by a rule that wants to know it.

use core::cell::OnceCell;
use std::rc::Rc;

use super::{Case, Stop};
use crate::{
    callers::Held,
    evidence::Kind,
    extract::extract,
    headers::{self, Edit},
    identity::Identity,
    mint::About,
    peer,
    policy::{Alternative, Requirement},
    reason::{Forbidden, Missing, Unavailable},
    spiffe::SpiffePattern,
    text::shown,
    verdict::Permit,
    verify::prepared::places,
};

impl Case<'_, '_, '_> {
    /// What is left of a requirement on this connection: the alternatives that take its workload.
    /// `None`: all of them do.
    #[inline(never)]
    pub(super) fn with_peer(
        &mut self,
        requirement: &Requirement,
    ) -> Result<Option<Requirement>, Stop> {
        let known = self.peer();
        self.stands.peer = known.as_ref().ok().map(Rc::clone);
        self.record.peer.clone_from(&self.stands.peer);
        let all = &requirement.alternatives;
        let peer = known.as_deref().ok();
        let is_met = |way: &Alternative| way.takes_peer(peer);
        if all.iter().all(|way| is_met(way)) {
            return Ok(None);
        }
        let mut alternatives = Vec::new();
        for way in all {
            if is_met(way) {
                alternatives.push(Rc::clone(way));
            }
        }
        if !alternatives.is_empty() {
            return Ok(Some(Requirement { alternatives }));
        }
        Err(match known {
            Ok(_) => self.of_another(&mut all.iter()),
            // Another policy that let the stream begin has not asked who it is.
            Err(_) if self.again.is_some() => Unavailable::Streams.into(),
            Err(wanted) => {
                self.expect(wanted);
                Missing::Peer.into()
            }
        })
    }

    /// The request is not of one of the workloads that these ways want.
    #[inline(never)]
    fn of_another(&mut self, ways: &mut dyn Iterator<Item = &Rc<Alternative>>) -> Stop {
        let wanted = ways.flat_map(|way| &way.peers);
        let wanted: Vec<&str> = wanted.map(SpiffePattern::as_str).collect();
        self.record.expected = Some(shown(&wanted.join(" ")));
        Forbidden::Peer.into()
    }

    /// The workload at the other end of the connection; else what would have been one.
    fn peer(&self) -> Result<Rc<str>, peer::Wanted> {
        if let Some(again) = &self.again {
            return again.peer.clone().ok_or("");
        }
        #[cfg(feature = "explain")]
        if let Some(peer) = &self.prepared.assumed_peer {
            return Ok(Rc::clone(peer));
        }
        peer::workload(self.request.peer_certificate()).map(Rc::from)
    }

    /// Whether a token stands where the rule looks for one, though not by what is left of it.
    fn shows_token(&mut self, whole: &Requirement) -> Result<bool, Stop> {
        let providers = self.prepared.providers();
        let accepted = providers.filter(|(id, _)| whole.open_to(*id).next().is_some());
        let sources = places(accepted.map(|(_, provider)| provider)).into_iter();
        let find = |bytes: &[u8]| self.remembered.find(bytes);
        Ok(extract(self.request, self.target, sources, find)?.is_some())
    }

    /// A request that a workload makes for itself, with no token. `whole`: the rule has ways that
    /// are of other workloads.
    #[inline(never)]
    pub(super) fn pass_as_workload(
        &mut self,
        requirement: &Requirement,
        whole: Option<&Requirement>,
    ) -> Result<Permit, Stop> {
        if let Some(whole) = whole
            && self.shows_token(whole)?
        {
            // Nobody looks at that token, so the workload does not lend it its name.
            let mut ways = whole.alternatives.iter().filter(|way| !way.without_token);
            return Err(self.of_another(&mut ways));
        }
        self.trail.provider = None;
        let kind = Kind::Workload;
        self.record.kind = Some(kind.as_str());
        let names = self.names_of_workload(requirement)?;
        let peer = self.stands.peer.clone().unwrap_or_default();
        let mut edits = vec![
            headers::set("x-passgate-principal", String::from(&*peer)),
            headers::set("x-passgate-kind", kind.as_str()),
            headers::set("x-passgate-peer", String::from(&*peer)),
        ];
        self.tell_names(names, &mut edits);
        let about = About {
            principal: &peer,
            original: None,
            kind,
            claims: None,
        };
        let token = self.prepared.config.identity_token();
        let identity = Identity {
            issuer: Rc::default(),
            subject: None,
            kind,
            edits,
            actor: None,
            held: Held::default(),
            hash: OnceCell::new(),
            onward: token.map(|token| token.about(&about)),
        };
        Ok(Permit {
            identity: Some(Rc::new(identity)),
            ..self.pass_unjudged("permitted.peer")
        })
    }

    /// Says to the service which workload a token came through, where the rule wanted to know.
    pub(super) fn peer_header(&self, alternative: &Alternative) -> Option<Edit> {
        let peer = self.stands.peer.as_deref()?;
        let edit = || headers::set("x-passgate-peer", peer.to_owned());
        (!alternative.peers.is_empty()).then(edit)
    }
}
