//! Proofs that generated code runs in constants: patterns match their events, and the entries of a list fit together.
//!
//! Each proof is a `const _: () = …` with the span of the token that it is about. `#[track_caller]` reports the
//! error there. The proofs are `const` items because `cargo check` does not evaluate inline `const {}` blocks.

mod list;
pub(crate) mod overlap;
mod text;

use text::{ConstText, last_segment, same};

pub use list::{Fault, count_events, event_faults, handler_faults};

use super::input::{self, Takes};
use crate::event::descriptor::{EventDescriptor, EventSet, for_each_event};
use crate::message::topic;

/// Proves that `pattern` can match an event that the handler takes.
#[track_caller]
pub const fn pattern_meets(takes: Takes, pattern: &str) {
    let events = &takes.events;
    if takes.any || input::pattern_meets(pattern, events) {
        return;
    }
    let text = ConstText::new()
        .quoted("pattern ", pattern)
        .add(" can never match ");
    if let EventSet::Events([event]) = events {
        text.quoted("", event.key_pattern())
            .add(", the routing key of this handler's event; write ")
            .quoted("", event.key_pattern())
            .panic();
    }
    keys(
        events,
        text.add("an event of this handler's family; their routing keys are "),
        true,
    )
    .0
    .panic();
}

/// Proves that one of `patterns` matches each event that the handler takes.
#[track_caller]
pub const fn patterns_cover(takes: Takes, patterns: &[&str]) {
    // `pattern_meets` reports patterns that match nothing.
    if takes.any || !all_meet(&takes.events, patterns) {
        return;
    }
    if let Some(event) = unmatched(&takes.events, patterns) {
        let text = ConstText::new()
            .quoted("no pattern of this handler matches ", event.key_pattern())
            .add(", the routing key of `")
            .add(last_segment(event.rust_type()))
            .quoted("`; add ", event.key_pattern());
        match takes.events {
            EventSet::Events([_]) => text.panic(),
            _ => text.add(", or take a family without it").panic(),
        }
    }
}

/// Proves that the patterns of a handler follow from the events that it takes.
#[track_caller]
pub const fn patterns_follow(takes: Takes) {
    if takes.any {
        ConstText::new()
            .add("this handler takes any event, so it must name its patterns; write #[event_handler(\"order.#\")], ")
            .add("or #[event_handler(\"#\")] for every event there is")
            .panic();
    }
}

const fn all_meet(events: &EventSet, patterns: &[&str]) -> bool {
    let mut at = 0;
    while at < patterns.len() {
        if !input::pattern_meets(patterns[at], events) {
            return false;
        }
        at += 1;
    }
    true
}

const fn unmatched(events: &EventSet, patterns: &[&str]) -> Option<&'static EventDescriptor> {
    for_each_event!(
        events,
        |event| {
            let mut pattern = 0;
            while pattern < patterns.len() && !topic::overlap(patterns[pattern], event.key_pattern()) {
                pattern += 1;
            }
            if pattern == patterns.len() {
                return Some(event);
            }
        },
        |set| {
            if let Some(event) = unmatched(set, patterns) {
                return Some(event);
            }
        },
    );
    None
}

const fn keys(events: &EventSet, mut text: ConstText, mut first: bool) -> (ConstText, bool) {
    for_each_event!(
        events,
        |event| {
            text = text.quoted(if first { "" } else { ", " }, event.key_pattern());
            first = false;
        },
        |set| {
            (text, first) = keys(set, text, first);
        },
    );
    (text, first)
}

/// Proves that `newer` can be upcast from `older`: one event type, and a lower version.
#[track_caller]
pub const fn upcast(older: (&str, u32), newer: (&str, u32)) {
    // Only a stub has an empty type, and its error is reported already.
    if older.0.is_empty() || newer.0.is_empty() {
        return;
    }
    if !same(older.0, newer.0) {
        ConstText::new()
            .quoted(
                "an event is upcast from an older version of itself; this one is ",
                newer.0,
            )
            .quoted(" and that one ", older.0)
            .panic();
    }
    if older.1 >= newer.1 {
        ConstText::new()
            .quoted(
                "an event is upcast from an older version of itself; this ",
                newer.0,
            )
            .add(" is version ")
            .number(newer.1)
            .add(" and that one version ")
            .number(older.1)
            .add("; raise `version` here to ")
            .number(older.1 + 1)
            .panic();
    }
}

/// Proves that variant number `at` of a family has an event type of its own.
#[track_caller]
pub const fn variant_is_alone(events: EventSet, at: usize) {
    let EventSet::Events(events) = events else {
        return;
    };
    let mut before = 0;
    while before < at {
        if !events[at].event_type().is_empty() && same(events[before].event_type(), events[at].event_type()) {
            ConstText::new()
                .quoted("two variants of this family hold the event ", events[at].event_type())
                .add("; a family has one variant for each event type, and an older version goes to `upcast_from`")
                .panic();
        }
        before += 1;
    }
}
