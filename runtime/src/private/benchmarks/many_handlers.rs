//! A list of many handlers or many patterns, without a `handlers![..]` of that length.

use std::sync::Arc;

use crate::event::descriptor::EventSet;
use crate::handler::delivery::Delivery;
use crate::handler::descriptor::HandlerDescriptor;
use crate::handler::input::Takes;
use crate::handler::list::{HandlerFuture, HandlerList, Registration};
use crate::handler::returns::Returned;

/// `HANDLERS` handlers with `PATTERNS` patterns each. No two patterns are equal. The handlers accept any event and do
/// nothing. With `SHARED` all handlers have one queue, otherwise each handler has its own.
#[derive(Debug, Clone, Copy)]
pub struct ManyHandlers<const HANDLERS: usize, const PATTERNS: usize, const SHARED: bool>;

impl<const HANDLERS: usize, const PATTERNS: usize, const SHARED: bool>
    ManyHandlers<HANDLERS, PATTERNS, SHARED>
{
    /// The routing key that only the last pattern of the last handler matches.
    pub fn last_key(self) -> String {
        key(HANDLERS - 1, PATTERNS - 1)
    }

    /// The queue of the last handler, in a service called `bench`.
    pub fn last_queue(self) -> String {
        if SHARED {
            "bench.shared".to_owned()
        } else {
            format!("bench.{}", name(HANDLERS - 1))
        }
    }

    fn descriptor(handler: usize) -> HandlerDescriptor {
        // `HandlerDescriptor` needs `'static` names.
        let name: &'static str = name(handler).leak();
        let patterns: Vec<&'static str> = (0..PATTERNS)
            .map(|pattern| &*key(handler, pattern).leak())
            .collect();
        let takes = Takes {
            events: EventSet::NONE,
            any: true,
        };
        let descriptor = HandlerDescriptor::new(name, name, patterns.leak(), takes, EventSet::NONE);
        if SHARED {
            descriptor.with_queue("shared")
        } else {
            descriptor
        }
    }
}

fn name(handler: usize) -> String {
    format!("handler-{handler:06}")
}

fn key(handler: usize, pattern: usize) -> String {
    format!("order.h{handler:06}.p{pattern:06}")
}

impl<S, const HANDLERS: usize, const PATTERNS: usize, const SHARED: bool> HandlerList<S>
    for ManyHandlers<HANDLERS, PATTERNS, SHARED>
{
    fn each(add: &mut dyn FnMut(Registration<S>)) {
        for handler in 0..HANDLERS {
            add(Registration {
                descriptor: Self::descriptor(handler),
                handle: nothing,
            });
        }
    }
}

fn nothing<S>(_: Delivery, _: Arc<S>) -> HandlerFuture {
    Box::pin(async { Ok(Returned::default()) })
}
