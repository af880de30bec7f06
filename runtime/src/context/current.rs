//! The context: what ties what a task does to the request or event that set it off.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use tokio::task::futures::TaskLocalFuture;
use tokio::task::{self, JoinHandle};
use uuid::Uuid;

use crate::context::trace::TraceContext;
use crate::handler::delivery::Delivery;

tokio::task_local! {
    static CONTEXT: Context;
}

/// What ties what a task does to the request or event that set it off.
///
/// Every event that is published in a context carries its correlation id and belongs to its trace, however deep in the
/// call the publishing is. A handler runs in the context of its event, a request behind
/// `tidings::http::CorrelationLayer` in the context of its headers; anything else, a job that runs
/// at night, can have one by [`scope`](Self::scope).
///
/// A context ends at the edge of its task: what is started with `tokio::spawn` or `tokio::task::spawn_blocking` has
/// none. [`tidings::spawn`](crate::spawn) and [`tidings::spawn_blocking`](crate::spawn_blocking) take it along.
///
/// It is cheap to clone.
///
/// ```
/// use tidings::Context;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tidings::InvalidCorrelationId> {
/// async fn correlation_id() -> Option<String> {
///     Some(Context::current()?.correlation_id().to_owned())
/// }
///
/// let nightly = Context::new("close-of-books-2026-11-23")?;
/// assert_eq!(nightly.scope(correlation_id()).await.as_deref(), Some("close-of-books-2026-11-23"));
/// assert_eq!(correlation_id().await, None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Context(Origin);

/// What set it off.
#[derive(Clone)]
enum Origin {
    /// Something that is not an event.
    Outside(Arc<Outside>),
    /// An event. It is asked when it comes to that: a context is made for each delivery, and most are never asked.
    Delivery(Delivery),
    /// An event, in another place of a trace.
    Moved(Delivery, Arc<TraceContext>),
}

#[derive(Clone)]
struct Outside {
    correlation_id: Arc<str>,
    trace: Option<TraceContext>,
}

/// The longest correlation id that is taken from outside.
const MAX_LENGTH: usize = 128;

impl Context {
    /// The context that this code runs in, if there is one.
    pub fn current() -> Option<Self> {
        CONTEXT.try_with(Self::clone).ok()
    }

    /// A context under a correlation id from elsewhere, in no trace.
    ///
    /// # Errors
    /// When the id is not of 1 to 128 visible ASCII characters: it goes into the headers and the log lines of every
    /// service that the events reach.
    pub fn new(correlation_id: impl AsRef<str>) -> Result<Self, InvalidCorrelationId> {
        let id = correlation_id.as_ref();
        if id.is_empty() || id.len() > MAX_LENGTH || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidCorrelationId(()));
        }
        Ok(Self::outside(id.into(), None))
    }

    /// The start of something: a context with a correlation id and a trace of its own.
    pub fn root() -> Self {
        let id = Uuid::now_v7().to_string();
        Self::outside(id.into(), Some(TraceContext::new_root()))
    }

    fn outside(correlation_id: Arc<str>, trace: Option<TraceContext>) -> Self {
        Self(Origin::Outside(Arc::new(Outside {
            correlation_id,
            trace,
        })))
    }

    /// The context in which a delivery is handled: what is published there has its event as its cause.
    pub(crate) fn of_delivery(delivery: &Delivery) -> Self {
        Self(Origin::Delivery(delivery.clone()))
    }

    /// The same context in another place of a trace.
    ///
    /// ```
    /// use tidings::{Context, TraceContext};
    ///
    /// let trace = TraceContext::new_root();
    /// let context = Context::new("import-7")?.with_trace(trace.clone());
    /// assert_eq!(context.trace(), Some(&trace));
    /// # Ok::<(), tidings::InvalidCorrelationId>(())
    /// ```
    pub fn with_trace(self, trace: TraceContext) -> Self {
        Self(match self.0 {
            Origin::Outside(outside) => Origin::Outside(Arc::new(Outside {
                correlation_id: Arc::clone(&outside.correlation_id),
                trace: Some(trace),
            })),
            Origin::Delivery(delivery) | Origin::Moved(delivery, _) => {
                Origin::Moved(delivery, Arc::new(trace))
            }
        })
    }

    /// What ties together all that one request set off.
    pub fn correlation_id(&self) -> &str {
        match &self.0 {
            Origin::Outside(outside) => &outside.correlation_id,
            Origin::Delivery(delivery) | Origin::Moved(delivery, _) => delivery.correlation_id(),
        }
    }

    /// The id of the event that is being handled: the cause of what is published meanwhile.
    pub fn causation_id(&self) -> Option<&str> {
        match &self.0 {
            Origin::Outside(_) => None,
            Origin::Delivery(delivery) | Origin::Moved(delivery, _) => Some(delivery.id()),
        }
    }

    /// The service whose handler is running.
    pub fn service(&self) -> Option<&Arc<str>> {
        match &self.0 {
            Origin::Outside(_) => None,
            Origin::Delivery(delivery) | Origin::Moved(delivery, _) => delivery.service(),
        }
    }

    /// The place in a trace.
    pub fn trace(&self) -> Option<&TraceContext> {
        match &self.0 {
            Origin::Outside(outside) => outside.trace.as_ref(),
            Origin::Delivery(delivery) => delivery.trace(),
            Origin::Moved(_, trace) => Some(trace),
        }
    }

    /// Runs a future in this context; one that it is nested in is back afterwards.
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        self.scoped(future)
    }

    /// The same, with a name for its type.
    pub(crate) fn scoped<F: Future>(self, future: F) -> TaskLocalFuture<Self, F> {
        CONTEXT.scope(self, future)
    }

    /// Calls a function in this context; one that it is nested in is back afterwards.
    ///
    /// A future that the function returns runs outside of it: that is what [`scope`](Self::scope) is for.
    ///
    /// ```
    /// use tidings::Context;
    ///
    /// let id = Context::new("import-7")?.sync_scope(|| Context::current().unwrap().correlation_id().to_owned());
    /// assert_eq!(id, "import-7");
    /// # Ok::<(), tidings::InvalidCorrelationId>(())
    /// ```
    pub fn sync_scope<R>(self, f: impl FnOnce() -> R) -> R {
        CONTEXT.sync_scope(self, f)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("correlation_id", &self.correlation_id())
            .field("causation_id", &self.causation_id())
            .field("service", &self.service())
            .field("trace", &self.trace())
            .finish()
    }
}

/// A text that cannot be a correlation id.
// It does not repeat the text, which came from a stranger and is what the rule keeps out of logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidCorrelationId(());

impl fmt::Display for InvalidCorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a correlation id has 1 to 128 characters, all of them visible ASCII")
    }
}

impl StdError for InvalidCorrelationId {}

/// `tokio::spawn`, with the current [`Context`] taken along: what the task publishes is correlated.
///
/// ```
/// use tidings::Context;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// Context::new("order-7")?
///     .scope(async {
///         let ours = tidings::spawn(async { Context::current().is_some() });
///         let plain = tokio::spawn(async { Context::current().is_some() });
///         assert!(ours.await? && !plain.await?);
///         Ok(())
///     })
///     .await
/// # }
/// ```
///
/// # Panics
/// Outside of a tokio runtime.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    match Context::current() {
        Some(context) => tokio::spawn(context.scoped(future)),
        None => tokio::spawn(future),
    }
}

/// `tokio::task::spawn_blocking`, with the current [`Context`] taken along.
///
/// ```
/// use tidings::Context;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// Context::new("order-7")?
///     .scope(async {
///         let invoice = tidings::spawn_blocking(|| {
///             let context = Context::current().expect("it was taken along");
///             format!("invoice of {}", context.correlation_id())
///         });
///         assert_eq!(invoice.await?, "invoice of order-7");
///         Ok(())
///     })
///     .await
/// # }
/// ```
///
/// # Panics
/// Outside of a tokio runtime.
#[track_caller]
pub fn spawn_blocking<F, R>(f: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    match Context::current() {
        Some(context) => task::spawn_blocking(move || context.sync_scope(f)),
        None => task::spawn_blocking(f),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt;

    use super::{Context, InvalidCorrelationId};
    use crate::context::trace::TraceContext;
    use crate::event::{AnyEvent, Metadata};
    use crate::handler::delivery::{Delivery, DeliveryFacts};
    use crate::message::timestamp::Timestamp;

    fn context(id: &str) -> Context {
        Context::new(id).unwrap()
    }

    fn current() -> Option<String> {
        Some(Context::current()?.correlation_id().to_owned())
    }

    fn delivery(trace: Option<TraceContext>) -> Delivery {
        let now = Timestamp::from_millis(0);
        let metadata = Metadata {
            id: "event-1".to_owned(),
            event_type: "order.created".to_owned(),
            version: 1,
            timestamp: now,
            aggregate_id: "7".to_owned(),
            correlation_id: "ein früher Gruß".to_owned(),
            causation_id: Some("event-0".to_owned()),
            source: None,
            id_is_derived: false,
        };
        let facts = DeliveryFacts {
            handler: "bill",
            queue: "billing.bill".into(),
            exchange: "domain_events".into(),
            attempt: 1,
            redelivered: false,
            first_received_at: now,
            received_at: now,
            last_error: None,
            trace,
        };
        let event = AnyEvent::new(Arc::new(metadata), "order.created".into(), Arc::default(), "{}");
        Delivery::new(event, facts)
    }

    #[test]
    fn outside_of_every_scope_there_is_none() {
        assert_eq!(current(), None);
    }

    #[test]
    fn a_correlation_id_is_1_to_128_visible_ascii_characters() {
        let longest = "x".repeat(128);
        for good in ["7", "order-7", "!~", "a:b/c=d", longest.as_str()] {
            assert_eq!(context(good).correlation_id(), good);
        }
        let too_long = "x".repeat(129);
        for bad in [
            "",
            " ",
            "two words",
            "tab\t",
            "line\nforged",
            "\u{7f}",
            "żółw",
            too_long.as_str(),
        ] {
            assert_eq!(
                Context::new(bad).unwrap_err(),
                InvalidCorrelationId(()),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn a_root_has_an_id_and_a_trace_of_its_own() {
        let (one, other) = (Context::root(), Context::root());
        assert_ne!(one.correlation_id(), other.correlation_id());
        assert_ne!(
            one.trace().unwrap().traceparent(),
            other.trace().unwrap().traceparent()
        );
        assert_eq!(one.causation_id(), None);
        assert!(
            Context::new(one.correlation_id()).is_ok(),
            "the next service must take it"
        );
    }

    #[test]
    fn a_delivery_is_the_cause_of_what_is_published_while_it_is_handled() {
        let trace = TraceContext::new_root();
        let context = Context::of_delivery(&delivery(Some(trace.clone())));
        assert_eq!(
            context.correlation_id(),
            "ein früher Gruß",
            "the id of an event is any text"
        );
        assert_eq!(context.causation_id(), Some("event-1"));
        assert_eq!(context.trace(), Some(&trace));
        assert_eq!(context.service(), None);
        assert_eq!(Context::of_delivery(&delivery(None)).trace(), None);
    }

    #[test]
    fn another_trace_is_no_business_of_the_clone_it_was_taken_from() {
        let one = context("a").with_trace(TraceContext::new_root());
        let other = one.clone().with_trace(TraceContext::new_root());
        assert_ne!(one.trace(), other.trace());
        assert_eq!(other.correlation_id(), "a");
    }

    #[test]
    fn a_function_runs_in_its_scope_and_the_outer_one_is_back_after_it() {
        context("outer").sync_scope(|| {
            assert_eq!(context("inner").sync_scope(current).as_deref(), Some("inner"));
            assert_eq!(current().as_deref(), Some("outer"));
        });
        assert_eq!(current(), None);
    }

    #[tokio::test]
    async fn a_future_keeps_its_context_over_its_waits_and_side_by_side_with_others() {
        let twice = || async {
            let before = current();
            tokio::task::yield_now().await;
            (before, current())
        };
        let (a, b) = tokio::join!(context("a").scope(twice()), context("b").scope(twice()));
        assert_eq!(a, (Some("a".to_owned()), Some("a".to_owned())));
        assert_eq!(b, (Some("b".to_owned()), Some("b".to_owned())));
        assert_eq!(current(), None);
    }

    #[tokio::test]
    async fn the_context_is_still_there_while_a_cancelled_future_is_dropped() {
        struct Last(Option<tokio::sync::oneshot::Sender<Option<String>>>);
        impl Drop for Last {
            fn drop(&mut self) {
                let _ = self.0.take().unwrap().send(current());
            }
        }
        let (sender, last) = tokio::sync::oneshot::channel();
        let mut future = Box::pin(context("a").scope(async move {
            let _last = Last(Some(sender));
            std::future::pending::<()>().await;
        }));
        assert_eq!((&mut future).now_or_never(), None);
        drop(future);
        assert_eq!(last.await.unwrap().as_deref(), Some("a"));
    }

    #[tokio::test]
    async fn spawn_takes_the_context_along() {
        let spawned = context("a").scope(async { crate::spawn(async { current() }).await });
        assert_eq!(spawned.await.unwrap().as_deref(), Some("a"));
    }

    #[tokio::test]
    async fn spawn_blocking_takes_the_context_along() {
        let spawned = context("a").scope(async { crate::spawn_blocking(current).await });
        assert_eq!(spawned.await.unwrap().as_deref(), Some("a"));
    }

    #[tokio::test]
    async fn a_plain_spawn_leaves_the_context_behind() {
        let (task, blocking) = context("a")
            .scope(async {
                tokio::join!(
                    tokio::spawn(async { current() }),
                    tokio::task::spawn_blocking(current)
                )
            })
            .await;
        assert_eq!((task.unwrap(), blocking.unwrap()), (None, None));
    }

    #[tokio::test]
    async fn without_a_context_spawn_and_spawn_blocking_are_the_plain_ones() {
        assert_eq!(crate::spawn(async { current() }).await.unwrap(), None);
        assert_eq!(crate::spawn_blocking(current).await.unwrap(), None);
    }
}
