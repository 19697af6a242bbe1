//! What the claims of one issuer say about who acts, and what they prove about a sign-in.

mod assertion;
mod fact;
mod kind;
mod line;
mod origin;
mod preset;
mod sign_in;
mod step_up;
mod when;

pub(crate) use self::{
    assertion::gesture_proves,
    sign_in::{Demand, Proved, Shortfall, SignIn},
    step_up::{acr_values, acr_values_left, acr_values_of_all, can_meet, is_quotable},
};
pub use self::{
    fact::{Fact, Facts},
    kind::{Kind, Kinds},
    line::{DatedBy, Evidence, Line},
    origin::SignInOrigin,
    preset::Preset,
    when::{ClaimEquals, ClaimValue, When},
};

#[cfg(test)]
mod tests;
