//! The one table: from what happened to a delivery, to its outcome, to the step that settles it.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::event::decode::DecodeError;
use crate::event::payload::Unpublishable;
use crate::handler::Failure;
use crate::handler::error::{HandlerError, Verdict};
use crate::handler::extract::Rejection;
use crate::handler::returns::Returned;
use crate::message::reason::Reason;
use crate::wire::malformed::Malformed;

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// What happened to a delivery.
#[derive(Debug)]
pub(crate) enum DeliveryResult {
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
pub struct Outcome(pub(super) OutcomeKind);

#[derive(Debug)]
pub(super) enum OutcomeKind {
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
        Self(OutcomeKind::Done(Returned::default()))
    }

    /// The delivery is tried again on the handler's next rung, or dead-lettered after the last attempt.
    pub fn retry(error: impl Into<BoxError>) -> Self {
        Self(OutcomeKind::Retry {
            reason: Reason::Failed,
            error: error.into(),
            delay: None,
        })
    }

    /// The delivery is dead-lettered at once.
    pub fn reject(error: impl Into<BoxError>) -> Self {
        Self(OutcomeKind::DeadLetter {
            reason: Reason::Rejected,
            error: error.into(),
        })
    }

    /// Whether the delivery is handled.
    pub fn is_done(&self) -> bool {
        matches!(self.0, OutcomeKind::Done(_) | OutcomeKind::Ignored)
    }

    /// Whether the delivery is tried again, as long as an attempt is left.
    pub fn is_retry(&self) -> bool {
        matches!(self.0, OutcomeKind::Retry { .. })
    }

    /// Whether the delivery is dead-lettered at once.
    pub fn is_dead_letter(&self) -> bool {
        matches!(self.0, OutcomeKind::DeadLetter { .. })
    }

    /// What went wrong.
    pub fn error(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0 {
            OutcomeKind::Done(_) | OutcomeKind::Ignored => None,
            OutcomeKind::Retry { error, .. } | OutcomeKind::DeadLetter { error, .. } => Some(error.as_ref()),
        }
    }

    /// The types of the events that the handler returned, in order.
    pub fn returned_types(&self) -> impl Iterator<Item = &str> {
        let returned = match &self.0 {
            OutcomeKind::Done(returned) => returned.events.as_slice(),
            _ => &[],
        };
        returned.iter().map(|event| event.event_type.as_ref())
    }

    // The first half of the table: what the delivery's end means, whatever attempt it is.
    pub(crate) fn of(ending: DeliveryResult) -> Self {
        let retry = |reason, error, delay| Self(OutcomeKind::Retry { reason, error, delay });
        let dead = |reason, error| Self(OutcomeKind::DeadLetter { reason, error });
        match ending {
            DeliveryResult::Returned(Returned {
                fault: Some(fault), ..
            }) => dead(Reason::Unpublishable, Box::new(ReturnedUnpublishable(fault))),
            DeliveryResult::Returned(returned) => Self(OutcomeKind::Done(returned)),
            DeliveryResult::Failed(error) => match error.verdict() {
                Verdict::Retry => retry(Reason::Failed, error.into_inner(), None),
                Verdict::RetryAfter(delay) => retry(Reason::Failed, error.into_inner(), Some(delay)),
                Verdict::Reject => dead(Reason::Rejected, error.into_inner()),
            },
            DeliveryResult::Panicked(text) => retry(
                Reason::Failed,
                text_error(format!("the handler panicked: {text}")),
                None,
            ),
            DeliveryResult::TimedOut(limit) => retry(
                Reason::Failed,
                text_error(format!("the handler took longer than {limit:?}")),
                None,
            ),
            DeliveryResult::Refused(rejection) if rejection.retries() => {
                retry(Reason::Failed, rejection.into_inner(), None)
            }
            DeliveryResult::Refused(rejection) => dead(Reason::Rejected, rejection.into_inner()),
            DeliveryResult::Undecodable(error) => match error {
                // Another instance of the service may know the version already.
                DecodeError::NewerVersion { .. } => retry(Reason::NewerVersion, Box::new(error), None),
                DecodeError::UnknownVersion { .. } => dead(Reason::UnknownVersion, Box::new(error)),
                DecodeError::Upcast { .. } => dead(Reason::UpcastFailed, Box::new(error)),
                DecodeError::WrongType { .. } => dead(Reason::WrongType, Box::new(error)),
                DecodeError::Malformed { .. } => dead(Reason::Malformed, Box::new(error)),
            },
            DeliveryResult::Malformed(error) => dead(Reason::Malformed, Box::new(error)),
            DeliveryResult::Undeclared => Self(OutcomeKind::Ignored),
            DeliveryResult::WrongType(found) => dead(
                Reason::WrongType,
                text_error(format!("its key belongs to another event than `{found}`")),
            ),
            // Another version of the service bound the key, and its instances read the same queue.
            DeliveryResult::ForeignKey(key) => retry(
                Reason::NotOurs,
                text_error(format!("no handler of this instance has a pattern for \"{key}\"")),
                None,
            ),
            DeliveryResult::CrashLoop(count) => dead(
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
            OutcomeKind::Done(_)
            | OutcomeKind::DeadLetter {
                reason: Reason::Rejected,
                ..
            } => Some(true),
            OutcomeKind::Retry {
                reason: Reason::Failed,
                ..
            } => Some(false),
            OutcomeKind::Ignored | OutcomeKind::Retry { .. } | OutcomeKind::DeadLetter { .. } => None,
        }
    }

    /// Whether there is nothing left to do but to acknowledge.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(&self.0, OutcomeKind::Done(returned) if returned.events.is_empty())
    }

    /// Whether settling it takes a publish.
    pub(crate) fn takes_publishing(&self) -> bool {
        match &self.0 {
            OutcomeKind::Done(returned) => !returned.events.is_empty(),
            OutcomeKind::Ignored => false,
            OutcomeKind::Retry { .. } | OutcomeKind::DeadLetter { .. } => true,
        }
    }

    // The second half of the table: what is done about it on this attempt of this handler.
    pub(crate) fn at(self, attempt: AttemptLimits<'_>) -> Settlement {
        match self.0 {
            OutcomeKind::Done(returned) if returned.events.is_empty() => Settlement::Acknowledge,
            OutcomeKind::Done(returned) => Settlement::Publish(returned),
            OutcomeKind::Ignored => Settlement::Acknowledge,
            OutcomeKind::DeadLetter { reason, error } => Settlement::dead_letter(attempt, reason, error),
            OutcomeKind::Retry { reason, error, delay } => match attempt.delay(delay) {
                Some(delay) if attempt.in_place => Settlement::WaitInPlace {
                    delay,
                    next_attempt: attempt.next(),
                    error,
                },
                Some(delay) => Settlement::Delay {
                    delay,
                    next_attempt: attempt.next(),
                    error,
                },
                None => Settlement::dead_letter(attempt, reason, error),
            },
        }
    }
}

/// The attempt that an outcome is judged for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttemptLimits<'a> {
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

impl AttemptLimits<'_> {
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
            Some(wanted) => crate::retry::rung_at_least(self.ladder, wanted),
            None => crate::retry::rung_after(self.rungs, self.number),
        };
        (!self.in_place || delay <= self.place_left || !self.counts).then_some(delay)
    }
}

/// What settles a delivery.
#[derive(Debug)]
pub(crate) enum Settlement {
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

impl Settlement {
    fn dead_letter(attempt: AttemptLimits<'_>, reason: Reason, error: BoxError) -> Self {
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
    Outcome(OutcomeKind::DeadLetter {
        reason: Reason::Unpublishable,
        error: Box::new(ReturnedUnpublishable(fault)),
    })
}

fn text_error(text: String) -> BoxError {
    text.into()
}

impl From<Failure> for DeliveryResult {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Undecodable(error) => Self::Undecodable(error),
            Failure::Rejected(rejection) => Self::Refused(rejection),
            Failure::Failed(error) => Self::Failed(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNGS: &[Duration] = &[Duration::from_secs(1), Duration::from_secs(5)];
    const LADDER: &[Duration] = &[
        Duration::from_secs(1),
        Duration::from_secs(5),
        Duration::from_secs(15),
    ];

    fn attempt(number: u32) -> AttemptLimits<'static> {
        AttemptLimits {
            number,
            most: 3,
            rungs: RUNGS,
            ladder: LADDER,
            in_place: false,
            place_left: Duration::from_mins(10),
            keeps_dead_letters: true,
            counts: true,
        }
    }

    /// A step in a word, with what matters of it.
    fn told(step: &Settlement) -> String {
        match step {
            Settlement::Acknowledge => "acknowledge".to_owned(),
            Settlement::Publish(returned) => format!("publish {}", returned.events.len()),
            Settlement::Delay {
                delay, next_attempt, ..
            } => format!("delay {delay:?}, then {next_attempt}"),
            Settlement::WaitInPlace {
                delay, next_attempt, ..
            } => format!("wait {delay:?}, then {next_attempt}"),
            Settlement::DeadLetter { reason, error } => format!("dead letter, {reason}: {error}"),
            Settlement::Drop { reason, .. } => format!("drop, {reason}"),
        }
    }

    fn at(ending: DeliveryResult, number: u32) -> String {
        told(&Outcome::of(ending).at(attempt(number)))
    }

    fn failed() -> DeliveryResult {
        DeliveryResult::Failed(HandlerError::retry("no answer"))
    }

    fn decode(error: DecodeError) -> DeliveryResult {
        DeliveryResult::Undecodable(error)
    }

    #[test]
    fn a_handler_that_returned_nothing_is_acknowledged() {
        assert_eq!(
            at(DeliveryResult::Returned(Returned::default()), 1),
            "acknowledge"
        );
    }

    #[test]
    fn a_failure_climbs_the_rungs_and_ends_in_the_dead_letters() {
        assert_eq!(at(failed(), 1), "delay 1s, then 2");
        assert_eq!(at(failed(), 2), "delay 5s, then 3");
        assert_eq!(at(failed(), 3), "dead letter, failed: no answer");
    }

    #[test]
    fn a_panic_and_a_timeout_are_failures() {
        assert_eq!(
            at(DeliveryResult::Panicked("boom".to_owned()), 1),
            "delay 1s, then 2"
        );
        assert_eq!(
            at(DeliveryResult::Panicked("boom".to_owned()), 3),
            "dead letter, failed: the handler panicked: boom"
        );
        let limit = Duration::from_secs(30);
        assert_eq!(at(DeliveryResult::TimedOut(limit), 2), "delay 5s, then 3");
        assert_eq!(
            at(DeliveryResult::TimedOut(limit), 3),
            "dead letter, failed: the handler took longer than 30s"
        );
    }

    #[test]
    fn a_delay_that_was_asked_for_is_rounded_up_and_counts() {
        let after =
            |delay| DeliveryResult::Failed(HandlerError::retry_after(Duration::from_secs(delay), "later"));
        assert_eq!(at(after(2), 1), "delay 5s, then 2");
        assert_eq!(at(after(99), 2), "delay 15s, then 3");
        assert_eq!(at(after(2), 3), "dead letter, failed: later");
    }

    #[test]
    fn a_rejection_is_a_dead_letter_at_once_unless_an_extractor_says_retry() {
        assert_eq!(
            at(DeliveryResult::Failed(HandlerError::reject("declined")), 1),
            "dead letter, rejected: declined"
        );
        assert_eq!(
            at(DeliveryResult::Refused(Rejection::reject("no tenant")), 1),
            "dead letter, rejected: no tenant"
        );
        assert_eq!(
            at(DeliveryResult::Refused(Rejection::retry("not yet")), 1),
            "delay 1s, then 2"
        );
    }

    #[test]
    fn what_cannot_be_decoded_is_a_dead_letter_at_once_with_its_own_reason() {
        let source = serde_json::from_str::<u32>("x").unwrap_err();
        let path = "lines[2]".to_owned();
        assert_eq!(
            at(decode(DecodeError::Malformed { path, source }), 1),
            "dead letter, malformed: cannot decode `data.lines[2]`"
        );
        let step = at(decode(DecodeError::UnknownVersion { found: 1 }), 1);
        assert!(step.starts_with("dead letter, unknown-version"), "{step}");
        let source = "not a number".into();
        let step = at(decode(DecodeError::Upcast { found: 1, source }), 1);
        assert!(step.starts_with("dead letter, upcast-failed"), "{step}");
        let found = "order.paid".to_owned();
        let step = at(decode(DecodeError::WrongType { found }), 1);
        assert!(step.starts_with("dead letter, wrong-type"), "{step}");
    }

    #[test]
    fn a_body_that_is_no_event_is_a_dead_letter_at_once() {
        let malformed = crate::wire::malformed::Malformed::from(crate::wire::malformed::MalformedKind::Empty);
        let step = at(DeliveryResult::Malformed(malformed), 1);
        assert!(step.starts_with("dead letter, malformed"), "{step}");
    }

    #[test]
    fn a_newer_version_and_a_foreign_key_climb_the_ladder_first() {
        let newer = || decode(DecodeError::NewerVersion { found: 2, known: 1 });
        assert_eq!(at(newer(), 2), "delay 5s, then 3");
        let step = at(newer(), 3);
        assert!(step.starts_with("dead letter, newer-version"), "{step}");
        let foreign = || DeliveryResult::ForeignKey("order.old".to_owned());
        assert_eq!(at(foreign(), 1), "delay 1s, then 2");
        let step = at(foreign(), 3);
        assert!(
            step.starts_with("dead letter, not-ours") && step.contains("order.old"),
            "{step}"
        );
    }

    #[test]
    fn an_undeclared_type_is_acknowledged_and_a_wrong_one_is_not() {
        assert_eq!(at(DeliveryResult::Undeclared, 1), "acknowledge");
        let step = at(DeliveryResult::WrongType("order.paid".to_owned()), 1);
        assert!(step.starts_with("dead letter, wrong-type"), "{step}");
    }

    #[test]
    fn a_crash_loop_is_a_dead_letter_with_its_count() {
        let step = at(DeliveryResult::CrashLoop(5), 1);
        assert!(
            step.starts_with("dead letter, crash-loop") && step.contains("5 times"),
            "{step}"
        );
    }

    #[test]
    fn in_place_a_retry_waits_as_long_as_it_asks_and_no_longer_than_its_place_is_left() {
        let in_place = |place_left| AttemptLimits {
            in_place: true,
            place_left: Duration::from_secs(place_left),
            ..attempt(1)
        };
        let after = || {
            Outcome::of(DeliveryResult::Failed(HandlerError::retry_after(
                Duration::from_secs(2),
                "later",
            )))
        };
        assert_eq!(told(&after().at(in_place(600))), "wait 2s, then 2");
        assert_eq!(told(&after().at(in_place(1))), "dead letter, failed: later");
        assert_eq!(told(&Outcome::of(failed()).at(in_place(600))), "wait 1s, then 2");
    }

    #[test]
    fn while_the_breaker_is_open_no_attempt_counts() {
        let uncounted = AttemptLimits {
            counts: false,
            ..attempt(3)
        };
        assert_eq!(told(&Outcome::of(failed()).at(uncounted)), "delay 5s, then 3");
        let in_place = AttemptLimits {
            in_place: true,
            place_left: Duration::ZERO,
            ..uncounted
        };
        assert_eq!(told(&Outcome::of(failed()).at(in_place)), "wait 5s, then 3");
    }

    #[test]
    fn an_ephemeral_handler_drops_what_it_gives_up_on() {
        let ephemeral = AttemptLimits {
            keeps_dead_letters: false,
            in_place: true,
            ..attempt(3)
        };
        assert_eq!(told(&Outcome::of(failed()).at(ephemeral)), "drop, failed");
    }

    #[test]
    fn only_what_the_handler_did_speaks_for_its_health() {
        assert_eq!(
            Outcome::of(DeliveryResult::Returned(Returned::default())).health(),
            Some(true)
        );
        assert_eq!(
            Outcome::of(DeliveryResult::Failed(HandlerError::reject("x"))).health(),
            Some(true)
        );
        assert_eq!(Outcome::of(failed()).health(), Some(false));
        assert_eq!(
            Outcome::of(DeliveryResult::Panicked(String::new())).health(),
            Some(false)
        );
        for silent in [
            DeliveryResult::Undeclared,
            DeliveryResult::CrashLoop(5),
            DeliveryResult::ForeignKey(String::new()),
            DeliveryResult::WrongType(String::new()),
            decode(DecodeError::NewerVersion { found: 2, known: 1 }),
        ] {
            assert_eq!(Outcome::of(silent).health(), None);
        }
    }
}
