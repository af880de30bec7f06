//! Why a delivery was given up on.

use std::fmt;
use std::str::FromStr;

/// Why a delivery was given up on: what the header `tidings-dead-letter-reason` of a dead letter says.
///
/// ```
/// use tidings::Reason;
/// assert_eq!(Reason::NewerVersion.as_str(), "newer-version");
/// assert_eq!("newer-version".parse(), Ok(Reason::NewerVersion));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The handler failed, panicked or timed out, and that was its last attempt.
    Failed,
    /// The handler, or one of its extractors, rejected it.
    Rejected,
    /// It cannot be read: broken JSON, the wrong shape, too large.
    Malformed,
    /// It came under the key of one event with the type of another.
    WrongType,
    /// Its key is in none of the handler's patterns, and no other instance took it.
    NotOurs,
    /// Its version is newer than this service knows, and no other instance took it.
    NewerVersion,
    /// Its version is older than any this service declares.
    UnknownVersion,
    /// Its older version could not be upcast.
    UpcastFailed,
    /// An event that its handler returned can never be published.
    Unpublishable,
    /// It came back again and again without an answer, as a message does that kills its consumer.
    CrashLoop,
}

impl Reason {
    const ALL: [Self; 10] = [
        Self::Failed,
        Self::Rejected,
        Self::Malformed,
        Self::WrongType,
        Self::NotOurs,
        Self::NewerVersion,
        Self::UnknownVersion,
        Self::UpcastFailed,
        Self::Unpublishable,
        Self::CrashLoop,
    ];

    /// The reason as headers and metrics write it, `newer-version`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Malformed => "malformed",
            Self::WrongType => "wrong-type",
            Self::NotOurs => "not-ours",
            Self::NewerVersion => "newer-version",
            Self::UnknownVersion => "unknown-version",
            Self::UpcastFailed => "upcast-failed",
            Self::Unpublishable => "unpublishable",
            Self::CrashLoop => "crash-loop",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that is no [`Reason`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownReason(String);

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.0.chars().take(40).collect();
        write!(
            f,
            "`{shown}` is no reason of a dead letter; one of them is `failed`"
        )
    }
}

impl std::error::Error for UnknownReason {}

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.as_str() == text)
            .ok_or_else(|| UnknownReason(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn every_reason_is_read_as_it_is_written() {
        for reason in Reason::ALL {
            assert_eq!(reason.to_string().parse(), Ok(reason));
        }
        assert!("Failed".parse::<Reason>().is_err());
        assert!("".parse::<Reason>().is_err());
    }
}
