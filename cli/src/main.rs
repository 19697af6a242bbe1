//! Check.
fn main() {}
