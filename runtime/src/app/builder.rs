//! The app: a service's handlers, wired to a bus.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::app::describe::Description;
use crate::app::retired::Retired;
use crate::app::running::RunningApp;
use crate::app::signal;
use crate::app::spec::{Handler, Parts};
use crate::bus::Bus;
use crate::consume::bound_handler::HandlerCall;
use crate::consume::middleware::{Next, middleware};
use crate::consume::outcome::Outcome;
use crate::error::Result;
use crate::handler::HandlerList;
use crate::handler::delivery::Delivery;

/// A service: its name, its state and its handlers.
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
    parts: Parts,
    state: Arc<S>,
}

/// The state of an app that has none.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct NoState;

impl App<NoState> {
    /// A service of this name. All that it has on the broker starts with it.
    pub fn new(service: impl Into<String>) -> Self {
        let parts = Parts {
            service: service.into(),
            handlers: Vec::new(),
            retired: Vec::new(),
            around: Vec::new(),
            around_one: Vec::new(),
            shutdown_timeout: Duration::from_secs(30),
        };
        Self {
            parts,
            state: Arc::new(NoState),
        }
    }
}

/// What an app is before its state: [`NoState`]. It makes a second `.state(..)` an error that says why.
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
    /// Gives the app its state, once, before the handlers that take parts of it.
    pub fn state<T: Send + Sync + 'static>(self, state: T) -> App<T>
    where
        S: Stateless,
    {
        App {
            parts: self.parts,
            state: Arc::new(state),
        }
    }

    /// Registers handlers: `.handlers(handlers![take_payment, refund])`.
    // The list says all by its type, and by value since `&handlers![..]` would be one more thing to write. It is no
    // `Handlers<L>`: rustc looks for the handler to blame only in an argument whose own type the bound is on.
    #[allow(clippy::needless_pass_by_value)]
    pub fn handlers<L: HandlerList<S>>(mut self, _list: L) -> Self {
        L::each(&mut |registration| {
            let state = Arc::clone(&self.state);
            let handle = registration.handle;
            let call: HandlerCall = Arc::new(move |delivery| handle(delivery, Arc::clone(&state)));
            self.parts.handlers.push(Handler {
                descriptor: registration.descriptor,
                call,
            });
        });
        self
    }

    /// Gives up a queue that a handler of this service had once, and that nobody takes from any more: its name without
    /// the service's, and the patterns that it was bound by (`contracts/topology.json` has them).
    ///
    /// When the app starts, the queue is unbound from them, and its retries no longer come back to it. What it holds goes
    /// to `<service>.orphans`, and so does what still reaches it: each message with its body byte for byte, acknowledged
    /// only once the orphans have it. A queue that is gone already is no fault, so the line may stay as long as you like.
    ///
    /// The empty queue stays. RabbitMQ deletes a quorum queue with all that is in it or not at all, never only if it is
    /// empty, so the last step is a person's: once no instance of an older version runs, `rabbitmqctl delete_queue`, and
    /// this line may go. Its dead letters stay where they are in any case.
    ///
    /// Of a queue that a handler still has, only these patterns are given up: what a changed attribute leaves bound.
    ///
    /// With [`Declare::Verify`](crate::Declare::Verify) and [`Declare::Off`](crate::Declare::Off) none of this is done.
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
        self.parts.retired.push(Retired {
            queue: queue.into(),
            patterns: patterns.into_iter().map(Into::into).collect(),
        });
        self
    }

    /// Runs `around` around every attempt of every handler; the one that was added first is outermost.
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
        self.parts.around.push(middleware(around));
        self
    }

    /// Runs `around` around every attempt of the one handler of this name, inside of those for all.
    pub fn around_handler<F, Fut>(mut self, handler: impl Into<String>, around: F) -> Self
    where
        F: Fn(Delivery, Next) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Outcome> + Send + 'static,
    {
        self.parts.around_one.push((handler.into(), middleware(around)));
        self
    }

    /// How long handlers may take to finish when the app shuts down; 30 seconds unless said otherwise.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.parts.shutdown_timeout = timeout;
        self
    }

    /// What the app is: its handlers, and all that it needs on a broker whose exchange is `domain_events`.
    pub fn describe(&self) -> Description {
        self.parts.describe("domain_events", 1)
    }

    /// Starts the app: declares its topology, and subscribes every handler.
    ///
    /// # Errors
    /// [`Error::Start`](crate::Error::Start) with every fault of the handlers at once, and the errors of declaring
    /// and subscribing.
    pub async fn start(self, bus: impl Into<Bus>) -> Result<RunningApp> {
        self.parts.checked()?;
        RunningApp::start(self.parts, bus.into()).await
    }

    /// Declares all that the app may come to need on the broker, and starts nothing: for the job of a deployment, where
    /// the service itself runs with [`Declare::Verify`](crate::Declare::Verify) or [`Declare::Off`](crate::Declare::Off).
    ///
    /// [`start`](Self::start) leaves the queue of each retry delay to the first retry that needs it. Here each handler
    /// has one for each of its rungs. A [`retry_after`](crate::HandlerError::retry_after) that is rounded up to another
    /// needs one more: name its rung in `retry(rungs = ..)`.
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
    /// [`Error::Start`](crate::Error::Start) with every fault of the handlers at once, and
    /// [`Error::Declare`](crate::Error::Declare) with all that the broker refused.
    pub async fn declare(&self, bus: impl Into<Bus>) -> Result<()> {
        self.parts.checked()?;
        let bus = bus.into();
        let config = bus.config();
        let plan = self.parts.whole_plan(&config.exchange, config.speed_up);
        bus.declare(&plan).await
    }

    /// Runs the app until SIGTERM or ctrl-c, then drains it: no further deliveries are taken, and running handlers
    /// finish. A second signal ends it at once.
    ///
    /// # Errors
    /// As [`start`](Self::start), and [`Error::Shutdown`](crate::Error::Shutdown) when handlers were still running at
    /// the deadline or at a second signal.
    pub async fn run(self, bus: impl Into<Bus>) -> Result<()> {
        // Before the start, so that a signal meanwhile is not lost.
        let signals = signal::listen()?;
        let bus = bus.into();
        let running = self.start(&bus).await?;
        let ended = running.until(signals).await;
        drop(running);
        bus.close_if_last().await;
        ended
    }
}

impl<S> std::fmt::Debug for App<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let handlers: Vec<&str> = self
            .parts
            .handlers
            .iter()
            .map(|handler| handler.descriptor.name())
            .collect();
        f.debug_struct("App")
            .field("service", &self.parts.service)
            .field("handlers", &handlers)
            .finish_non_exhaustive()
    }
}
