//! Extractors: the parameters of a handler after its event.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::ops::Deref;

use super::delivery::Delivery;
use super::error::BoxError;

/// A type that a handler can take as a parameter after its event.
///
/// Implement it for a type of your own, so that every handler can extract a value from the delivery or the state:
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
    /// Extracts the value.
    ///
    /// # Errors
    /// A [`Rejection`] dead-letters the delivery at once, unless [`Rejection::retry`] made it.
    fn from_delivery(delivery: &Delivery, state: &S) -> impl Future<Output = Result<Self, Rejection>> + Send;
}

/// The error of an extractor. `?` turns any error into a rejection that dead-letters the delivery.
#[derive(Debug)]
pub struct Rejection {
    error: BoxError,
    retries: bool,
}

impl Rejection {
    /// Dead-letters the delivery at once, because no retry can help.
    pub fn reject(error: impl Into<BoxError>) -> Self {
        Self {
            error: error.into(),
            retries: false,
        }
    }

    /// Retries the delivery as if the handler had failed, because a later attempt may succeed.
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

/// The state that [`App::state`](crate::App::state) sets, or a part of it.
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

/// A type that can be taken from the app's state: the state itself if it is `Clone`, or a part that implements this
/// trait.
#[diagnostic::on_unimplemented(
    message = "no state of type `{Self}` is provided to this app",
    label = "this handler takes `State<{Self}>`",
    note = "call `.state(..)` before `.handlers(..)`; of a state with several parts, implement `tidings::FromRef<YourState>` for `{Self}`"
)]
pub trait FromRef<S> {
    /// Takes the part from the state, usually by a clone.
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
impl<S: Sync> FromDelivery<S> for crate::bus::Bus {
    async fn from_delivery(delivery: &Delivery, _: &S) -> Result<Self, Rejection> {
        let app = delivery.extension::<RunningHandle>();
        Ok(app.ok_or("a fake delivery has no bus")?.bus.clone())
    }
}

/// The parts of a running app that extractors need.
#[cfg(feature = "runtime")]
pub(crate) struct RunningHandle {
    bus: crate::bus::Bus,
    stopping: tokio::sync::watch::Receiver<bool>,
}

#[cfg(feature = "runtime")]
impl RunningHandle {
    pub(crate) fn new(bus: crate::bus::Bus, stopping: tokio::sync::watch::Receiver<bool>) -> Self {
        Self { bus, stopping }
    }
}

/// The shutdown signal of the app. A long-running handler takes it to stop early.
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
    /// Whether the app is shutting down.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the app starts to shut down.
    pub async fn requested(&mut self) {
        // An error means that the app was dropped or aborted, which ends the service too.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}

#[cfg(feature = "runtime")]
#[diagnostic::do_not_recommend]
impl<S: Sync> FromDelivery<S> for Shutdown {
    async fn from_delivery(delivery: &Delivery, _: &S) -> Result<Self, Rejection> {
        let app = delivery.extension::<RunningHandle>();
        let stopping = &app.ok_or("a fake delivery has no shutdown signal")?.stopping;
        Ok(Self(stopping.clone()))
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sync> FromDelivery<S> for Delivery {
    async fn from_delivery(delivery: &Delivery, _: &S) -> Result<Self, Rejection> {
        Ok(delivery.clone())
    }
}
