//! One attempt: the handler called within its middleware, its context, its time, and with its panics caught.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use crate::context::Context;
use crate::handler::Failure;
use crate::handler::delivery::Delivery;

use super::bound_handler::BoundHandler;
use super::middleware::Next;
use super::outcome::{DeliveryResult, Outcome};

/// Runs the handler of `worker` on `delivery`, once.
pub(crate) async fn run(worker: &Arc<BoundHandler>, delivery: Delivery) -> Outcome {
    let context = Context::of_delivery(&delivery);
    context.scope(within_middleware(worker, delivery)).await
}

async fn within_middleware(worker: &Arc<BoundHandler>, delivery: Delivery) -> Outcome {
    if worker.around.is_empty() {
        handle(worker, delivery).await
    } else {
        // Boxed, so that only an app that has some makes room for it in every attempt.
        Box::pin(handle_within(worker, delivery)).await
    }
}

async fn handle_within(worker: &Arc<BoundHandler>, delivery: Delivery) -> Outcome {
    let inner = Arc::clone(worker);
    let handler = Box::new(move |delivery| async move { handle(&inner, delivery).await }.boxed());
    let next = Next::new(Arc::clone(&worker.around), handler);
    // The handler has its own timeout inside; the middleware around it gets as long again.
    let limit = worker.descriptor.timeout() * 2;
    guarded(limit, async move { Ok(next.run(delivery).await) })
        .await
        .unwrap_or_else(Outcome::of)
}

async fn handle(worker: &BoundHandler, delivery: Delivery) -> Outcome {
    let call = async {
        (worker.call)(delivery)
            .await
            .map_err(|failure: Failure| DeliveryResult::from(failure))
    };
    let ending = guarded(worker.descriptor.timeout(), call).await;
    Outcome::of(ending.map_or_else(|ending| ending, DeliveryResult::Returned))
}

/// Runs a future that may panic or never end. What it leaves behind is dropped inside the guard too: a `Drop` that
/// panics is the handler's panic.
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

/// What a panic says.
pub(crate) fn panic_text(panic: Box<dyn Any + Send>) -> String {
    let panic = match panic.downcast::<&str>() {
        Ok(text) => return (*text).to_owned(),
        Err(panic) => panic,
    };
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => {
            // Its `Drop` may panic in turn, and nobody is left to catch that.
            std::mem::forget(panic);
            "no text".to_owned()
        }
    }
}
