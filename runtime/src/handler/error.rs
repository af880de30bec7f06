//! A handler's error: what went wrong, and whether the delivery is tried again.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

/// Any error that can be sent to another thread.
pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a handler gave up on a delivery, and what is to become of it.
///
/// Any error turns into one through `?` and is retried. [`reject`](Self::reject) dead-letters at once,
/// [`retry_after`](Self::retry_after) names the delay.
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

/// What the handler wants done with the delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(hidden)]
pub enum Verdict {
    /// The next rung.
    Retry,
    /// The next rung that is not shorter.
    RetryAfter(Duration),
    /// No further attempt.
    Reject,
}

impl HandlerError {
    /// Tries the delivery again on the handler's next rung: what every other error means too.
    pub fn retry(error: impl Into<BoxError>) -> Self {
        Self {
            verdict: Verdict::Retry,
            error: error.into(),
        }
    }

    /// Tries the delivery again no sooner than `delay` from now; the delay is rounded up to the next rung.
    /// The attempt counts.
    pub fn retry_after(delay: Duration, error: impl Into<BoxError>) -> Self {
        Self {
            verdict: Verdict::RetryAfter(delay),
            error: error.into(),
        }
    }

    /// Dead-letters the delivery at once: no retry can help.
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

    /// The delay that was asked for.
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

    /// Turns it into a standard error, for code whose errors must be one (anyhow's). However deep it ends up in a
    /// chain of sources, the runtime finds it again and does as it says.
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

// It shows what the error inside shows: a verdict is for the runtime, the text for people.
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

// HandlerError itself is no std error: this blanket takes every error there is, and would conflict with it.
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

/// The verdict of the first carrier in the chain.
pub(crate) fn find_verdict(error: &(dyn StdError + 'static)) -> Option<Verdict> {
    chain(error)
        .find_map(|error| error.downcast_ref::<HandlerVerdict>())
        .map(|carrier| carrier.0.verdict)
}

/// The error and all its sources.
pub(crate) fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn StdError + 'static)| {
        error.source()
    })
}

/// What can be the error of an event handler: [`HandlerError`], or anything that turns into
/// `Box<dyn std::error::Error + Send + Sync>`: standard errors, `anyhow::Error`, boxes, texts.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of an event handler",
    label = "no error",
    note = "implement `std::error::Error` for it (thiserror does), or return `tidings::HandlerError` or `anyhow::Error`"
)]
pub trait IntoHandlerError {
    /// Turns it into the runtime's error.
    #[doc(hidden)]
    fn into_handler_error(self) -> HandlerError;
}

#[diagnostic::do_not_recommend]
impl<E: Into<HandlerError>> IntoHandlerError for E {
    fn into_handler_error(self) -> HandlerError {
        self.into()
    }
}
