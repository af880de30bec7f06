//! Families of events.

use super::any::AnyEvent;
use super::decode::DecodeError;
use super::derive::EventVisitor;
use super::descriptor::EventSet;

/// Several events as one enum. Each variant wraps one event, and the variant marked `other` takes every other event.
///
/// ```
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize};
/// use tidings::{AnyEvent, DomainEvent};
/// # #[derive(Debug, Serialize, Deserialize, JsonSchema, DomainEvent)]
/// # #[event(type = "order.created")] struct OrderCreated { order_id: String }
/// # #[derive(Debug, Serialize, Deserialize, JsonSchema, DomainEvent)]
/// # #[event(type = "order.cancelled")] struct OrderCancelled { order_id: String }
/// #[derive(Debug, DomainEvent)]
/// enum OrderEvent {
///     Created(OrderCreated),
///     Cancelled(OrderCancelled),
///     #[event(other)]
///     Other(AnyEvent),
/// }
/// ```
#[diagnostic::on_unimplemented(message = "`{Self}` is not a family of events")]
pub trait EventFamily: Send + Sync + Sized + 'static {
    /// The events of the variants.
    #[doc(hidden)]
    const EVENTS: EventSet;
    /// Whether a variant is marked `other`.
    #[doc(hidden)]
    const HAS_OTHER: bool;

    /// Decodes the event into the variant for its type.
    #[doc(hidden)]
    fn decode(event: &AnyEvent) -> Result<Self, DecodeError>;

    /// Passes the event inside to `visitor`.
    #[doc(hidden)]
    fn visit<V: EventVisitor>(&self, visitor: V) -> V::Output;
}
