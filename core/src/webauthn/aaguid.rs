//! Models of authenticators (WebAuthn Level 3 section 6.5.1: AAGUID).

/// The model of an authenticator, which it named at its registration; zeros where it did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aaguid([u8; 36]);

/// The models that a rule takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aaguids {
    /// Only these; empty: all.
    pub allow: Vec<Aaguid>,
    /// None of these.
    pub deny: Vec<Aaguid>,
}

impl Aaguid {
    /// From the form of a UUID, in either case (RFC 9562 section 4).
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut bytes: [u8; 36] = text.as_bytes().try_into().ok()?;
        bytes.make_ascii_lowercase();
        let is_right = |(at, byte): (usize, &u8)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        };
        bytes
            .iter()
            .enumerate()
            .all(is_right)
            .then_some(Self(bytes))
    }

    /// In lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Aaguids {
    /// Whether they say nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    /// Whether they take this one. One that nobody knows is taken only where they say nothing.
    #[must_use]
    pub fn take(&self, aaguid: Option<Aaguid>) -> bool {
        let is_taken = |aaguid: Aaguid| {
            let is_allowed = self.allow.is_empty() || self.allow.contains(&aaguid);
            is_allowed && !self.deny.contains(&aaguid)
        };
        self.is_empty() || aaguid.is_some_and(is_taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ee882879-721c-4913-9775-3dfcce97072a";
    const OTHER: &str = "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4";

    #[test]
    fn a_model_is_written_as_a_uuid() {
        let key = Aaguid::read(KEY).unwrap();
        assert_eq!(Aaguid::read(&KEY.to_ascii_uppercase()), Some(key));
        assert_eq!(key.as_str(), KEY);
        for bad in [
            "",
            &KEY.replacen('e', "", 1),
            &[KEY, "0"].concat(),
            &KEY.replace('-', ""),
            &KEY.replace('-', "0"),
            &KEY.replace('a', "g"),
            "ee8828797-21c-4913-9775-3dfcce97072a",
        ] {
            assert_eq!(Aaguid::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_model_that_nobody_knows_is_taken_only_where_nothing_is_said() {
        let [key, other] = [KEY, OTHER].map(|text| Aaguid::read(text).unwrap());
        let rule = |allow: &[Aaguid], deny: &[Aaguid]| {
            let [allow, deny] = [allow, deny].map(<[Aaguid]>::to_vec);
            let rule = Aaguids { allow, deny };
            [Some(key), Some(other), None].map(|aaguid| rule.take(aaguid))
        };
        assert_eq!(rule(&[], &[]), [true, true, true]);
        assert_eq!(rule(&[key], &[]), [true, false, false]);
        assert_eq!(rule(&[], &[key]), [false, true, false]);
        assert_eq!(rule(&[key, other], &[key]), [false, true, false]);
    }
}
