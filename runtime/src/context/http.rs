//! Correlation over HTTP: a tower layer that reads the ids of a request and returns them in the response.

use std::future::Future;
use std::pin::Pin;
use std::task::{Poll, ready};

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response};
use tokio::task::futures::TaskLocalFuture;
use tower_layer::Layer;
use tower_service::Service;

use crate::context::current::Context;
use crate::context::trace::TraceContext;

const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// A tower layer that runs each request in a [`Context`] with the ids of its headers. Events that the request publishes
/// carry the correlation id and the trace of the caller.
///
/// - The layer accepts an `x-correlation-id` of 1 to 128 visible ASCII characters. Otherwise the request gets a new id.
/// - The layer accepts `traceparent` and `tracestate` that follow W3C Trace Context. Otherwise it starts a new trace.
/// - A header that occurs twice is not accepted, except `tracestate`.
/// - The handler reads the context with [`Context::current`], or from the extensions of the request.
/// - The response always has `x-correlation-id` and `traceparent`.
///
/// A body that is streamed after the handler has returned runs outside of the context. Tasks that the handler starts
/// need [`tidings::spawn`](crate::spawn).
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
///     // An event that is published here, or in a function called from here, carries the ids of the request.
///     let context = Context::current().expect("the layer sets a context");
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
    /// Creates a layer that reads and writes the header `x-correlation-id`.
    pub fn new() -> Self {
        Self {
            header: CORRELATION_ID,
        }
    }

    /// Sets the name of the header with the correlation id.
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

/// The service that [`CorrelationLayer`] wraps around another service.
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
        // Both the call and its future run in the context: a service may do its work in either.
        let future = context.clone().sync_scope(|| self.inner.call(request));
        CorrelationFuture {
            response: Box::pin(context.clone().scoped(future)),
            header: self.header.clone(),
            context,
        }
    }
}

/// The response future of a [`Correlation`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct CorrelationFuture<F> {
    // Boxed because pinning a field needs unsafe code. One allocation per request is acceptable.
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

/// Builds the context from the headers. A missing or invalid id is replaced by a new one.
fn read(headers: &HeaderMap, header: &HeaderName) -> Context {
    let id = single_value(headers, header).and_then(|id| Context::new(id).ok());
    let trace = single_value(headers, &TRACEPARENT).and_then(|parent| {
        // W3C Trace Context allows several `tracestate` headers; together they are one list.
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

/// The value of a header that occurs once. Two values contradict each other, so neither is used.
fn single_value<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok()
}

fn write(context: &Context, header: &HeaderName, headers: &mut HeaderMap) {
    // Both values are visible ASCII, so neither conversion fails.
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

    use super::CorrelationLayer;
    use crate::context::current::Context;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    /// The response of a test handler: its context.
    type ContextResponse = Response<Option<Context>>;

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

    /// The context of a handler behind the layer, and the headers of its response.
    async fn call(headers: &[(&str, &[u8])]) -> (Context, HeaderMap) {
        call_through(CorrelationLayer::new(), headers).await
    }

    async fn call_through(layer: CorrelationLayer, headers: &[(&str, &[u8])]) -> (Context, HeaderMap) {
        let handler =
            service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(Context::current())));
        let response = layer.layer(handler).oneshot(request(headers)).await.unwrap();
        assert!(Context::current().is_none(), "the context ends with the response");
        let (head, context) = response.into_parts();
        (context.expect("the handler runs in a context"), head.headers)
    }

    fn is_new(id: &str) -> bool {
        Uuid::parse_str(id).is_ok_and(|id| id.get_version_num() == 7)
    }

    #[tokio::test]
    async fn the_ids_of_a_request_reach_the_handler_and_the_response() {
        let (context, headers) = call(&[
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
        assert_eq!(headers["x-correlation-id"], "cart-7");
        assert_eq!(headers["traceparent"], PARENT);
    }

    #[tokio::test]
    async fn missing_ids_are_created_and_returned() {
        let (context, headers) = call(&[]).await;
        assert!(is_new(context.correlation_id()), "{context:?}");
        assert_eq!(headers["x-correlation-id"], context.correlation_id());
        assert_eq!(headers["traceparent"], context.trace().unwrap().traceparent());
    }

    #[tokio::test]
    async fn a_malformed_or_long_correlation_id_is_replaced() {
        let longest = [b'x'; 128];
        let (context, _) = call(&[("x-correlation-id", &longest)]).await;
        assert_eq!(context.correlation_id().len(), 128);

        for bad in [
            b"".as_slice(),
            b"two words",
            b"tab\there",
            "żółw".as_bytes(),
            b"\xff",
            &[b'x'; 129],
        ] {
            let (context, headers) =
                call(&[("x-correlation-id", bad), ("traceparent", PARENT.as_bytes())]).await;
            assert!(is_new(context.correlation_id()), "{bad:?} {context:?}");
            assert_eq!(headers["x-correlation-id"], context.correlation_id());
            assert_eq!(
                context.trace().unwrap().traceparent(),
                PARENT,
                "the trace is kept"
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
            let (context, _) = call(&[
                ("x-correlation-id", b"cart-7"),
                ("traceparent", bad.as_bytes()),
                ("tracestate", b"vendor=1"),
            ])
            .await;
            assert_eq!(context.correlation_id(), "cart-7", "the correlation id is kept");
            let trace = context.trace().unwrap();
            assert_ne!(trace.traceparent(), PARENT, "{bad}");
            assert_eq!(trace.tracestate(), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn a_header_that_occurs_twice_is_not_used() {
        let (context, headers) = call(&[
            ("x-correlation-id", b"cart-7"),
            ("x-correlation-id", b"cart-8"),
            ("traceparent", PARENT.as_bytes()),
            ("traceparent", PARENT.as_bytes()),
        ])
        .await;
        assert!(is_new(context.correlation_id()), "{context:?}");
        assert_ne!(context.trace().unwrap().traceparent(), PARENT);
        assert_eq!(headers.get_all("x-correlation-id").iter().count(), 1);
    }

    #[tokio::test]
    async fn a_tracestate_in_several_headers_is_one_list() {
        let (context, _) = call(&[
            ("traceparent", PARENT.as_bytes()),
            ("tracestate", b"a=1"),
            ("tracestate", b"b=2"),
        ])
        .await;
        assert_eq!(context.trace().unwrap().tracestate(), Some("a=1,b=2"));
    }

    #[tokio::test]
    async fn the_correlation_id_can_have_another_header_name() {
        let layer = CorrelationLayer::new().header(HeaderName::from_static("x-request-id"));
        let (context, headers) = call_through(
            layer,
            &[("x-request-id", b"cart-7"), ("x-correlation-id", b"cart-8")],
        )
        .await;
        assert_eq!(context.correlation_id(), "cart-7");
        assert_eq!(headers["x-request-id"], "cart-7");
        assert!(!headers.contains_key("x-correlation-id"));
    }

    #[tokio::test]
    async fn the_layer_overwrites_the_correlation_id_of_the_handlers_response() {
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
        let values: Vec<_> = response.headers().get_all("x-correlation-id").iter().collect();
        assert_eq!(values, ["cart-7"]);
    }

    /// The correlation id in the response of a handler behind the layer.
    async fn id_behind_layer<S, F>(handler: S) -> Option<String>
    where
        S: tower::Service<Request<()>, Response = ContextResponse, Error = Infallible, Future = F>,
        F: Future<Output = Result<ContextResponse, Infallible>>,
    {
        let request = request(&[("x-correlation-id", b"cart-7")]);
        let response = CorrelationLayer::new().layer(handler).oneshot(request).await;
        response
            .unwrap()
            .into_body()
            .map(|context| context.correlation_id().to_owned())
    }

    #[tokio::test]
    async fn the_call_itself_runs_in_the_context() {
        let handler = service_fn(|_: Request<()>| ready(Ok(Response::new(Context::current()))));
        assert_eq!(id_behind_layer(handler).await.as_deref(), Some("cart-7"));
    }

    #[tokio::test]
    async fn the_context_is_in_the_extensions_of_the_request() {
        let handler =
            service_fn(async |request: Request<()>| Ok(Response::new(request.extensions().get().cloned())));
        assert_eq!(id_behind_layer(handler).await.as_deref(), Some("cart-7"));
    }

    #[tokio::test]
    async fn an_error_of_the_handler_is_returned_unchanged() {
        let handler = service_fn(async |_: Request<()>| Err::<Response<()>, _>("no"));
        let error = CorrelationLayer::new()
            .layer(handler)
            .oneshot(request(&[]))
            .await
            .unwrap_err();
        assert_eq!(error, "no");
    }
}
