//! Middleware: what runs around a handler.

use std::future::Future;
use std::sync::Arc;

use crate::broker::BoxFuture;
use crate::handler::delivery::Delivery;

use super::outcome::Outcome;

/// A middleware, boxed: only an app that uses one pays for it.
pub(crate) type Middleware = Arc<dyn Fn(Delivery, Next) -> BoxFuture<'static, Outcome> + Send + Sync>;

/// Boxes a middleware.
pub(crate) fn middleware<F, Fut>(around: F) -> Middleware
where
    F: Fn(Delivery, Next) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Outcome> + Send + 'static,
{
    Arc::new(move |delivery, next| Box::pin(around(delivery, next)))
}

/// The rest of the way to the handler. A middleware that never runs it decides the outcome by itself.
pub struct Next {
    around: Arc<[Middleware]>,
    at: usize,
    handler: Box<dyn FnOnce(Delivery) -> BoxFuture<'static, Outcome> + Send>,
}

impl Next {
    pub(crate) fn new(
        around: Arc<[Middleware]>,
        handler: Box<dyn FnOnce(Delivery) -> BoxFuture<'static, Outcome> + Send>,
    ) -> Self {
        Self {
            around,
            at: 0,
            handler,
        }
    }

    /// Goes on to the next middleware, or to the handler.
    pub fn run(self, delivery: Delivery) -> impl Future<Output = Outcome> + Send {
        match self.around.get(self.at).cloned() {
            Some(around) => around(
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
            .field("middleware_left", &(self.around.len() - self.at))
            .finish_non_exhaustive()
    }
}
