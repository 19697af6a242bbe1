//! Roles and products that a rule wants.

use core::time::Duration;

use super::Alternative;
use crate::{
    callers::{Asking, Names, Proves},
    evidence::{Demand, Facts, Proved, SignIn},
    reason::Forbidden,
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
        let proves = |facts: Facts, max_age: Option<Duration>| {
            let demand = Demand {
                facts,
                max_age,
                delegated: self.delegated,
            };
            let now = approval.is_some_and(|own| own.meets(&demand));
            now && !sign_in.is_of_another(&demand) || sign_in.meets(&demand).is_ok()
        };
        let of_any_age = |facts: Facts| proves(facts, None);
        self.named_so(asking, &of_any_age, false)?;
        let mut names = asking.names(&of_any_age);
        if self.max_age.is_some() {
            // What the rule wants is proved by what is young enough for it.
            let young = |facts: Facts| proves(facts, self.max_age);
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
}
