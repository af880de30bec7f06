//! Tests without RabbitMQ: a bus in memory that records published events, and a virtual clock that skips delays.

mod assert;
mod dead_letter;
mod memory_server;
mod settle;

pub use assert::{__assert_not_published, __assert_published};
pub use dead_letter::DeadLetter;
#[doc(hidden)]
pub use memory_server::{MemoryServer, QueuedMessage};
pub use settle::NotSettled;

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::broker::Broker;
use crate::broker::memory::MemoryBroker;
use crate::bus::Bus;
use crate::bus::config::{BusBuilder, Ignored};
use crate::clock::Clock;
use crate::event::{AnyEvent, DomainEvent, Event};
use crate::message::Message;
use crate::message::headers::Headers;
use crate::message::properties::Properties;
use crate::message::timestamp::Timestamp;
use crate::topology::Names;
use crate::wire::{origin, read};

/// A bus for tests, on an in-memory broker that records every published event.
///
/// The bus has a virtual clock, which advances only in [`settled`](Self::settled). A retry after five minutes takes no
/// real time. `TestBus` dereferences to [`Bus`], so a test publishes events and starts apps as a service does.
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

/// An event that matched the wildcard pattern of a handler, although no handler declares its type.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IgnoredEvent {
    /// The name of the handler.
    pub handler: &'static str,
    /// The routing key of the event.
    pub routing_key: String,
}

impl TestBus {
    /// Creates a bus with default settings and an empty broker.
    pub fn new() -> Self {
        Self::with(Bus::builder())
    }

    /// Creates a bus with the settings of `builder` and an empty broker.
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

    /// Returns the events of type `T` published so far, in publish order. They include the events that handlers
    /// publish.
    ///
    /// # Panics
    /// When an event with the type of `T` cannot be decoded as `T`.
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

    /// Returns every event published so far, in publish order. Messages that are not events are left out.
    pub fn published_events(&self) -> Vec<AnyEvent> {
        self.memory
            .recorded()
            .iter()
            .filter_map(|message| self.event_of(message))
            .collect()
    }

    /// Returns the messages in all dead-letter queues, sorted by queue name.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        let queues = self.memory.queue_names();
        let dead = queues.iter().filter(|name| Names::is_dead_letters(name));
        dead.flat_map(|queue| self.memory.queue_messages(queue))
            .map(|message| DeadLetter::of(&message, self.bus.limits()))
            .collect()
    }

    /// Returns the events that were acknowledged without a call of a handler. Their routing key matched a wildcard
    /// pattern, but no handler declares their type.
    pub fn ignored(&self) -> Vec<IgnoredEvent> {
        let ignored = self.ignored.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = ignored.iter().map(|(handler, routing_key)| IgnoredEvent {
            handler,
            routing_key: routing_key.clone(),
        });
        entries.collect()
    }

    /// Publishes `body` unchanged and without properties, as a foreign client might do.
    ///
    /// # Panics
    /// When the broker refuses the message.
    pub async fn publish_raw(&self, routing_key: &str, body: impl Into<Vec<u8>>) {
        self.publish_message(routing_key, Headers::new(), Properties::default(), body.into())
            .await;
    }

    /// Publishes `body` unchanged with these headers and properties.
    ///
    /// # Panics
    /// When the broker refuses the message.
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
        memory_server::send(&self.memory, message)
            .await
            .expect("the broker confirms or refuses the message")
            .expect("the broker accepts the message");
    }

    /// Returns how far the virtual clock has advanced: the total of the delays that were skipped.
    pub fn elapsed(&self) -> Duration {
        self.memory.clock().elapsed()
    }

    /// Returns a clone of the bus, for code that takes a [`Bus`] by value.
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
