//! Roles and products that a rule wants.

use core::time::Duration;

use super::Alternative;
use crate::{
    callers::{Asking, Names, Proves},
    evidence::{Demand, Facts, Proved, SignIn},
    json::Json,
    proof::Approved,
    provider::Provider,
    reason::Forbidden,
    time::UnixTime,
};

impl Alternative {
    /// Whether a caller has what is wanted, if it proves as much; and what was wanted where it has
    /// not. `any`: whether it could, were it not for products before.
    #[inline(never)]
    pub(crate) fn named_so(
        &self,
        asking: Asking<'_>,
        proves: Proves<'_>,
        any: bool,
    ) -> Result<(), (Forbidden, String)> {
        if !self.roles.is_empty()
            && let Some(role) = asking.lacks(&self.roles, proves)
        {
            return Err((Forbidden::Role, role.to_owned()));
        }
        if !self.products.is_empty() && !asking.has_one_of(&self.products, proves, any) {
            return Err((Forbidden::Product, self.products.join(" ")));
        }
        Ok(())
    }

    /// All names of a caller that meets all else, by what its sign-in proves, or what the person
    /// did just now.
    #[inline(never)]
    pub(super) fn names(
        &self,
        asking: Asking<'_>,
        (sign_in, approval): (&SignIn<'_>, Option<&Proved>),
    ) -> Result<Names, (Forbidden, String)> {
        let by = (sign_in, approval);
        let of_any_age = |facts: Facts| self.is_proved(by, facts, None);
        self.named_so(asking, &of_any_age, false)?;
        let mut names = asking.names(&of_any_age);
        if self.max_age.is_some() {
            // What the rule wants is proved by what is young enough for it.
            let young = |facts: Facts| self.is_proved(by, facts, self.max_age);
            self.named_so(asking, &young, false)?;
            if !self.products.is_empty() {
                let Names {
                    product,
                    tells_product,
                    ..
                } = asking.names(&young);
                (names.product, names.tells_product) = (product, tells_product);
            }
        }
        Ok(names)
    }

    /// Whether one of them proves these facts, by what is at most so old.
    fn is_proved(
        &self,
        (sign_in, approval): (&SignIn<'_>, Option<&Proved>),
        facts: Facts,
        max_age: Option<Duration>,
    ) -> bool {
        let demand = Demand {
            facts,
            max_age,
            delegated: self.delegated,
        };
        let now = approval.is_some_and(|own| own.meets(&demand));
        now && !sign_in.is_of_another(&demand) || sign_in.meets(&demand).is_ok()
    }

    /// The age of what the roles and products that it wants rest on: when that is over `max_age`,
    /// the caller has them no more. `None`: no age takes them.
    #[inline(never)]
    pub(crate) fn age_of_names(
        &self,
        asking: Asking<'_>,
        (claims, provider): (&Json, &Provider),
        approved: Option<Approved>,
        now: UnixTime,
    ) -> Option<Duration> {
        let most = self.max_age?;
        if self.roles.is_empty() && self.products.is_empty() {
            return None;
        }
        let sign_in = SignIn::of(claims, &provider.evidence, provider.clock_skew, now);
        let gesture = self.gesture(approved, now);
        let by = (&sign_in, gesture.as_ref());
        let of_gesture = gesture.as_ref().and_then(|own| own.age);
        let fails_without = |age: &Duration| {
            let younger = age.checked_sub(Duration::from_millis(1));
            let proves = |facts: Facts| younger.is_some() && self.is_proved(by, facts, younger);
            self.named_so(asking, &proves, false).is_err()
        };
        // What is older is gone by then, too.
        let ages = sign_in.ages().chain(of_gesture);
        let ages = ages.filter(|age| *age <= most);
        ages.filter(fails_without).max()
    }
}
