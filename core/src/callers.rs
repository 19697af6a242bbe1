//! Roles and products: names that callers have by what their tokens, sign-ins and connections say.

use std::rc::Rc;

use crate::{
    evidence::{Facts, Kind, When},
    json::Json,
    provider_id::ProviderId,
    spiffe::SpiffePattern,
};

/// The names of a configuration, in its order.
#[derive(Debug, Default)]
pub struct Callers {
    /// A caller has each role for which a condition holds.
    pub roles: Vec<Named>,
    /// A caller has one product: the first whose condition holds.
    pub products: Vec<Named>,
}

/// A name, and who has it. Several conditions may give one name.
#[derive(Debug)]
pub struct Named {
    /// Letters, digits, `-` and `_`.
    pub name: Rc<str>,
    /// Who has it.
    pub when: Caller,
    /// Whether the service is told.
    pub is_told: bool,
}

/// A condition on a caller; all that is given must hold, and something is given.
#[derive(Debug, Default)]
pub struct Caller {
    /// The token is of this provider. Always there where `token` is.
    pub provider: Option<ProviderId>,
    /// What the token says.
    pub token: Option<When>,
    /// The sign-in, or a passkey's approval, proves all of these.
    pub facts: Facts,
    /// Who acts.
    pub kind: Option<Kind>,
    /// The connection is of one of these workloads; empty: of anybody.
    pub peers: Vec<SpiffePattern>,
}

/// Which conditions hold as far as a token tells: the same for every request with it.
#[derive(Debug, Default)]
pub(crate) struct Held {
    roles: Box<[u16]>,
    products: Box<[u16]>,
}

/// Whose request it is, for rules that name roles or products.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking<'c> {
    pub(crate) callers: &'c Callers,
    pub(crate) held: &'c Held,
    pub(crate) peer: Option<&'c str>,
}

/// The names of a caller.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) roles: Vec<Rc<str>>,
    /// Those of them that the service is told, separated by commas.
    pub(crate) told: String,
    /// With the index of the first condition that gives this name.
    pub(crate) product: Option<(Rc<str>, u16)>,
    /// Whether the service is told that one.
    pub(crate) tells_product: bool,
}

/// Whether all of these facts are proved.
pub(crate) type Proves<'p> = &'p dyn Fn(Facts) -> bool;

impl Callers {
    /// Whether some name depends on the workload at the other end of the connection.
    #[must_use]
    pub fn wants_peer(&self) -> bool {
        let mut all = self.roles.iter().chain(&self.products);
        all.any(|named| !named.when.peers.is_empty())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.roles.is_empty() && self.products.is_empty()
    }

    /// What holds of a token of this provider, or, without one, of a workload alone.
    #[inline(never)]
    pub(crate) fn held(&self, token: Option<(ProviderId, &Json)>, kind: Kind) -> Held {
        let of = |list: &[Named]| {
            let numbered = (0_u16..).zip(list);
            let holding = numbered.filter(|(_, named)| named.when.holds_of(token, kind));
            holding.map(|(index, _)| index).collect()
        };
        if self.is_empty() {
            return Held::default();
        }
        Held {
            roles: of(&self.roles),
            products: of(&self.products),
        }
    }
}

impl Caller {
    fn holds_of(&self, token: Option<(ProviderId, &Json)>, kind: Kind) -> bool {
        let of_token = match (self.provider, token) {
            (None, _) => self.token.is_none(),
            (Some(_), None) => false,
            (Some(own), Some((id, claims))) => {
                own == id && self.token.as_ref().is_none_or(|when| when.holds(claims))
            }
        };
        of_token && self.kind.is_none_or(|own| own == kind)
    }

    /// What a token does not tell.
    fn holds_now(&self, peer: Option<&str>, proves: Proves<'_>) -> bool {
        let is_one = |peer| self.peers.iter().any(|own| own.takes(peer));
        (self.peers.is_empty() || peer.is_some_and(is_one))
            && (self.facts.is_empty() || proves(self.facts))
    }
}

impl Held {
    /// About how many bytes of memory it takes.
    pub(crate) fn weight(&self) -> usize {
        let indices = self.roles.len().saturating_add(self.products.len());
        indices.saturating_mul(size_of::<u16>())
    }
}

impl<'c> Asking<'c> {
    /// Those of a list whose conditions hold.
    fn having(
        self,
        (list, held): (&'c [Named], &'c [u16]),
        proves: Proves<'c>,
    ) -> impl Iterator<Item = &'c Named> {
        let held = held
            .iter()
            .filter_map(|index| list.get(usize::from(*index)));
        held.filter(move |named| named.when.holds_now(self.peer, proves))
    }

    /// What the caller has of roles, in their order, each once; or of products, the first of which
    /// is its own.
    #[inline(never)]
    fn all(self, of_products: bool, proves: Proves<'c>) -> Vec<&'c Named> {
        let (callers, held) = (self.callers, self.held);
        let list: (&[Named], &[u16]) = if of_products {
            (&callers.products, &held.products)
        } else {
            (&callers.roles, &held.roles)
        };
        let mut all: Vec<&Named> = Vec::new();
        for named in self.having(list, proves) {
            if !all.iter().any(|other| other.name == named.name) {
                all.push(named);
            }
        }
        all
    }

    /// The first of these roles that the caller has not.
    pub(crate) fn lacks<'r>(self, wanted: &'r [Rc<str>], proves: Proves<'c>) -> Option<&'r str> {
        let own = self.all(false, proves);
        let has = |role: &Rc<str>| own.iter().any(|named| named.name == *role);
        wanted.iter().find(|role| !has(role)).map(|role| &**role)
    }

    /// Whether the caller's product is one of these. `any`: whether some product that it could have
    /// is, were it not for those before it.
    pub(crate) fn has_one_of(self, wanted: &[Rc<str>], proves: Proves<'c>, any: bool) -> bool {
        let own = self.all(true, proves);
        let most = if any { own.len() } else { 1 };
        let mut own = own.iter().take(most);
        own.any(|named| wanted.contains(&named.name))
    }

    /// All names of the caller.
    #[inline(never)]
    pub(crate) fn names(self, proves: Proves<'c>) -> Names {
        let mut names = Names::default();
        for named in self.all(false, proves) {
            names.roles.push(Rc::clone(&named.name));
            if named.is_told {
                if !names.told.is_empty() {
                    names.told.push(',');
                }
                names.told.push_str(&named.name);
            }
        }
        if let Some(own) = self.all(true, proves).first() {
            let mut numbered = (0_u16..).zip(&self.callers.products);
            let first = numbered.find(|(_, named)| named.name == own.name);
            names.tells_product = own.is_told;
            names.product = first.map(|(index, named)| (Rc::clone(&named.name), index));
        }
        names
    }
}

#[cfg(test)]
mod tests;
