#![doc = include_str!("../README.md")]
// Without the runtime nobody calls what is there for it alone.
#![cfg_attr(not(feature = "runtime"), allow(dead_code))]

mod app;
#[cfg(feature = "runtime")]
#[cfg_attr(not(feature = "rabbitmq"), allow(dead_code))] // The loops of `consume` do not use it yet.
mod backoff;
#[cfg(feature = "runtime")]
#[cfg_attr(not(feature = "rabbitmq"), allow(dead_code))] // What RabbitMQ alone needs of it.
mod broker;
#[cfg(feature = "runtime")]
#[cfg_attr(not(feature = "rabbitmq"), allow(dead_code))] // What RabbitMQ alone needs of it.
mod bus;
#[cfg(feature = "runtime")]
#[cfg_attr(not(feature = "testing"), allow(dead_code))] // Only a test moves a clock.
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
mod retry;
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
pub use handler::HandlerDescriptor;
pub use handler::delivery::Delivery;
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
/// What the name and the fields do not say, the attribute does:
///
/// | `#[event(..)]` | says | by default |
/// |---|---|---|
/// | `type = "order.created"` | the event's name on the wire | the two words of the struct's name |
/// | `version = 2` | the version, raised only for a change that breaks readers | 1 |
/// | `aggregate_id = order.id` | the field, or the field of a field, that holds the id of what the event is about; anything with `Display` | `<first word of the type>_id`, or `id` |
/// | `routing_key = "order.created.{region}"` | the key it is published under; each `{field}` fills one word of its own | the type |
/// | `upcast_from = OrderCreatedV1` | the older version this one is made from, by `From` or `TryFrom` | |
/// | `example = OrderCreated { .. }` | an event for its contract to show, and for every later version to read: any expression of the struct's type | one made up from the schema |
/// | `crate = path` | where `tidings` is, when it goes by another name | `::tidings` |
///
/// The doc comment becomes the description in the contract, `#[deprecated]` its deprecation.
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
/// On an enum each variant wraps one event, and decoding picks the variant by the event's type. A variant marked
/// `#[event(other)]` takes every other event as [`AnyEvent`]. [`EventFamily`] has an example.
///
/// # What does not compile
///
/// Two words are a thing and what happened to it; with three, only you know where the thing ends:
///
/// ```compile_fail
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize}; use tidings::DomainEvent;
/// #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
/// struct OrderLineAdded { // missing type; write #[event(type = "order.line.added")] or …
///     order_id: String,
/// }
/// ```
///
/// An event travels as JSON and has a contract, so it wants serde's two derives and schemars':
///
/// ```compile_fail
/// # use serde::{Deserialize, Serialize}; use tidings::DomainEvent;
/// #[derive(Serialize, Deserialize, DomainEvent)] // `OrderCreated: JsonSchema` is not satisfied
/// struct OrderCreated {
///     order_id: String,
/// }
/// ```
///
/// A field of the routing key fills a word of its own:
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
/// // It is still a function:
/// # futures_util::future::FutureExt::now_or_never(async {
/// let order = OrderCreated { order_id: "o-1".to_owned(), total: 5 };
/// let settled = take_payment(Event::new(order), State(Gateway)).await.unwrap();
/// assert_eq!(settled.order_id, "o-1");
/// # }).unwrap();
/// ```
///
/// - The first parameter is the event: an event `T`, [`Event<T>`](Event), a family, or [`AnyEvent`]. The others are
///   extractors, of types that implement [`FromDelivery`]: [`State`], [`Delivery`], and your own.
/// - It returns nothing, an event or a family, an `Option`, `Vec` or tuple of those, or a `Result` of any of them.
///   Returned events are published before the delivery is acknowledged.
/// - An `Err`, a panic or a timeout is tried again; [`HandlerError`] and `reject_on` say otherwise.
///
/// | option | says | by default |
/// |---|---|---|
/// | `"order.*", "payment.#"` | the patterns that its queue is bound by | the routing keys of its event, older versions included |
/// | `name = "take_payment"` | its name, and its queue's | the function's |
/// | `queue = "billing"` | a queue that it shares with other handlers | its own |
/// | `concurrency = 64` | how many deliveries it handles side by side | 64 |
/// | `prefetch = 256` | how many the broker hands out ahead | 256, ordered 32 |
/// | `retry(attempts = 8, rungs = "1s, 5s, 15s, 1m, 5m, 15m")` | how often it is attempted, and the delays between; `1h` is a rung too, and the last one repeats | as written |
/// | `timeout = "30s"` | how long one attempt may take, at most `15m` | 30 seconds |
/// | `ordered_by = "aggregate_id"` | one at a time for each aggregate, in the order they came | as they come |
/// | `on_dead_letter = "pause"` | the handler pauses when it gives up on a delivery | it goes on |
/// | `single_active` | one instance of the service at a time takes from the queue; with `ordered_by` the order holds across instances | every instance |
/// | `ephemeral` | each instance has a queue of its own that ends with it | one durable queue |
/// | `reject_on(Declined, SoldOut)` | errors that no retry helps, wherever they are in the chain of `source()` | none |
/// | `crate = path` | where `tidings` is, when it goes by another name | `::tidings` |
///
/// `reject_on` looks through enums by their `source`, through `anyhow` with contexts, and through boxes. It cannot look
/// behind `#[error(transparent)]`, which hides the error it wraps.
///
/// Beside the function the attribute emits a hidden struct of the same name, and one `use` brings both. A module of
/// that name, re-exported over it (`mod refund; pub use refund::refund;`), collides with the struct: leave the
/// re-export out, and write `handlers![refund::refund]`.
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

/// Lists handlers for an app, and proves that they fit together.
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
/// Within one list no handler stands twice, no two have one name, no two Rust types are the same event and version, and
/// no two take the same event from one queue. The app checks the same across its lists when it starts.
///
/// Where `tidings` goes by another name, write `handlers![crate = path; take_payment]`.
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

/// Lists events: a `&'static [EventDescriptor]`, for the contracts of a service that publishes without handlers.
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
/// Two Rust types for one event and version do not compile. Where `tidings` goes by another name, write
/// `events![crate = path; OrderCreated]`.
pub use tidings_macros::events;
