//! The timeline: a middleware that records every attempt of every handler.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tidings::{App, Delivery, Outcome};

/// The record of all attempts. A clone is cheap.
#[derive(Debug, Clone)]
pub struct Timeline {
    start: Instant,
    moments: Arc<Mutex<Vec<Moment>>>,
}

/// One attempt of one handler.
#[derive(Debug, Clone)]
pub struct Moment {
    at: Duration,
    /// The queue, named for its service and handler: `payments.take_payment`.
    queue: String,
    event: String,
    attempt: u32,
    correlation_id: String,
    result: Result<Vec<String>, Failure>,
}

#[derive(Debug, Clone)]
struct Failure {
    is_final: bool,
    error: String,
}

impl Timeline {
    /// Starts a timeline.
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
            moments: Arc::default(),
        }
    }

    /// Wraps the handlers of an app.
    pub fn around<S: Send + Sync + 'static>(&self, app: App<S>) -> App<S> {
        let timeline = self.clone();
        app.around(move |delivery, next| {
            let timeline = timeline.clone();
            async move {
                let outcome = next.run(delivery.clone()).await;
                timeline.note(&delivery, &outcome);
                outcome
            }
        })
    }

    /// The attempts under a correlation id, in order.
    pub fn story(&self, correlation_id: &str) -> Vec<Moment> {
        let moments = self.moments();
        let story = moments
            .iter()
            .filter(|moment| moment.correlation_id == correlation_id);
        story.cloned().collect()
    }

    /// The number of events that handlers have published.
    pub fn published(&self) -> usize {
        let moments = self.moments();
        let published = moments.iter().flat_map(|moment| &moment.result);
        published.map(Vec::len).sum()
    }

    /// The time since the start.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn note(&self, delivery: &Delivery, outcome: &Outcome) {
        let result = match outcome.error() {
            None => Ok(outcome.returned_types().map(str::to_owned).collect()),
            Some(error) => Err(Failure {
                is_final: outcome.is_dead_letter(),
                error: with_sources(error),
            }),
        };
        self.moments().push(Moment {
            at: self.start.elapsed(),
            queue: delivery.queue().to_owned(),
            event: delivery.event_type().to_owned(),
            attempt: delivery.attempt(),
            correlation_id: delivery.correlation_id().to_owned(),
            result,
        });
    }

    fn moments(&self) -> MutexGuard<'_, Vec<Moment>> {
        self.moments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Moment {
    /// Whether the delivery was dead-lettered.
    pub fn is_dead_letter(&self) -> bool {
        self.result.as_ref().is_err_and(|failure| failure.is_final)
    }
}

fn with_sources(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            queue,
            event,
            attempt,
            correlation_id,
            ..
        } = self;
        let at = self.at.as_secs_f64();
        write!(
            f,
            "{at:>7.3} s  {correlation_id}  {event:<15}  {queue:<21}  attempt {attempt}  "
        )?;
        match &self.result {
            Ok(events) if events.is_empty() => f.write_str("noted"),
            Ok(events) => write!(f, "-> {}", events.join(", ")),
            Err(Failure { is_final, error }) if *is_final => write!(f, "DEAD LETTER, {error}"),
            Err(Failure { error, .. }) => write!(f, "again later, {error}"),
        }
    }
}
