//! The retry delays, and the text of a duration. `macros/src/grammar/rungs.rs` is a link to this file.

use std::time::Duration;

/// Every retry delay is one of these rungs, so that a handler needs few delay queues.
pub(crate) const RUNGS: [Duration; 7] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_hours(1),
];

/// The duration in its largest unit, as in attributes and queue names: `250ms`, `15s`, `5m`, `1h`.
pub(crate) fn duration_text(duration: Duration) -> String {
    match duration.as_millis() {
        millis if millis % 3_600_000 == 0 => format!("{}h", millis / 3_600_000),
        millis if millis % 60_000 == 0 => format!("{}m", millis / 60_000),
        millis if millis % 1_000 == 0 => format!("{}s", millis / 1_000),
        millis => format!("{millis}ms"),
    }
}
