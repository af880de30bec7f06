//! Faults of the broker.

mod killed;

use crate::fault::{Fault, Times};

/// The rows.
pub const FAULTS: &[Fault] = &[Fault::new(
    "broker-killed",
    "the broker is killed and started again while events are published and handled",
    Times { short: 2, full: 20 },
    |stage| Box::pin(killed::killed(stage)),
)];
