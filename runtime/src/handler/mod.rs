//! A handler: what the attribute registers of a function, and how the runtime calls it.

pub(crate) mod classify;
pub(crate) mod delivery;
pub(crate) mod error;
pub(crate) mod extract;
pub(crate) mod input;
pub(crate) mod proofs;
pub(crate) mod returns;
pub(crate) mod stub;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::event::decode::DecodeError;
use crate::event::descriptor::{EventDescriptor, EventSet};
use crate::handler::delivery::Delivery;
use crate::handler::error::HandlerError;
use crate::handler::extract::{FromDelivery, Rejection};
use crate::handler::input::{HandlerInput, Takes};
use crate::handler::returns::{IntoOutcome, Returned};
use crate::retry::RUNGS;

/// What `#[event_handler]` knows of a handler: its name, patterns, events and options.
#[allow(clippy::struct_excessive_bools)] // Each is an option of its own that a user can name.
#[derive(Debug, Clone, Copy)]
pub struct HandlerDescriptor {
    name: &'static str,
    function: &'static str,
    description: Option<&'static str>,
    queue: Option<&'static str>,
    patterns: &'static [&'static str],
    takes: EventSet,
    takes_any: bool,
    returns: EventSet,
    concurrency: u16,
    prefetch: Option<u16>,
    attempts: u32,
    rungs: &'static [Duration],
    timeout: Duration,
    ordered: bool,
    pauses_on_dead_letter: bool,
    single_active: bool,
    ephemeral: bool,
}

impl HandlerDescriptor {
    /// Describes a handler of the input `I` that returns `R`, with every option at its default.
    #[doc(hidden)]
    pub const fn of<I: HandlerInput, R: IntoOutcome>(
        name: &'static str,
        function: &'static str,
        patterns: &'static [&'static str],
    ) -> Self {
        Self::new(name, function, patterns, I::TAKES, R::RETURNS)
    }

    /// Describes a handler with every option at its default.
    #[doc(hidden)]
    pub const fn new(
        name: &'static str,
        function: &'static str,
        patterns: &'static [&'static str],
        takes: Takes,
        returns: EventSet,
    ) -> Self {
        Self {
            name,
            function,
            description: None,
            queue: None,
            patterns,
            takes: takes.events,
            takes_any: takes.any,
            returns,
            concurrency: 64,
            prefetch: None,
            attempts: 8,
            rungs: RUNGS.split_at(6).0,
            timeout: Duration::from_secs(30),
            ordered: false,
            pauses_on_dead_letter: false,
            single_active: false,
            ephemeral: false,
        }
    }

    /// Stands in for a handler whose attribute is wrong, so that one mistake stays one error.
    #[doc(hidden)]
    pub const fn stub(function: &'static str) -> Self {
        let takes = Takes {
            events: EventSet::NONE,
            any: false,
        };
        Self::new(function, function, &[], takes, EventSet::NONE)
    }

    /// The handler's wire name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The Rust function with its module.
    pub const fn function(&self) -> &'static str {
        self.function
    }

    /// The doc comment.
    pub const fn description(&self) -> Option<&'static str> {
        self.description
    }

    /// The queue it takes from, without the service's name: its own, or one it shares.
    pub const fn queue(&self) -> &'static str {
        match self.queue {
            Some(queue) => queue,
            None => self.name,
        }
    }

    /// The patterns its queue is bound by: those of the attribute, or the keys of its events and of every version
    /// they are upcast from.
    pub fn patterns(&self) -> Vec<&'static str> {
        let mut patterns: Vec<&'static str> = if self.patterns.is_empty() {
            self.takes
                .iter()
                .flat_map(EventDescriptor::versions)
                .map(EventDescriptor::key_pattern)
                .collect()
        } else {
            self.patterns.to_vec()
        };
        patterns.sort_unstable();
        patterns.dedup();
        patterns
    }

    /// The patterns of the attribute; none when they follow from its events.
    pub(crate) const fn written_patterns(&self) -> &'static [&'static str] {
        self.patterns
    }

    /// The events it takes.
    #[doc(hidden)]
    pub const fn takes(&self) -> EventSet {
        self.takes
    }

    /// Whether it takes events of types that it does not name.
    pub const fn takes_any(&self) -> bool {
        self.takes_any
    }

    /// The events it can return.
    #[doc(hidden)]
    pub const fn returns(&self) -> EventSet {
        self.returns
    }

    /// How many deliveries it handles side by side.
    pub const fn concurrency(&self) -> u16 {
        self.concurrency
    }

    /// How many deliveries the broker hands out before one is settled: 256 by default, 32 for an ordered handler.
    pub const fn prefetch(&self) -> u16 {
        match (self.prefetch, self.ordered) {
            (Some(prefetch), _) => prefetch,
            (None, true) => 32,
            (None, false) => 256,
        }
    }

    /// How often a delivery is attempted, the first time included.
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The delays between attempts; the last one repeats.
    pub const fn rungs(&self) -> &'static [Duration] {
        self.rungs
    }

    /// How long one attempt may take.
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether events of one aggregate are handled one at a time, in the order they came.
    pub const fn ordered(&self) -> bool {
        self.ordered
    }

    /// Whether the handler pauses when it dead-letters an event.
    pub const fn pauses_on_dead_letter(&self) -> bool {
        self.pauses_on_dead_letter
    }

    /// Whether one instance of the service at a time takes from the queue.
    pub const fn single_active(&self) -> bool {
        self.single_active
    }

    /// Whether each instance has a queue of its own that ends with it.
    pub const fn ephemeral(&self) -> bool {
        self.ephemeral
    }
}

// Setters that the attribute calls, one for each option it was given.
#[doc(hidden)]
impl HandlerDescriptor {
    pub const fn with_description(mut self, description: &'static str) -> Self {
        self.description = Some(description);
        self
    }

    pub const fn with_queue(mut self, queue: &'static str) -> Self {
        self.queue = Some(queue);
        self
    }

    pub const fn with_concurrency(mut self, concurrency: u16) -> Self {
        self.concurrency = concurrency;
        self
    }

    pub const fn with_prefetch(mut self, prefetch: u16) -> Self {
        self.prefetch = Some(prefetch);
        self
    }

    pub const fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    pub const fn with_rungs(mut self, rungs: &'static [Duration]) -> Self {
        self.rungs = rungs;
        self
    }

    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub const fn with_order(mut self) -> Self {
        self.ordered = true;
        self
    }

    pub const fn with_pause_on_dead_letter(mut self) -> Self {
        self.pauses_on_dead_letter = true;
        self
    }

    pub const fn with_single_active(mut self) -> Self {
        self.single_active = true;
        self
    }

    pub const fn with_ephemeral(mut self) -> Self {
        self.ephemeral = true;
        self
    }
}

/// The registration of one handler, without its state.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event handler",
    label = "not an event handler",
    note = "a handler is an `async fn` under #[event_handler]"
)]
pub trait Registered: Send + Sync + 'static {
    /// What the attribute knows of it.
    const HANDLER: HandlerDescriptor;
}

/// A handler that can be called by an app whose state is `S`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(message = "`{Self}` is not an event handler of this app")]
pub trait Handle<S>: Registered {
    /// Decodes the event, extracts the other parameters and calls the function.
    fn handle(delivery: Delivery, state: Arc<S>) -> HandlerFuture;
}

/// One attempt of a handler.
#[doc(hidden)]
pub type HandlerFuture = Pin<Box<dyn Future<Output = Result<Returned, Failure>> + Send>>;

/// Why a handler yields nothing: before it ran, or out of itself.
#[doc(hidden)]
#[derive(Debug)]
pub enum Failure {
    /// The event is not what the handler takes.
    Undecodable(DecodeError),
    /// An extractor said no.
    Rejected(Rejection),
    /// The handler's own error.
    Failed(HandlerError),
}

/// The handlers of a `handlers![..]`, their proofs done.
#[doc(hidden)]
#[derive(Debug)]
pub struct Handlers<L> {
    /// Filled by a block of constants, so that `cargo check` evaluates them.
    pub proofs: (),
    /// The handlers.
    pub list: L,
}

/// A list of handlers that an app whose state is `S` can call.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of event handlers",
    label = "not a list of event handlers",
    note = "write `.handlers(handlers![take_payment, refund])`"
)]
pub trait HandlerList<S> {
    /// Hands each handler to `add`.
    fn each(add: &mut dyn FnMut(Registration<S>));
}

/// One handler with its state's type, ready for dispatch.
#[doc(hidden)]
pub struct Registration<S> {
    pub(crate) descriptor: HandlerDescriptor,
    pub(crate) handle: fn(Delivery, Arc<S>) -> HandlerFuture,
}

impl<S> Registration<S> {
    /// The registration of `H`.
    pub const fn of<H: Handle<S>>() -> Self {
        Self {
            descriptor: H::HANDLER,
            handle: H::handle,
        }
    }
}

impl<S, L: HandlerList<S>> HandlerList<S> for Handlers<L> {
    fn each(add: &mut dyn FnMut(Registration<S>)) {
        L::each(add);
    }
}

#[diagnostic::do_not_recommend]
impl<S> HandlerList<S> for () {
    fn each(_: &mut dyn FnMut(Registration<S>)) {}
}

/// Lists in a list: a tuple holds sixteen handlers or sixteen lists, so a thousand handlers lie three deep. One
/// handler in front of the rest, and so on, would meet the compiler's limit of recursion at 128.
#[doc(hidden)]
#[derive(Debug)]
pub struct Branch<T> {
    /// A struct with a named field, since rustc looks into such an expression for the token to blame.
    pub lists: T,
}

macro_rules! lists {
    ($($name:ident)+) => {
        impl<S, $($name: Handle<S>),+> HandlerList<S> for ($($name,)+) {
            fn each(add: &mut dyn FnMut(Registration<S>)) {
                $(add(Registration::of::<$name>());)+
            }
        }

        impl<S, $($name: HandlerList<S>),+> HandlerList<S> for Branch<($($name,)+)> {
            fn each(add: &mut dyn FnMut(Registration<S>)) {
                $($name::each(add);)+
            }
        }
    };
}

lists!(A);
lists!(A B);
lists!(A B C);
lists!(A B C D);
lists!(A B C D E);
lists!(A B C D E F);
lists!(A B C D E F G);
lists!(A B C D E F G H);
lists!(A B C D E F G H I);
lists!(A B C D E F G H I J);
lists!(A B C D E F G H I J K);
lists!(A B C D E F G H I J K L);
lists!(A B C D E F G H I J K L M);
lists!(A B C D E F G H I J K L M N);
lists!(A B C D E F G H I J K L M N O);
lists!(A B C D E F G H I J K L M N O P);

/// Extracts a parameter of a handler.
#[doc(hidden)]
pub async fn extract<P: FromDelivery<S>, S: Sync>(delivery: &Delivery, state: &S) -> Result<P, Failure> {
    P::from_delivery(delivery, state).await.map_err(Failure::Rejected)
}

/// The descriptor of a handler, from the expression that names it.
#[doc(hidden)]
pub const fn descriptor<H: Registered>(_: &H) -> HandlerDescriptor {
    H::HANDLER
}
