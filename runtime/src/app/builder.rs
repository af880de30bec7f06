//! The builder of an app: its name, its state, its handlers and its middleware.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::app::describe::Description;
use crate::app::retired::Retired;
use crate::app::running::RunningApp;
use crate::app::signal;
use crate::app::spec::{AppSpec, RegisteredHandler};
use crate::bus::Bus;
use crate::consume::bound_handler::HandlerCall;
use crate::consume::middleware::{Next, middleware};
use crate::consume::outcome::Outcome;
use crate::error::Result;
use crate::handler::delivery::Delivery;
use crate::handler::list::HandlerList;

/// A service with its handlers.
///
/// An app has a name, an optional state and handlers. [`run`](Self::run) or [`start`](Self::start) connects them to a
/// [`Bus`]. A service that only publishes is an app without handlers: it has health, ends at a signal, and publishes with
/// [`RunningApp::bus`].
///
/// ```
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize};
/// # use tidings::{App, Bus, DomainEvent, State, event_handler, handlers};
/// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
/// # #[event(type = "order.created")] struct OrderCreated { order_id: String }
/// # #[derive(Clone, Default)] struct Gateway;
/// #[event_handler("order.created")]
/// async fn take_payment(order: OrderCreated, State(gateway): State<Gateway>) {}
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> tidings::Result<()> {
/// let app = App::new("payments").state(Gateway::default()).handlers(handlers![take_payment]);
/// let running = app.start(Bus::in_memory()).await?;
/// running.shutdown().await?;
/// # Ok(()) }
/// ```
#[must_use = "an app does nothing until it is run"]
pub struct App<S = NoState> {
    spec: AppSpec,
    state: Arc<S>,
}

/// The state of an app without a state.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct NoState;

impl App<NoState> {
    /// Creates an app for the service with this name.
    ///
    /// The names of all queues and exchanges of the service start with it. Letters, digits, `-` and `_` are allowed.
    pub fn new(service: impl Into<String>) -> Self {
        let spec = AppSpec {
            service: service.into(),
            handlers: Vec::new(),
            retired: Vec::new(),
            middleware: Vec::new(),
            handler_middleware: Vec::new(),
            shutdown_timeout: Duration::from_secs(30),
        };
        Self {
            spec,
            state: Arc::new(NoState),
        }
    }
}

/// An app that has no state yet: only [`NoState`] implements it. A second `.state(..)` is then a compile error.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "this app has its state already, a `{Self}`",
    label = "its second state",
    note = "call `.state(..)` once, with a struct of all the parts, and implement `tidings::FromRef` for each part"
)]
pub trait Stateless {}

#[diagnostic::do_not_recommend]
impl Stateless for NoState {}

impl<S: Send + Sync + 'static> App<S> {
    /// Sets the state of the app. Call it once, before [`handlers`](Self::handlers).
    ///
    /// Handlers receive it with the extractor [`State`](crate::State), whole or in parts.
    pub fn state<T: Send + Sync + 'static>(self, state: T) -> App<T>
    where
        S: Stateless,
    {
        App {
            spec: self.spec,
            state: Arc::new(state),
        }
    }

    /// Registers handlers: `.handlers(handlers![take_payment, refund])`.
    ///
    /// Call it several times to register several lists.
    // Only the type of the list matters. The list is passed by value, so that nobody has to write `&handlers![..]`.
    // No type of ours wraps the list, because rustc names the wrong handler only when the bound is on its own type.
    #[allow(clippy::needless_pass_by_value)]
    pub fn handlers<L: HandlerList<S>>(mut self, _list: L) -> Self {
        L::each(&mut |registration| {
            let state = Arc::clone(&self.state);
            let handle = registration.handle;
            let call: HandlerCall = Arc::new(move |delivery| handle(delivery, Arc::clone(&state)));
            self.spec.handlers.push(RegisteredHandler {
                descriptor: registration.descriptor,
                call,
            });
        });
        self
    }

    /// Retires a queue of a former handler, or former binding patterns of a current one.
    ///
    /// `queue` is the queue's name without the service's name. `patterns` are the patterns that it was bound with;
    /// `contracts/topology.json` lists them.
    ///
    /// When the app starts, it removes these bindings. If no current handler uses the queue, the app also drains it. It
    /// moves the messages of the queue, and those that still arrive, to `<service>.orphans`. The body of each message
    /// stays the same, and a message is acknowledged only after its publish to the orphans queue is confirmed. A queue
    /// that does not exist is no error, so the call may stay in the code.
    ///
    /// The empty queue remains, because RabbitMQ has no safe way to delete a quorum queue only when it is empty. When
    /// no instance of an older version runs any more, delete the queue with `rabbitmqctl delete_queue`, and remove this
    /// call. The dead-letter queue remains in any case.
    ///
    /// With [`Declare::Verify`](crate::Declare::Verify) and [`Declare::Off`](crate::Declare::Off) this method has no
    /// effect.
    ///
    /// ```
    /// # use schemars::JsonSchema; use serde::{Deserialize, Serialize};
    /// # use tidings::{App, DomainEvent, event_handler, handlers};
    /// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    /// # #[event(type = "order.created")] struct OrderCreated { order_id: String }
    /// # #[event_handler("order.created")] async fn charge(order: OrderCreated) {}
    /// let app = App::new("payments")
    ///     .handlers(handlers![charge])
    ///     .retired("take_payment", ["order.created"]) // the handler that `charge` replaces
    ///     .retired("charge", ["order.placed"]); // a pattern that `charge` had before
    /// # assert_eq!(app.describe().retired.len(), 2);
    /// ```
    pub fn retired<P: Into<String>>(
        mut self,
        queue: impl Into<String>,
        patterns: impl IntoIterator<Item = P>,
    ) -> Self {
        self.spec.retired.push(Retired {
            queue: queue.into(),
            patterns: patterns.into_iter().map(Into::into).collect(),
        });
        self
    }

    /// Adds a middleware that runs around every attempt of every handler. The first one added is the outermost.
    ///
    /// ```
    /// # use tidings::App;
    /// let app = App::new("payments").around(async |delivery, next| {
    ///     let (handler, attempt) = (delivery.handler().to_owned(), delivery.attempt());
    ///     let outcome = next.run(delivery).await;
    ///     println!("{handler}, attempt {attempt}: done {}", outcome.is_done());
    ///     outcome
    /// });
    /// ```
    pub fn around<F, Fut>(mut self, around: F) -> Self
    where
        F: Fn(Delivery, Next) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Outcome> + Send + 'static,
    {
        self.spec.middleware.push(middleware(around));
        self
    }

    /// Adds a middleware that runs around every attempt of one handler, inside the middleware of all handlers.
    pub fn around_handler<F, Fut>(mut self, handler: impl Into<String>, around: F) -> Self
    where
        F: Fn(Delivery, Next) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Outcome> + Send + 'static,
    {
        self.spec
            .handler_middleware
            .push((handler.into(), middleware(around)));
        self
    }

    /// Sets how long running handlers may take to finish when the app shuts down. The default is 30 seconds;
    /// [`Duration::MAX`] is no limit.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.spec.shutdown_timeout = timeout;
        self
    }

    /// Describes the handlers of the app and the topology that it needs, with the default exchange `domain_events`.
    ///
    /// ```
    /// # use tidings::App;
    /// let page = App::new("payments").describe().to_string();
    /// assert!(page.starts_with("service payments on exchange domain_events"));
    /// ```
    pub fn describe(&self) -> Description {
        self.spec.describe("domain_events", 1)
    }

    /// Starts the app: declares its topology and subscribes its handlers.
    ///
    /// # Errors
    /// - [`Error::Start`](crate::Error::Start) with all faults of the app, such as two handlers with one name.
    /// - [`Error::Declare`](crate::Error::Declare) when the topology cannot be declared or verified.
    /// - [`Error::Subscribe`](crate::Error::Subscribe) when a queue cannot be consumed, or a retired binding cannot be
    ///   removed.
    pub async fn start(self, bus: impl Into<Bus>) -> Result<RunningApp> {
        self.spec.validate()?;
        RunningApp::start(self.spec, bus.into()).await
    }

    /// Declares the whole topology of the app, and starts nothing.
    ///
    /// Use it in a deployment job when the service itself runs with [`Declare::Verify`](crate::Declare::Verify) or
    /// [`Declare::Off`](crate::Declare::Off).
    ///
    /// [`start`](Self::start) declares a delay queue when a retry first needs it. This method declares a delay queue
    /// for each rung of each handler. A [`retry_after`](crate::HandlerError::retry_after) is rounded up to the next
    /// rung. Add that rung to `retry(rungs = ..)` if the handler does not have it. Otherwise its queue does not exist.
    ///
    /// ```
    /// # use schemars::JsonSchema; use serde::{Deserialize, Serialize};
    /// # use tidings::{App, Bus, DomainEvent, event_handler, handlers};
    /// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    /// # #[event(type = "order.created")] struct OrderCreated { order_id: String }
    /// # #[event_handler("order.created")] async fn charge(order: OrderCreated) {}
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> tidings::Result<()> {
    /// let bus = Bus::connect("memory:").await?; // as a user who may declare
    /// App::new("payments").handlers(handlers![charge]).declare(&bus).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// - [`Error::Start`](crate::Error::Start) with all faults of the app.
    /// - [`Error::Declare`](crate::Error::Declare) when the broker refuses a declaration.
    pub async fn declare(&self, bus: impl Into<Bus>) -> Result<()> {
        self.spec.validate()?;
        let bus = bus.into();
        let config = bus.config();
        let plan = self.spec.full_plan(&config.exchange, config.speed_up);
        bus.declare(&plan).await
    }

    /// Runs the app until SIGTERM or ctrl-c, then shuts it down.
    ///
    /// During the shutdown the app receives no further deliveries, and running handlers finish within the
    /// [shutdown timeout](Self::shutdown_timeout). A second signal stops them at once. At the end the app closes the
    /// connection of the bus, unless the caller keeps a clone of the bus.
    ///
    /// # Errors
    /// - The errors of [`start`](Self::start).
    /// - [`Error::Config`](crate::Error::Config) when the operating system does not install the signal handler.
    /// - [`Error::Shutdown`](crate::Error::Shutdown) when handlers were still running after the timeout, or at the
    ///   second signal.
    pub async fn run(self, bus: impl Into<Bus>) -> Result<()> {
        // Listens before the start, so that a signal during the start is not lost.
        let signals = signal::listen()?;
        let bus = bus.into();
        let running = self.start(&bus).await?;
        let result = running.until(signals).await;
        drop(running);
        bus.close_if_last().await;
        result
    }
}

impl<S> std::fmt::Debug for App<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let handlers: Vec<&str> = self
            .spec
            .handlers
            .iter()
            .map(|handler| handler.descriptor.name())
            .collect();
        f.debug_struct("App")
            .field("service", &self.spec.service)
            .field("handlers", &handlers)
            .finish_non_exhaustive()
    }
}
