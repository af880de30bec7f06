//! The default service: three handlers that must each receive every event.

use tidings::{App, Delivery, Event, HandlerError, State, event_handler, handlers};

use crate::event::Noted;
use crate::handler_log::HandlerLog;

/// The name of the service.
pub const SERVICE: &str = "faults";

/// The names of the handlers.
pub const HANDLERS: &[&str] = &["plain", "faltering", "ordered"];

/// Finishes every event.
#[event_handler("fault.noted")]
pub async fn plain(event: Event<Noted>, State(handler_log): State<HandlerLog>) {
    handler_log.record("plain", event.number, event.id(), &event.aggregate);
}

/// Fails the first attempt of every fiftieth event.
///
/// # Errors
/// At the attempts that fail.
#[event_handler("fault.noted")]
pub async fn faltering(
    event: Event<Noted>,
    delivery: Delivery,
    State(handler_log): State<HandlerLog>,
) -> Result<(), HandlerError> {
    if event.number.is_multiple_of(50) && delivery.attempt() == 1 {
        return Err(HandlerError::retry("the first attempt fails"));
    }
    handler_log.record("faltering", event.number, event.id(), &event.aggregate);
    Ok(())
}

/// Finishes the events of an aggregate in order.
///
/// The handler has a single active consumer. Without it, a broker that has not noticed the end of a connection could
/// deliver the old deliveries of that connection after newer ones.
#[event_handler("fault.noted", ordered_by = "aggregate_id", single_active)]
pub async fn ordered(event: Event<Noted>, State(handler_log): State<HandlerLog>) {
    handler_log.record("ordered", event.number, event.id(), &event.aggregate);
}

/// The app with all three handlers.
pub fn app(handler_log: &HandlerLog) -> App<HandlerLog> {
    App::new(SERVICE)
        .state(handler_log.clone())
        .handlers(handlers![plain, faltering, ordered])
}
