//! The roles and the product of a caller, by a rule that names some, and for the service.

use std::rc::Rc;

use super::{Case, Stop};
use crate::{
    callers::{Asking, Names},
    evidence::Kind,
    headers::{self, Edit},
    identity::Identity,
    policy::Requirement,
    reason::{Forbidden, Reason},
    text::shown,
};

impl Case<'_, '_, '_> {
    /// Whose request it is.
    pub(super) fn asking<'c>(&'c self, identity: &'c Identity) -> Asking<'c> {
        Asking {
            callers: self.prepared.config.callers(),
            held: &identity.held,
            peer: self.stands.peer.as_deref(),
        }
    }

    /// Who acts for the subject of a verified token, and what counters call them.
    pub(super) fn tell_actor(&mut self, actor: Option<&Rc<str>>) {
        let named = self.prepared.config.audit().actors.as_ref();
        self.record.actor_label = named.zip(actor).map(|(named, actor)| named.label(actor));
        self.record.actor = actor.cloned();
    }

    /// The headers that tell the service, and the members that tell the operator.
    #[inline(never)]
    pub(super) fn tell_names(&mut self, names: Names, edits: &mut Vec<Edit>) {
        let Names {
            roles,
            told,
            product,
            tells_product,
        } = names;
        if !told.is_empty() {
            edits.push(headers::set("x-passgate-roles", told));
        }
        if let Some((name, _)) = &product
            && tells_product
        {
            edits.push(headers::set("x-passgate-product", String::from(&**name)));
        }
        self.record.roles = roles;
        self.record.product = product;
    }

    /// The names of a workload that needs no token, by the first of the ways that are open to it.
    #[inline(never)]
    pub(super) fn names_of_workload(&mut self, requirement: &Requirement) -> Result<Names, Stop> {
        let callers = self.prepared.config.callers();
        if callers.is_empty() {
            return Ok(Names::default());
        }
        let asking = Asking {
            callers,
            held: &callers.held(None, Kind::Workload),
            peer: self.stands.peer.as_deref(),
        };
        let proves = &|_| false;
        let mut refusal: Option<(Forbidden, String)> = None;
        let ways = requirement.alternatives.iter();
        for way in ways.filter(|way| way.without_token) {
            match way.named_so(asking, proves, false) {
                Ok(()) => return Ok(asking.names(proves)),
                Err(why) => refusal = refusal.or(Some(why)),
            }
        }
        let (reason, wanted) = refusal.unwrap_or((Forbidden::Peer, String::new()));
        self.record.expected = Some(shown(&wanted));
        Err(Stop::Deny(Reason::from(reason)))
    }
}
