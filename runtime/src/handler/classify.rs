//! What a handler's error asks for, read off the value it returned before its type is erased.
//!
//! An error that has become a box hides its own type when it was an `anyhow::Error`, so generated code looks at the
//! concrete value. It calls `(&&&&&Classify(&returned)).verdict(..)`: rustc takes the first of the traits below that
//! fits, from the most references to the fewest
//! (<https://github.com/dtolnay/case-studies/blob/master/autoref-specialization/README.md>).

use std::error::Error as StdError;
use std::ops::Deref;

use crate::handler::error::{self, HandlerError, Verdict};

/// Whether an error of the chain is of the type that `reject_on` names.
pub type IsOfType = fn(&(dyn StdError + 'static)) -> bool;

/// What `reject_on` can name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be looked for by `reject_on`: it is not an error",
    label = "not an error",
    note = "name a type that implements `std::error::Error`; of an enum, name the enum or what is in its `source`"
)]
pub trait RejectedError {
    /// Whether `error` is of this type.
    fn is(error: &(dyn StdError + 'static)) -> bool;
}

#[diagnostic::do_not_recommend]
impl<E: StdError + 'static> RejectedError for E {
    fn is(error: &(dyn StdError + 'static)) -> bool {
        error.is::<E>()
    }
}

/// What a handler returned.
#[derive(Debug)]
pub struct Classify<'a, R>(pub &'a R);

/// `Result<_, HandlerError>`: its verdict stands, and `reject_on` speaks where it has none.
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

/// `Result<_, Box<E>>` and its like: the box is an error too, but one whose own type is only the box.
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

/// `Result<_, E>` of a standard error.
pub trait OfError {
    #[allow(missing_docs)]
    fn verdict(&self, rejects: &[IsOfType]) -> Option<Verdict>;
}

impl<T, E: StdError + 'static> OfError for &&Classify<'_, Result<T, E>> {
    fn verdict(&self, rejects: &[IsOfType]) -> Option<Verdict> {
        classify(self.0.as_ref().err()?, rejects)
    }
}

/// `anyhow::Error`, `Box<dyn Error + Send + Sync>` and their like.
pub trait OfErased {
    #[allow(missing_docs)]
    fn verdict(&self, rejects: &[IsOfType]) -> Option<Verdict>;
}

impl<T, E: AsRef<dyn StdError + Send + Sync>> OfErased for &Classify<'_, Result<T, E>> {
    fn verdict(&self, rejects: &[IsOfType]) -> Option<Verdict> {
        classify(self.0.as_ref().err()?.as_ref(), rejects)
    }
}

/// Everything else: no error, or a text.
pub trait OfAnything {
    #[allow(missing_docs)]
    fn verdict(&self, rejects: &[IsOfType]) -> Option<Verdict>;
}

impl<R> OfAnything for Classify<'_, R> {
    fn verdict(&self, _: &[IsOfType]) -> Option<Verdict> {
        None
    }
}

// A verdict that somebody spelled out in code outranks the attribute.
fn classify(error: &(dyn StdError + 'static), rejects: &[IsOfType]) -> Option<Verdict> {
    error::find_verdict(error).or_else(|| {
        error::chain(error)
            .any(|error| rejects.iter().any(|is| is(error)))
            .then_some(Verdict::Reject)
    })
}
