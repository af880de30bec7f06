//! Extractors: what a handler takes beside its event.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::ops::Deref;

use crate::handler::delivery::Delivery;

type BoxError = Box<dyn StdError + Send + Sync>;

/// What a handler can take as a parameter after its event.
///
/// Implement it for a type of your own to take part of a delivery, or of the state, in every handler alike:
///
/// ```
/// use tidings::{Delivery, FromDelivery, Rejection};
///
/// struct Tenant(String);
///
/// impl<S: Sync> FromDelivery<S> for Tenant {
///     async fn from_delivery(delivery: &Delivery, _: &S) -> Result<Self, Rejection> {
///         let tenant = delivery.headers().text("tenant").ok_or("the header `tenant` is missing")?;
///         Ok(Self(tenant.to_owned()))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be taken from a delivery",
    label = "not an extractor",
    note = "after its event a handler takes State<T>, Delivery, Bus or Shutdown; or implement `tidings::FromDelivery` for `{Self}`",
    note = "to handle several events, take a family of them: an enum under #[derive(DomainEvent)]"
)]
pub trait FromDelivery<S>: Sized + Send {
    /// Takes it from the delivery or the state.
    ///
    /// # Errors
    /// A [`Rejection`] dead-letters the delivery at once, unless it is made by [`Rejection::retry`].
    fn from_delivery(delivery: &Delivery, state: &S) -> impl Future<Output = Result<Self, Rejection>> + Send;
}

/// Why an extractor yields nothing. Any error turns into one through `?`, and dead-letters the delivery.
#[derive(Debug)]
pub struct Rejection {
    error: BoxError,
    retries: bool,
}

impl Rejection {
    /// No attempt can help: the delivery is dead-lettered at once.
    pub fn reject(error: impl Into<BoxError>) -> Self {
        Self {
            error: error.into(),
            retries: false,
        }
    }

    /// A later attempt may help: the delivery is retried as if the handler had failed.
    pub fn retry(error: impl Into<BoxError>) -> Self {
        Self {
            error: error.into(),
            retries: true,
        }
    }

    /// Whether the delivery is retried.
    pub fn retries(&self) -> bool {
        self.retries
    }

    /// The error inside.
    pub fn error(&self) -> &(dyn StdError + 'static) {
        self.error.as_ref()
    }

    #[cfg(feature = "runtime")]
    pub(crate) fn into_inner(self) -> BoxError {
        self.error
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<E: Into<BoxError>> From<E> for Rejection {
    fn from(error: E) -> Self {
        Self::reject(error)
    }
}

/// A part of the app's state, given to [`App::state`](crate::App::state).
#[derive(Debug, Clone, Copy)]
pub struct State<T>(pub T);

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<S: Sync, T: FromRef<S> + Send> FromDelivery<S> for State<T> {
    async fn from_delivery(_: &Delivery, state: &S) -> Result<Self, Rejection> {
        Ok(Self(T::from_ref(state)))
    }
}

/// A part of a state. Every state is a part of itself; implement it for the others.
#[diagnostic::on_unimplemented(
    message = "no state of type `{Self}` is provided to this app",
    label = "this handler takes `State<{Self}>`",
    note = "call `.state(..)` before `.handlers(..)`; of a state with several parts, implement `tidings::FromRef<YourState>` for `{Self}`"
)]
pub trait FromRef<S> {
    /// The part of `state`.
    fn from_ref(state: &S) -> Self;
}

#[diagnostic::do_not_recommend]
impl<S: Clone> FromRef<S> for S {
    fn from_ref(state: &S) -> Self {
        state.clone()
    }
}

#[cfg(feature = "runtime")]
#[diagnostic::do_not_recommend]
impl<S: Sync> FromDelivery<S> for crate::Bus {
    async fn from_delivery(delivery: &Delivery, _: &S) -> Result<Self, Rejection> {
        Ok(delivery
            .service()
            .ok_or("a fake delivery has no bus")?
            .bus()
            .clone())
    }
}

/// The way out: a handler that takes it learns when the app begins to shut down.
///
/// ```
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize};
/// # use tidings::{DomainEvent, HandlerError, event_handler};
/// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
/// # #[event(type = "report.ordered")] struct ReportOrdered { report_id: String }
/// # async fn write_report() {}
/// use tidings::Shutdown;
///
/// #[event_handler("report.ordered", timeout = "10m")]
/// async fn report(_: ReportOrdered, mut shutdown: Shutdown) -> Result<(), HandlerError> {
///     tokio::select! {
///         () = write_report() => Ok(()),
///         () = shutdown.requested() => Err(HandlerError::retry("the service is shutting down")),
///     }
/// }
/// ```
#[cfg(feature = "runtime")]
#[derive(Debug, Clone)]
pub struct Shutdown(tokio::sync::watch::Receiver<bool>);

#[cfg(feature = "runtime")]
impl Shutdown {
    /// Whether the app has begun to shut down.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the app begins to shut down.
    pub async fn requested(&mut self) {
        // An app that is gone without a shutdown was aborted: that is one too.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}

#[cfg(feature = "runtime")]
#[diagnostic::do_not_recommend]
impl<S: Sync> FromDelivery<S> for Shutdown {
    async fn from_delivery(delivery: &Delivery, _: &S) -> Result<Self, Rejection> {
        Ok(Self(
            delivery
                .service()
                .ok_or("a fake delivery knows of no shutdown")?
                .stopping(),
        ))
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sync> FromDelivery<S> for Delivery {
    async fn from_delivery(delivery: &Delivery, _: &S) -> Result<Self, Rejection> {
        Ok(delivery.clone())
    }
}
