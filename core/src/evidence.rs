//! What the claims of one issuer say about who acts, and what they prove about a sign-in.

mod fact;
mod kind;
mod line;
mod preset;
mod sign_in;
mod step_up;
mod when;

pub use self::{
    fact::{Fact, Facts},
    kind::{Kind, Kinds},
    line::{DatedBy, Evidence, Line},
    preset::Preset,
    when::{ClaimEquals, ClaimValue, When},
};
pub(crate) use self::{
    sign_in::{Demand, Proved, Shortfall, SignIn},
    step_up::{acr_values, acr_values_left, acr_values_of_all, can_meet, is_quotable},
};

#[cfg(test)]
mod tests;
