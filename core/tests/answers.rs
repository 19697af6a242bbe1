//! Answers beside a plain refusal or permit: redirects of browsers, requests that are only
//! observed, the document about this resource.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

#[path = "answers/forwarded.rs"]
mod forwarded;
#[path = "answers/gate.rs"]
mod gate;
#[path = "answers/login.rs"]
mod login;
#[path = "answers/login_again.rs"]
mod login_again;
#[path = "answers/origin_bound.rs"]
mod origin_bound;
#[path = "answers/preflights.rs"]
mod preflights;
#[path = "answers/resource_metadata.rs"]
mod resource_metadata;
#[path = "answers/shadow.rs"]
mod shadow;
#[path = "answers/tenants.rs"]
mod tenants;
