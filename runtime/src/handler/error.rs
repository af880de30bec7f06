//! The error of a handler: its cause, and whether the delivery is retried.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

/// Any error that can be sent to another thread.
pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// The error of a handler, and whether its delivery is retried.
///
/// `?` turns any error into a `HandlerError` that retries. [`reject`](Self::reject) dead-letters the delivery at once,
/// and [`retry_after`](Self::retry_after) asks for a delay.
///
/// ```
/// use tidings::HandlerError;
///
/// fn charge(amount: i64) -> Result<(), HandlerError> {
///     if amount < 0 {
///         return Err(HandlerError::reject("an amount cannot be negative"));
///     }
///     let _port: u16 = "8080".parse()?; // retried when it fails
///     Ok(())
/// }
/// # assert!(charge(-1).unwrap_err().is_rejection());
/// ```
pub struct HandlerError {
    verdict: Verdict,
    error: BoxError,
}

/// The outcome that an error requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(hidden)]
pub enum Verdict {
    /// A retry after the next rung.
    Retry,
    /// A retry after the shortest rung of at least this delay.
    RetryAfter(Duration),
    /// A dead letter.
    Reject,
}

impl HandlerError {
    /// Retries the delivery after the handler's next delay, as every error without a verdict does.
    pub fn retry(error: impl Into<BoxError>) -> Self {
        Self {
            verdict: Verdict::Retry,
            error: error.into(),
        }
    }

    /// Retries the delivery after `delay`, which is rounded up to the next rung (see the option `retry`). The attempt
    /// counts towards the maximum.
    pub fn retry_after(delay: Duration, error: impl Into<BoxError>) -> Self {
        Self {
            verdict: Verdict::RetryAfter(delay),
            error: error.into(),
        }
    }

    /// Dead-letters the delivery at once, because no retry can help.
    pub fn reject(error: impl Into<BoxError>) -> Self {
        Self {
            verdict: Verdict::Reject,
            error: error.into(),
        }
    }

    /// Whether the delivery is dead-lettered at once.
    pub fn is_rejection(&self) -> bool {
        self.verdict == Verdict::Reject
    }

    /// The delay of [`retry_after`](Self::retry_after).
    pub fn delay(&self) -> Option<Duration> {
        match self.verdict {
            Verdict::RetryAfter(delay) => Some(delay),
            _ => None,
        }
    }

    /// The error inside.
    pub fn error(&self) -> &(dyn StdError + 'static) {
        self.error.as_ref()
    }

    /// Converts this error into a standard error, for code that requires one, such as code with anyhow. The runtime
    /// finds the verdict anywhere in the chain of sources.
    ///
    /// ```
    /// # use tidings::HandlerError;
    /// fn charge() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    ///     Err(HandlerError::reject("card declined").into_error())?
    /// }
    /// assert!(HandlerError::from(charge().unwrap_err()).is_rejection());
    /// ```
    pub fn into_error(self) -> HandlerVerdict {
        HandlerVerdict(self)
    }

    pub(crate) fn into_inner(self) -> BoxError {
        self.error
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.verdict
    }

    pub(crate) fn set_verdict(&mut self, verdict: Verdict) {
        self.verdict = verdict;
    }
}

impl fmt::Debug for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerError")
            .field("verdict", &self.verdict)
            .field("error", &self.error)
            .finish()
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

// `HandlerError` does not implement `std::error::Error`: that impl would conflict with this one.
impl<E: Into<BoxError>> From<E> for HandlerError {
    fn from(error: E) -> Self {
        let error = error.into();
        let verdict = find_verdict(error.as_ref()).unwrap_or(Verdict::Retry);
        Self { verdict, error }
    }
}

/// A [`HandlerError`] as a standard error; see [`HandlerError::into_error`].
#[derive(Debug)]
pub struct HandlerVerdict(HandlerError);

impl fmt::Display for HandlerVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for HandlerVerdict {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.error.source()
    }
}

/// The verdict of the first [`HandlerVerdict`] in the chain.
pub(crate) fn find_verdict(error: &(dyn StdError + 'static)) -> Option<Verdict> {
    chain(error)
        .find_map(|error| error.downcast_ref::<HandlerVerdict>())
        .map(|verdict| verdict.0.verdict)
}

/// The error and all its sources.
pub(crate) fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn StdError + 'static)| {
        error.source()
    })
}

/// A type that can be the error of an event handler: [`HandlerError`], or any type that converts into
/// `Box<dyn std::error::Error + Send + Sync>`. Standard errors, `anyhow::Error`, boxed errors and strings do.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of an event handler",
    label = "no error",
    note = "implement `std::error::Error` for it (thiserror does), or return `tidings::HandlerError` or `anyhow::Error`"
)]
pub trait IntoHandlerError {
    /// Converts the error into a [`HandlerError`].
    #[doc(hidden)]
    fn into_handler_error(self) -> HandlerError;
}

#[diagnostic::do_not_recommend]
impl<E: Into<HandlerError>> IntoHandlerError for E {
    fn into_handler_error(self) -> HandlerError {
        self.into()
    }
}
