//! The descriptor of a handler.

use std::time::Duration;

use super::input::{HandlerInput, Takes};
use super::returns::IntoOutcome;
use crate::event::descriptor::{EventDescriptor, EventSet};
use crate::rungs::RUNGS;

/// A handler as `#[event_handler]` declares it: name, patterns, events and options.
#[allow(clippy::struct_excessive_bools)] // Each is an option of the attribute.
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
    /// Zero for none.
    breaker: u16,
    attempts: u32,
    rungs: &'static [Duration],
    timeout: Duration,
    ordered: bool,
    pauses_on_dead_letter: bool,
    single_active: bool,
    ephemeral: bool,
}

impl HandlerDescriptor {
    /// Describes a handler that takes `I` and returns `R`, with default options.
    #[doc(hidden)]
    pub const fn of<I: HandlerInput, R: IntoOutcome>(
        name: &'static str,
        function: &'static str,
        patterns: &'static [&'static str],
    ) -> Self {
        Self::new(name, function, patterns, I::TAKES, R::RETURNS)
    }

    /// Describes a handler with default options.
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
            breaker: 20,
            attempts: 8,
            rungs: RUNGS.split_at(6).0,
            timeout: Duration::from_secs(30),
            ordered: false,
            pauses_on_dead_letter: false,
            single_active: false,
            ephemeral: false,
        }
    }

    /// The stub of a handler whose attribute has an error, so that one mistake gives one error.
    #[doc(hidden)]
    pub const fn stub(function: &'static str) -> Self {
        let takes = Takes {
            events: EventSet::NONE,
            any: false,
        };
        Self::new(function, function, &[], takes, EventSet::NONE)
    }

    /// The name of the handler, and of its queue unless the option `queue` names another.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The path of the Rust function.
    pub const fn function(&self) -> &'static str {
        self.function
    }

    /// The doc comment of the handler.
    pub const fn description(&self) -> Option<&'static str> {
        self.description
    }

    /// The queue that the handler consumes from, without the service's name.
    pub const fn queue(&self) -> &'static str {
        match self.queue {
            Some(queue) => queue,
            None => self.name,
        }
    }

    /// The patterns that bind the queue. Without patterns in the attribute, they are the key patterns of the events and
    /// of every version that the events are upcast from.
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

    /// The patterns of the attribute; empty when they follow from the events.
    pub(crate) const fn written_patterns(&self) -> &'static [&'static str] {
        self.patterns
    }

    /// The events that it takes.
    #[doc(hidden)]
    pub const fn takes(&self) -> EventSet {
        self.takes
    }

    /// Whether it takes events of types that it does not declare: `AnyEvent`, or a family with `other`.
    pub const fn takes_any(&self) -> bool {
        self.takes_any
    }

    /// The events that it can return.
    #[doc(hidden)]
    pub const fn returns(&self) -> EventSet {
        self.returns
    }

    /// The maximum number of deliveries that it handles at the same time.
    pub const fn concurrency(&self) -> u16 {
        self.concurrency
    }

    /// The maximum number of unacknowledged deliveries: 256 by default, 32 for an ordered handler.
    pub const fn prefetch(&self) -> u16 {
        match (self.prefetch, self.ordered) {
            (Some(prefetch), _) => prefetch,
            (None, true) => 32,
            (None, false) => 256,
        }
    }

    /// How many attempts in a row must fail, of at least half as many events, until the breaker opens: 20 by default.
    /// `None` for a handler without a breaker.
    pub const fn breaker(&self) -> Option<u16> {
        match self.breaker {
            0 => None,
            attempts => Some(attempts),
        }
    }

    /// The maximum number of attempts, including the first.
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The delays between attempts. The last one repeats.
    pub const fn rungs(&self) -> &'static [Duration] {
        self.rungs
    }

    /// The timeout of one attempt.
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether the events of an aggregate are handled one at a time, in the order of their arrival.
    pub const fn ordered(&self) -> bool {
        self.ordered
    }

    /// Whether the handler pauses after a dead letter.
    pub const fn pauses_on_dead_letter(&self) -> bool {
        self.pauses_on_dead_letter
    }

    /// Whether one instance of the service at a time consumes from the queue.
    pub const fn single_active(&self) -> bool {
        self.single_active
    }

    /// Whether each instance has a queue of its own, which is deleted with the instance.
    pub const fn ephemeral(&self) -> bool {
        self.ephemeral
    }
}

// Setters that generated code calls for the options of the attribute.
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

    pub const fn with_breaker(mut self, breaker: u16) -> Self {
        self.breaker = breaker;
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
