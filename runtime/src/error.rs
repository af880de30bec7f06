//! The error of the crate, with one variant per stage.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::bus::refusal::Refusal;
use crate::event::payload::Unpublishable;
use crate::handler::error::BoxError;
use crate::message::shown::shown;
use crate::topology::ExchangePlan;

/// A result whose error is [`Error`] by default.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The error of this crate: one variant per stage in which something can fail.
///
/// The text says what failed, and [`source`](StdError::source) returns the cause. Neither contains a password.
///
/// ```
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize}; use tidings::{Bus, DomainEvent};
/// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
/// # #[event(type = "order.created")] struct OrderCreated { order_id: String }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> tidings::Result<()> {
/// use tidings::{Error, PublishOptions};
///
/// # let bus = Bus::in_memory();
/// let order = OrderCreated { order_id: "o-1".into() };
/// match bus.publish(&order).await {
///     // Some queue may have the event. With the same id, consumers recognize the second copy.
///     Err(Error::Publish(error)) if error.maybe_delivered() => {
///         bus.publish_with(&order, PublishOptions::new().id(error.event_id())).await?;
///     }
///     result => drop(result?),
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A setting is missing or wrong.
    Config(ConfigError),
    /// No broker answered in time, or the broker rejected the connection.
    Connect(ConnectError),
    /// An exchange, queue or binding could not be declared or verified.
    Declare(DeclareError),
    /// An event was not published, or its publish was not confirmed.
    Publish(PublishError),
    /// A queue cannot be consumed.
    Subscribe(SubscribeError),
    /// The specification of an app has faults. The error lists all of them.
    Start(StartError),
    /// Handlers were still running when the app stopped.
    Shutdown(ShutdownError),
}

impl Error {
    fn inner(&self) -> &(dyn StdError + 'static) {
        match self {
            Self::Config(error) => error,
            Self::Connect(error) => error,
            Self::Declare(error) => error,
            Self::Publish(error) => error,
            Self::Subscribe(error) => error,
            Self::Start(error) => error,
            Self::Shutdown(error) => error,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.inner(), f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner().source()
    }
}

macro_rules! from_stage_errors {
    ($($stage:ident($error:ident),)*) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::$stage(error)
            }
        }
    )*};
}

from_stage_errors! {
    Config(ConfigError),
    Connect(ConnectError),
    Declare(DeclareError),
    Publish(PublishError),
    Subscribe(SubscribeError),
    Start(StartError),
    Shutdown(ShutdownError),
}

/// A setting is missing or wrong. The text names the setting and says what to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(String);

impl ConfigError {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for ConfigError {}

/// No broker answered in time, or the broker rejected the connection.
#[derive(Debug)]
pub struct ConnectError {
    pub(crate) url: String,
    pub(crate) source: BoxError,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot connect to `{}`", self.url)
    }
}

impl StdError for ConnectError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.source.as_ref())
    }
}

/// An exchange, queue or binding could not be declared or verified.
#[derive(Debug)]
pub struct DeclareError {
    pub(crate) thing: &'static str,
    pub(crate) name: String,
    pub(crate) source: BoxError,
}

impl DeclareError {
    /// Returns the name of the exchange or queue.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for DeclareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot declare {} `{}`", self.thing, self.name)
    }
}

impl StdError for DeclareError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.source.as_ref())
    }
}

/// An exchange or queue exists with a different argument than the service needs.
///
/// It is the [source](StdError::source) of a [`DeclareError`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drift {
    /// The name of the argument. For an exchange, `type` or `alternate-exchange`.
    pub argument: String,
    /// The value on the broker. Empty when the broker did not report it.
    pub found: String,
    /// The value that the service needs.
    pub wanted: String,
    pub(crate) advice: &'static str,
}

impl Drift {
    pub(crate) const OF_QUEUE: &'static str =
        "cannot be changed in place; drain and delete it, or give the handler another `queue`";
    const OF_OWN_EXCHANGE: &'static str = "cannot be changed in place; nobody but this service uses it, so \
                                                      delete it, and the service declares it again";
    const OF_SHARED_EXCHANGE: &'static str = "cannot be changed in place; other services may use it, so leave it, and name a durable topic exchange with \
         `BusBuilder::exchange`";

    pub(crate) fn advice_for(exchange: &ExchangePlan) -> &'static str {
        if exchange.is_shared() {
            Self::OF_SHARED_EXCHANGE
        } else {
            Self::OF_OWN_EXCHANGE
        }
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "its argument `{}` is {} on the broker and {} here, and {}",
            shown(&self.argument),
            shown(&self.found),
            shown(&self.wanted),
            self.advice
        )
    }
}

impl StdError for Drift {}

/// An event was not published, or its publish was not confirmed.
#[derive(Debug)]
pub struct PublishError {
    pub(crate) event_type: String,
    pub(crate) event_id: String,
    pub(crate) fault: PublishFault,
    pub(crate) maybe_delivered: bool,
}

/// Why an event was not published, or not confirmed.
#[derive(Debug)]
#[non_exhaustive]
pub enum PublishFault {
    /// The event cannot be encoded, or breaks a limit. Publishing it again fails in the same way.
    Unpublishable(Unpublishable),
    /// No queue receives the event. Only a [mandatory](crate::PublishOptions::mandatory) publish fails with this.
    Unroutable,
    /// The broker refused the event for this reason. The bus published it again after 0.2, 1 and 5 seconds, as far as
    /// the publish timeout allowed.
    Refused(String),
    /// The user may not write to the exchange. The text says what to grant. For the next five seconds, the bus refuses
    /// such events without the broker.
    Forbidden(String),
    /// The user may not write with this routing key. The text says what to grant. For the next five seconds, the bus
    /// refuses such events without the broker. A handler's delivery that returned such an event is dead-lettered.
    ForbiddenKey(String),
    /// The broker did not confirm the event within this time, the publish timeout.
    TimedOut(Duration),
    /// The bus was closed.
    Closed,
}

impl PublishError {
    /// Returns the event's type on the wire.
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// Returns the event's id.
    ///
    /// When the event is published again with this [id](crate::PublishOptions::id), a consumer that remembers ids
    /// processes it once.
    pub fn event_id(&self) -> &str {
        &self.event_id
    }

    /// Returns why the event was not published.
    pub fn fault(&self) -> &PublishFault {
        &self.fault
    }

    /// Returns whether some queue may have the event nevertheless. When it is `false`, no queue has it.
    pub fn maybe_delivered(&self) -> bool {
        self.maybe_delivered
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot publish event `{}` (id {})",
            shown(&self.event_type),
            shown(&self.event_id)
        )?;
        f.write_str(if self.maybe_delivered {
            "; it may have been delivered nevertheless"
        } else {
            "; it was not delivered"
        })
    }
}

impl StdError for PublishError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.fault)
    }
}

impl fmt::Display for PublishFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unpublishable(fault) => fault.fmt(f),
            Self::Unroutable => Refusal::Unroutable.fmt(f),
            Self::Refused(why) => f.write_str(why),
            Self::Forbidden(why) | Self::ForbiddenKey(why) => Refusal::Forbidden(why.clone()).fmt(f),
            Self::TimedOut(after) => write!(f, "the broker did not confirm it within {after:?}"),
            Self::Closed => Refusal::Closed.fmt(f),
        }
    }
}

impl StdError for PublishFault {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Unpublishable(fault) => fault.source(),
            _ => None,
        }
    }
}

/// A queue cannot be consumed.
#[derive(Debug)]
pub struct SubscribeError {
    pub(crate) queue: String,
    pub(crate) source: BoxError,
}

impl fmt::Display for SubscribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot consume from queue `{}`", self.queue)
    }
}

impl StdError for SubscribeError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.source.as_ref())
    }
}

/// The specification of an app has faults. The error lists all of them.
#[derive(Debug)]
pub struct StartError {
    pub(crate) service: String,
    pub(crate) faults: Vec<String>,
}

impl StartError {
    /// Returns the faults, one sentence each.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot start service `{}`", self.service)?;
        self.faults
            .iter()
            .try_for_each(|fault| write!(f, "\n  - {fault}"))
    }
}

impl StdError for StartError {}

/// Handlers were still running when the app stopped. Their deliveries return to their queues.
#[derive(Debug)]
pub struct ShutdownError {
    pub(crate) unfinished: Vec<String>,
}

impl ShutdownError {
    /// Returns the names of the queues whose handlers were still running, in backticks.
    pub fn unfinished(&self) -> &[String] {
        &self.unfinished
    }
}

impl fmt::Display for ShutdownError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot finish {} before the shutdown deadline",
            self.unfinished.join(", ")
        )
    }
}

impl StdError for ShutdownError {}
