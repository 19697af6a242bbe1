//! Facts: what a sign-in proves, in words that mean the same at every issuer.

/// What a sign-in proves. A fact does not imply another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A gesture at the authenticator (WebAuthn Level 3, section 6.1: UP).
    UserPresent,
    /// A PIN or biometric at the authenticator (the same: UV).
    UserVerified,
    /// Two factors of different kinds.
    MultiFactor,
    /// An origin-bound public-key sign-in: WebAuthn, FIDO2, a smart card by policy.
    PhishingResistant,
    /// The key cannot leave its device; synced passkeys can.
    DeviceBound,
    /// The key lives in hardware.
    HardwareBound,
}

impl Fact {
    /// All facts, in the order in which headers and records name them.
    pub const ALL: [Self; 6] = [
        Self::UserPresent,
        Self::UserVerified,
        Self::MultiFactor,
        Self::PhishingResistant,
        Self::DeviceBound,
        Self::HardwareBound,
    ];

    /// The word in the configuration and in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserPresent => "user_present",
            Self::UserVerified => "user_verified",
            Self::MultiFactor => "multi_factor",
            Self::PhishingResistant => "phishing_resistant",
            Self::DeviceBound => "device_bound",
            Self::HardwareBound => "hardware_bound",
        }
    }

    /// The header that tells the service; its value is `true`.
    #[must_use]
    pub const fn header(self) -> &'static str {
        match self {
            Self::UserPresent => "x-passgate-user-present",
            Self::UserVerified => "x-passgate-user-verified",
            Self::MultiFactor => "x-passgate-multi-factor",
            Self::PhishingResistant => "x-passgate-phishing-resistant",
            Self::DeviceBound => "x-passgate-device-bound",
            Self::HardwareBound => "x-passgate-hardware-bound",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::UserPresent => 1,
            Self::UserVerified => 2,
            Self::MultiFactor => 4,
            Self::PhishingResistant => 8,
            Self::DeviceBound => 16,
            Self::HardwareBound => 32,
        }
    }
}

/// A set of facts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts(u8);

impl Facts {
    /// No facts.
    pub const NONE: Self = Self(0);

    /// A set of these.
    #[must_use]
    pub const fn of(facts: &[Fact]) -> Self {
        let mut set = Self::NONE;
        let mut rest = facts;
        while let [fact, others @ ..] = rest {
            set = Self(set.0 | fact.bit());
            rest = others;
        }
        set
    }

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These but not those.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of those are among these.
    #[must_use]
    pub const fn hold(self, other: Self) -> bool {
        other.without(self).is_empty()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many there are.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// The facts, in the order of [`Fact::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Fact> {
        Fact::ALL
            .into_iter()
            .filter(move |fact| self.hold(Self(fact.bit())))
    }

    /// Their words, in order.
    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        self.iter().map(Fact::as_str).collect()
    }
}
