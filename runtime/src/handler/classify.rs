//! The verdict of a handler's error, found before the type of the error is erased.
//!
//! An `anyhow::Error` that was converted into a box hides the type of its first error, so generated code inspects the
//! concrete value. It calls `(&&&&&Classify(&returned)).verdict(..)`: rustc takes the first of the traits below that
//! applies, from the most references to the fewest
//! (<https://github.com/dtolnay/case-studies/blob/master/autoref-specialization/README.md>).

use std::error::Error as StdError;
use std::ops::Deref;

use crate::handler::error::{self, HandlerError, Verdict};

/// Whether an error has a type that `reject_on` names.
pub type IsOfType = fn(&(dyn StdError + 'static)) -> bool;

/// A type that `reject_on` can name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be looked for by `reject_on`: it is not an error",
    label = "not an error",
    note = "name a type that implements `std::error::Error`; of an enum, name the enum or what is in its `source`"
)]
pub trait RejectedError {
    /// Whether `error` has this type.
    fn is(error: &(dyn StdError + 'static)) -> bool;
}

#[diagnostic::do_not_recommend]
impl<E: StdError + 'static> RejectedError for E {
    fn is(error: &(dyn StdError + 'static)) -> bool {
        error.is::<E>()
    }
}

/// The return value of a handler.
#[derive(Debug)]
pub struct Classify<'a, R>(pub &'a R);

/// `Result<_, HandlerError>`: its verdict, or that of `reject_on` when it has none.
pub trait OfHandlerError {
    #[allow(missing_docs)]
    fn verdict(&self, rejects: &[IsOfType]) -> Option<Verdict>;
}

impl<T> OfHandlerError for &&&&Classify<'_, Result<T, HandlerError>> {
    fn verdict(&self, rejects: &[IsOfType]) -> Option<Verdict> {
        let error = self.0.as_ref().err()?;
        match error.verdict() {
            Verdict::Retry => classify(error.error(), rejects),
            verdict => Some(verdict),
        }
    }
}

/// `Result<_, Box<E>>` and other pointers: the box is an error too, but `reject_on` names the type inside.
pub trait OfPointer {
    #[allow(missing_docs)]
    fn verdict(&self, rejects: &[IsOfType]) -> Option<Verdict>;
}

impl<T, P> OfPointer for &&&Classify<'_, Result<T, P>>
where
    P: Deref,
    P::Target: StdError + Sized + 'static,
{
    fn verdict(&self, rejects: &[IsOfType]) -> Option<Verdict> {
        classify(&**self.0.as_ref().err()?, rejects)
    }
}

/// `Result<_, E>` with a standard error.
pub trait OfError {
    #[allow(missing_docs)]
    fn verdict(&self, rejects: &[IsOfType]) -> Option<Verdict>;
}

impl<T, E: StdError + 'static> OfError for &&Classify<'_, Result<T, E>> {
    fn verdict(&self, rejects: &[IsOfType]) -> Option<Verdict> {
        classify(self.0.as_ref().err()?, rejects)
    }
}

/// `anyhow::Error`, `Box<dyn Error + Send + Sync>` and other erased errors.
pub trait OfErased {
    #[allow(missing_docs)]
    fn verdict(&self, rejects: &[IsOfType]) -> Option<Verdict>;
}

impl<T, E: AsRef<dyn StdError + Send + Sync>> OfErased for &Classify<'_, Result<T, E>> {
    fn verdict(&self, rejects: &[IsOfType]) -> Option<Verdict> {
        classify(self.0.as_ref().err()?.as_ref(), rejects)
    }
}

/// Every other return value: without an error, or with a string as error.
pub trait OfAnything {
    #[allow(missing_docs)]
    fn verdict(&self, rejects: &[IsOfType]) -> Option<Verdict>;
}

impl<R> OfAnything for Classify<'_, R> {
    fn verdict(&self, _: &[IsOfType]) -> Option<Verdict> {
        None
    }
}

/// A verdict in the code takes precedence over the attribute.
fn classify(error: &(dyn StdError + 'static), rejects: &[IsOfType]) -> Option<Verdict> {
    error::find_verdict(error).or_else(|| {
        error::chain(error)
            .any(|error| rejects.iter().any(|is| is(error)))
            .then_some(Verdict::Reject)
    })
}
