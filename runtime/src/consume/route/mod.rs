//! Routing: a delivery is decoded and assigned to a handler of its queue, or its result is decided without one.

use std::iter;
use std::sync::Arc;

use crate::broker::Incoming;
use crate::event::AnyEvent;
use crate::message::Message;
use crate::message::headers::HeaderValue;
use crate::message::timestamp::Timestamp;
use crate::wire::names;
use crate::wire::origin::{self, Arrival, Origin};
use crate::wire::read;

use super::bound_handler::HandlerMatch;
use super::outcome::DeliveryResult;
use super::queue_handlers::QueueHandlers;
use super::service::Service;

/// From this number of returns on, a delivery is suspected of ending its process, and runs only in a trial.
const SUSPECT_AT: u32 = 2;
/// From this number of returns on, a delivery is dead-lettered before it runs.
///
/// It allows two returns together with other deliveries, three in trials of ever smaller groups, and two alone: see
/// [`Trials`](super::trials::Trials).
const CRASH_LOOP_AT: u32 = 7;
/// The limits of an ordered queue are higher, because a suspect cannot be set aside there. When an instance ends, all
/// its deliveries return with the suspect, up to RabbitMQ 4.2 also after a graceful end. A rolling deployment of a
/// dozen instances that receive the same deliveries stays below the limits.
const ORDERED_SUSPECT_AT: u32 = 10;
const ORDERED_CRASH_LOOP_AT: u32 = 15;

pub(crate) struct Routed {
    pub(crate) origin: Origin,
    /// The index of the handler. A delivery that no handler takes is settled in the name of the first one.
    pub(crate) handler: usize,
    /// Whether the delivery may end its process.
    pub(crate) suspect: Option<Suspect>,
    pub(crate) route: Route,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Suspect {
    /// How often the delivery returned.
    pub(crate) returns: u32,
    /// Whether it was set aside, and has not returned since.
    pub(crate) waited: bool,
}

pub(crate) enum Route {
    /// The handler takes the event.
    Run(AnyEvent),
    /// The result is decided, and no handler runs.
    Decided(DeliveryResult),
}

/// Routes a delivery that `queue` handed out at `received_at`. `returns` is the broker's count of its returns without
/// those that this process explains. The count with which the delivery was set aside is added here.
pub(crate) fn route(
    incoming: &Incoming,
    received_at: Timestamp,
    returns: u32,
    queue: &str,
    handlers: &QueueHandlers,
    service: &Service,
) -> Routed {
    let message = &incoming.message;
    let origin = origin::origin(message, service.return_exchange(), queue, received_at);
    let waited = returns == 0;
    let ordered = handlers.ordered();
    let returns = if ordered {
        returns
    } else {
        counted_returns(returns, &origin)
    };
    let suspect_at = if ordered { ORDERED_SUSPECT_AT } else { SUSPECT_AT };
    let suspect = (returns >= suspect_at).then_some(Suspect { returns, waited });
    let decided = |origin, handler, result| Routed {
        origin,
        handler,
        suspect,
        route: Route::Decided(result),
    };
    if is_crash_loop(returns, ordered, incoming.tag) {
        return decided(origin, 0, DeliveryResult::CrashLoop(returns));
    }
    let key = key_for_patterns(&origin);
    let choose = |event_type: &str| {
        let keys = iter::once(key.as_deref()).chain(copy_keys(message, &origin, queue));
        choose(handlers, event_type, keys)
    };
    match read::read(message, &origin, service.bus().limits()) {
        Ok(event) => match choose(event.event_type()) {
            (handler, HandlerMatch::Takes) => Routed {
                origin,
                handler,
                suspect,
                route: Route::Run(event),
            },
            (handler, found) => {
                let result = result_without_handler(found, event.event_type(), key.as_deref());
                decided(origin, handler, result)
            }
        },
        // A malformed event of a type that no handler declares is ignored like any other event of that type.
        Err(malformed) => match malformed.type_hint() {
            Some(hint) => match choose(hint) {
                (handler, found @ (HandlerMatch::Undeclared | HandlerMatch::ForeignKey)) => {
                    let result = result_without_handler(found, hint, key.as_deref());
                    decided(origin, handler, result)
                }
                (handler, _) => decided(origin, handler, DeliveryResult::Malformed(malformed)),
            },
            None => decided(origin, 0, DeliveryResult::Malformed(malformed)),
        },
    }
}

/// Whether a delivery of an unordered queue that returned this often may end its process, and was not set aside since.
pub(crate) fn is_suspect(incoming: &Incoming, returns: u32, queue: &str, service: &Service) -> bool {
    let now = Timestamp::now();
    let origin = origin::origin(&incoming.message, service.return_exchange(), queue, now);
    returns > 0 && counted_returns(returns, &origin) >= SUSPECT_AT
}

/// How often a delivery of an unordered queue returned, as far as this makes it suspect. It is set aside at its second
/// return and at each further one, so a copy returns once. A higher count of the broker means that the delivery could
/// not be set aside, for example because connections were lost in quick succession.
fn counted_returns(returns: u32, origin: &Origin) -> u32 {
    match origin.returns {
        0 => returns.min(SUSPECT_AT),
        before => before.saturating_add(returns.min(1)),
    }
}

/// The rung on which a delivery waits after it returned this often. In the waits, an outage of the network can end, and
/// healthy deliveries that returned with the cause of a crash are handled.
pub(crate) fn suspect_rung(returns: u32) -> usize {
    usize::try_from(returns.saturating_sub(SUSPECT_AT).min(3)).unwrap_or_default()
}

/// Whether a delivery that returned this often is dead-lettered. In an ordered queue, only the first delivery of a
/// subscription can be. It ran alone when the last subscription ended, and the others returned with it.
fn is_crash_loop(returns: u32, ordered: bool, tag: u64) -> bool {
    if ordered {
        returns >= ORDERED_CRASH_LOOP_AT && tag == 1
    } else {
        returns >= CRASH_LOOP_AT
    }
}

/// The key that patterns are compared with. `None` for a message that was sent to the queue directly, without a header
/// for its first routing key. Its sender chose this queue, so patterns do not matter.
fn key_for_patterns(origin: &Origin) -> Option<Arc<str>> {
    let is_direct = origin.arrival == Arrival::Redriven && origin.exchange.is_empty();
    (!is_direct).then(|| Arc::clone(&origin.routing_key))
}

/// The keys of the header `CC`, by which the broker also routes a message. Each is as in [`key_for_patterns`].
fn copy_keys<'a>(
    message: &'a Message,
    origin: &'a Origin,
    queue: &'a str,
) -> impl Iterator<Item = Option<&'a str>> {
    let name = match origin.arrival {
        Arrival::Published => names::CC,
        Arrival::Returned | Arrival::Redriven => names::ORIGINAL_CC,
    };
    let keys = match message.headers.get(name) {
        Some(HeaderValue::List(keys)) => keys.as_slice(),
        _ => &[],
    };
    let is_direct = move |key: &&str| origin.exchange.is_empty() && *key == queue;
    let keys = keys.iter().filter_map(HeaderValue::as_str);
    keys.map(move |key| Some(key).filter(|key| !is_direct(key)))
}

/// Chooses a handler that takes the event by one of the keys. If there is none, the first key with a pattern decides.
fn choose<'a>(
    handlers: &QueueHandlers,
    event_type: &str,
    keys: impl Iterator<Item = Option<&'a str>>,
) -> (usize, HandlerMatch) {
    let mut best = (0, HandlerMatch::ForeignKey);
    for key in keys {
        match handlers.choose(event_type, key) {
            found @ (_, HandlerMatch::Takes) => return found,
            found if best.1 == HandlerMatch::ForeignKey => best = found,
            _ => {}
        }
    }
    best
}

fn result_without_handler(found: HandlerMatch, event_type: &str, key: Option<&str>) -> DeliveryResult {
    match found {
        HandlerMatch::WrongType => DeliveryResult::WrongType(event_type.to_owned()),
        HandlerMatch::ForeignKey => DeliveryResult::ForeignKey(key.unwrap_or_default().to_owned()),
        HandlerMatch::Undeclared | HandlerMatch::Takes => DeliveryResult::Undeclared,
    }
}

#[cfg(test)]
mod tests;
