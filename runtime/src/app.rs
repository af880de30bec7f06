//! The app: a service's handlers, wired to a bus.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::bus::Bus;
<<<<<<< HEAD
use crate::consume::around::{Middleware, Next, middleware};
=======
use crate::consume::around::{Next, middleware};
>>>>>>> main
use crate::consume::outcome::Outcome;
use crate::consume::worker::Call;
use crate::delivery::Delivery;
use crate::describe::Description;
use crate::error::{Result, StartError};
use crate::handler::HandlerList;
use crate::parts::{Handler, Parts};
use crate::running::RunningApp;
use crate::signal;

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
            around: Vec::new(),
            around_one: Vec::new(),
            shutdown_timeout: Duration::from_secs(30),
        };
        Self {
            parts,
            state: Arc::new(NoState),
        }
    }

    /// Gives the app its state, once, before the handlers that take parts of it.
    pub fn state<S: Send + Sync + 'static>(self, state: S) -> App<S> {
        App {
            parts: self.parts,
            state: Arc::new(state),
        }
    }
}

impl<S: Send + Sync + 'static> App<S> {
    /// Registers handlers: `.handlers(handlers![take_payment, refund])`.
    // The list says all by its type, and by value since `&handlers![..]` would be one more thing to write. It is no
    // `Handlers<L>`: rustc looks for the handler to blame only in an argument whose own type the bound is on.
    #[allow(clippy::needless_pass_by_value)]
    pub fn handlers<L: HandlerList<S>>(mut self, _list: L) -> Self {
        L::each(&mut |registration| {
            let state = Arc::clone(&self.state);
            let handle = registration.handle;
            let call: Call = Arc::new(move |delivery| handle(delivery, Arc::clone(&state)));
            self.parts.handlers.push(Handler {
                descriptor: registration.descriptor,
                call,
            });
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
        let (parts, bus) = (self.parts, bus.into());
        let faults = parts.faults();
        if !faults.is_empty() {
            return Err(StartError {
                service: parts.service,
                faults,
            }
            .into());
        }
        RunningApp::start(parts, bus).await
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

<<<<<<< HEAD
impl Parts {
    async fn start(self, bus: Bus) -> Result<RunningApp> {
        let faults = self.faults();
        if !faults.is_empty() {
            return Err(StartError {
                service: self.service,
                faults,
            }
            .into());
        }
        let plan = self.plan(&bus.config().exchange);
        bus.declare(&plan).await?;
        let description = self.describe(&bus.config().exchange, bus.config().speed_up);
        RunningApp::start(self, bus, plan, description).await
    }

    /// The queues, and the handlers of each, in the order they were registered.
    pub(crate) fn queues(&self) -> Vec<(&'static str, Vec<&Handler>)> {
        let mut queues: Vec<(&'static str, Vec<&Handler>)> = Vec::new();
        for handler in &self.handlers {
            let name = handler.descriptor.queue();
            match queues.iter_mut().find(|(known, _)| *known == name) {
                Some((_, handlers)) => handlers.push(handler),
                None => queues.push((name, vec![handler])),
            }
        }
        queues
    }

    pub(crate) fn worker(&self, handler: &Handler, speed_up: u32) -> Worker {
        let name = handler.descriptor.name();
        let own = self
            .around_one
            .iter()
            .filter(|(wanted, _)| wanted == name)
            .map(|(_, around)| around);
        let around: Arc<[Middleware]> = self.around.iter().chain(own).cloned().collect();
        Worker::new(handler.descriptor, Arc::clone(&handler.call), around, speed_up)
    }

    fn plan(&self, exchange: &str) -> Plan {
        let names = Names::of(&self.service);
        let mut plan = Plan::domain_exchange(exchange);
        if self
            .handlers
            .iter()
            .any(|handler| !handler.descriptor.ephemeral())
        {
            plan.merge(Plan::service(&names));
        }
        for (queue, handlers) in self.queues() {
            if handlers.iter().any(|handler| handler.descriptor.ephemeral()) {
                continue;
            }
            let single_active = handlers.iter().any(|handler| handler.descriptor.single_active());
            let patterns = patterns_of(&handlers);
            plan.merge(Plan::queue(
                &names,
                exchange,
                &names.queue(queue),
                &patterns,
                single_active,
            ));
        }
        plan
    }

    pub(crate) fn describe(&self, exchange: &str, speed_up: u32) -> Description {
        let names = Names::of(&self.service);
        let mut plan = self.plan(exchange);
        let mut handlers = Vec::new();
        for Handler { descriptor, .. } in &self.handlers {
            let scaled = |rung: &Duration| crate::consume::retry::scaled(*rung, speed_up);
            let rungs: Vec<Duration> = descriptor.rungs().iter().map(scaled).collect();
            if !descriptor.ephemeral() && !descriptor.ordered() {
                rungs
                    .iter()
                    .for_each(|&rung| plan.merge(Plan::delay(&names, rung)));
            }
            handlers.push(HandlerDescription {
                handler: *descriptor,
                queue: (!descriptor.ephemeral()).then(|| names.queue(descriptor.queue())),
                patterns: descriptor.patterns(),
                takes: descriptor.takes().iter().copied().collect(),
                returns: descriptor.returns().iter().copied().collect(),
                rungs,
            });
        }
        let ephemeral = self.handlers.iter().any(|handler| handler.descriptor.ephemeral());
        Description {
            permissions: Permissions::of(&self.service, exchange, ephemeral),
            service: self.service.clone(),
            exchange: exchange.to_owned(),
            handlers,
            plan,
        }
    }

    /// Everything that is wrong with the app, found before anything is done.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if !is_service_name(&self.service) {
            faults.push(format!(
                "`{}` is no service name; write letters, digits, `-` and `_`, such as \"payments\"",
                self.service
            ));
        }
        if self.handlers.is_empty() {
            faults.push("it has no handlers; write `.handlers(handlers![..])`".to_owned());
        }
        self.name_faults(&mut faults);
        self.type_faults(&mut faults);
        self.queue_faults(&mut faults);
        for (name, _) in &self.around_one {
            if !self
                .handlers
                .iter()
                .any(|handler| handler.descriptor.name() == name)
            {
                faults.push(format!("there is no handler `{name}` to run a middleware around"));
            }
        }
        faults
    }

    fn name_faults(&self, faults: &mut Vec<String>) {
        let mut known: BTreeMap<&str, &str> = BTreeMap::new();
        for Handler { descriptor, .. } in &self.handlers {
            if let Some(other) = known.insert(descriptor.name(), descriptor.function()) {
                faults.push(format!(
                    "two handlers are named `{}`: `{other}` and `{}`; give one a `name`",
                    descriptor.name(),
                    descriptor.function()
                ));
            }
        }
    }

    /// One event type and version is one Rust type, in all lists together: each list proves it for itself.
    fn type_faults(&self, faults: &mut Vec<String>) {
        let mut known: BTreeMap<(&str, u32), &str> = BTreeMap::new();
        for Handler { descriptor, .. } in &self.handlers {
            let (takes, returns) = (descriptor.takes(), descriptor.returns());
            for event in takes
                .iter()
                .chain(returns.iter())
                .flat_map(EventDescriptor::versions)
            {
                let name = (event.event_type(), event.version());
                let other = *known.entry(name).or_insert(event.rust_type());
                if other != event.rust_type() {
                    let rust_type = event.rust_type();
                    faults.push(format!(
                        "two events are named \"{}\" in version {}: `{other}` and `{rust_type}`",
                        name.0, name.1
                    ));
                }
            }
        }
    }

    fn queue_faults(&self, faults: &mut Vec<String>) {
        for (queue, handlers) in self.queues() {
            for (at, one) in handlers.iter().enumerate() {
                for other in &handlers[at + 1..] {
                    shared_queue_faults(queue, &one.descriptor, &other.descriptor, faults);
                }
            }
            let full_name = Names::of(&self.service).queue(queue);
            // The longest name under it is that of its dead letters.
            let longest = Names::dead_letters(&full_name).len();
            if longest > topic::MAX_BYTES {
                faults.push(format!(
                    "queue `{full_name}` has too long a name: its dead letters' has {longest} bytes, and {} is the \
                     most",
                    topic::MAX_BYTES
                ));
            }
        }
    }
}

fn shared_queue_faults(
    queue: &str,
    one: &HandlerDescriptor,
    other: &HandlerDescriptor,
    faults: &mut Vec<String>,
) {
    let both = format!("`{}` and `{}`", one.name(), other.name());
    if one.ephemeral() || other.ephemeral() {
        faults.push(format!(
            "{both} share queue `{queue}`, and an ephemeral handler cannot share one"
        ));
    }
    if one.single_active() != other.single_active() {
        faults.push(format!(
            "{both} share queue `{queue}`; write `single_active` on both or on neither"
        ));
    }
    if let Some(event) = overlap(one, other) {
        faults.push(format!(
            "{both} both take \"{event}\" from queue `{queue}`; give one its own queue"
        ));
    }
}

/// An event, or a key, that both handlers take.
fn overlap(one: &HandlerDescriptor, other: &HandlerDescriptor) -> Option<String> {
    let types: BTreeSet<&str> = one.takes().iter().map(EventDescriptor::event_type).collect();
    if let Some(event) = other
        .takes()
        .iter()
        .find(|event| types.contains(event.event_type()))
    {
        return Some(event.event_type().to_owned());
    }
    if one.takes_any() && other.takes_any() {
        let others = other.patterns();
        return one
            .patterns()
            .into_iter()
            .find(|pattern| others.iter().any(|other| topic::overlap(pattern, other)))
            .map(str::to_owned);
    }
    None
}

pub(crate) fn patterns_of(handlers: &[&Handler]) -> Vec<&'static str> {
    let patterns: BTreeSet<&'static str> = handlers
        .iter()
        .flat_map(|handler| handler.descriptor.patterns())
        .collect();
    patterns.into_iter().collect()
}

/// Letters, digits, `-` and `_`: a dot would let one service's names start with another's.
fn is_service_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 100
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

=======
>>>>>>> main
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
