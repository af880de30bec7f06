//! Proofs of a list: no two of its handlers or events share a name, an event or a delivery.

use super::overlap::overlap;
use super::text::{ConstText, last_segment, min, same};
use crate::event::descriptor::{EventDescriptor, EventSet, for_each_event};
use crate::handler::descriptor::HandlerDescriptor;

/// The fault of an entry of a list. One pass finds the faults of all entries.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// No fault.
    None,
    /// The list contains the handler or the event earlier.
    Repeated(&'static str),
    /// An earlier handler has the same name.
    SameName(&'static HandlerDescriptor, &'static HandlerDescriptor),
    /// An earlier Rust type is the same event.
    SameEvent(&'static EventDescriptor, &'static EventDescriptor),
    /// An earlier handler takes the same event from the same queue.
    SameQueue(
        &'static HandlerDescriptor,
        &'static HandlerDescriptor,
        &'static str,
    ),
}

impl Fault {
    /// Reports the fault at the caller.
    #[track_caller]
    pub const fn report(self) {
        match self {
            Self::None => {}
            Self::Repeated(name) => ConstText::new()
                .add("`")
                .add(name)
                .add("` stands in this list before; remove one of the two")
                .panic(),
            Self::SameName(first, second) => ConstText::new()
                .add("two handlers are named `")
                .add(second.name())
                .add("`: `")
                .add(first.function())
                .add("` and `")
                .add(second.function())
                .add("`; give one another name with #[event_handler(name = \"…\")]")
                .panic(),
            Self::SameEvent(first, second) => {
                let text = ConstText::new().quoted("two events are named ", second.event_type());
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
            Self::SameQueue(first, second, event) => ConstText::new()
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

/// The number of events of `handlers`, including older versions.
pub const fn count_events(handlers: &[HandlerDescriptor]) -> usize {
    let (mut count, mut at) = (0, 0);
    while at < handlers.len() {
        count += count_set(&handlers[at].takes()) + count_set(&handlers[at].returns());
        at += 1;
    }
    count
}

const fn count_set(events: &EventSet) -> usize {
    let mut count = 0;
    for_each_event!(
        events,
        |event| {
            let mut version = Some(event);
            while let Some(event) = version {
                count += 1;
                version = event.older();
            }
        },
        |set| {
            count += count_set(set);
        },
    );
    count
}

/// Finds the fault of each of the `N` handlers, which have `E` events together.
pub const fn handler_faults<const N: usize, const E: usize>(
    handlers: &'static [HandlerDescriptor; N],
) -> [Fault; N] {
    let mut faults = [Fault::None; N];
    same_names(handlers, &mut faults);
    same_queues(handlers, &mut faults);
    let mut entries = [NameEntry::EMPTY; E];
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
    let mut entries = [NameEntry::EMPTY; N];
    let mut at = 0;
    while at < N {
        entries[at] = NameEntry::event(&events[at], at);
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

/// A name that may occur twice. Names are compared by hash first. A comparison of each pair of texts would reach the
/// limit of constant evaluation at a few hundred names.
#[derive(Clone, Copy)]
struct NameEntry {
    hash: u64,
    position: usize,
    event: Option<&'static EventDescriptor>,
}

impl NameEntry {
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

const fn enter_set(
    events: &EventSet,
    position: usize,
    entries: &mut [NameEntry],
    mut filled: usize,
) -> usize {
    for_each_event!(
        events,
        |event| {
            let mut version = Some(event);
            while let Some(event) = version {
                entries[filled] = NameEntry::event(event, position);
                filled += 1;
                version = event.older();
            }
        },
        |set| {
            filled = enter_set(set, position, entries, filled);
        },
    );
    filled
}

const fn same_events<const E: usize>(entries: [NameEntry; E], faults: &mut [Fault]) {
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
    let mut entries = [NameEntry::EMPTY; N];
    let mut at = 0;
    while at < N {
        entries[at] = NameEntry::named(handlers[at].name(), at);
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
    let mut entries = [NameEntry::EMPTY; N];
    let mut at = 0;
    while at < N {
        entries[at] = NameEntry::named(handlers[at].queue(), at);
        at += 1;
    }
    let entries = sort(entries);
    let mut at = 1;
    while at < N {
        let second = &handlers[entries[at].position];
        // Only handlers of the same queue are compared pair by pair, and a queue has few of them.
        let mut before = at;
        while before > 0 && entries[before - 1].hash == entries[at].hash {
            before -= 1;
            let first = &handlers[entries[before].position];
            if matches!(faults[entries[at].position], Fault::None)
                && same(first.queue(), second.queue())
                && !same(first.name(), second.name())
                && let Some(event) = overlap(first, second)
            {
                faults[entries[at].position] = Fault::SameQueue(first, second, event);
            }
        }
        at += 1;
    }
}

/// A merge sort, because the sort of slices is not `const`.
const fn sort<const N: usize>(mut from: [NameEntry; N]) -> [NameEntry; N] {
    let mut into = [NameEntry::EMPTY; N];
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

/// FNV-1a, because the hashers of `std` are not `const`.
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
