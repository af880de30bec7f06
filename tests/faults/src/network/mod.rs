//! Faults of the network.

use crate::fault::Fault;

/// The rows.
pub const FAULTS: &[Fault] = &[];
