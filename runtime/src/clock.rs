//! The clock that delays run on: the system's, or in tests one that moves only when it is told to.

/// A clock.
#[derive(Debug, Clone)]
pub(crate) enum Clock {
    /// The system's.
    Real,
}
