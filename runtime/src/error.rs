//! The one error of the crate: a variant a stage.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::bus::refusal::Refusal;
use crate::event::payload::Unpublishable;

/// The result of everything that can fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, by the stage it went wrong in. The cause is in [`source`](StdError::source), never in the text;
/// no password is in either.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A setting is missing or wrong.
    Config(ConfigError),
    /// No broker answered, or it would not let us in.
    Connect(ConnectError),
    /// An exchange, queue or binding could not be declared.
    Declare(DeclareError),
    /// An event was not published, or not surely.
    Publish(PublishError),
    /// No deliveries can be taken from a queue.
    Subscribe(SubscribeError),
    /// The app cannot start; every fault that was found is listed.
    Start(StartError),
    /// The app ended before all of its handlers had.
    Shutdown(ShutdownError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Connect(error) => error.fmt(f),
            Self::Declare(error) => error.fmt(f),
            Self::Publish(error) => error.fmt(f),
            Self::Subscribe(error) => error.fmt(f),
            Self::Start(error) => error.fmt(f),
            Self::Shutdown(error) => error.fmt(f),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Config(error) => error.source(),
            Self::Connect(error) => error.source(),
            Self::Declare(error) => error.source(),
            Self::Publish(error) => error.source(),
            Self::Subscribe(error) => error.source(),
            Self::Start(error) => error.source(),
            Self::Shutdown(error) => error.source(),
        }
    }
}

type BoxError = Box<dyn StdError + Send + Sync>;

/// A setting is missing or wrong: the text says which, and what to write.
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

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

/// No broker answered, or it would not let us in.
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

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        Self::Connect(error)
    }
}

/// An exchange, queue or binding could not be declared.
#[derive(Debug)]
pub struct DeclareError {
    pub(crate) thing: &'static str,
    pub(crate) name: String,
    pub(crate) source: BoxError,
}

impl DeclareError {
    /// The name of the exchange or queue.
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

impl From<DeclareError> for Error {
    fn from(error: DeclareError) -> Self {
        Self::Declare(error)
    }
}

/// An exchange or queue is there with another argument than this service needs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drift {
    /// The argument, `type` or `alternate-exchange` for those of an exchange.
    pub argument: String,
    /// What the broker has; empty when it did not say.
    pub found: String,
    /// What the service needs.
    pub wanted: String,
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "its argument `{}` is {} on the broker and {} here, and cannot be changed in place; drain and delete it, \
             or give the handler another `queue`",
            self.argument, self.found, self.wanted
        )
    }
}

impl StdError for Drift {}

/// An event was not published, or not surely.
#[derive(Debug)]
pub struct PublishError {
    pub(crate) event_type: String,
    pub(crate) event_id: String,
    pub(crate) fault: PublishFault,
    pub(crate) maybe_delivered: bool,
}

/// Why an event was not published, or not surely.
#[derive(Debug)]
#[non_exhaustive]
pub enum PublishFault {
    /// The event itself cannot be put on the wire, however often it is tried.
    Unpublishable(Unpublishable),
    /// No queue takes it; only told where `mandatory` was asked for.
    Unroutable,
    /// The broker refused it, and refused it again after 0.2, 1 and 5 seconds.
    Refused(String),
    /// The broker did not confirm it in time.
    TimedOut(Duration),
    /// The bus was closed.
    Closed,
}

impl PublishError {
    /// The wire name of the event's type.
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// The event's id: publish under it again (`publish_with`), and a consumer that keeps ids sees one event.
    pub fn event_id(&self) -> &str {
        &self.event_id
    }

    /// Why.
    pub fn fault(&self) -> &PublishFault {
        &self.fault
    }

    /// Whether the event may have reached queues all the same. `false`: it surely did not, and nothing was kept.
    pub fn maybe_delivered(&self) -> bool {
        self.maybe_delivered
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot publish event `{}` (id {})",
            self.event_type, self.event_id
        )?;
        f.write_str(if self.maybe_delivered {
            "; it may have been delivered all the same"
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

impl From<PublishError> for Error {
    fn from(error: PublishError) -> Self {
        Self::Publish(error)
    }
}

/// No deliveries can be taken from a queue.
#[derive(Debug)]
pub struct SubscribeError {
    pub(crate) queue: String,
    pub(crate) source: BoxError,
}

impl fmt::Display for SubscribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot take from queue `{}`", self.queue)
    }
}

impl StdError for SubscribeError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.source.as_ref())
    }
}

impl From<SubscribeError> for Error {
    fn from(error: SubscribeError) -> Self {
        Self::Subscribe(error)
    }
}

/// The app cannot start; every fault that was found is listed.
#[derive(Debug)]
pub struct StartError {
    pub(crate) service: String,
    pub(crate) faults: Vec<String>,
}

impl StartError {
    /// Every fault, in the order of the handlers.
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

impl From<StartError> for Error {
    fn from(error: StartError) -> Self {
        Self::Start(error)
    }
}

/// The app ended before all of its handlers had; their deliveries return to their queues.
#[derive(Debug)]
pub struct ShutdownError {
    pub(crate) unfinished: Vec<String>,
}

impl ShutdownError {
    /// The queues whose handlers were still running.
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

impl From<ShutdownError> for Error {
    fn from(error: ShutdownError) -> Self {
        Self::Shutdown(error)
    }
}
