//! Testing without a broker: a bus that keeps what was published, and a clock that jumps over every delay.

mod assert;
mod dead_letter;
mod outside;
mod settle;

pub use assert::{__assert_not_published, __assert_published};
pub use dead_letter::DeadLetter;
#[doc(hidden)]
pub use outside::{MemoryServer, QueuedMessage};
pub use settle::NotSettled;

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::broker::memory::MemoryBroker;
use crate::broker::{Broker, Publish};
use crate::bus::Bus;
use crate::bus::config::{BusBuilder, Ignored};
use crate::bus::confirm::confirm;
use crate::clock::Clock;
use crate::event::{AnyEvent, DomainEvent, Event};
use crate::message::Message;
use crate::message::headers::Headers;
use crate::message::properties::Properties;
use crate::message::timestamp::Timestamp;
use crate::topology::Names;
use crate::wire::{origin, read};

/// A bus for tests: the in-memory broker, which keeps what was published, with a clock of its own that moves only in
/// [`settled`](Self::settled). A retry after five minutes takes no time.
///
/// It dereferences to [`Bus`], so a test publishes on it, and starts apps on it, as the service does.
///
/// ```
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize};
/// use tidings::testing::TestBus;
/// use tidings::{App, DomainEvent, assert_published, event_handler, handlers};
/// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
/// # #[event(type = "order.created")] struct OrderCreated { order_id: String }
/// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
/// # #[event(type = "payment.settled", aggregate_id = order_id)] struct PaymentSettled { order_id: String }
///
/// #[event_handler]
/// async fn take_payment(order: OrderCreated) -> PaymentSettled {
///     PaymentSettled { order_id: order.order_id }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> tidings::Result<()> {
/// let bus = TestBus::new();
/// let _app = App::new("payments").handlers(handlers![take_payment]).start(&bus).await?;
/// bus.publish(&OrderCreated { order_id: "o-1".into() }).await?;
/// bus.settled().await;
/// assert_published!(bus, PaymentSettled { order_id } if order_id == "o-1");
/// assert!(bus.dead_letters().is_empty());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct TestBus {
    bus: Bus,
    memory: Arc<MemoryBroker>,
    ignored: Ignored,
}

/// An event that a handler's wildcard caught and its type did not declare.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IgnoredEvent {
    /// The handler.
    pub handler: &'static str,
    /// The routing key of the event.
    pub routing_key: String,
}

impl TestBus {
    /// A bus of its own.
    pub fn new() -> Self {
        Self::with(Bus::builder())
    }

    /// A bus of its own with other settings.
    pub fn with(builder: BusBuilder) -> Self {
        let memory = Arc::new(MemoryBroker::builder(Clock::virtual_time()).recording().build());
        let ignored: Ignored = Arc::new(Mutex::default());
        let mut config = builder.config;
        config.ignored = Some(Arc::clone(&ignored));
        Self {
            bus: Bus::on_memory_broker(config, Arc::clone(&memory)),
            memory,
            ignored,
        }
    }

    /// The events of type `T` that were published so far, in order, by whomever.
    ///
    /// # Panics
    /// When an event under `T`'s type does not decode as `T`.
    #[track_caller]
    pub fn published<T: DomainEvent>(&self) -> Vec<Event<T>> {
        let mut events = Vec::new();
        for event in self
            .published_events()
            .iter()
            .filter(|event| event.event_type() == T::TYPE)
        {
            match event.decode::<T>() {
                Ok(data) => events.push(Event::with_metadata(data, event.shared_metadata())),
                Err(error) => panic!("published `{}`, and {error}: {}", T::TYPE, event.json()),
            }
        }
        events
    }

    /// Every event that was published so far, in order, by whomever. What is no event is left out.
    pub fn published_events(&self) -> Vec<AnyEvent> {
        self.memory
            .recorded()
            .iter()
            .filter_map(|message| self.event_of(message))
            .collect()
    }

    /// What the services gave up on, in the order of their queues.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        let queues = self.memory.queue_names();
        let dead = queues.iter().filter(|name| Names::is_dead_letters(name));
        dead.flat_map(|queue| self.memory.queue_messages(queue))
            .map(|message| DeadLetter::of(&message, self.bus.limits()))
            .collect()
    }

    /// The events that were acknowledged without a handler: a wildcard caught their key, and no handler declares their
    /// type.
    pub fn ignored(&self) -> Vec<IgnoredEvent> {
        let ignored = self.ignored.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = ignored.iter().map(|(handler, routing_key)| IgnoredEvent {
            handler,
            routing_key: routing_key.clone(),
        });
        entries.collect()
    }

    /// Publishes a body as it stands, with no properties at all, as a service in another language does.
    ///
    /// # Panics
    /// When the broker refuses it.
    pub async fn publish_raw(&self, routing_key: &str, body: impl Into<Vec<u8>>) {
        self.publish_message(routing_key, Headers::new(), Properties::default(), body.into())
            .await;
    }

    /// Publishes a body with headers and properties.
    ///
    /// # Panics
    /// When the broker refuses it.
    pub async fn publish_message(
        &self,
        routing_key: &str,
        headers: Headers,
        properties: Properties,
        body: impl Into<Vec<u8>>,
    ) {
        let message = Message {
            exchange: Arc::clone(&self.bus.config().exchange),
            routing_key: routing_key.into(),
            properties: properties.into(),
            headers,
            body: body.into().into(),
        };
        let (confirm, answer) = confirm(None);
        self.memory.send(Publish {
            message: Arc::new(message),
            mandatory: false,
            while_handling: false,
            confirm,
        });
        answer
            .await
            .expect("the broker answers")
            .expect("the broker takes it");
    }

    /// How far the bus's own clock has jumped: the delays that were waited for, without the waiting.
    pub fn elapsed(&self) -> Duration {
        self.memory.clock().elapsed()
    }

    /// The bus, to hand to code that wants one.
    pub fn bus(&self) -> Bus {
        self.bus.clone()
    }

    fn event_of(&self, message: &Arc<Message>) -> Option<AnyEvent> {
        let origin = origin::origin(message, "", "", Timestamp::now());
        read::read(message, &origin, self.bus.limits()).ok()
    }
}

impl Default for TestBus {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for TestBus {
    type Target = Bus;

    fn deref(&self) -> &Bus {
        &self.bus
    }
}

impl From<&TestBus> for Bus {
    fn from(test: &TestBus) -> Self {
        test.bus.clone()
    }
}
