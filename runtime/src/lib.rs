#![doc = include_str!("../README.md")]
// Without the feature `runtime`, the items that only the runtime calls are unused.
#![cfg_attr(not(feature = "runtime"), allow(dead_code))]

mod app;
#[cfg(feature = "runtime")]
mod backoff;
#[cfg(feature = "runtime")]
#[cfg_attr(not(feature = "rabbitmq"), allow(dead_code))] // Only RabbitMQ uses some items.
mod broker;
#[cfg(feature = "runtime")]
#[cfg_attr(not(feature = "rabbitmq"), allow(dead_code))] // Only RabbitMQ uses some items.
mod bus;
#[cfg(feature = "runtime")]
#[cfg_attr(not(feature = "testing"), allow(dead_code))] // Only tests advance a clock.
mod clock;
#[cfg(feature = "runtime")]
mod consume;
mod context;
#[cfg(feature = "runtime")]
pub mod error;
mod event;
mod handler;
mod message;
mod private;
#[cfg(feature = "runtime")]
mod retry;
mod rungs;
#[cfg(test)]
mod state_explorer;
#[cfg(feature = "runtime")]
mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod topology;
mod wire;

pub use app::describe;
#[cfg(feature = "runtime")]
pub use app::health;
#[cfg(feature = "runtime")]
pub use app::running::RunningApp;
#[cfg(feature = "runtime")]
pub use app::{App, NoState};
#[cfg(feature = "runtime")]
pub use bus::config::{BusBuilder, Declare};
#[cfg(feature = "runtime")]
pub use bus::{Bus, BusHealth, PublishOptions, Publishing};
#[cfg(feature = "runtime")]
pub use consume::middleware::Next;
#[cfg(feature = "runtime")]
pub use consume::outcome::Outcome;
#[cfg(feature = "tower")]
pub use context::http;
pub use context::trace::TraceContext;
#[cfg(feature = "runtime")]
pub use context::{Context, InvalidCorrelationId, spawn, spawn_blocking};
#[cfg(feature = "runtime")]
pub use error::{Error, Result};
pub use event::decode::DecodeError;
pub use event::descriptor::EventDescriptor;
pub use event::payload::{Payload, Unpublishable};
pub use event::{AnyEvent, DomainEvent, Event, EventFamily, Metadata};
pub use handler::delivery::Delivery;
pub use handler::descriptor::HandlerDescriptor;
pub use handler::error::{HandlerError, HandlerVerdict};
#[cfg(feature = "runtime")]
pub use handler::extract::Shutdown;
pub use handler::extract::{FromDelivery, FromRef, Rejection, State};
pub use message::headers::{HeaderValue, Headers};
pub use message::properties::Properties;
pub use message::reason::{Reason, UnknownReason};
pub use message::routing_key::RoutingKeyError;
pub use message::timestamp::{InvalidTimestamp, Timestamp};
pub use message::topic;

#[cfg(feature = "__bench")]
#[doc(hidden)]
pub use private::benchmarks as __bench;
#[cfg(fuzzing)]
#[doc(hidden)]
pub use private::fuzzing as __fuzz;
#[doc(hidden)]
pub use private::generated as __private;

/// Makes a struct an event, or an enum a family of events.
///
/// ```
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
/// use tidings::DomainEvent;
///
/// /// A customer placed an order.
/// #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
/// struct OrderCreated {
///     order_id: String,
///     total_cents: u64,
/// }
/// assert_eq!(OrderCreated::TYPE, "order.created");
/// ```
///
/// The attribute `#[event(..)]` sets options of the event:
///
/// | option | meaning | default |
/// |---|---|---|
/// | `type = "order.created"` | the event's name on the wire | the two words of the struct's name |
/// | `version = 2` | the version; raise it only for a change that breaks readers | 1 |
/// | `aggregate_id = order.id` | the field with the id of the aggregate that the event is about. It can be a field of a field, and its type needs `Display` | `<first word of the type>_id`, or `id` |
/// | `routing_key = "order.created.{region}"` | the routing key of a publish; each `{field}` fills one whole word | the type |
/// | `upcast_from = OrderCreatedV1` | the older version that this one can be converted from, with `From` or `TryFrom` | none |
/// | `example = OrderCreated { .. }` | the example event in the contract, which every later version must be able to read; any expression of the struct's type | generated from the schema |
/// | `crate = path` | the path of `tidings`, if the crate is renamed | `::tidings` |
///
/// The contract shows the doc comment as the event's description, and `#[deprecated]` as its deprecation.
///
/// This example has an older version, a nested aggregate id and a field in the routing key:
///
/// ```
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize}; use tidings::DomainEvent;
/// # #[derive(Serialize, Deserialize, JsonSchema)] struct Order { id: u32 }
/// #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
/// #[event(type = "order.placed", aggregate_id = number)]
/// struct OrderPlacedV1 {
///     number: u32,
/// }
///
/// #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
/// #[event(
///     version = 2,
///     aggregate_id = order.id,
///     routing_key = "order.placed.{region}",
///     upcast_from = OrderPlacedV1
/// )]
/// struct OrderPlaced {
///     order: Order,
///     region: String,
/// }
///
/// impl From<OrderPlacedV1> for OrderPlaced {
///     fn from(old: OrderPlacedV1) -> Self {
///         let order = Order { id: old.number };
///         Self { order, region: "eu".to_owned() }
///     }
/// }
///
/// let placed = OrderPlaced { order: Order { id: 7 }, region: "us".to_owned() };
/// assert_eq!(placed.routing_key().unwrap(), "order.placed.us");
/// assert_eq!(placed.aggregate_id(), "7");
/// ```
///
/// # Families
///
/// On an enum, each variant wraps one event. The event's type decides which variant it is decoded into. A variant with
/// `#[event(other)]` takes every other event as an [`AnyEvent`]. [`EventFamily`] has an example.
///
/// # What does not compile
///
/// A struct name of three words without a `type`. A name of two words is a thing and what happened to it, such as
/// `order` and `created`. In a name of three words, the derive cannot know where the thing ends:
///
/// ```compile_fail
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize}; use tidings::DomainEvent;
/// #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
/// struct OrderLineAdded { // missing type; write #[event(type = "order.line.added")] or …
///     order_id: String,
/// }
/// ```
///
/// A missing derive. An event is sent as JSON and has a contract, so it needs `Serialize`, `Deserialize` and
/// `JsonSchema`:
///
/// ```compile_fail
/// # use serde::{Deserialize, Serialize}; use tidings::DomainEvent;
/// #[derive(Serialize, Deserialize, DomainEvent)] // `OrderCreated: JsonSchema` is not satisfied
/// struct OrderCreated {
///     order_id: String,
/// }
/// ```
///
/// A field that is only part of a word in the routing key:
///
/// ```compile_fail
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize}; use tidings::DomainEvent;
/// #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
/// #[event(routing_key = "order.created.nr-{order_id}")] // `{order_id}` must stand alone between dots
/// struct OrderCreated {
///     order_id: String,
/// }
/// ```
pub use tidings_macros::DomainEvent;

/// Registers an `async fn` as the handler of an event.
///
/// ```
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize}; use tidings::DomainEvent;
/// # #[derive(Clone, Serialize, Deserialize, JsonSchema, DomainEvent)] struct OrderCreated { order_id: String, total: u64 }
/// # #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema, DomainEvent)]
/// # #[event(aggregate_id = order_id)] struct PaymentSettled { order_id: String }
/// # #[derive(Clone)] struct Gateway; #[derive(Debug)] struct Declined;
/// # impl std::fmt::Display for Declined { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("declined") } }
/// # impl std::error::Error for Declined {}
/// # impl Gateway { async fn charge(&self, _: u64) -> Result<(), Declined> { Ok(()) } }
/// use tidings::{Event, State, event_handler};
///
/// #[event_handler("order.created", timeout = "10s", reject_on(Declined))]
/// async fn take_payment(
///     order: Event<OrderCreated>,
///     State(gateway): State<Gateway>,
/// ) -> Result<PaymentSettled, Declined> {
///     gateway.charge(order.total).await?;
///     Ok(PaymentSettled { order_id: order.order_id.clone() })
/// }
///
/// // The handler is still a function that a test can call:
/// # futures_util::future::FutureExt::now_or_never(async {
/// let order = OrderCreated { order_id: "o-1".to_owned(), total: 5 };
/// let settled = take_payment(Event::new(order), State(Gateway)).await.unwrap();
/// assert_eq!(settled.order_id, "o-1");
/// # }).unwrap();
/// ```
///
/// - The first parameter is the event: an event type `T`, [`Event<T>`](Event), a family, or [`AnyEvent`]. All other
///   parameters are extractors, which implement [`FromDelivery`]: [`State`], [`Delivery`], and types of your own.
/// - The handler returns nothing, an event or a family, an `Option`, `Vec` or tuple of those, or a `Result` of any of
///   them. Tidings publishes the returned events before it acknowledges the delivery.
/// - After an `Err`, a panic or a timeout, the delivery is retried. [`HandlerError`] and `reject_on` can change that.
///
/// | option | meaning | default |
/// |---|---|---|
/// | `"order.*", "payment.#"` | the patterns that bind the handler's queue | the routing keys of its event and of the older versions |
/// | `name = "take_payment"` | the name of the handler and of its queue | the function's name |
/// | `queue = "billing"` | the queue, which several handlers can share | a queue of its own |
/// | `concurrency = 64` | the maximum number of deliveries that it handles at the same time | 64 |
/// | `prefetch = 256` | the maximum number of unacknowledged deliveries that the broker sends | 256; 32 with `ordered_by` |
/// | `retry(attempts = 8, rungs = "1s, 5s, 15s, 1m, 5m, 15m")` | the maximum number of attempts, and the delays between them. A delay, called a rung, is one of these six or `1h`; the last one repeats | as written here |
/// | `breaker = 20` | how many attempts in a row must fail, of at least half as many events, until the breaker opens: the handler then gets only probes, from one event after a second to `concurrency` events a minute, until one succeeds. `"off"` for none | 20 |
/// | `timeout = "30s"` | the maximum duration of one attempt, up to `15m` | 30 seconds |
/// | `ordered_by = "aggregate_id"` | handles the events of one aggregate one at a time, in the order of their arrival | no order |
/// | `on_dead_letter = "pause"` | the handler pauses after it dead-letters a delivery | it continues |
/// | `single_active` | only one instance of the service consumes from the queue at a time; with `ordered_by`, this keeps the order across instances | every instance consumes |
/// | `ephemeral` | each instance has a queue of its own, which is deleted with the instance | one durable queue |
/// | `reject_on(Declined, SoldOut)` | errors that are dead-lettered without a retry, anywhere in the chain of `source()` | none |
/// | `crate = path` | the path of `tidings`, if the crate is renamed | `::tidings` |
///
/// `reject_on` finds an error in the `source` of an enum, in an `anyhow::Error` with contexts, and in a box. It cannot
/// find an error behind `#[error(transparent)]`, which hides the error that it wraps.
///
/// The attribute also generates a hidden struct with the function's name, and one `use` imports both. A module of that
/// name collides with the struct when the function is re-exported (`mod refund; pub use refund::refund;`). In that
/// case, remove the re-export and write `handlers![refund::refund]`.
///
/// # What does not compile
///
/// A pattern that can never match the event:
///
/// ```compile_fail
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize}; use tidings::{DomainEvent, event_handler};
/// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)] struct OrderCreated { order_id: String }
/// #[event_handler("payment.*")] // can never match "order.created", the routing key of this handler's event
/// async fn take_payment(order: OrderCreated) {}
/// ```
///
/// An event that is not the first parameter:
///
/// ```compile_fail
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize}; use tidings::{Delivery, DomainEvent, event_handler};
/// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)] struct OrderCreated { order_id: String }
/// #[event_handler]
/// async fn audit(delivery: Delivery, order: OrderCreated) {} // `Delivery` is not an event
/// ```
///
/// A function that is not async:
///
/// ```compile_fail
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize}; use tidings::{DomainEvent, event_handler};
/// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)] struct OrderCreated { order_id: String }
/// #[event_handler]
/// fn take_payment(order: OrderCreated) {} // an event handler is async; write async fn take_payment
/// ```
pub use tidings_macros::event_handler;

/// Lists handlers for an app, and checks at compile time that they fit together.
///
/// ```
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize}; use tidings::{DomainEvent, event_handler};
/// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)] struct OrderCreated { order_id: String }
/// use tidings::{App, handlers};
///
/// #[event_handler]
/// async fn take_payment(order: OrderCreated) {}
///
/// mod stock {
///     # use super::*;
///     #[event_handler]
///     pub async fn reserve(order: OrderCreated) {}
/// }
///
/// # fn main() {
/// let app = App::new("shop").handlers(handlers![take_payment, stock::reserve]);
/// # }
/// ```
///
/// A list does not compile in these cases:
///
/// - It contains one handler twice.
/// - Two handlers have the same name.
/// - Two Rust types are the same version of the same event.
/// - Two handlers take the same event from the same queue.
///
/// An app with several lists makes the same checks across its lists when it starts. If the crate `tidings` is renamed,
/// write `handlers![crate = path; take_payment]`.
///
/// The state comes before the handlers that take it, so this does not compile:
///
/// ```compile_fail
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize}; use tidings::{App, DomainEvent, State, event_handler, handlers};
/// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)] struct OrderCreated { order_id: String }
/// # #[derive(Clone)] struct Gateway;
/// #[event_handler]
/// async fn take_payment(order: OrderCreated, gateway: State<Gateway>) {}
///
/// App::new("shop")
///     .handlers(handlers![take_payment]) // no state of type `Gateway` is provided to this app
///     .state(Gateway);
/// ```
pub use tidings_macros::handlers;

/// Lists events as a `&'static [EventDescriptor]`, for the contracts of a service that publishes without handlers.
///
/// ```
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize}; use tidings::{DomainEvent};
/// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)] struct OrderCreated { order_id: String }
/// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)] struct OrderCancelled { order_id: String }
/// use tidings::{EventDescriptor, events};
///
/// static EVENTS: &[EventDescriptor] = events![OrderCreated, OrderCancelled];
/// assert_eq!(EVENTS[1].event_type(), "order.cancelled");
/// ```
///
/// A list does not compile if it contains one event twice, or if two Rust types are the same version of the same event.
/// If the crate `tidings` is renamed, write `events![crate = path; OrderCreated]`.
pub use tidings_macros::events;
