//! The service of the suite: three handlers of one event, each of which is to have every event.

use tidings::{App, Delivery, Event, HandlerError, State, event_handler, handlers};

use crate::event::Noted;
use crate::handler_log::HandlerLog;

/// The service's name.
pub const SERVICE: &str = "faults";

/// Its handlers.
pub const HANDLERS: &[&str] = &["plain", "faltering", "ordered"];

/// Finishes every event at once.
#[event_handler("fault.noted")]
pub async fn plain(event: Event<Noted>, State(handler_log): State<HandlerLog>) {
    handler_log.record("plain", event.number, event.id(), &event.aggregate);
}

/// Fails one event of fifty at its first attempt.
///
/// # Errors
/// Then.
#[event_handler("fault.noted")]
pub async fn faltering(
    event: Event<Noted>,
    delivery: Delivery,
    State(handler_log): State<HandlerLog>,
) -> Result<(), HandlerError> {
    if event.number.is_multiple_of(50) && delivery.attempt() == 1 {
        return Err(HandlerError::retry("it falters"));
    }
    handler_log.record("faltering", event.number, event.id(), &event.aggregate);
    Ok(())
}

/// Takes the events of a line one by one.
///
/// With a single active consumer: else a broker that has not seen the end of a connection, or waits whether a lost node
/// comes back, hands what that one held to the next connection later than what came after it.
#[event_handler("fault.noted", ordered_by = "aggregate_id", single_active)]
pub async fn ordered(event: Event<Noted>, State(handler_log): State<HandlerLog>) {
    handler_log.record("ordered", event.number, event.id(), &event.aggregate);
}

/// The app of all three.
pub fn app(handler_log: &HandlerLog) -> App<HandlerLog> {
    App::new(SERVICE)
        .state(handler_log.clone())
        .handlers(handlers![plain, faltering, ordered])
}
