//! The overlap of two handlers that share a queue.

use super::text::same;
use crate::event::descriptor::EventSet;
use crate::handler::descriptor::HandlerDescriptor;
use crate::handler::input;
use crate::message::topic;

/// An event type or a pattern that both handlers take.
pub(super) const fn overlap(first: &HandlerDescriptor, second: &HandlerDescriptor) -> Option<&'static str> {
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
    let mut at = 0;
    match *left {
        EventSet::Events(events) => {
            while at < events.len() {
                if has_event(right, events[at].event_type()) {
                    return Some(events[at].event_type());
                }
                at += 1;
            }
        }
        EventSet::Sets(sets) => {
            while at < sets.len() {
                if let Some(event) = common_event(&sets[at], right) {
                    return Some(event);
                }
                at += 1;
            }
        }
    }
    None
}

const fn has_event(events: &EventSet, event_type: &str) -> bool {
    let mut at = 0;
    match *events {
        EventSet::Events(events) => {
            while at < events.len() {
                if same(events[at].event_type(), event_type) && !event_type.is_empty() {
                    return true;
                }
                at += 1;
            }
        }
        EventSet::Sets(sets) => {
            while at < sets.len() {
                if has_event(&sets[at], event_type) {
                    return true;
                }
                at += 1;
            }
        }
    }
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
    let mut at = 0;
    match *events {
        EventSet::Events(events) => {
            while at < events.len() {
                if input::pattern_meets_event(pattern, &events[at]) {
                    return Some(events[at].event_type());
                }
                at += 1;
            }
        }
        EventSet::Sets(sets) => {
            while at < sets.len() {
                if let Some(event) = matched_event(&sets[at], pattern) {
                    return Some(event);
                }
                at += 1;
            }
        }
    }
    None
}
