//! Which edition of the list a document is, and whether it may follow the one in hand.

use core::{fmt, time::Duration};

use crate::{
    jose::numeric_date,
    json::{Json, Unreadable},
    time::UnixTime,
};

/// What a document says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edition {
    /// Greater after each new beginning of the numbers.
    pub(crate) epoch: u64,
    /// Greater after each change of the list.
    pub(crate) sequence: u64,
    /// When the document was made.
    pub(crate) generated_at: UnixTime,
}

impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            epoch,
            sequence,
            generated_at,
        } = self;
        write!(
            f,
            "epoch {epoch}, sequence {sequence}, generated {generated_at}"
        )
    }
}

/// Why a document is not the next edition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It cannot be read.
    Unreadable(Unreadable),
    /// It is older than the one in hand.
    Older {
        /// The one in hand.
        held: Edition,
        /// What came.
        came: Edition,
    },
    /// It says what is new since an edition that was never here.
    Gap {
        /// Since when it says what is new.
        after: u64,
        /// What came.
        came: Edition,
    },
    /// It is older than a list may be.
    TooOld(Edition),
    /// It was made in the future.
    Future(Edition),
}

impl From<Unreadable> for Refused {
    fn from(unreadable: Unreadable) -> Self {
        Self::Unreadable(unreadable)
    }
}

impl Refused {
    /// Its name in metrics.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Unreadable(Unreadable::TooLarge | Unreadable::TooMany(_)) => "too_large",
            Self::Unreadable(Unreadable::Json(..) | Unreadable::Member(_)) => "unreadable",
            Self::Older { .. } | Self::Gap { .. } => "rolled_back",
            Self::TooOld(_) | Self::Future(_) => "time",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(unreadable) => unreadable.fmt(f),
            Self::Older { held, came } => {
                write!(f, "rolled back: {came}, after {held}")
            }
            Self::Gap { after, came } => write!(
                f,
                "only what is new after sequence {after}, which was not asked for: {came}"
            ),
            Self::TooOld(came) => write!(
                f,
                "older than cache_duration and max_stale together: {came}"
            ),
            Self::Future(came) => write!(f, "made in the future: {came}; do the clocks agree?"),
        }
    }
}

/// So much may the clock of the list's author be ahead of ours.
const AHEAD: Duration = Duration::from_secs(60);

/// The members of a document that say which edition it is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Members {
    version: Option<u64>,
    epoch: Option<u64>,
    sequence: Option<u64>,
    generated_at: Option<UnixTime>,
    /// It says only what is new since this sequence.
    pub(super) after: Option<u64>,
}

impl Members {
    /// Notes a member. An error: what it should be. Others are none of ours.
    pub(super) fn note(&mut self, name: &str, value: &Json) -> Result<(), &'static str> {
        match name {
            "version" => {
                let version = whole(value).filter(|version| *version == 1);
                self.version = Some(version.ok_or("its version is not 1")?);
            }
            "epoch" => self.epoch = Some(whole(value).ok_or("its epoch is not a whole number")?),
            "sequence" => {
                let sequence = whole(value);
                self.sequence = Some(sequence.ok_or("its sequence is not a whole number")?);
            }
            "after" => self.after = Some(whole(value).ok_or("its after is not a whole number")?),
            "generated_at" => {
                let date = numeric_date(value);
                self.generated_at =
                    Some(date.ok_or("its generated_at is not a number of seconds since 1970")?);
            }
            _ => {}
        }
        Ok(())
    }

    /// The edition. An error: what is missing.
    pub(super) fn edition(self) -> Result<Edition, &'static str> {
        self.version.ok_or("its version is missing")?;
        Ok(Edition {
            epoch: self.epoch.ok_or("its epoch is missing")?,
            sequence: self.sequence.ok_or("its sequence is missing")?,
            generated_at: self.generated_at.ok_or("its generated_at is missing")?,
        })
    }
}

fn whole(value: &Json) -> Option<u64> {
    match value {
        Json::Number(digits) => digits.parse().ok(),
        _ => None,
    }
}

impl Edition {
    /// Whether this may take the place of `held`, or add to it, which says what is new `after` some
    /// sequence. `longest_age`: how old it may be now.
    pub(super) fn may_follow(
        self,
        held: Option<Self>,
        after: Option<u64>,
        longest_age: Duration,
        now: UnixTime,
    ) -> Result<(), Refused> {
        if self.generated_at > now.saturating_add(AHEAD) {
            return Err(Refused::Future(self));
        }
        if now.since(self.generated_at) >= longest_age {
            return Err(Refused::TooOld(self));
        }
        let goes_back = |held: Self| {
            (self.epoch, self.sequence) < (held.epoch, held.sequence)
                || self.generated_at < held.generated_at
        };
        if let Some(held) = held.filter(|held| goes_back(*held)) {
            return Err(Refused::Older { held, came: self });
        }
        match (after, held) {
            (None, _) => Ok(()),
            (Some(after), Some(held)) if held.epoch == self.epoch && after <= held.sequence => {
                Ok(())
            }
            (Some(after), _) => Err(Refused::Gap { after, came: self }),
        }
    }
}
