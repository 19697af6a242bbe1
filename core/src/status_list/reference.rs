//! Where a token says that its status is (section 6.2).

use crate::json::Json;

/// A place in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reference<'c> {
    pub(crate) uri: &'c str,
    pub(crate) index: usize,
}

/// The claim says something else than a place in a list, or something more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAReference;

impl<'c> Reference<'c> {
    /// Reads the claim `status`. `None`: there is none. What we do not understand may revoke the
    /// token, so it is not passed over.
    pub(crate) fn read(claims: &'c Json) -> Result<Option<Self>, NotAReference> {
        match claims.get("status") {
            None => Ok(None),
            Some(status) => Self::of(status).map(Some).ok_or(NotAReference),
        }
    }

    fn of(status: &'c Json) -> Option<Self> {
        let Json::Object(mechanisms) = status else {
            return None;
        };
        let [(name, place)] = &**mechanisms else {
            return None;
        };
        let index = match place.get("idx")? {
            Json::Number(digits) => digits.parse().ok()?,
            _ => return None,
        };
        let uri = place.get("uri")?.as_str()?;
        (**name == *"status_list").then_some(Self { uri, index })
    }
}
