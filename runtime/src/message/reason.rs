//! Why a delivery was dead-lettered.

use std::fmt;
use std::str::FromStr;

/// Why a delivery was dead-lettered: the value of the header `tidings-dead-letter-reason`.
///
/// ```
/// use tidings::Reason;
/// assert_eq!(Reason::NewerVersion.as_str(), "newer-version");
/// assert_eq!("newer-version".parse(), Ok(Reason::NewerVersion));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The last attempt failed, panicked or timed out.
    Failed,
    /// The handler or one of its extractors rejected the delivery.
    Rejected,
    /// The message cannot be read: invalid JSON, data of the wrong shape, or too large.
    Malformed,
    /// The routing key belongs to one event, and the event type to another.
    WrongType,
    /// Neither the routing key nor a key of the header `CC` matches a pattern of the handler, and no other instance
    /// processed the delivery. Keys of the header `BCC` do not count, because the broker removes them.
    NotOurs,
    /// The version of the event is newer than this service knows, and no other instance processed the delivery.
    NewerVersion,
    /// The service does not declare this older version of the event.
    UnknownVersion,
    /// The older version of the event could not be upcast.
    UpcastFailed,
    /// The handler returned an event that cannot be published, or whose routing key the broker forbids to the user.
    Unpublishable,
    /// The delivery was returned unsettled many times, because it probably crashes its consumer.
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

    /// Returns the reason as headers and metrics write it, for example `newer-version`.
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

/// A string is not a valid [`Reason`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownReason(String);

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.0.chars().take(40).collect();
        write!(
            f,
            "`{shown}` is not the reason of a dead letter; write one such as `failed`"
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
    fn every_reason_is_parsed_as_it_is_written() {
        for reason in Reason::ALL {
            assert_eq!(reason.to_string().parse(), Ok(reason));
        }
        assert!("Failed".parse::<Reason>().is_err());
        assert!("".parse::<Reason>().is_err());
    }
}
