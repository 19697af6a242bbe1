//! One rule: which requests it is about, and what it says about them.

use std::rc::Rc;

use super::{Matcher, Mode, Requirement};
use crate::{proof::Approves, provider_id::ProviderId, time::UnixTime};

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Which requests it is about.
    pub matcher: Matcher,
    /// What it says about them.
    pub action: Action,
    /// Whether it is enforced; `None`: as the whole configuration.
    pub mode: Option<Mode>,
    /// Whether streams end with their authority; `None`: as the whole configuration.
    pub ends_streams: Option<bool>,
    /// What it is called in metrics, records and messages.
    pub name: Option<Rc<str>>,
}

impl Rule {
    /// Whether it takes approvals that cover a body.
    pub(crate) fn reads_body(&self) -> bool {
        let Action::Requires(requirement) = &self.action else {
            return false;
        };
        let ways = requirement.alternatives.iter();
        let mut approvals = ways.filter_map(|way| way.approval());
        approvals.any(|terms| {
            matches!(
                terms.of,
                Approves::Request {
                    covers_body: true,
                    ..
                }
            )
        })
    }
}

/// What a rule says.
#[derive(Debug)]
pub enum Action {
    /// Anybody may pass.
    Public(Public),
    /// A token is needed.
    Requires(Requirement),
    /// Nobody may pass.
    Deny(Denial),
}

/// An exemption, the only way past.
#[derive(Clone, Debug)]
pub struct Public {
    /// Why.
    pub reason: String,
    /// Whose responsibility.
    pub owner: String,
    /// Last moment; `None`: never ends.
    pub until: Option<UnixTime>,
    /// A token of this provider, when there is one, must be valid and is written into headers.
    pub identity_from: Option<ProviderId>,
}

/// A refusal, whoever asks.
#[derive(Clone, Debug)]
pub struct Denial {
    /// Why.
    pub reason: String,
    /// Whose responsibility.
    pub owner: String,
}
