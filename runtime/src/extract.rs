//! Extractors: what a handler takes beside its event.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::ops::Deref;

use crate::delivery::Delivery;

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
    note = "take State<T>, Delivery, Bus or Shutdown, or implement `tidings::FromDelivery` for it"
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

impl<S: Sync> FromDelivery<S> for Delivery {
    async fn from_delivery(delivery: &Delivery, _: &S) -> Result<Self, Rejection> {
        Ok(delivery.clone())
    }
}
