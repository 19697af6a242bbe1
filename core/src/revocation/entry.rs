//! One entry of the list: a name that has lost what was issued to it.

use std::borrow::Cow;

use crate::{
    jose::{base64url, numeric_date},
    json::Json,
    limits,
    webauthn::Aaguid,
};

/// What an entry names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// Whom a token is about.
    Subject,
    /// A session at the provider.
    Session,
    /// One token.
    Token,
    /// The client that got the token.
    Client,
    /// A WebAuthn credential, by the SHA-256 of its id.
    Credential,
    /// A model of authenticators.
    Aaguid,
    /// A key that tokens are bound to, by its thumbprint (RFC 7638).
    Key,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::Subject,
        Self::Session,
        Self::Token,
        Self::Client,
        Self::Credential,
        Self::Aaguid,
        Self::Key,
    ];

    /// The member of an entry that holds the name; also its word in metrics and records.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Subject => "sub",
            Self::Session => "sid",
            Self::Token => "jti",
            Self::Client => "client_id",
            Self::Credential => "credential",
            Self::Aaguid => "aaguid",
            Self::Key => "jkt",
        }
    }

    /// Whether this can be such a name: a hash is 32 bytes in base64url, an AAGUID is written like
    /// a UUID.
    pub(super) fn takes(self, name: &str) -> bool {
        match self {
            Self::Subject | Self::Session | Self::Token | Self::Client => {
                (1..=limits::REVOCATION_NAME_BYTES).contains(&name.len())
            }
            Self::Credential | Self::Key => base64url(name).is_some_and(|hash| hash.len() == 32),
            Self::Aaguid => Aaguid::read(name).is_some(),
        }
    }

    /// The one spelling of a name: an AAGUID is written in either case (RFC 9562 section 4).
    pub(super) fn spelling(self, name: &str) -> Cow<'_, str> {
        if self == Self::Aaguid && name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            name.to_ascii_lowercase().into()
        } else {
            name.into()
        }
    }
}

/// What was issued up to this second is revoked. The last one there is stands for everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Before(u32);

impl Before {
    /// Whatever was issued, whenever.
    pub(crate) const ALWAYS: Self = Self(u32::MAX);

    /// A fraction of a second counts as a whole one; what lies beyond the year 2106 is always.
    fn of(not_before: &Json) -> Option<Self> {
        let millis = numeric_date(not_before)?.as_millis();
        let seconds = u32::try_from(millis.div_ceil(1_000));
        Some(seconds.map_or(Self::ALWAYS, Self))
    }

    /// The second, unless it is everything.
    pub(crate) fn seconds(self) -> Option<u64> {
        (self != Self::ALWAYS).then_some(u64::from(self.0))
    }
}

/// What an entry says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry<'j> {
    pub(super) kind: Kind,
    pub(super) name: &'j str,
    pub(super) before: Before,
    /// Its `not_before` could not be read. Whom it means is known, so it revokes everything.
    pub(super) is_odd: bool,
}

impl<'j> Entry<'j> {
    /// Reads an entry. `None`: it is not one that this version can hold; nobody can say whom it
    /// means.
    pub(super) fn read(entry: &'j Json) -> Option<Self> {
        let name = |kind: &Kind| Some((*kind, entry.get(kind.name())?));
        let mut names = Kind::ALL.iter().filter_map(name);
        let ((kind, name), None) = (names.next()?, names.next()) else {
            return None;
        };
        let name = name.as_str()?;
        let not_before = entry.get("not_before").map(Before::of);
        kind.takes(name).then_some(Self {
            kind,
            name,
            before: not_before.flatten().unwrap_or(Before::ALWAYS),
            is_odd: not_before == Some(None),
        })
    }
}

/// An entry as gates read it, for those who write lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationEntry {
    /// The member that holds the name: `sub`, `sid`, `jti`, `client_id`, `credential`, `aaguid` or
    /// `jkt`.
    pub kind: &'static str,
    /// Whose tokens are revoked, in the one spelling of such a name.
    pub name: String,
    /// In seconds since 1970: what was issued up to then is revoked. `None`: everything.
    pub not_before: Option<u64>,
}

impl RevocationEntry {
    /// Reads an entry. `None`: a gate would skip it, or could not read its `not_before`.
    #[must_use]
    pub fn read(entry: &Json) -> Option<Self> {
        let Entry {
            kind,
            name,
            before,
            is_odd,
        } = Entry::read(entry)?;
        (!is_odd).then(|| Self {
            kind: kind.name(),
            name: kind.spelling(name).into_owned(),
            not_before: before.seconds(),
        })
    }
}
