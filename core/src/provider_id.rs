//! The name by which the rest of the core calls a provider.

/// Index of a provider in the configuration, in the order of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderId(pub(crate) usize);
