//! The bus: publishes events, and connects an app to its broker.

mod batch;
pub(crate) mod config;
pub(crate) mod confirm;
mod connect;
mod health;
mod options;
pub(crate) mod publish;
pub(crate) mod refusal;
pub(crate) mod unconfirmed;
pub(crate) mod url;

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError};

use tokio::sync::Semaphore;

pub use crate::bus::health::BusHealth;
pub use crate::bus::options::PublishOptions;
pub use crate::bus::publish::Publishing;

use crate::broker::Broker;
use crate::bus::config::{BusBuilder, Config, Declare};
use crate::bus::publish::EncodedEvent;
use crate::error::Result;
use crate::event::payload::Payload;
use crate::topology::Plan;
use crate::wire::limits::Limits;

/// The number of events that may wait for their confirm at the same time. Further publishers wait for a slot.
const WINDOW: usize = 1024;

/// A connection to a broker that publishes events.
///
/// A bus is cheap to clone, and all clones share one connection.
///
/// ```
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize}; use tidings::{Bus, DomainEvent};
/// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
/// # #[event(type = "order.created")] struct OrderCreated { order_id: String }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> tidings::Result<()> {
/// let bus = Bus::in_memory();
/// let id = bus.publish(&OrderCreated { order_id: "o-1".into() }).await?;
/// println!("the broker has event {id}");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Bus {
    shared: Arc<BusInner>,
    /// The app whose handlers publish through this clone.
    service: Option<Arc<str>>,
}

struct BusInner {
    broker: Arc<dyn Broker>,
    config: Config,
    limits: Limits,
    window: Arc<Semaphore>,
    /// How many publishes waited for slots in the window and got them.
    granted: AtomicU64,
}

impl Bus {
    /// Connects to the broker that the environment variable `TIDINGS_URL` names.
    ///
    /// The value is `amqp://…`, `amqps://…`, several of those separated by commas, or `memory:`.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) when the variable is not set: a service must never use the in-memory
    /// broker by accident. Otherwise the errors of [`connect`](Self::connect).
    pub async fn from_env() -> Result<Self> {
        Self::builder().from_env().await
    }

    /// Connects to the broker that the environment variable `TIDINGS_URL` names, or to `default` when it is not set.
    ///
    /// # Errors
    /// The errors of [`connect`](Self::connect).
    pub async fn from_env_or(default: &str) -> Result<Self> {
        Self::builder().from_env_or(default).await
    }

    /// Connects to the broker at `url`: `amqp://…`, `amqps://…`, several of those separated by commas, or `memory:`.
    ///
    /// A special character in a user, a password or a virtual host is percent-encoded: `%2F` for `/`, `%3F` for `?`, `%23`
    /// for `#`, `%40` for `@`, `%3A` for `:`, `%25` for `%`, `%5B` and `%5D` for `[` and `]`, `%2C` for `,`, `%20` for a
    /// space. No error and no log shows a password.
    ///
    /// # Errors
    /// - [`Error::Config`](crate::Error::Config) when this build does not support the URL.
    /// - [`Error::Connect`](crate::Error::Connect) when no broker answers in time, or the broker rejects the login.
    /// - [`Error::Declare`](crate::Error::Declare) when the exchange cannot be declared or verified.
    pub async fn connect(url: &str) -> Result<Self> {
        Self::builder().connect(url).await
    }

    /// Creates a bus with a new in-memory broker in this process. Its messages are lost when the bus is dropped.
    pub fn in_memory() -> Self {
        Self::builder().in_memory()
    }

    /// Returns a builder, for a bus whose settings differ from the defaults.
    pub fn builder() -> BusBuilder {
        BusBuilder::default()
    }

    /// Publishes an event, or the event inside a family, and returns its id after the broker has confirmed it.
    ///
    /// Inside a handler, the event inherits the correlation id and the trace of the handled event, and names it as its
    /// cause. Behind `tidings::http::CorrelationLayer`, it inherits those of the request.
    ///
    /// # Errors
    /// [`Error::Publish`](crate::Error::Publish) when the event cannot be encoded, when the broker refuses it, or when
    /// the broker does not confirm it in time. The error says whether the event may have been delivered.
    // This method and the next two are not `async fn`s, because the type of such a future would contain the type of the
    // event. rustc would then report a type that is no event at the call, in the future and at the `.await`.
    pub fn publish<T: Payload>(&self, event: &T) -> Publishing<'_> {
        self.publish_with(event, PublishOptions::new())
    }

    /// Publishes an event with [options](PublishOptions): headers, `mandatory`, or an id that the caller chooses.
    ///
    /// # Errors
    /// The errors of [`publish`](Self::publish), and [`Error::Publish`](crate::Error::Publish) when the event is
    /// mandatory and no queue receives it.
    pub fn publish_with<T: Payload>(&self, event: &T, options: PublishOptions) -> Publishing<'_> {
        Publishing::new(self.publish_event(EncodedEvent::of(event), options))
    }

    /// Publishes several events without waiting for one confirm before the next event is sent. Returns one result per
    /// event, in the order of `events`.
    ///
    /// The events are also sent in this order. An event that the broker refuses is sent again after other events.
    ///
    /// The publish timeout of an event starts when the event may leave, so the list can be of any length. When the
    /// broker confirms fewer than 64 events within that timeout, all remaining events fail.
    ///
    /// # Errors
    /// Each result is an error in the cases of [`publish`](Self::publish).
    pub fn publish_all<'a, T: Payload>(
        &self,
        events: impl IntoIterator<Item = &'a T>,
    ) -> Publishing<'_, Vec<Result<String>>> {
        Publishing::new(self.publish_batch(events.into_iter().map(EncodedEvent::of).collect()))
    }

    /// Returns the health of the bus, for a readiness probe.
    pub fn health(&self) -> BusHealth {
        BusHealth::of(&*self.shared.broker)
    }

    /// Closes the connection after the broker has confirmed or refused all events that were sent.
    ///
    /// Later publishes fail with [`PublishFault::Closed`](crate::error::PublishFault::Closed).
    pub async fn close(&self) {
        self.shared.broker.close().await;
    }

    pub(crate) fn new(config: Config, broker: Arc<dyn Broker>) -> Self {
        let limits = Limits {
            max_body_bytes: config.max_body_bytes,
            ..Limits::default()
        }
        .fit_into_frame(broker.frame_max());
        let service = config.service.clone();
        let window = Arc::new(Semaphore::new(WINDOW));
        Self {
            shared: Arc::new(BusInner {
                broker,
                config,
                limits,
                window,
                granted: AtomicU64::new(0),
            }),
            service,
        }
    }

    /// The same bus with `service` as the source of its events.
    pub(crate) fn for_service(&self, service: &str) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            service: Some(service.into()),
        }
    }

    /// Waits until no event waits for its confirm. Events that are published meanwhile wait for the end of this call.
    pub(crate) async fn flushed(&self) {
        let whole_window = u32::try_from(WINDOW).unwrap_or(u32::MAX);
        let _ = self.shared.window.acquire_many(whole_window).await;
    }

    /// Closes the connection unless another clone of the bus exists.
    pub(crate) async fn close_if_last(self) {
        if Arc::strong_count(&self.shared) == 1 {
            self.close().await;
        }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.shared.config
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    pub(crate) fn broker(&self) -> &Arc<dyn Broker> {
        &self.shared.broker
    }

    /// Declares or verifies `plan`, as the setting [`Declare`] says.
    pub(crate) async fn declare(&self, plan: &Plan) -> Result<()> {
        match self.config().declare {
            Declare::Auto => self.broker().declare(plan).await,
            Declare::Verify => self.broker().verify(plan).await,
            Declare::Off => Ok(()),
        }
    }

    /// Records an event that a handler ignored, when a test asked for the list.
    pub(crate) fn record_ignored(&self, handler: &'static str, routing_key: &str) {
        if let Some(ignored) = &self.config().ignored {
            let mut ignored = ignored.lock().unwrap_or_else(PoisonError::into_inner);
            ignored.push((handler, routing_key.to_owned()));
        }
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus")
            .field("service", &self.service)
            .field("exchange", &self.config().exchange)
            .field("state", &self.shared.broker.state())
            .finish_non_exhaustive()
    }
}

impl From<&Bus> for Bus {
    fn from(bus: &Bus) -> Self {
        bus.clone()
    }
}
