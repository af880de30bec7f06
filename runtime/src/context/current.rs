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

/// The context of a task: the correlation id, the cause and the trace of the events that it publishes.
///
/// Every event that is published inside a context carries its correlation id and continues its trace, however deep in
/// the call stack. A handler runs in the context of its event. A request behind `tidings::http::CorrelationLayer` runs
/// in the context of its headers. Other code, such as a nightly job, creates a context and enters it with
/// [`scope`](Self::scope).
///
/// A context belongs to one task: a task that is started with `tokio::spawn` or `tokio::task::spawn_blocking` has none.
/// [`tidings::spawn`](crate::spawn) and [`tidings::spawn_blocking`](crate::spawn_blocking) pass the context on.
///
/// A context is cheap to clone.
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
pub struct Context(ContextSource);

#[derive(Clone)]
enum ContextSource {
    /// No event: a request or a job.
    Request(Arc<RequestIds>),
    /// The event that a handler processes. The ids are read on demand, because every delivery gets a context and most
    /// contexts are never read.
    Delivery(Delivery),
    /// An event whose trace replaces the trace of the delivery.
    TracedDelivery(Delivery, Arc<TraceContext>),
}

#[derive(Clone)]
struct RequestIds {
    correlation_id: Arc<str>,
    trace: Option<TraceContext>,
}

/// The longest correlation id that [`Context::new`] accepts.
const MAX_LENGTH: usize = 128;

impl Context {
    /// Returns the context of the current task, or `None` outside of every context.
    pub fn current() -> Option<Self> {
        CONTEXT.try_with(Self::clone).ok()
    }

    /// Creates a context with this correlation id and without a trace.
    ///
    /// # Errors
    /// [`InvalidCorrelationId`] unless the id has 1 to 128 characters, all of them visible ASCII. The id appears in the
    /// headers and the logs of every service that receives the events, so it must not contain line breaks, for example.
    pub fn new(correlation_id: impl AsRef<str>) -> Result<Self, InvalidCorrelationId> {
        let id = correlation_id.as_ref();
        if id.is_empty() || id.len() > MAX_LENGTH || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidCorrelationId(()));
        }
        Ok(Self::of_request(id.into(), None))
    }

    /// Creates a context with a new correlation id and a new trace.
    pub fn root() -> Self {
        let id = Uuid::now_v7().to_string();
        Self::of_request(id.into(), Some(TraceContext::new_root()))
    }

    fn of_request(correlation_id: Arc<str>, trace: Option<TraceContext>) -> Self {
        Self(ContextSource::Request(Arc::new(RequestIds {
            correlation_id,
            trace,
        })))
    }

    /// The context of a handler: the delivered event is the cause of the events that are published in it.
    pub(crate) fn of_delivery(delivery: &Delivery) -> Self {
        Self(ContextSource::Delivery(delivery.clone()))
    }

    /// Returns the context with another trace.
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
            ContextSource::Request(ids) => ContextSource::Request(Arc::new(RequestIds {
                correlation_id: Arc::clone(&ids.correlation_id),
                trace: Some(trace),
            })),
            ContextSource::Delivery(delivery) | ContextSource::TracedDelivery(delivery, _) => {
                ContextSource::TracedDelivery(delivery, Arc::new(trace))
            }
        })
    }

    /// Returns the correlation id, which all events that one request caused have in common.
    pub fn correlation_id(&self) -> &str {
        match &self.0 {
            ContextSource::Request(ids) => &ids.correlation_id,
            ContextSource::Delivery(delivery) | ContextSource::TracedDelivery(delivery, _) => {
                delivery.correlation_id()
            }
        }
    }

    /// Returns the id of the event that is being handled, which is the cause of the events that are published
    /// meanwhile. `None` outside of a handler.
    pub fn causation_id(&self) -> Option<&str> {
        match &self.0 {
            ContextSource::Request(_) => None,
            ContextSource::Delivery(delivery) | ContextSource::TracedDelivery(delivery, _) => {
                Some(delivery.id())
            }
        }
    }

    /// Returns the name of the service whose handler is running, or `None` outside of a handler.
    pub fn service(&self) -> Option<&Arc<str>> {
        match &self.0 {
            ContextSource::Request(_) => None,
            ContextSource::Delivery(delivery) | ContextSource::TracedDelivery(delivery, _) => {
                delivery.service()
            }
        }
    }

    /// Returns the trace, or `None` when the context has none.
    pub fn trace(&self) -> Option<&TraceContext> {
        match &self.0 {
            ContextSource::Request(ids) => ids.trace.as_ref(),
            ContextSource::Delivery(delivery) => delivery.trace(),
            ContextSource::TracedDelivery(_, trace) => Some(trace),
        }
    }

    /// Runs a future in this context. An outer context is restored afterwards.
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        self.scoped(future)
    }

    /// [`scope`](Self::scope) with a return type that can be named.
    pub(crate) fn scoped<F: Future>(self, future: F) -> TaskLocalFuture<Self, F> {
        CONTEXT.scope(self, future)
    }

    /// Calls a function in this context. An outer context is restored afterwards.
    ///
    /// A future that the function returns does not run in the context; use [`scope`](Self::scope) for futures.
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

/// A string is not a valid correlation id.
// The error does not contain the string: it is untrusted input, and errors are logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidCorrelationId(());

impl fmt::Display for InvalidCorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a correlation id has 1 to 128 characters, all of them visible ASCII")
    }
}

impl StdError for InvalidCorrelationId {}

/// Calls `tokio::spawn` and passes the current [`Context`] on to the new task.
///
/// ```
/// use tidings::Context;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// Context::new("order-7")?
///     .scope(async {
///         let passed_on = tidings::spawn(async { Context::current().is_some() });
///         let plain = tokio::spawn(async { Context::current().is_some() });
///         assert!(passed_on.await? && !plain.await?);
///         Ok(())
///     })
///     .await
/// # }
/// ```
///
/// # Panics
/// Panics outside of a tokio runtime.
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

/// Calls `tokio::task::spawn_blocking` and passes the current [`Context`] on to the function.
///
/// ```
/// use tidings::Context;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// Context::new("order-7")?
///     .scope(async {
///         let invoice = tidings::spawn_blocking(|| {
///             let context = Context::current().expect("spawn_blocking passes the context on");
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
/// Panics outside of a tokio runtime.
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
    fn a_root_has_a_new_id_and_a_new_trace() {
        let (one, other) = (Context::root(), Context::root());
        assert_ne!(one.correlation_id(), other.correlation_id());
        assert_ne!(
            one.trace().unwrap().traceparent(),
            other.trace().unwrap().traceparent()
        );
        assert_eq!(one.causation_id(), None);
        assert!(
            Context::new(one.correlation_id()).is_ok(),
            "the next service must accept the id"
        );
    }

    #[test]
    fn the_context_of_a_handler_has_the_ids_of_its_delivery() {
        let trace = TraceContext::new_root();
        let context = Context::of_delivery(&delivery(Some(trace.clone())));
        assert_eq!(
            context.correlation_id(),
            "ein früher Gruß",
            "the correlation id of a received event can be any text"
        );
        assert_eq!(context.causation_id(), Some("event-1"));
        assert_eq!(context.trace(), Some(&trace));
        assert_eq!(context.service(), None);
        assert_eq!(Context::of_delivery(&delivery(None)).trace(), None);
    }

    #[test]
    fn a_new_trace_does_not_change_other_clones_of_the_context() {
        let one = context("a").with_trace(TraceContext::new_root());
        let other = one.clone().with_trace(TraceContext::new_root());
        assert_ne!(one.trace(), other.trace());
        assert_eq!(other.correlation_id(), "a");
    }

    #[test]
    fn the_outer_context_is_restored_after_a_nested_scope() {
        context("outer").sync_scope(|| {
            assert_eq!(context("inner").sync_scope(current).as_deref(), Some("inner"));
            assert_eq!(current().as_deref(), Some("outer"));
        });
        assert_eq!(current(), None);
    }

    #[tokio::test]
    async fn a_future_keeps_its_context_across_awaits_and_beside_other_futures() {
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
    async fn a_cancelled_future_is_dropped_inside_its_context() {
        struct SendOnDrop(Option<tokio::sync::oneshot::Sender<Option<String>>>);
        impl Drop for SendOnDrop {
            fn drop(&mut self) {
                let _ = self.0.take().unwrap().send(current());
            }
        }
        let (sender, last) = tokio::sync::oneshot::channel();
        let mut future = Box::pin(context("a").scope(async move {
            let _guard = SendOnDrop(Some(sender));
            std::future::pending::<()>().await;
        }));
        assert_eq!((&mut future).now_or_never(), None);
        drop(future);
        assert_eq!(last.await.unwrap().as_deref(), Some("a"));
    }

    #[tokio::test]
    async fn spawn_passes_the_context_on() {
        let spawned = context("a").scope(async { crate::spawn(async { current() }).await });
        assert_eq!(spawned.await.unwrap().as_deref(), Some("a"));
    }

    #[tokio::test]
    async fn spawn_blocking_passes_the_context_on() {
        let spawned = context("a").scope(async { crate::spawn_blocking(current).await });
        assert_eq!(spawned.await.unwrap().as_deref(), Some("a"));
    }

    #[tokio::test]
    async fn tokio_spawn_does_not_pass_the_context_on() {
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
    async fn without_a_context_spawn_and_spawn_blocking_pass_none_on() {
        assert_eq!(crate::spawn(async { current() }).await.unwrap(), None);
        assert_eq!(crate::spawn_blocking(current).await.unwrap(), None);
    }
}
