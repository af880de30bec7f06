//! Faults of the process.

use crate::child::Child;
use crate::fault::Fault;

/// The rows.
pub const FAULTS: &[Fault] = &[];

/// What runs in processes of its own.
pub const CHILDREN: &[Child] = &[];
