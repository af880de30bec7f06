//! What a delivery is before any handler runs: an event that one of the queue's handlers takes, or one of the rows
//! of the outcome table.

use std::sync::Arc;

use crate::broker::Incoming;
use crate::event::AnyEvent;
use crate::message::timestamp::Timestamp;
use crate::wire::origin::{self, Arrival, Origin};
use crate::wire::read;

use super::bound_handler::HandlerMatch;
use super::outcome::DeliveryResult;
use super::queue_handlers::QueueHandlers;
use super::service::Service;

/// From this count of returns on, a delivery is suspected of ending its process, and handled alone.
const SUSPECT_FROM: u32 = 2;
/// At this count it is dead-lettered before it runs. It is more than two that came with others, and three alone: up to
/// RabbitMQ 4.2 a delivery that is under way when its consumer is cancelled comes back as well, and counts.
const CRASH_LOOP_AT: u32 = 7;
/// The same where events are ordered. What is suspect there cannot be moved out of the others' way, so that all that an
/// instance holds when it ends comes back once more with it; and up to RabbitMQ 4.2 also when it ends in good order. A
/// dozen instances that are replaced one by one with the same events in hand stay below.
const ORDERED_SUSPECT_FROM: u32 = 10;
const ORDERED_CRASH_LOOP_AT: u32 = 15;

/// A delivery as it was judged.
pub(crate) struct Routed {
    pub(crate) origin: Origin,
    /// Which of the queue's handlers it is for; the first one speaks for those that no handler takes.
    pub(crate) handler: usize,
    /// How often it came back, when that is so often that it may end its process.
    pub(crate) suspect: Option<u32>,
    pub(crate) verdict: Route,
}

pub(crate) enum Route {
    /// The handler takes the event.
    Run(AnyEvent),
    /// It is over before it began.
    Over(DeliveryResult),
}

/// Judges a delivery from `queue`, received at `received_at`. `returns` is how often it came back unsettled through no
/// doing of ours, by the broker's count; what it was set aside with is added.
pub(crate) fn judge(
    incoming: &Incoming,
    received_at: Timestamp,
    returns: u32,
    queue: &str,
    workers: &QueueHandlers,
    service: &Service,
) -> Routed {
    let message = &incoming.message;
    let origin = origin::origin(message, service.returns(), queue, received_at);
    let returns = returns.saturating_add(origin.returns);
    let ordered = workers.ordered();
    let from = if ordered {
        ORDERED_SUSPECT_FROM
    } else {
        SUSPECT_FROM
    };
    let suspect = (returns >= from).then_some(returns);
    let over = |origin, handler, ending| Routed {
        origin,
        handler,
        suspect,
        verdict: Route::Over(ending),
    };
    if is_crash_loop(returns, ordered, incoming.tag) {
        return over(origin, 0, DeliveryResult::CrashLoop(returns));
    }
    let key = judged_key(&origin);
    match read::read(message, &origin, service.bus().limits()) {
        Ok(event) => match workers.choose(event.event_type(), key.as_deref()) {
            (handler, HandlerMatch::Takes) => Routed {
                origin,
                handler,
                suspect,
                verdict: Route::Run(event),
            },
            (handler, found) => over(origin, handler, ending(found, event.event_type(), key.as_deref())),
        },
        // What no handler declares disturbs no handler, even when it is broken.
        Err(malformed) => match malformed.type_hint() {
            Some(hint) => match workers.choose(hint, key.as_deref()) {
                (handler, found @ (HandlerMatch::Undeclared | HandlerMatch::ForeignKey)) => {
                    let ending = ending(found, hint, key.as_deref());
                    over(origin, handler, ending)
                }
                (handler, _) => over(origin, handler, DeliveryResult::Malformed(malformed)),
            },
            None => over(origin, 0, DeliveryResult::Malformed(malformed)),
        },
    }
}

/// Whether a delivery of an unordered queue that came back so often, by the broker's count, may end its process.
pub(crate) fn is_suspect(incoming: &Incoming, returns: u32, queue: &str, service: &Service) -> bool {
    let origin = origin::origin(&incoming.message, service.returns(), queue, Timestamp::now());
    returns.saturating_add(origin.returns) >= SUSPECT_FROM
}

/// Whether a delivery that came back so often is given up on. Of an ordered queue only the first of a subscription: it
/// is the one that ran, alone, when the last one ended; those behind it came back with it.
fn is_crash_loop(returns: u32, ordered: bool, tag: u64) -> bool {
    if ordered {
        returns >= ORDERED_CRASH_LOOP_AT && tag == 1
    } else {
        returns >= CRASH_LOOP_AT
    }
}

/// The key that patterns are held against. A message that was put straight into the queue was addressed to it past
/// all patterns, unless it says where it came from at first.
fn judged_key(origin: &Origin) -> Option<Arc<str>> {
    let addressed = origin.arrival == Arrival::Redriven && origin.exchange.is_empty();
    (!addressed).then(|| Arc::clone(&origin.routing_key))
}

fn ending(found: HandlerMatch, event_type: &str, key: Option<&str>) -> DeliveryResult {
    match found {
        HandlerMatch::WrongType => DeliveryResult::WrongType(event_type.to_owned()),
        HandlerMatch::ForeignKey => DeliveryResult::ForeignKey(key.unwrap_or_default().to_owned()),
        HandlerMatch::Undeclared | HandlerMatch::Takes => DeliveryResult::Undeclared,
    }
}

#[cfg(test)]
mod tests;
