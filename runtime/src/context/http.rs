//! Correlation over HTTP: a layer that takes the ids of a request in, and gives them back.

use std::future::Future;
use std::pin::Pin;
use std::task::{Poll, ready};

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response};
use tokio::task::futures::TaskLocalFuture;
use tower_layer::Layer;
use tower_service::Service;

use crate::context::Context;
use crate::context::trace::TraceContext;

const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Runs each request in the [`Context`] that its headers name, so that every event published on its behalf carries
/// the caller's correlation id and trace.
///
/// - `x-correlation-id` is taken when it has 1 to 128 visible ASCII characters; otherwise the request gets a new one.
/// - `traceparent` and `tracestate` are taken when they are what W3C Trace Context says; otherwise a new trace starts.
/// - The handler finds the context in [`Context::current`] and in the request's extensions.
/// - The response has `x-correlation-id` and `traceparent`, whatever the request had.
///
/// A body that is streamed after the handler has returned is outside of the context. Tasks of their own need
/// [`tidings::spawn`](crate::spawn).
///
/// With axum:
///
/// ```
/// use axum::Router;
/// use axum::routing::post;
/// use tidings::Context;
/// use tidings::http::CorrelationLayer;
///
/// async fn place_order() -> String {
///     // An event published here, however deep in the call, carries the request's ids.
///     let context = Context::current().expect("the layer is there");
///     format!("placed, see {}", context.correlation_id())
/// }
///
/// let app: Router = Router::new().route("/orders", post(place_order)).layer(CorrelationLayer::new());
/// # use axum::body::{Body, to_bytes};
/// # use axum::http::Request;
/// # use tower::ServiceExt;
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// # let request = Request::post("/orders").header("x-correlation-id", "cart-7").body(Body::empty())?;
/// # let response = app.oneshot(request).await?;
/// # assert_eq!(response.headers()["x-correlation-id"], "cart-7");
/// # assert_eq!(to_bytes(response.into_body(), 64).await?, "placed, see cart-7");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct CorrelationLayer {
    header: HeaderName,
}

impl CorrelationLayer {
    /// A layer that reads and writes `x-correlation-id`.
    pub fn new() -> Self {
        Self {
            header: CORRELATION_ID,
        }
    }

    /// Reads and writes the correlation id under another name.
    ///
    /// ```
    /// use axum::http::HeaderName;
    /// use tidings::http::CorrelationLayer;
    ///
    /// let layer = CorrelationLayer::new().header(HeaderName::from_static("x-request-id"));
    /// ```
    pub fn header(mut self, name: HeaderName) -> Self {
        self.header = name;
        self
    }
}

impl Default for CorrelationLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for CorrelationLayer {
    type Service = Correlation<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Correlation {
            inner,
            header: self.header.clone(),
        }
    }
}

/// The service that [`CorrelationLayer`] makes of another.
#[derive(Debug, Clone)]
pub struct Correlation<S> {
    inner: S,
    header: HeaderName,
}

impl<S, B, R> Service<Request<B>> for Correlation<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = CorrelationFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let context = read(request.headers(), &self.header);
        request.extensions_mut().insert(context.clone());
        // The call as well as its future: a service may do its work in either.
        let future = context.clone().sync_scope(|| self.inner.call(request));
        CorrelationFuture {
            response: Box::pin(context.clone().scoped(future)),
            header: self.header.clone(),
            context,
        }
    }
}

/// The response of a [`Correlation`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct CorrelationFuture<F> {
    // Boxed, for pinning a field takes unsafe code, our own or a crate's; one allocation a request is cheaper.
    response: Pin<Box<TaskLocalFuture<Context, F>>>,
    header: HeaderName,
    context: Context,
}

impl<F, R, E> Future for CorrelationFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        let mut response = ready!(self.response.as_mut().poll(cx));
        if let Ok(response) = &mut response {
            write(&self.context, &self.header, response.headers_mut());
        }
        Poll::Ready(response)
    }
}

/// The context that the headers of a request name; what they do not, or not well, is made.
fn read(headers: &HeaderMap, header: &HeaderName) -> Context {
    let id = only(headers, header).and_then(|id| Context::new(id).ok());
    let trace = only(headers, &TRACEPARENT).and_then(|parent| {
        // The state may be spread over several headers, which are one list.
        let state: Result<Vec<_>, _> = headers
            .get_all(TRACESTATE)
            .iter()
            .map(HeaderValue::to_str)
            .collect();
        let state = state
            .ok()
            .filter(|state| !state.is_empty())
            .map(|state| state.join(","));
        TraceContext::parse(parent, state.as_deref())
    });
    match (id, trace) {
        (Some(id), trace) => id.with_trace(trace.unwrap_or_else(TraceContext::new_root)),
        (None, Some(trace)) => Context::root().with_trace(trace),
        (None, None) => Context::root(),
    }
}

/// The value of a header that stands there once: of two, neither is to be believed.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok()
}

fn write(context: &Context, header: &HeaderName, headers: &mut HeaderMap) {
    // Both are visible ASCII, checked or made here, so that neither can fail.
    if let Ok(id) = HeaderValue::from_str(context.correlation_id()) {
        headers.insert(header, id);
    }
    if let Some(Ok(parent)) = context
        .trace()
        .map(|trace| HeaderValue::from_str(&trace.traceparent()))
    {
        headers.insert(TRACEPARENT, parent);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::{Future, ready};

    use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
    use tower::{ServiceExt, service_fn};
    use tower_layer::Layer;
    use uuid::Uuid;

    use super::{Correlation, CorrelationLayer};
    use crate::context::Context;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    /// The response of a handler, which gives the context that it found.
    type Answer = Response<Option<Context>>;

    fn request(headers: &[(&str, &[u8])]) -> Request<()> {
        let mut request = Request::new(());
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            request
                .headers_mut()
                .append(name, HeaderValue::from_bytes(value).unwrap());
        }
        request
    }

    /// What a handler behind the layer sees, and the headers of its response.
    async fn seen(headers: &[(&str, &[u8])]) -> (Context, HeaderMap) {
        seen_through(CorrelationLayer::new(), headers).await
    }

    async fn seen_through(layer: CorrelationLayer, headers: &[(&str, &[u8])]) -> (Context, HeaderMap) {
        let handler =
            service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(Context::current())));
        let response = layer.layer(handler).oneshot(request(headers)).await.unwrap();
        assert!(
            Context::current().is_none(),
            "the context is gone after the response"
        );
        let (head, context) = response.into_parts();
        (context.expect("the handler runs in a context"), head.headers)
    }

    fn is_new(id: &str) -> bool {
        Uuid::parse_str(id).is_ok_and(|id| id.get_version_num() == 7)
    }

    #[tokio::test]
    async fn the_ids_of_a_request_are_carried_through_and_given_back() {
        let (context, answered) = seen(&[
            ("x-correlation-id", b"cart-7"),
            ("traceparent", PARENT.as_bytes()),
            ("tracestate", b"vendor=1"),
        ])
        .await;
        assert_eq!(context.correlation_id(), "cart-7");
        assert_eq!(context.causation_id(), None);
        let trace = context.trace().unwrap();
        assert_eq!(
            (trace.traceparent().as_str(), trace.tracestate()),
            (PARENT, Some("vendor=1"))
        );
        assert_eq!(answered["x-correlation-id"], "cart-7");
        assert_eq!(answered["traceparent"], PARENT);
    }

    #[tokio::test]
    async fn absent_ids_are_made_and_given_back() {
        let (context, answered) = seen(&[]).await;
        assert!(is_new(context.correlation_id()), "{context:?}");
        assert_eq!(answered["x-correlation-id"], context.correlation_id());
        assert_eq!(answered["traceparent"], context.trace().unwrap().traceparent());
    }

    #[tokio::test]
    async fn a_malformed_or_long_correlation_id_is_replaced() {
        let longest = [b'x'; 128];
        let (context, _) = seen(&[("x-correlation-id", &longest)]).await;
        assert_eq!(context.correlation_id().len(), 128);

        for bad in [
            b"".as_slice(),
            b"two words",
            b"tab\there",
            "żółw".as_bytes(),
            b"\xff",
            &[b'x'; 129],
        ] {
            let (context, answered) =
                seen(&[("x-correlation-id", bad), ("traceparent", PARENT.as_bytes())]).await;
            assert!(is_new(context.correlation_id()), "{bad:?} {context:?}");
            assert_eq!(answered["x-correlation-id"], context.correlation_id());
            assert_eq!(
                context.trace().unwrap().traceparent(),
                PARENT,
                "the trace is none the worse"
            );
        }
    }

    #[tokio::test]
    async fn a_malformed_traceparent_starts_a_new_trace_without_the_old_state() {
        for bad in [
            "",
            "00",
            &PARENT.to_uppercase(),
            &PARENT.replacen("00", "ff", 1),
            &format!("{PARENT}-more"),
        ] {
            let (context, _) = seen(&[
                ("x-correlation-id", b"cart-7"),
                ("traceparent", bad.as_bytes()),
                ("tracestate", b"vendor=1"),
            ])
            .await;
            assert_eq!(
                context.correlation_id(),
                "cart-7",
                "the correlation is none the worse"
            );
            let trace = context.trace().unwrap();
            assert_ne!(trace.traceparent(), PARENT, "{bad}");
            assert_eq!(trace.tracestate(), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn of_a_header_that_stands_there_twice_neither_is_believed() {
        let (context, answered) = seen(&[
            ("x-correlation-id", b"cart-7"),
            ("x-correlation-id", b"cart-8"),
            ("traceparent", PARENT.as_bytes()),
            ("traceparent", PARENT.as_bytes()),
        ])
        .await;
        assert!(is_new(context.correlation_id()), "{context:?}");
        assert_ne!(context.trace().unwrap().traceparent(), PARENT);
        assert_eq!(answered.get_all("x-correlation-id").iter().count(), 1);
    }

    #[tokio::test]
    async fn a_tracestate_in_several_headers_is_one_list() {
        let (context, _) = seen(&[
            ("traceparent", PARENT.as_bytes()),
            ("tracestate", b"a=1"),
            ("tracestate", b"b=2"),
        ])
        .await;
        assert_eq!(context.trace().unwrap().tracestate(), Some("a=1,b=2"));
    }

    #[tokio::test]
    async fn the_correlation_id_can_travel_under_another_name() {
        let layer = CorrelationLayer::new().header(HeaderName::from_static("x-request-id"));
        let (context, answered) = seen_through(
            layer,
            &[("x-request-id", b"cart-7"), ("x-correlation-id", b"cart-8")],
        )
        .await;
        assert_eq!(context.correlation_id(), "cart-7");
        assert_eq!(answered["x-request-id"], "cart-7");
        assert!(!answered.contains_key("x-correlation-id"));
    }

    #[tokio::test]
    async fn a_header_of_the_handlers_own_gives_way_to_the_one_it_ran_under() {
        let handler = service_fn(async |_: Request<()>| {
            let mut response = Response::new(());
            response
                .headers_mut()
                .insert("x-correlation-id", HeaderValue::from_static("made-up"));
            Ok::<_, Infallible>(response)
        });
        let correlated = CorrelationLayer::new().layer(handler);
        let response = correlated
            .oneshot(request(&[("x-correlation-id", b"cart-7")]))
            .await
            .unwrap();
        let answered: Vec<_> = response.headers().get_all("x-correlation-id").iter().collect();
        assert_eq!(answered, ["cart-7"]);
    }

    async fn context_of<S, F>(correlated: Correlation<S>) -> Option<String>
    where
        S: tower::Service<Request<()>, Response = Answer, Error = Infallible, Future = F>,
        F: Future<Output = Result<Answer, Infallible>>,
    {
        let response = correlated
            .oneshot(request(&[("x-correlation-id", b"cart-7")]))
            .await
            .unwrap();
        response
            .into_body()
            .map(|context| context.correlation_id().to_owned())
    }

    #[tokio::test]
    async fn a_task_spawned_by_the_handler_has_the_context() {
        let handler = service_fn(async |_: Request<()>| {
            Ok(Response::new(
                crate::spawn(async { Context::current() }).await.unwrap(),
            ))
        });
        assert_eq!(
            context_of(CorrelationLayer::new().layer(handler))
                .await
                .as_deref(),
            Some("cart-7")
        );
    }

    #[tokio::test]
    async fn the_context_is_there_already_when_the_handler_is_called() {
        let handler = service_fn(|_: Request<()>| ready(Ok(Response::new(Context::current()))));
        assert_eq!(
            context_of(CorrelationLayer::new().layer(handler))
                .await
                .as_deref(),
            Some("cart-7")
        );
    }

    #[tokio::test]
    async fn the_context_is_in_the_extensions_of_the_request() {
        let handler =
            service_fn(async |request: Request<()>| Ok(Response::new(request.extensions().get().cloned())));
        assert_eq!(
            context_of(CorrelationLayer::new().layer(handler))
                .await
                .as_deref(),
            Some("cart-7")
        );
    }

    #[tokio::test]
    async fn an_error_of_the_handler_is_passed_on() {
        let handler = service_fn(async |_: Request<()>| Err::<Response<()>, _>("no"));
        let error = CorrelationLayer::new()
            .layer(handler)
            .oneshot(request(&[]))
            .await
            .unwrap_err();
        assert_eq!(error, "no");
    }
}
