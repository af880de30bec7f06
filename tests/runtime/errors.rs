//! Handler errors that panic.

use tidings::testing::TestBus;
use tidings::{Reason, event_handler};

use crate::handlers::{Placed, placed, start};

/// An error whose `Display` panics.
#[derive(Debug)]
struct DisplayPanics;

impl std::fmt::Display for DisplayPanics {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("no text")
    }
}

impl std::error::Error for DisplayPanics {}

#[event_handler(retry(attempts = 2, rungs = "1s"))]
async fn charge(_order: Placed) -> Result<(), DisplayPanics> {
    Err(DisplayPanics)
}

#[tokio::test]
async fn an_error_whose_display_panics_is_retried_and_dead_lettered() {
    let bus = TestBus::new();
    let _app = start!(&bus, [charge]);
    bus.publish(&placed("o-1", 1)).await.unwrap();
    bus.settled().await;
    let dead = bus.dead_letters();
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert_eq!((dead[0].attempts, dead[0].reason), (2, Some(Reason::Failed)));
    assert!(dead[0].error.contains("panicked"), "{}", dead[0].error);
}
