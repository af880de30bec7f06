//! The one table: from what happened to a delivery, to its outcome, to the step that settles it.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::extract::Rejection;
use crate::handler::Failure;
use crate::handler_error::{HandlerError, Verdict};
use crate::payload::Unpublishable;
use crate::reason::Reason;
use crate::returns::Returned;
use crate::wire::decode::DecodeError;
use crate::wire::malformed::Malformed;

type BoxError = Box<dyn StdError + Send + Sync>;

/// What happened to a delivery.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The handler returned.
    Returned(Returned),
    /// The handler failed.
    Failed(HandlerError),
    /// The handler panicked with this text.
    Panicked(String),
    /// The handler took longer than its timeout.
    TimedOut(Duration),
    /// The event does not fit the handler's type.
    Undecodable(DecodeError),
    /// An extractor said no.
    Refused(Rejection),
    /// The body is no event at all.
    Malformed(Malformed),
    /// The handler does not declare the type, and its own wildcard caught the key.
    Undeclared,
    /// The key of a declared event came with this type in it.
    WrongType(String),
    /// The key is outside the patterns of this instance.
    ForeignKey(String),
    /// The delivery came back unsettled this many times.
    CrashLoop(u32),
}

/// What an attempt came to: done, to be retried, or a dead letter.
///
/// A middleware sees it after the handler ran and may put another in its place.
#[derive(Debug)]
pub struct Outcome(pub(super) Kind);

#[derive(Debug)]
pub(super) enum Kind {
    Done(Returned),
    /// Acknowledged without a handler.
    Ignored,
    Retry {
        /// Why it is dead-lettered when no attempt is left.
        reason: Reason,
        error: BoxError,
        delay: Option<Duration>,
    },
    DeadLetter {
        reason: Reason,
        error: BoxError,
    },
}

impl Outcome {
    /// The delivery is handled.
    pub fn done() -> Self {
        Self(Kind::Done(Returned::default()))
    }

    /// The delivery is tried again on the handler's next rung, or dead-lettered after the last attempt.
    pub fn retry(error: impl Into<BoxError>) -> Self {
        Self(Kind::Retry {
            reason: Reason::Failed,
            error: error.into(),
            delay: None,
        })
    }

    /// The delivery is dead-lettered at once.
    pub fn reject(error: impl Into<BoxError>) -> Self {
        Self(Kind::DeadLetter {
            reason: Reason::Rejected,
            error: error.into(),
        })
    }

    /// Whether the delivery is handled.
    pub fn is_done(&self) -> bool {
        matches!(self.0, Kind::Done(_) | Kind::Ignored)
    }

    /// Whether the delivery is tried again, as long as an attempt is left.
    pub fn is_retry(&self) -> bool {
        matches!(self.0, Kind::Retry { .. })
    }

    /// Whether the delivery is dead-lettered at once.
    pub fn is_dead_letter(&self) -> bool {
        matches!(self.0, Kind::DeadLetter { .. })
    }

    /// What went wrong.
    pub fn error(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0 {
            Kind::Done(_) | Kind::Ignored => None,
            Kind::Retry { error, .. } | Kind::DeadLetter { error, .. } => Some(error.as_ref()),
        }
    }

    /// The types of the events that the handler returned, in order.
    pub fn returned_types(&self) -> impl Iterator<Item = &str> {
        let returned = match &self.0 {
            Kind::Done(returned) => returned.events.as_slice(),
            _ => &[],
        };
        returned.iter().map(|event| event.event_type.as_ref())
    }

    // The first half of the table: what the delivery's end means, whatever attempt it is.
    pub(crate) fn of(ending: Ending) -> Self {
        let retry = |reason, error, delay| Self(Kind::Retry { reason, error, delay });
        let dead = |reason, error| Self(Kind::DeadLetter { reason, error });
        match ending {
            Ending::Returned(Returned {
                fault: Some(fault), ..
            }) => dead(Reason::Unpublishable, Box::new(ReturnedUnpublishable(fault))),
            Ending::Returned(returned) => Self(Kind::Done(returned)),
            Ending::Failed(error) => match error.verdict() {
                Verdict::Retry => retry(Reason::Failed, error.into_inner(), None),
                Verdict::RetryAfter(delay) => retry(Reason::Failed, error.into_inner(), Some(delay)),
                Verdict::Reject => dead(Reason::Rejected, error.into_inner()),
            },
            Ending::Panicked(text) => retry(
                Reason::Failed,
                text_error(format!("the handler panicked: {text}")),
                None,
            ),
            Ending::TimedOut(limit) => retry(
                Reason::Failed,
                text_error(format!("the handler took longer than {limit:?}")),
                None,
            ),
            Ending::Refused(rejection) if rejection.retries() => {
                retry(Reason::Failed, rejection.into_inner(), None)
            }
            Ending::Refused(rejection) => dead(Reason::Rejected, rejection.into_inner()),
            Ending::Undecodable(error) => match error {
                // Another instance of the service may know the version already.
                DecodeError::NewerVersion { .. } => retry(Reason::NewerVersion, Box::new(error), None),
                DecodeError::UnknownVersion { .. } => dead(Reason::UnknownVersion, Box::new(error)),
                DecodeError::Upcast { .. } => dead(Reason::UpcastFailed, Box::new(error)),
                DecodeError::WrongType { .. } => dead(Reason::WrongType, Box::new(error)),
                DecodeError::Malformed { .. } => dead(Reason::Malformed, Box::new(error)),
            },
            Ending::Malformed(error) => dead(Reason::Malformed, Box::new(error)),
            Ending::Undeclared => Self(Kind::Ignored),
            Ending::WrongType(found) => dead(
                Reason::WrongType,
                text_error(format!("its key belongs to another event than `{found}`")),
            ),
            // Another version of the service bound the key, and its instances read the same queue.
            Ending::ForeignKey(key) => retry(
                Reason::NotOurs,
                text_error(format!("no handler of this instance has a pattern for \"{key}\"")),
                None,
            ),
            Ending::CrashLoop(count) => dead(
                Reason::CrashLoop,
                text_error(format!(
                    "it came back {count} times without being settled; it may end its process"
                )),
            ),
        }
    }

    /// Whether the attempt speaks for the handler's health: `Some(false)` when it failed, `Some(true)` when it did its
    /// work, a rejection included, and `None` when it says nothing.
    pub(crate) fn health(&self) -> Option<bool> {
        match &self.0 {
            Kind::Done(_) => Some(true),
            Kind::DeadLetter {
                reason: Reason::Rejected,
                ..
            } => Some(true),
            Kind::Retry {
                reason: Reason::Failed,
                ..
            } => Some(false),
            Kind::Ignored | Kind::Retry { .. } | Kind::DeadLetter { .. } => None,
        }
    }

    /// Whether settling it takes a publish.
    pub(crate) fn takes_publishing(&self) -> bool {
        match &self.0 {
            Kind::Done(returned) => !returned.events.is_empty(),
            Kind::Ignored => false,
            Kind::Retry { .. } | Kind::DeadLetter { .. } => true,
        }
    }

    // The second half of the table: what is done about it on this attempt of this handler.
    pub(crate) fn at(self, attempt: Attempt<'_>) -> Step {
        match self.0 {
            Kind::Done(returned) if returned.events.is_empty() => Step::Acknowledge,
            Kind::Done(returned) => Step::Publish(returned),
            Kind::Ignored => Step::Acknowledge,
            Kind::DeadLetter { reason, error } => Step::dead_letter(attempt, reason, error),
            Kind::Retry { reason, error, delay } => match attempt.delay(delay) {
                Some(delay) if attempt.in_place => Step::WaitInPlace {
                    delay,
                    next_attempt: attempt.next(),
                    error,
                },
                Some(delay) => Step::Delay {
                    delay,
                    next_attempt: attempt.next(),
                    error,
                },
                None => Step::dead_letter(attempt, reason, error),
            },
        }
    }
}

/// The attempt that an outcome is judged for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt<'a> {
    /// Its number, from 1.
    pub(crate) number: u32,
    /// How many there are.
    pub(crate) most: u32,
    /// The handler's delays, as scaled.
    pub(crate) rungs: &'a [Duration],
    /// All delays there are, as scaled.
    pub(crate) ladder: &'a [Duration],
    /// Whether retries wait in place: an ordered or ephemeral handler.
    pub(crate) in_place: bool,
    /// How long the delivery may still wait in place.
    pub(crate) place_left: Duration,
    /// Whether there is a queue for dead letters.
    pub(crate) keeps_dead_letters: bool,
    /// Whether the attempt counts: not while the breaker is open.
    pub(crate) counts: bool,
}

impl Attempt<'_> {
    fn next(&self) -> u32 {
        self.number + u32::from(self.counts)
    }

    /// The delay before the next attempt; `None` when there is none.
    fn delay(&self, wanted: Option<Duration>) -> Option<Duration> {
        if self.counts && self.number >= self.most {
            return None;
        }
        let delay = match wanted {
            Some(wanted) if self.in_place => wanted,
            Some(wanted) => super::retry::rung_at_least(self.ladder, wanted),
            None => super::retry::rung_after(self.rungs, self.number),
        };
        (!self.in_place || delay <= self.place_left || !self.counts).then_some(delay)
    }
}

/// What settles a delivery.
#[derive(Debug)]
pub(crate) enum Step {
    /// Acknowledge.
    Acknowledge,
    /// Publish the handler's events, then acknowledge.
    Publish(Returned),
    /// Publish to the delay queue, then acknowledge.
    Delay {
        delay: Duration,
        next_attempt: u32,
        error: BoxError,
    },
    /// Keep it, and try again here.
    WaitInPlace {
        delay: Duration,
        next_attempt: u32,
        error: BoxError,
    },
    /// Publish to the dead letters, then acknowledge.
    DeadLetter { reason: Reason, error: BoxError },
    /// Acknowledge, count and log: an ephemeral queue has no dead letters.
    Drop { reason: Reason, error: BoxError },
}

impl Step {
    fn dead_letter(attempt: Attempt<'_>, reason: Reason, error: BoxError) -> Self {
        if attempt.keeps_dead_letters {
            Self::DeadLetter { reason, error }
        } else {
            Self::Drop { reason, error }
        }
    }
}

/// A returned event that can never be published.
#[derive(Debug)]
struct ReturnedUnpublishable(Unpublishable);

impl fmt::Display for ReturnedUnpublishable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot publish an event that the handler returned")
    }
}

impl StdError for ReturnedUnpublishable {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

/// A returned event that can never be published, found only when it was put into its envelope.
pub(crate) fn unpublishable(fault: Unpublishable) -> Outcome {
    Outcome(Kind::DeadLetter {
        reason: Reason::Unpublishable,
        error: Box::new(ReturnedUnpublishable(fault)),
    })
}

fn text_error(text: String) -> BoxError {
    text.into()
}

impl From<Failure> for Ending {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Undecodable(error) => Self::Undecodable(error),
            Failure::Rejected(rejection) => Self::Refused(rejection),
            Failure::Failed(error) => Self::Failed(error),
        }
    }
}
