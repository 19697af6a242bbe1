//! Which passgate this is.

/// The version of passgate: of this crate, of the filter and of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Name and version of the software, as the record shows it: `passgate/0.1.0` (RFC 9110 section
/// 10.1.5, a product).
pub(crate) const SOFTWARE: &str = concat!("passgate/", env!("CARGO_PKG_VERSION"));
