//! What serde does with the events of one type, given to another.

use crate::subject::Subject;

/// Whether a reader takes all that a writer writes.
#[derive(Debug, Clone)]
pub enum Truth {
    /// It decoded every event.
    Reads,
    /// This event did not decode, and what serde said.
    Fails {
        /// The event.
        event: String,
        /// serde's error.
        cause: String,
    },
}

impl Truth {
    /// Of one writer and one reader.
    pub fn of(events: &[String], reader: &Subject) -> Self {
        let failure = events
            .iter()
            .find_map(|event| (reader.decode)(event).err().map(|cause| (event.clone(), cause)));
        failure.map_or(Self::Reads, |(event, cause)| Self::Fails { event, cause })
    }

    /// Whether every event decoded.
    pub const fn reads(&self) -> bool {
        matches!(self, Self::Reads)
    }
}
