//! The assertion macros and their failure messages.

use std::fmt::Write as _;

use crate::event::{AnyEvent, DomainEvent};

use super::TestBus;

/// Asserts that the bus published an event that matches the pattern and the optional guard.
///
/// The pattern determines the event type. When no event matches, the panic message lists the published events, with the
/// most similar event types first, and the dead letters.
///
/// ```
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize}; use tidings::DomainEvent;
/// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
/// # #[event(type = "payment.settled", aggregate_id = order_id)]
/// # struct PaymentSettled { order_id: String, cents: u64 }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> tidings::Result<()> {
/// use tidings::assert_published;
/// use tidings::testing::TestBus;
///
/// let bus = TestBus::new();
/// bus.publish(&PaymentSettled { order_id: "o-1".into(), cents: 1200 }).await?;
/// assert_published!(bus, PaymentSettled { cents: 1200, .. });
/// assert_published!(bus, PaymentSettled { order_id, .. } if order_id == "o-1");
/// # Ok(()) }
/// ```
#[macro_export]
macro_rules! assert_published {
    ($bus:expr, $pattern:pat $(if $guard:expr)? $(,)?) => {
        $crate::testing::__assert_published(
            &$bus,
            #[allow(unreachable_patterns)]
            |event: &_| match event {
                $pattern $(if $guard)? => true,
                _ => false,
            },
            stringify!($pattern $(if $guard)?),
        )
    };
}

/// Asserts that the bus published no event that matches the pattern and the optional guard.
///
/// The panic message shows the first event that matches.
///
/// ```
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize}; use tidings::DomainEvent;
/// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
/// # #[event(type = "payment.settled", aggregate_id = order_id)]
/// # struct PaymentSettled { order_id: String, cents: u64 }
/// use tidings::assert_not_published;
/// use tidings::testing::TestBus;
///
/// let bus = TestBus::new();
/// assert_not_published!(bus, PaymentSettled { .. });
/// ```
#[macro_export]
macro_rules! assert_not_published {
    ($bus:expr, $pattern:pat $(if $guard:expr)? $(,)?) => {
        $crate::testing::__assert_not_published(
            &$bus,
            #[allow(unreachable_patterns)]
            |event: &_| match event {
                $pattern $(if $guard)? => true,
                _ => false,
            },
            stringify!($pattern $(if $guard)?),
        )
    };
}

#[doc(hidden)]
#[track_caller]
pub fn __assert_published<T: DomainEvent>(bus: &TestBus, matches: impl Fn(&T) -> bool, pattern: &str) {
    if bus.published::<T>().iter().any(|event| matches(event.data())) {
        return;
    }
    let mut others = bus.published_events();
    others.sort_by_key(|event| distance(event, T::TYPE));
    let mut text = format!("no `{}` was published that matches `{pattern}`", T::TYPE);
    if others.is_empty() {
        text.push_str("; nothing was published");
    } else {
        text.push_str("; published, the nearest first:");
    }
    others
        .iter()
        .take(10)
        .for_each(|event| write_line(&mut text, event));
    if others.len() > 10 {
        let _ = write!(text, "\n  and {} more", others.len() - 10);
    }
    let dead = bus.dead_letters();
    for letter in dead.iter().take(3) {
        let reason = letter.reason.map_or("delivery-limit", |reason| reason.as_str());
        let error = letter.error.replace('\n', ": ");
        let _ = write!(
            text,
            "\n  dead letter of `{}` ({reason}): {error}",
            letter.handler
        );
    }
    panic!("{text}");
}

#[doc(hidden)]
#[track_caller]
pub fn __assert_not_published<T: DomainEvent>(bus: &TestBus, matches: impl Fn(&T) -> bool, pattern: &str) {
    let found = bus
        .published::<T>()
        .into_iter()
        .find(|event| matches(event.data()));
    if let Some(event) = found {
        let published = bus.published_events();
        let event = published.iter().find(|other| other.metadata().id == event.id());
        let mut text = format!("a `{}` was published that matches `{pattern}`:", T::TYPE);
        event.into_iter().for_each(|event| write_line(&mut text, event));
        panic!("{text}");
    }
}

fn write_line(text: &mut String, event: &AnyEvent) {
    let json: String = event.json().chars().take(300).collect();
    let _ = write!(text, "\n  {} {json}", event.event_type());
}

/// Sorts events by similarity to the wanted type: the same type first, then the types with the most words in common.
fn distance(event: &AnyEvent, wanted: &str) -> usize {
    if event.event_type() == wanted {
        return 0;
    }
    let common = event
        .event_type()
        .split('.')
        .filter(|word| wanted.split('.').any(|other| other == *word));
    1 + wanted.split('.').count().saturating_sub(common.count())
}
