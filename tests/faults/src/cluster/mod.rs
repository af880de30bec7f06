//! Faults of the cluster.

use crate::fault::Fault;

/// The rows.
pub const FAULTS: &[Fault] = &[];
