//! The outcome table: from the result of a delivery to its outcome, and to its settlement.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::event::decode::DecodeError;
use crate::event::payload::Unpublishable;
use crate::handler::error::{BoxError, HandlerError, Verdict};
use crate::handler::extract::Rejection;
use crate::handler::failure::Failure;
use crate::handler::returns::Returned;
use crate::message::reason::Reason;
use crate::message::shown::shown;
use crate::retry::{rung_after, rung_at_least};
use crate::wire::malformed::Malformed;
use crate::wire::origin::AttemptNumber;

/// The result of a delivery: of its handler, or of its route when no handler ran.
#[derive(Debug)]
pub(crate) enum DeliveryResult {
    Returned(Returned),
    Failed(HandlerError),
    /// The handler panicked with this message.
    Panicked(String),
    /// The handler took longer than its timeout.
    TimedOut(Duration),
    Undecodable(DecodeError),
    /// An extractor rejected the delivery.
    Rejected(Rejection),
    /// The body is not an event.
    Malformed(Malformed),
    /// No handler declares the type. The key matched a wildcard of a handler.
    Undeclared,
    /// The message has the key of a declared event, and another type.
    WrongType(String),
    /// The key matches no pattern of this instance.
    ForeignKey(String),
    /// The delivery returned unsettled this many times.
    CrashLoop(u32),
}

/// The outcome of an attempt: done, retry or dead letter.
///
/// A middleware receives the outcome after the handler has run, and may return another one.
#[derive(Debug)]
pub struct Outcome(pub(super) OutcomeKind);

#[derive(Debug)]
pub(super) enum OutcomeKind {
    Done(Returned),
    /// Acknowledged without a handler.
    Ignored,
    Retry {
        /// The reason of the dead letter when no attempt is left.
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

    /// The delivery is retried after the handler's next delay, or dead-lettered after the last attempt.
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

    /// Whether the delivery is retried, if an attempt is left.
    pub fn is_retry(&self) -> bool {
        matches!(self.0, OutcomeKind::Retry { .. })
    }

    /// Whether the delivery is dead-lettered at once.
    pub fn is_dead_letter(&self) -> bool {
        matches!(self.0, OutcomeKind::DeadLetter { .. })
    }

    /// The error of a retry or a dead letter.
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

    /// The first half of the table: the outcome of a result, which does not depend on the number of the attempt.
    pub(crate) fn of(result: DeliveryResult) -> Self {
        let retry = |reason, error, delay| Self(OutcomeKind::Retry { reason, error, delay });
        let dead = |reason, error| Self(OutcomeKind::DeadLetter { reason, error });
        match result {
            DeliveryResult::Returned(Returned {
                error: Some(error), ..
            }) => dead(Reason::Unpublishable, Box::new(ReturnedUnpublishable(error))),
            DeliveryResult::Returned(returned) => Self(OutcomeKind::Done(returned)),
            DeliveryResult::Failed(error) => match error.verdict() {
                Verdict::Retry => retry(Reason::Failed, error.into_inner(), None),
                Verdict::RetryAfter(delay) => retry(Reason::Failed, error.into_inner(), Some(delay)),
                Verdict::Reject => dead(Reason::Rejected, error.into_inner()),
            },
            DeliveryResult::Panicked(text) => retry(
                Reason::Failed,
                format!("the handler panicked: {text}").into(),
                None,
            ),
            DeliveryResult::TimedOut(limit) => retry(
                Reason::Failed,
                format!("the handler took longer than {limit:?}").into(),
                None,
            ),
            DeliveryResult::Rejected(rejection) if rejection.retries() => {
                retry(Reason::Failed, rejection.into_inner(), None)
            }
            DeliveryResult::Rejected(rejection) => dead(Reason::Rejected, rejection.into_inner()),
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
                format!("its key belongs to another event than `{}`", shown(&found)).into(),
            ),
            // Another version of the service bound the key, and its instances consume from the same queue.
            DeliveryResult::ForeignKey(key) => retry(
                Reason::NotOurs,
                format!(
                    "no handler of this instance has a pattern for \"{}\"; if its publisher uses `BCC`, which brokers \
                     remove, publish with `CC`",
                    shown(&key)
                )
                .into(),
                None,
            ),
            DeliveryResult::CrashLoop(count) => dead(
                Reason::CrashLoop,
                format!("it came back {count} times without being settled; it may end its process").into(),
            ),
        }
    }

    /// The health of the handler, for the breaker: `Some(false)` when it failed, and `Some(true)` when it worked or
    /// rejected the delivery. `None` when it did not decide the outcome.
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

    /// Whether an acknowledgement settles the delivery, without any publish.
    pub(crate) fn only_acknowledges(&self) -> bool {
        matches!(&self.0, OutcomeKind::Done(returned) if returned.events.is_empty())
    }

    /// Whether the settlement publishes a message.
    pub(crate) fn needs_publish(&self) -> bool {
        match &self.0 {
            OutcomeKind::Done(returned) => !returned.events.is_empty(),
            OutcomeKind::Ignored => false,
            OutcomeKind::Retry { .. } | OutcomeKind::DeadLetter { .. } => true,
        }
    }

    /// The second half of the table: how this attempt of this handler is settled.
    pub(crate) fn settlement(self, limits: AttemptLimits<'_>) -> Settlement {
        match self.0 {
            OutcomeKind::Done(returned) if returned.events.is_empty() => Settlement::Acknowledge,
            OutcomeKind::Done(returned) => Settlement::Publish(returned),
            OutcomeKind::Ignored => Settlement::Acknowledge,
            OutcomeKind::DeadLetter { reason, error } => Settlement::dead_letter(limits, reason, error),
            OutcomeKind::Retry { reason, error, delay } => match limits.delay(delay) {
                Some(delay) if limits.in_place => Settlement::RetryInPlace {
                    delay,
                    next: limits.number.next(limits.counts),
                    error,
                },
                Some(delay) => Settlement::Delay {
                    delay,
                    next: limits.number.next(limits.counts),
                    error,
                },
                None => Settlement::dead_letter(limits, reason, error),
            },
        }
    }
}

/// The limits that decide between another attempt and a dead letter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttemptLimits<'a> {
    pub(crate) number: AttemptNumber,
    /// The maximum number of attempts that count.
    pub(crate) max: u32,
    /// The handler's retry delays, after `speed_up`.
    pub(crate) rungs: &'a [Duration],
    /// All retry delays, after `speed_up`.
    pub(crate) ladder: &'a [Duration],
    /// Whether retries wait in the session, as those of ordered and ephemeral handlers do.
    pub(crate) in_place: bool,
    /// How much longer the delivery may wait in place.
    pub(crate) in_place_left: Duration,
    /// Whether the handler has a dead-letter queue.
    pub(crate) keeps_dead_letters: bool,
    /// Whether the attempt counts towards the maximum. Attempts do not count while the breaker is open.
    pub(crate) counts: bool,
}

impl AttemptLimits<'_> {
    /// The delay before the next attempt; `None` when no attempt is left. The handler asked for the delay `wanted`.
    fn delay(&self, wanted: Option<Duration>) -> Option<Duration> {
        if self.counts && self.number.counted() >= self.max {
            return None;
        }
        let delay = match wanted {
            // No retry waits longer than the longest rung, in place or not.
            Some(wanted) if self.in_place => wanted.min(rung_at_least(self.ladder, wanted)),
            Some(wanted) => rung_at_least(self.ladder, wanted),
            None => rung_after(self.rungs, self.number.counted()),
        };
        (!self.in_place || delay <= self.in_place_left || !self.counts).then_some(delay)
    }
}

/// How a delivery is settled.
#[derive(Debug)]
pub(crate) enum Settlement {
    Acknowledge,
    /// Publish the handler's events, then acknowledge.
    Publish(Returned),
    /// Publish to a delay queue, then acknowledge.
    Delay {
        delay: Duration,
        next: AttemptNumber,
        error: BoxError,
    },
    /// Keep the delivery in the session, and retry it there.
    RetryInPlace {
        delay: Duration,
        next: AttemptNumber,
        error: BoxError,
    },
    /// Publish to the dead-letter queue, then acknowledge.
    DeadLetter {
        reason: Reason,
        error: BoxError,
    },
    /// Acknowledge, count and log, because an ephemeral handler has no dead-letter queue.
    Drop {
        reason: Reason,
        error: BoxError,
    },
}

impl Settlement {
    fn dead_letter(limits: AttemptLimits<'_>, reason: Reason, error: BoxError) -> Self {
        if limits.keeps_dead_letters {
            Self::DeadLetter { reason, error }
        } else {
            Self::Drop { reason, error }
        }
    }
}

/// The error of a returned event that no retry can publish.
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

/// The outcome when a returned event cannot be published.
pub(crate) fn unpublishable(fault: Unpublishable) -> Outcome {
    Outcome(OutcomeKind::DeadLetter {
        reason: Reason::Unpublishable,
        error: Box::new(ReturnedUnpublishable(fault)),
    })
}

impl From<Failure> for DeliveryResult {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Undecodable(error) => Self::Undecodable(error),
            Failure::Rejected(rejection) => Self::Rejected(rejection),
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

    fn limits(number: u32) -> AttemptLimits<'static> {
        AttemptLimits {
            number: AttemptNumber { number, uncounted: 0 },
            max: 3,
            rungs: RUNGS,
            ladder: LADDER,
            in_place: false,
            in_place_left: Duration::from_mins(10),
            keeps_dead_letters: true,
            counts: true,
        }
    }

    /// The settlement as a short text.
    fn text(step: &Settlement) -> String {
        match step {
            Settlement::Acknowledge => "acknowledge".to_owned(),
            Settlement::Publish(returned) => format!("publish {}", returned.events.len()),
            Settlement::Delay { delay, next, .. } => format!("delay {delay:?}, then {}", next.number),
            Settlement::RetryInPlace { delay, next, .. } => format!("wait {delay:?}, then {}", next.number),
            Settlement::DeadLetter { reason, error } => format!("dead letter, {reason}: {error}"),
            Settlement::Drop { reason, .. } => format!("drop, {reason}"),
        }
    }

    fn settled(result: DeliveryResult, number: u32) -> String {
        text(&Outcome::of(result).settlement(limits(number)))
    }

    fn failed() -> DeliveryResult {
        DeliveryResult::Failed(HandlerError::retry("no answer"))
    }

    fn decode(error: DecodeError) -> DeliveryResult {
        DeliveryResult::Undecodable(error)
    }

    #[test]
    fn the_delivery_of_a_handler_that_returned_nothing_is_acknowledged() {
        assert_eq!(
            settled(DeliveryResult::Returned(Returned::default()), 1),
            "acknowledge"
        );
    }

    #[test]
    fn a_failure_is_retried_after_each_delay_and_then_dead_lettered() {
        assert_eq!(settled(failed(), 1), "delay 1s, then 2");
        assert_eq!(settled(failed(), 2), "delay 5s, then 3");
        assert_eq!(settled(failed(), 3), "dead letter, failed: no answer");
    }

    #[test]
    fn a_panic_and_a_timeout_are_failures() {
        assert_eq!(
            settled(DeliveryResult::Panicked("boom".to_owned()), 1),
            "delay 1s, then 2"
        );
        assert_eq!(
            settled(DeliveryResult::Panicked("boom".to_owned()), 3),
            "dead letter, failed: the handler panicked: boom"
        );
        let limit = Duration::from_secs(30);
        assert_eq!(settled(DeliveryResult::TimedOut(limit), 2), "delay 5s, then 3");
        assert_eq!(
            settled(DeliveryResult::TimedOut(limit), 3),
            "dead letter, failed: the handler took longer than 30s"
        );
    }

    #[test]
    fn a_requested_delay_is_rounded_up_to_a_retry_delay_and_the_attempt_counts() {
        let after =
            |delay| DeliveryResult::Failed(HandlerError::retry_after(Duration::from_secs(delay), "later"));
        assert_eq!(settled(after(2), 1), "delay 5s, then 2");
        assert_eq!(settled(after(99), 2), "delay 15s, then 3");
        assert_eq!(settled(after(2), 3), "dead letter, failed: later");
    }

    #[test]
    fn a_rejection_is_dead_lettered_at_once_unless_it_asks_for_a_retry() {
        assert_eq!(
            settled(DeliveryResult::Failed(HandlerError::reject("declined")), 1),
            "dead letter, rejected: declined"
        );
        assert_eq!(
            settled(DeliveryResult::Rejected(Rejection::reject("no tenant")), 1),
            "dead letter, rejected: no tenant"
        );
        assert_eq!(
            settled(DeliveryResult::Rejected(Rejection::retry("not yet")), 1),
            "delay 1s, then 2"
        );
    }

    #[test]
    fn an_event_that_cannot_be_decoded_is_dead_lettered_with_its_reason() {
        let source = serde_json::from_str::<u32>("x").unwrap_err();
        let path = "lines[2]".to_owned();
        assert_eq!(
            settled(decode(DecodeError::Malformed { path, source }), 1),
            "dead letter, malformed: cannot decode `data.lines[2]`"
        );
        let step = settled(decode(DecodeError::UnknownVersion { found: 1 }), 1);
        assert!(step.starts_with("dead letter, unknown-version"), "{step}");
        let source = "not a number".into();
        let step = settled(decode(DecodeError::Upcast { found: 1, source }), 1);
        assert!(step.starts_with("dead letter, upcast-failed"), "{step}");
        let found = "order.paid".to_owned();
        let step = settled(decode(DecodeError::WrongType { found }), 1);
        assert!(step.starts_with("dead letter, wrong-type"), "{step}");
    }

    #[test]
    fn a_malformed_body_is_dead_lettered_at_once() {
        let malformed = crate::wire::malformed::Malformed::from(crate::wire::malformed::MalformedKind::Empty);
        let step = settled(DeliveryResult::Malformed(malformed), 1);
        assert!(step.starts_with("dead letter, malformed"), "{step}");
    }

    #[test]
    fn a_newer_version_and_a_foreign_key_are_retried_before_they_are_dead_lettered() {
        let newer = || decode(DecodeError::NewerVersion { found: 2, known: 1 });
        assert_eq!(settled(newer(), 2), "delay 5s, then 3");
        let step = settled(newer(), 3);
        assert!(step.starts_with("dead letter, newer-version"), "{step}");
        let foreign = || DeliveryResult::ForeignKey("order.old".to_owned());
        assert_eq!(settled(foreign(), 1), "delay 1s, then 2");
        let step = settled(foreign(), 3);
        assert!(
            step.starts_with("dead letter, not-ours") && step.contains("order.old"),
            "{step}"
        );
    }

    #[test]
    fn an_undeclared_type_is_acknowledged_and_a_wrong_type_is_dead_lettered() {
        assert_eq!(settled(DeliveryResult::Undeclared, 1), "acknowledge");
        let step = settled(DeliveryResult::WrongType("order.paid".to_owned()), 1);
        assert!(step.starts_with("dead letter, wrong-type"), "{step}");
    }

    #[test]
    fn a_crash_loop_is_dead_lettered_with_its_count() {
        let step = settled(DeliveryResult::CrashLoop(5), 1);
        assert!(
            step.starts_with("dead letter, crash-loop") && step.contains("5 times"),
            "{step}"
        );
    }

    #[test]
    fn a_retry_in_place_waits_as_long_as_requested_within_the_limit() {
        let in_place = |seconds| AttemptLimits {
            in_place: true,
            in_place_left: Duration::from_secs(seconds),
            ..limits(1)
        };
        let after = || {
            Outcome::of(DeliveryResult::Failed(HandlerError::retry_after(
                Duration::from_secs(2),
                "later",
            )))
        };
        assert_eq!(text(&after().settlement(in_place(600))), "wait 2s, then 2");
        assert_eq!(
            text(&after().settlement(in_place(1))),
            "dead letter, failed: later"
        );
        assert_eq!(
            text(&Outcome::of(failed()).settlement(in_place(600))),
            "wait 1s, then 2"
        );
    }

    #[test]
    fn no_attempt_counts_while_the_breaker_is_open() {
        let uncounted = AttemptLimits {
            counts: false,
            ..limits(3)
        };
        assert_eq!(
            text(&Outcome::of(failed()).settlement(uncounted)),
            "delay 5s, then 4"
        );
        let in_place = AttemptLimits {
            in_place: true,
            in_place_left: Duration::ZERO,
            ..uncounted
        };
        assert_eq!(
            text(&Outcome::of(failed()).settlement(in_place)),
            "wait 5s, then 4"
        );
        let ninth = |uncounted| AttemptLimits {
            number: AttemptNumber { number: 9, uncounted },
            ..limits(9)
        };
        assert_eq!(
            text(&Outcome::of(failed()).settlement(ninth(7))),
            "delay 5s, then 10"
        );
        let step = text(&Outcome::of(failed()).settlement(ninth(6)));
        assert!(step.starts_with("dead letter"), "{step}");
        let endless = || DeliveryResult::Failed(HandlerError::retry_after(Duration::MAX, "later"));
        for (limits, expected) in [(uncounted, "delay 15s, then 4"), (in_place, "wait 15s, then 4")] {
            assert_eq!(text(&Outcome::of(endless()).settlement(limits)), expected);
        }
    }

    #[test]
    fn an_ephemeral_handler_drops_a_delivery_after_the_last_attempt() {
        let ephemeral = AttemptLimits {
            keeps_dead_letters: false,
            in_place: true,
            ..limits(3)
        };
        assert_eq!(text(&Outcome::of(failed()).settlement(ephemeral)), "drop, failed");
    }

    #[test]
    fn only_the_result_of_the_handler_counts_towards_its_health() {
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
