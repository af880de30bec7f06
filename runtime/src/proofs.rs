//! What generated code proves in constants: that patterns meet their events, and that the entries of a list agree.
//!
//! Each proof is a `const _: () = …` of its own, spanned at the token it judges, and `#[track_caller]` puts the error
//! there. It is `const` items rather than inline `const {}` blocks because `cargo check` skips the latter.

use crate::descriptor::{EventDescriptor, EventSet};
use crate::handler::HandlerDescriptor;
use crate::input::{self, Takes};
use crate::topic;

/// Proves that `pattern` can match an event of what a handler takes.
#[track_caller]
pub const fn pattern_meets(takes: Takes, pattern: &str) {
    let events = &takes.events;
    if takes.any || input::pattern_meets(pattern, events) {
        return;
    }
    let text = Text::new().quoted("pattern ", pattern).add(" can never match ");
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

/// Proves that each event of what a handler takes is matched by one of `patterns`.
#[track_caller]
pub const fn patterns_cover(takes: Takes, patterns: &[&str]) {
    // A pattern that meets nothing is told where it stands.
    if takes.any || !all_meet(&takes.events, patterns) {
        return;
    }
    if let Some(event) = unmet(&takes.events, patterns) {
        let text = Text::new()
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

/// Proves that the patterns of a handler follow from the events it takes.
#[track_caller]
pub const fn patterns_follow(takes: Takes) {
    if takes.any {
        Text::new()
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

const fn unmet(events: &EventSet, patterns: &[&str]) -> Option<&'static EventDescriptor> {
    let mut at = 0;
    match *events {
        EventSet::Events(events) => {
            while at < events.len() {
                let mut pattern = 0;
                while pattern < patterns.len() && !topic::overlap(patterns[pattern], events[at].key_pattern())
                {
                    pattern += 1;
                }
                if pattern == patterns.len() {
                    return Some(&events[at]);
                }
                at += 1;
            }
        }
        EventSet::Sets(sets) => {
            while at < sets.len() {
                if let Some(event) = unmet(&sets[at], patterns) {
                    return Some(event);
                }
                at += 1;
            }
        }
    }
    None
}

const fn keys(events: &EventSet, mut text: Text, mut first: bool) -> (Text, bool) {
    let mut at = 0;
    match *events {
        EventSet::Events(events) => {
            while at < events.len() {
                text = text.quoted(if first { "" } else { ", " }, events[at].key_pattern());
                first = false;
                at += 1;
            }
        }
        EventSet::Sets(sets) => {
            while at < sets.len() {
                (text, first) = keys(&sets[at], text, first);
                at += 1;
            }
        }
    }
    (text, first)
}

/// Proves that `newer` can be upcast from `older`: one event type, and a lower version.
#[track_caller]
pub const fn upcast(older: (&str, u32), newer: (&str, u32)) {
    // A stub in place of an event whose own attribute is wrong: one mistake is enough.
    if older.0.is_empty() || newer.0.is_empty() {
        return;
    }
    if !same(older.0, newer.0) {
        Text::new()
            .quoted(
                "an event is upcast from an older version of itself; this one is ",
                newer.0,
            )
            .quoted(" and that one ", older.0)
            .panic();
    }
    if older.1 >= newer.1 {
        Text::new()
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
            Text::new()
                .quoted("two variants of this family hold the event ", events[at].event_type())
                .add("; a family has one variant for each event type, and an older version goes to `upcast_from`")
                .panic();
        }
        before += 1;
    }
}

/// What is wrong with an entry of a list, found by one pass over all of them.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// Nothing.
    None,
    /// The handler or the event stands in the list before.
    Repeated(&'static str),
    /// Another handler before it has its name.
    SameName(&'static HandlerDescriptor, &'static HandlerDescriptor),
    /// Another Rust type before it is the same event.
    SameEvent(&'static EventDescriptor, &'static EventDescriptor),
    /// A handler before it takes the same from its queue.
    SameQueue(
        &'static HandlerDescriptor,
        &'static HandlerDescriptor,
        &'static str,
    ),
}

impl Fault {
    /// Reports it at the caller.
    #[track_caller]
    pub const fn report(self) {
        match self {
            Self::None => {}
            Self::Repeated(name) => Text::new()
                .add("`")
                .add(name)
                .add("` stands in this list before; remove one of the two")
                .panic(),
            Self::SameName(first, second) => Text::new()
                .add("two handlers are named `")
                .add(second.name())
                .add("`: `")
                .add(first.function())
                .add("` and `")
                .add(second.function())
                .add("`; give one another name with #[event_handler(name = \"…\")]")
                .panic(),
            Self::SameEvent(first, second) => {
                let text = Text::new().quoted("two events are named ", second.event_type());
                let text = if second.version() == 1 {
                    text
                } else {
                    text.add(" version ").number(second.version())
                };
                text.add(": `")
                    .add(first.rust_type())
                    .add("` and `")
                    .add(second.rust_type())
                    .add("`; use one of the two, or give one another `type` or `version`")
                    .panic();
            }
            Self::SameQueue(first, second, event) => Text::new()
                .add("`")
                .add(first.name())
                .add("` and `")
                .add(second.name())
                .quoted("` both take ", event)
                .quoted(" from queue ", second.queue())
                .add("; give one its own queue")
                .panic(),
        }
    }
}

/// How many events `handlers` name, older versions included.
pub const fn count_events(handlers: &[HandlerDescriptor]) -> usize {
    let (mut count, mut at) = (0, 0);
    while at < handlers.len() {
        count += count_set(&handlers[at].takes()) + count_set(&handlers[at].returns());
        at += 1;
    }
    count
}

const fn count_set(events: &EventSet) -> usize {
    let (mut count, mut at) = (0, 0);
    match *events {
        EventSet::Events(events) => {
            while at < events.len() {
                let mut version = Some(&events[at]);
                while let Some(event) = version {
                    count += 1;
                    version = event.older();
                }
                at += 1;
            }
        }
        EventSet::Sets(sets) => {
            while at < sets.len() {
                count += count_set(&sets[at]);
                at += 1;
            }
        }
    }
    count
}

/// Finds the fault of each of the `N` handlers, which name `E` events in all.
pub const fn handler_faults<const N: usize, const E: usize>(
    handlers: &'static [HandlerDescriptor; N],
) -> [Fault; N] {
    let mut faults = [Fault::None; N];
    same_names(handlers, &mut faults);
    same_queues(handlers, &mut faults);
    let mut entries = [Entry::EMPTY; E];
    let (mut filled, mut at) = (0, 0);
    while at < N {
        filled = enter_set(&handlers[at].takes(), at, &mut entries, filled);
        filled = enter_set(&handlers[at].returns(), at, &mut entries, filled);
        at += 1;
    }
    same_events(sort(entries), &mut faults);
    faults
}

/// Finds the fault of each of the `N` events.
pub const fn event_faults<const N: usize>(events: &'static [EventDescriptor; N]) -> [Fault; N] {
    let mut faults = [Fault::None; N];
    let mut entries = [Entry::EMPTY; N];
    let mut at = 0;
    while at < N {
        entries[at] = Entry::event(&events[at], at);
        at += 1;
    }
    let entries = sort(entries);
    let mut at = 1;
    while at < N {
        if let (Some(first), Some(second)) = (entries[at - 1].event, entries[at].event)
            && same(first.rust_type(), second.rust_type())
            && same(first.event_type(), second.event_type())
            && !first.event_type().is_empty()
        {
            faults[entries[at].position] = Fault::Repeated(last_segment(second.rust_type()));
        }
        at += 1;
    }
    same_events(entries, &mut faults);
    faults
}

/// A name to be found twice: compared by hash first, since comparing texts pair by pair runs into the limit of
/// constant evaluation at a few hundred.
#[derive(Clone, Copy)]
struct Entry {
    hash: u64,
    position: usize,
    event: Option<&'static EventDescriptor>,
}

impl Entry {
    const EMPTY: Self = Self {
        hash: 0,
        position: 0,
        event: None,
    };

    const fn event(event: &'static EventDescriptor, position: usize) -> Self {
        Self {
            hash: hash(event.event_type()) ^ event.version() as u64,
            position,
            event: Some(event),
        }
    }

    const fn named(name: &str, position: usize) -> Self {
        Self {
            hash: hash(name),
            position,
            event: None,
        }
    }

    const fn is_before(&self, other: &Self) -> bool {
        self.hash < other.hash || (self.hash == other.hash && self.position <= other.position)
    }
}

const fn enter_set(events: &EventSet, position: usize, entries: &mut [Entry], mut filled: usize) -> usize {
    let mut at = 0;
    match *events {
        EventSet::Events(events) => {
            while at < events.len() {
                let mut version = Some(&events[at]);
                while let Some(event) = version {
                    entries[filled] = Entry::event(event, position);
                    filled += 1;
                    version = event.older();
                }
                at += 1;
            }
        }
        EventSet::Sets(sets) => {
            while at < sets.len() {
                filled = enter_set(&sets[at], position, entries, filled);
                at += 1;
            }
        }
    }
    filled
}

const fn same_events<const E: usize>(entries: [Entry; E], faults: &mut [Fault]) {
    let mut at = 1;
    while at < E {
        if let (Some(first), Some(second)) = (entries[at - 1].event, entries[at].event)
            && entries[at - 1].hash == entries[at].hash
            && first.version() == second.version()
            && same(first.event_type(), second.event_type())
            && !same(first.rust_type(), second.rust_type())
            && !first.event_type().is_empty()
        {
            faults[entries[at].position] = Fault::SameEvent(first, second);
        }
        at += 1;
    }
}

const fn same_names<const N: usize>(handlers: &'static [HandlerDescriptor; N], faults: &mut [Fault; N]) {
    let mut entries = [Entry::EMPTY; N];
    let mut at = 0;
    while at < N {
        entries[at] = Entry::named(handlers[at].name(), at);
        at += 1;
    }
    let entries = sort(entries);
    let mut at = 1;
    while at < N {
        let (first, second) = (
            &handlers[entries[at - 1].position],
            &handlers[entries[at].position],
        );
        if entries[at - 1].hash == entries[at].hash && same(first.name(), second.name()) {
            faults[entries[at].position] = if same(first.function(), second.function()) {
                Fault::Repeated(last_segment(second.function()))
            } else {
                Fault::SameName(first, second)
            };
        }
        at += 1;
    }
}

const fn same_queues<const N: usize>(handlers: &'static [HandlerDescriptor; N], faults: &mut [Fault; N]) {
    let mut entries = [Entry::EMPTY; N];
    let mut at = 0;
    while at < N {
        entries[at] = Entry::named(handlers[at].queue(), at);
        at += 1;
    }
    let entries = sort(entries);
    let mut at = 1;
    while at < N {
        let second = &handlers[entries[at].position];
        // Only the few handlers of one queue are compared pair by pair.
        let mut before = at;
        while before > 0 && entries[before - 1].hash == entries[at].hash {
            before -= 1;
            let first = &handlers[entries[before].position];
            if matches!(faults[entries[at].position], Fault::None)
                && same(first.queue(), second.queue())
                && !same(first.name(), second.name())
                && let Some(event) = contested(first, second)
            {
                faults[entries[at].position] = Fault::SameQueue(first, second, event);
            }
        }
        at += 1;
    }
}

/// What both handlers would take from a queue they share: an event type, or a pattern.
pub(crate) const fn contested(first: &HandlerDescriptor, second: &HandlerDescriptor) -> Option<&'static str> {
    if let Some(event) = common_event(&first.takes(), &second.takes()) {
        return Some(event);
    }
    match (first.takes_any(), second.takes_any()) {
        (true, _) => contested_by_any(first, second),
        (false, true) => contested_by_any(second, first),
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

// `any` takes every event that its patterns let in, so the other's events must stay clear of them.
const fn contested_by_any(any: &HandlerDescriptor, other: &HandlerDescriptor) -> Option<&'static str> {
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
        if let Some(event) = met(&other.takes(), patterns[at]) {
            return Some(event);
        }
        at += 1;
    }
    None
}

const fn met(events: &EventSet, pattern: &str) -> Option<&'static str> {
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
                if let Some(event) = met(&sets[at], pattern) {
                    return Some(event);
                }
                at += 1;
            }
        }
    }
    None
}

/// Sorts by merging, from runs of one to the whole.
const fn sort<const N: usize>(mut from: [Entry; N]) -> [Entry; N] {
    let mut into = [Entry::EMPTY; N];
    let mut run = 1;
    while run < N {
        let mut start = 0;
        while start < N {
            let (middle, end) = (min(start + run, N), min(start + 2 * run, N));
            let (mut left, mut right, mut at) = (start, middle, start);
            while at < end {
                if left < middle && (right >= end || from[left].is_before(&from[right])) {
                    into[at] = from[left];
                    left += 1;
                } else {
                    into[at] = from[right];
                    right += 1;
                }
                at += 1;
            }
            start = end;
        }
        from = into;
        run *= 2;
    }
    from
}

const fn min(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}

// FNV-1a.
const fn hash(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

const fn last_segment(path: &'static str) -> &'static str {
    let bytes = path.as_bytes();
    let mut start = bytes.len();
    while start > 0 && bytes[start - 1] != b':' {
        start -= 1;
    }
    path.split_at(start).1
}

/// A message, put together in a constant.
#[derive(Clone, Copy)]
struct Text {
    bytes: [u8; Self::ROOM],
    len: usize,
}

impl Text {
    const ROOM: usize = 1024;

    const fn new() -> Self {
        Self {
            bytes: [0; Self::ROOM],
            len: 0,
        }
    }

    const fn add(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        let mut room = min(text.len(), Self::ROOM - self.len);
        // What is too long is cut between two characters.
        while room < text.len() && room > 0 && text[room] & 0b1100_0000 == 0b1000_0000 {
            room -= 1;
        }
        let mut at = 0;
        while at < room {
            self.bytes[self.len + at] = text[at];
            at += 1;
        }
        self.len += room;
        self
    }

    const fn quoted(self, before: &str, text: &str) -> Self {
        self.add(before).add("\"").add(text).add("\"")
    }

    const fn number(self, number: u32) -> Self {
        let mut digits = [0; 10];
        let (mut rest, mut at) = (number, digits.len());
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        match std::str::from_utf8(digits.split_at(at).1) {
            Ok(digits) => self.add(digits),
            Err(_) => self,
        }
    }

    #[track_caller]
    const fn panic(&self) -> ! {
        match std::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => panic!("{}", text),
            Err(_) => panic!("the proof failed"),
        }
    }
}
