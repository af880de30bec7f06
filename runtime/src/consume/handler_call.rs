//! The call of a handler: within its middleware and its context, under its timeout, with panics caught.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;

use crate::context::Context;
use crate::handler::delivery::Delivery;
use crate::handler::failure::Failure;
use crate::telemetry;

use super::bound_handler::BoundHandler;
use super::middleware::Next;
use super::outcome::{DeliveryResult, Outcome};

/// From this time on, a poll of a handler is reported as blocking.
const BLOCKED: Duration = Duration::from_secs(1);

pub(crate) async fn call(handler: &Arc<BoundHandler>, delivery: Delivery) -> Outcome {
    let context = Context::of_delivery(&delivery);
    context.scope(call_in_context(handler, delivery)).await
}

async fn call_in_context(handler: &Arc<BoundHandler>, delivery: Delivery) -> Outcome {
    if handler.middleware.is_empty() {
        call_function(handler, delivery).await
    } else {
        // Boxed, so that the future of an app without middleware stays small.
        Box::pin(call_within_middleware(handler, delivery)).await
    }
}

async fn call_within_middleware(handler: &Arc<BoundHandler>, delivery: Delivery) -> Outcome {
    let inner = Arc::clone(handler);
    let function = Box::new(move |delivery| async move { call_function(&inner, delivery).await }.boxed());
    let next = Next::new(Arc::clone(&handler.middleware), function);
    // The handler has its own timeout inside, so the middleware gets the same time again.
    let limit = handler.descriptor.timeout() * 2;
    guarded(limit, async move { Ok(next.run(delivery).await) })
        .await
        .unwrap_or_else(Outcome::of)
}

async fn call_function(handler: &BoundHandler, delivery: Delivery) -> Outcome {
    let call = async {
        warn_if_blocked(handler, (handler.call)(delivery))
            .await
            .map_err(|failure: Failure| DeliveryResult::from(failure))
    };
    let result = guarded(handler.descriptor.timeout(), call).await;
    Outcome::of(result.map_or_else(|failed| failed, DeliveryResult::Returned))
}

/// Logs a warning when the handler keeps its thread for long: other handlers and the bus cannot use the thread meanwhile.
async fn warn_if_blocked<T>(handler: &BoundHandler, mut future: impl Future<Output = T> + Unpin) -> T {
    poll_fn(|cx| {
        let began = Instant::now();
        let polled = future.poll_unpin(cx);
        let blocked_for = began.elapsed();
        if blocked_for >= BLOCKED {
            telemetry::handler_blocked(handler.name(), blocked_for);
        }
        polled
    })
    .await
}

/// Runs a future that may panic or never end. The future is dropped inside the guard too, so that a panic in a `Drop`
/// of the handler counts as the handler's panic.
async fn guarded<T>(
    limit: Duration,
    future: impl Future<Output = Result<T, DeliveryResult>>,
) -> Result<T, DeliveryResult> {
    let timed = async move {
        match tokio::time::timeout(limit, future).await {
            Ok(result) => result,
            Err(_) => Err(DeliveryResult::TimedOut(limit)),
        }
    };
    match AssertUnwindSafe(timed).catch_unwind().await {
        Ok(result) => result,
        Err(panic) => Err(DeliveryResult::Panicked(panic_text(panic))),
    }
}

pub(crate) fn panic_text(panic: Box<dyn Any + Send>) -> String {
    let panic = match panic.downcast::<&str>() {
        Ok(text) => return (*text).to_owned(),
        Err(panic) => panic,
    };
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => {
            // The payload's own `Drop` could panic, and nothing would catch that panic.
            std::mem::forget(panic);
            "no text".to_owned()
        }
    }
}
