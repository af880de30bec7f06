//! The bus: where events are published, and where an app takes its deliveries from.

pub(crate) mod config;
pub(crate) mod confirm;
pub(crate) mod refusal;
mod sending;

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{self, Poll};
use std::time::Instant;

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use sending::Sending;

pub(crate) use sending::Unsent;
#[cfg(test)]
pub(crate) use sending::told;

use crate::broker::memory::MemoryBroker;
use crate::broker::{Broker, BrokerState};
use crate::bus::config::{BusBuilder, Config, Declare};
use crate::bus::confirm::{Answers, TOGETHER};
use crate::clock::Clock;
use crate::context::Context;
use crate::error::{PublishError, PublishFault, Result};
use crate::event::payload::{self, Name, Payload, Prepared, Unpublishable};
use crate::message::Message;
use crate::message::headers::Headers;
use crate::message::timestamp::Timestamp;
use crate::telemetry;
use crate::topology::Plan;
use crate::wire::ids::new_event_id;
use crate::wire::limits::Limits;
use crate::wire::write::{self, OutgoingMetadata};

/// How many events may be unconfirmed at once; the next publisher waits.
const WINDOW: usize = 1024;

/// A connection to a broker, to publish on. It is cheap to clone, and every clone is the same bus.
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
}

/// What a publish may say beside its event.
#[derive(Debug, Clone, Default)]
pub struct PublishOptions {
    headers: Headers,
    mandatory: bool,
    id: Option<String>,
}

impl PublishOptions {
    /// Nothing beside the event.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends a header along. Names that start with `tidings-`, `traceparent` and `tracestate` are the runtime's own,
    /// and setting one is a publish error.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<crate::HeaderValue>) -> Self {
        self.headers.set(name, value);
        self
    }

    /// Makes it an error when no queue takes the event.
    pub fn mandatory(mut self) -> Self {
        self.mandatory = true;
        self
    }

    /// Publishes under this id and not under a new one: the event of an earlier publish that may have been delivered,
    /// say, or of an outbox.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }
}

/// A publish on its way: a future of what [`Bus::publish`], [`Bus::publish_with`] or [`Bus::publish_all`] gives.
///
/// The event is taken down when it is made, and sent when it is first awaited.
#[must_use = "an event is not sent until its publish is awaited"]
pub struct Publishing<'a, T = Result<String>>(Pin<Box<dyn Future<Output = T> + Send + 'a>>);

impl<T> Future for Publishing<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<T> {
        self.0.as_mut().poll(context)
    }
}

impl<T> fmt::Debug for Publishing<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publishing").finish_non_exhaustive()
    }
}

impl Bus {
    /// Connects to the broker that the environment variable `TIDINGS_URL` names: `amqp://…`, `amqps://…`, several of
    /// those with commas between, or `memory:`.
    ///
    /// # Errors
    /// When the variable is not set (a service must never run on the in-memory broker by accident), when the URL names
    /// no broker, and when none lets us in.
    pub async fn from_env() -> Result<Self> {
        Self::builder().from_env().await
    }

    /// Connects to the broker that `TIDINGS_URL` names, or to `default` when it is not set.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn from_env_or(default: &str) -> Result<Self> {
        Self::builder().from_env_or(default).await
    }

    /// Connects to the broker at `url`.
    ///
    /// # Errors
    /// When the URL names no broker that this build knows, when none answers in time, and when it does not let us in.
    pub async fn connect(url: &str) -> Result<Self> {
        Self::builder().connect(url).await
    }

    /// A bus on a new in-memory broker of its own, in this process. What is on it ends with it.
    pub fn in_memory() -> Self {
        Self::builder().in_memory()
    }

    /// A bus with settings of one's own.
    pub fn builder() -> BusBuilder {
        BusBuilder::default()
    }

    pub(crate) fn on_memory(config: Config) -> Self {
        Self::on_memory_broker(config, Arc::new(MemoryBroker::new(Clock::real())))
    }

    pub(crate) fn on_memory_broker(config: Config, memory: Arc<MemoryBroker>) -> Self {
        if config.declare == Declare::Auto {
            memory.declare_first(&Plan::domain_exchange(&config.exchange));
        }
        Self::on(config, memory)
    }

    #[cfg(feature = "rabbitmq")]
    pub(crate) async fn on_rabbitmq(config: Config, url: &str) -> Result<Self> {
        let broker = crate::broker::rabbitmq::RabbitBroker::connect(url, &config).await?;
        let bus = Self::on(config, Arc::new(broker));
        bus.declare(&Plan::domain_exchange(&bus.config().exchange))
            .await?;
        Ok(bus)
    }

    pub(crate) fn on(config: Config, broker: Arc<dyn Broker>) -> Self {
        let limits = Limits {
            max_body_bytes: config.max_body_bytes,
            ..Limits::default()
        };
        let service = config.service.clone();
        let window = Arc::new(Semaphore::new(WINDOW));
        Self {
            shared: Arc::new(BusInner {
                broker,
                config,
                limits,
                window,
            }),
            service,
        }
    }

    /// The same bus, publishing in the name of the app `service`.
    pub(crate) fn for_service(&self, service: &str) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            service: Some(service.into()),
        }
    }

    /// Publishes an event, or the event inside a family, and gives its id once the broker has confirmed it.
    ///
    /// Within a handler, and within a request that the correlation layer has taken in, the event inherits the
    /// correlation id, names its cause and carries the trace on.
    ///
    /// # Errors
    /// [`Error::Publish`](crate::Error::Publish), which says why and whether the event may have been delivered: the
    /// event cannot be put on the wire, the broker refused it, or it did not confirm it in time.
    // No `async fn`, nor its siblings: their futures would name the type of the event, and rustc would say of one that
    // is no event that it is none at the call, in the future and at the `.await`.
    pub fn publish<T: Payload>(&self, event: &T) -> Publishing<'_> {
        self.publish_with(event, PublishOptions::new())
    }

    /// Publishes an event with headers, as mandatory, or under an id of one's own.
    ///
    /// # Errors
    /// As [`publish`](Self::publish), and when the event is mandatory and no queue takes it.
    pub fn publish_with<T: Payload>(&self, event: &T, options: PublishOptions) -> Publishing<'_> {
        // The event is encoded here and now, so that the future holds no reference to it. Its id, time, correlation and
        // cause are those of the moment and the context in which it is awaited: `context.scope(bus.publish(&event))`.
        let (prepared, name) = (payload::prepare(event), payload::name(event));
        Publishing(Box::pin(async move {
            let outgoing = self.encode(prepared, name, options, self.deadline())?;
            let first = self.hand_over(&outgoing.sending).await;
            let sent = self.confirmed(&outgoing.sending, first).await;
            outgoing.conclude(sent)
        }))
    }

    /// Publishes several events at once, without waiting for one before the next is sent, and gives a result each, in
    /// their order. They are sent in that order too; a refused one that is tried again comes later.
    ///
    /// # Errors
    /// Each result as [`publish`](Self::publish).
    pub fn publish_all<'a, T: Payload>(
        &self,
        events: impl IntoIterator<Item = &'a T>,
    ) -> Publishing<'_, Vec<Result<String>>> {
        // Encoded here and now, as a single one is.
        let prepared: Vec<_> = events
            .into_iter()
            .map(|event| (payload::prepare(event), payload::name(event)))
            .collect();
        Publishing(Box::pin(async move {
            let deadline = self.deadline();
            let encode = |(prepared, name)| self.encode(prepared, name, PublishOptions::new(), deadline);
            self.hand_over_all(prepared.into_iter().map(encode), deadline)
                .await
        }))
    }

    // Some together, and one lot after the other: futures that are polled side by side overtake one another. Each is put into
    // its envelope when its turn comes, and let go of when it is decided: of many thousands no more than the window are
    // held, and those who come later find memory that the processor still has at hand.
    async fn hand_over_all(
        &self,
        mut encoded: impl ExactSizeIterator<Item = Result<Outgoing>>,
        deadline: Instant,
    ) -> Vec<Result<String>> {
        let mut ends = Vec::with_capacity(encoded.len());
        let mut underway = VecDeque::new();
        while encoded.len() > 0 {
            let together: Vec<_> = encoded.by_ref().take(TOGETHER).collect();
            let sendings = together.iter().flatten().map(|outgoing| &outgoing.sending);
            let answers = self.hand_over_together(sendings, deadline).await;
            underway.push_back((together, answers));
            while let Some((together, answers)) =
                underway.pop_front_if(|(_, answers)| is_decided(answers.as_ref()))
            {
                self.end_together(together, answers.as_ref(), &mut ends);
            }
        }
        for (together, mut answers) in underway {
            self.decided(&mut answers, deadline).await;
            self.end_together(together, answers.as_ref(), &mut ends);
        }
        if ends.iter().all(|end| matches!(end, PublishEnd::Told(_))) {
            return ends.into_iter().filter_map(PublishEnd::told).collect();
        }
        join_all(ends.into_iter().map(|end| async {
            match end {
                PublishEnd::Told(told) => told,
                PublishEnd::Unsent(outgoing, unsent) => {
                    let sent = self.again(&outgoing.sending, unsent).await;
                    outgoing.conclude(sent)
                }
            }
        }))
        .await
    }

    /// Tells what became of those that were handed over together.
    fn end_together(
        &self,
        together: Vec<Result<Outgoing>>,
        answers: Option<&Answers>,
        ends: &mut Vec<PublishEnd>,
    ) {
        let mut places = 0..;
        ends.extend(together.into_iter().map(|one| match one {
            Ok(outgoing) => match self.told(answers, places.next().unwrap_or_default()) {
                Ok(()) => PublishEnd::Told(outgoing.conclude(Ok(()))),
                Err(unsent) => PublishEnd::Unsent(outgoing, unsent),
            },
            Err(error) => PublishEnd::Told(Err(error)),
        }));
    }

    /// How the broker is.
    pub fn health(&self) -> BusHealth {
        match self.shared.broker.state() {
            BrokerState::Up => BusHealth {
                connected: true,
                reason: None,
            },
            BrokerState::Blocked(why) => BusHealth {
                connected: true,
                reason: Some(format!("the broker takes no publishes: {why}")),
            },
            BrokerState::TopologyMissing(why) => BusHealth {
                connected: true,
                reason: Some(why),
            },
            BrokerState::Down(why) => BusHealth {
                connected: false,
                reason: Some(why),
            },
        }
    }

    /// Closes the connection once what was sent is confirmed or refused. Later publishes fail.
    pub async fn close(&self) {
        self.shared.broker.close().await;
    }

    /// Closes the connection unless someone else still publishes on it.
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

    /// Does about `plan` what the settings say.
    pub(crate) async fn declare(&self, plan: &Plan) -> Result<()> {
        match self.config().declare {
            Declare::Auto => self.broker().declare(plan).await,
            Declare::Verify => self.broker().verify(plan).await,
            Declare::Off => Ok(()),
        }
    }

    /// Notes an event that a handler did not take, where a test wants to see them.
    pub(crate) fn record_ignored(&self, handler: &'static str, routing_key: &str) {
        if let Some(ignored) = &self.config().ignored {
            let mut ignored = ignored.lock().unwrap_or_else(PoisonError::into_inner);
            ignored.push((handler, routing_key.to_owned()));
        }
    }

    /// Puts an event into its envelope.
    fn encode(
        &self,
        prepared: Result<Prepared, Unpublishable>,
        name: Name,
        options: PublishOptions,
        deadline: Instant,
    ) -> Result<Outgoing> {
        let event_id = options.id.unwrap_or_else(|| new_event_id().to_string());
        let message = prepared.and_then(|prepared| self.message(&prepared, &event_id, options.headers));
        match message {
            Ok(message) => Ok(Outgoing {
                name,
                event_id,
                sending: Sending::new(Arc::new(message), options.mandatory, true, deadline),
            }),
            Err(fault) => Err(PublishError {
                event_type: name.event_type.into_owned(),
                event_id,
                fault: PublishFault::Unpublishable(fault),
                maybe_delivered: false,
            }
            .into()),
        }
    }

    /// The message of a prepared event that is published under `id` now, here.
    pub(crate) fn message(
        &self,
        prepared: &Prepared,
        id: &str,
        headers: Headers,
    ) -> Result<Message, Unpublishable> {
        let context = Context::current();
        let context = context.as_ref();
        let service = self.service.as_ref().or(context.and_then(Context::service));
        let metadata = OutgoingMetadata {
            id,
            timestamp: Timestamp::now(),
            correlation_id: context.map_or(id, Context::correlation_id),
            causation_id: context.and_then(Context::causation_id),
            source: service.map(|name| &**name),
        };
        let trace = context.and_then(Context::trace).map(crate::TraceContext::child);
        let mut message = write::message(
            prepared,
            &metadata,
            Arc::clone(&self.config().exchange),
            headers,
            trace.as_ref(),
            self.limits(),
        )?;
        if self.broker().delivers_published_message() {
            message.body.look();
        }
        Ok(message)
    }
}

/// An event in its envelope, on its way out.
struct Outgoing {
    name: Name,
    event_id: String,
    sending: Sending,
}

impl Outgoing {
    /// What its publisher is told of an event that was confirmed, or was not.
    fn conclude(self, sent: Result<(), Unsent>) -> Result<String> {
        let Self { name, event_id, .. } = self;
        telemetry::published(&name.event_type, name.sent, sent.as_ref().err());
        match sent {
            Ok(()) => Ok(event_id),
            Err(Unsent {
                fault,
                maybe_delivered,
            }) => Err(PublishError {
                event_type: name.event_type.into_owned(),
                event_id,
                fault,
                maybe_delivered,
            }
            .into()),
        }
    }
}

/// What became of one event of several.
enum PublishEnd {
    Told(Result<String>),
    /// It may be tried again.
    Unsent(Outgoing, Unsent),
}

impl PublishEnd {
    fn told(self) -> Option<Result<String>> {
        match self {
            Self::Told(told) => Some(told),
            Self::Unsent(..) => None,
        }
    }
}

/// Whether those that were handed over together are all decided: also when there was no place for them in time.
fn is_decided(answers: Option<&Answers>) -> bool {
    answers.is_none_or(Answers::are_decided)
}

/// How a bus is, for a readiness probe.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BusHealth {
    /// Whether the broker is connected.
    pub connected: bool,
    /// What is wrong, when something is.
    pub reason: Option<String>,
}

impl BusHealth {
    /// Whether events can be published and taken.
    pub fn is_ready(&self) -> bool {
        self.connected && self.reason.is_none()
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
