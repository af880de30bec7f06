//! Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason { Failed, Rejected, Malformed, WrongType, NotOurs, NewerVersion, UnknownVersion, UpcastFailed, Unpublishable, CrashLoop }
