//! Middleware: functions that run around a handler.

use std::future::Future;
use std::sync::Arc;

use crate::broker::BoxFuture;
use crate::handler::delivery::Delivery;

use super::outcome::Outcome;

/// A middleware with its type erased. Only an app that uses middleware pays for the box.
pub(crate) type Middleware = Arc<dyn Fn(Delivery, Next) -> BoxFuture<'static, Outcome> + Send + Sync>;

pub(crate) fn middleware<F, Fut>(around: F) -> Middleware
where
    F: Fn(Delivery, Next) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Outcome> + Send + 'static,
{
    Arc::new(move |delivery, next| Box::pin(around(delivery, next)))
}

/// The next middleware, or the handler after the last one. A middleware that does not run it decides the outcome.
pub struct Next {
    middleware: Arc<[Middleware]>,
    at: usize,
    handler: Box<dyn FnOnce(Delivery) -> BoxFuture<'static, Outcome> + Send>,
}

impl Next {
    pub(crate) fn new(
        middleware: Arc<[Middleware]>,
        handler: Box<dyn FnOnce(Delivery) -> BoxFuture<'static, Outcome> + Send>,
    ) -> Self {
        Self {
            middleware,
            at: 0,
            handler,
        }
    }

    /// Runs the next middleware, or the handler.
    pub fn run(self, delivery: Delivery) -> impl Future<Output = Outcome> + Send {
        match self.middleware.get(self.at).cloned() {
            Some(middleware) => middleware(
                delivery,
                Self {
                    at: self.at + 1,
                    ..self
                },
            ),
            None => (self.handler)(delivery),
        }
    }
}

impl std::fmt::Debug for Next {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Next")
            .field("middleware_left", &(self.middleware.len() - self.at))
            .finish_non_exhaustive()
    }
}
