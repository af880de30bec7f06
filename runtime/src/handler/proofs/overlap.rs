//! The overlap of two handlers that share a queue.

use super::text::same;
use crate::event::descriptor::{EventSet, for_each_event};
use crate::handler::descriptor::HandlerDescriptor;
use crate::handler::input;
use crate::message::topic;

/// An event type or a pattern that both handlers take.
pub(crate) const fn overlap(first: &HandlerDescriptor, second: &HandlerDescriptor) -> Option<&'static str> {
    if let Some(event) = common_event(&first.takes(), &second.takes()) {
        return Some(event);
    }
    match (first.takes_any(), second.takes_any()) {
        (true, _) => overlap_with_any(first, second),
        (false, true) => overlap_with_any(second, first),
        (false, false) => None,
    }
}

const fn common_event(left: &EventSet, right: &EventSet) -> Option<&'static str> {
    for_each_event!(
        left,
        |event| {
            if has_event(right, event.event_type()) {
                return Some(event.event_type());
            }
        },
        |set| {
            if let Some(event) = common_event(set, right) {
                return Some(event);
            }
        },
    );
    None
}

const fn has_event(events: &EventSet, event_type: &str) -> bool {
    for_each_event!(
        events,
        |event| {
            if same(event.event_type(), event_type) && !event_type.is_empty() {
                return true;
            }
        },
        |set| {
            if has_event(set, event_type) {
                return true;
            }
        },
    );
    false
}

/// `any` takes every event that matches its patterns, so no event of the other handler may match them.
const fn overlap_with_any(any: &HandlerDescriptor, other: &HandlerDescriptor) -> Option<&'static str> {
    let (patterns, others) = (any.written_patterns(), other.written_patterns());
    let mut at = 0;
    while at < patterns.len() {
        let mut against = 0;
        while other.takes_any() && against < others.len() {
            if topic::overlap(patterns[at], others[against]) {
                return Some(others[against]);
            }
            against += 1;
        }
        if let Some(event) = matched_event(&other.takes(), patterns[at]) {
            return Some(event);
        }
        at += 1;
    }
    None
}

const fn matched_event(events: &EventSet, pattern: &str) -> Option<&'static str> {
    for_each_event!(
        events,
        |event| {
            if input::pattern_meets_event(pattern, event) {
                return Some(event.event_type());
            }
        },
        |set| {
            if let Some(event) = matched_event(set, pattern) {
                return Some(event);
            }
        },
    );
    None
}
