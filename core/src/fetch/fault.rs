//! Why a fetch brought nothing, whatever it was for.

use core::fmt;

use crate::limits;

/// Why a fetch brought nothing that could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The answer has another status than 200.
    Status(u16),
    /// The answer leads elsewhere, which is not followed.
    Redirect {
        /// Its status.
        status: u16,
        /// Where to, as it says itself.
        location: String,
    },
    /// The answer has a content coding, which was not asked for.
    Encoded(String),
    /// The host gave no answer: it timed out or was reset.
    NoAnswer,
    /// The host refused to send the request to this cluster.
    NotSent(String),
    /// Nothing at all came back in time, not even the host's word that it gave up.
    Lost,
}

impl Fault {
    /// Its name in metrics.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Status(_) | Self::Redirect { .. } => "status",
            Self::Encoded(_) => "unreadable",
            Self::NoAnswer => "no_answer",
            Self::NotSent(_) => "not_sent",
            Self::Lost => "lost",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {status}"),
            Self::Redirect { status, location } => {
                write!(f, "status {status}: redirects are not followed")?;
                match shown(location) {
                    location if location.is_empty() => Ok(()),
                    location => write!(f, "; this one leads to {location}"),
                }
            }
            Self::Encoded(coding) => {
                let coding = shown(coding);
                write!(
                    f,
                    "content-encoding: {coding}, though identity was asked for"
                )
            }
            Self::NoAnswer => {
                f.write_str("no answer in time, or it was reset, or larger than the host holds")
            }
            Self::NotSent(cluster) => {
                f.write_str("the host refused to send the request; is the cluster ")?;
                f.write_str(cluster)?;
                f.write_str(" defined?")
            }
            Self::Lost => f.write_str("the answer was lost"),
        }
    }
}

/// Text from outside, on one line and cut.
pub(crate) fn shown(text: &str) -> String {
    let mut line = String::new();
    for escaped in text.chars().map(char::escape_debug) {
        if line.len().saturating_add(escaped.len()) > limits::SHOWN_BYTES {
            line.push('…');
            break;
        }
        line.extend(escaped);
    }
    line
}
