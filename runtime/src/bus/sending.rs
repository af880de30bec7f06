//! A message on its way out: a place in the window, the broker's word, and another try after a refusal.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;

use super::Bus;
use crate::broker::Publish;
use crate::confirm::{Answer, confirm};
use crate::context::Context;
use crate::error::PublishFault;
use crate::message::Message;
use crate::payload::Unpublishable;
use crate::refusal::Refusal;

/// After a refusal it is tried again this much later: a cluster that lost a leader refuses for some hundred
/// milliseconds. Not for ever, since each attempt reaches the queues that are well again.
const AFTER_REFUSAL: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

/// A message on its way out, and how long it has.
pub(super) struct Sending {
    message: Arc<Message>,
    mandatory: bool,
    in_window: bool,
    deadline: Instant,
}

impl Sending {
    pub(super) fn new(message: Arc<Message>, mandatory: bool, in_window: bool, deadline: Instant) -> Self {
        Self {
            message,
            mandatory,
            in_window,
            deadline,
        }
    }
}

async fn within<F: Future>(deadline: Instant, future: F) -> Option<F::Output> {
    tokio::time::timeout_at(deadline.into(), future).await.ok()
}

impl Bus {
    /// Sends a message and waits for its confirm. The runtime's own publishes stand outside of the `window`, for
    /// they are bounded by the prefetch, and must get through when publishers have filled it.
    pub(crate) async fn send(
        &self,
        message: Arc<Message>,
        mandatory: bool,
        in_window: bool,
    ) -> Result<(), Unsent> {
        let sending = Sending::new(message, mandatory, in_window, self.deadline());
        let first = self.hand_over(&sending).await;
        self.confirmed(&sending, first).await
    }

    /// By when what is published now is confirmed, or has failed.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.config().publish_timeout
    }

    /// Hands a message to the broker, once there is a place for it.
    pub(super) async fn hand_over(&self, sending: &Sending) -> Result<Answer, Unsent> {
        let place = if sending.in_window {
            // While others wait there is none to be had at once, so nobody is overtaken. Waiting is boxed: every publish
            // would have to make room for it.
            match Arc::clone(&self.shared.window).try_acquire_owned() {
                Ok(place) => Some(place),
                Err(_) => Some(Box::pin(self.wait_for_place(sending)).await?),
            }
        } else {
            None
        };
        Ok(self.hand_over_now(sending, place))
    }

    async fn wait_for_place(&self, sending: &Sending) -> Result<OwnedSemaphorePermit, Unsent> {
        let acquired = Arc::clone(&self.shared.window).acquire_owned();
        let place = within(sending.deadline, acquired).await;
        let place = place.ok_or_else(|| Unsent::surely(self.timed_out()))?;
        Ok(place.expect("the window is never closed"))
    }

    fn hand_over_now(&self, sending: &Sending, place: Option<OwnedSemaphorePermit>) -> Answer {
        let (confirm, answer) = confirm(place);
        let while_handling =
            !sending.in_window || Context::current().is_some_and(|it| it.causation_id().is_some());
        self.shared.broker.send(Publish {
            message: Arc::clone(&sending.message),
            mandatory: sending.mandatory,
            while_handling,
            confirm,
        });
        answer
    }

    /// Waits for the confirm, and hands the message over again when the broker refuses it.
    pub(super) async fn confirmed(
        &self,
        sending: &Sending,
        first: Result<Answer, Unsent>,
    ) -> Result<(), Unsent> {
        match self.answered(sending, first).await {
            Ok(()) => Ok(()),
            Err(unsent) => Box::pin(self.again(sending, unsent)).await,
        }
    }

    /// Hands a message over again after a refusal, for as long as that may help.
    pub(super) async fn again(&self, sending: &Sending, first: Unsent) -> Result<(), Unsent> {
        let mut unsent = first;
        let mut maybe_delivered = false;
        let mut waits = AFTER_REFUSAL.into_iter();
        loop {
            maybe_delivered |= unsent.maybe_delivered;
            let again = matches!(unsent.fault, PublishFault::Refused(_)).then(|| waits.next());
            match again.flatten() {
                Some(wait) if Instant::now() + wait < sending.deadline => tokio::time::sleep(wait).await,
                _ => {
                    return Err(Unsent {
                        maybe_delivered,
                        ..unsent
                    });
                }
            }
            let answer = self.hand_over(sending).await;
            unsent = match self.answered(sending, answer).await {
                Ok(()) => return Ok(()),
                Err(unsent) => unsent,
            };
        }
    }

    pub(super) async fn answered(
        &self,
        sending: &Sending,
        answer: Result<Answer, Unsent>,
    ) -> Result<(), Unsent> {
        let mut answer = answer?;
        match within(sending.deadline, &mut answer).await {
            Some(word) => told(&answer, word),
            None => Err(given_up(&answer, self.timed_out())),
        }
    }

    fn timed_out(&self) -> PublishFault {
        PublishFault::TimedOut(self.config().publish_timeout)
    }
}

/// What a caller is told of the broker's word; `None` says that none will come.
pub(crate) fn told(answer: &Answer, word: Option<Result<(), Refusal>>) -> Result<(), Unsent> {
    match word {
        Some(Ok(())) => Ok(()),
        Some(Err(refusal)) => {
            let mut unsent = Unsent::from(refusal);
            unsent.maybe_delivered |= answer.was_lost();
            Err(unsent)
        }
        None => Err(given_up(answer, PublishFault::Closed)),
    }
}

/// What a caller is told who waits no longer.
pub(crate) fn given_up(answer: &Answer, fault: PublishFault) -> Unsent {
    Unsent {
        fault,
        maybe_delivered: answer.give_up(),
    }
}

/// A message that was not confirmed.
#[derive(Debug)]
pub(crate) struct Unsent {
    pub(crate) fault: PublishFault,
    pub(crate) maybe_delivered: bool,
}

impl Unsent {
    fn surely(fault: PublishFault) -> Self {
        Self {
            fault,
            maybe_delivered: false,
        }
    }
}

impl From<Refusal> for Unsent {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unroutable => Self::surely(PublishFault::Unroutable),
            Refusal::Closed => Self::surely(PublishFault::Closed),
            Refusal::NoExchange | Refusal::Forbidden(_) => {
                Self::surely(PublishFault::Refused(refusal.to_string()))
            }
            Refusal::Unacceptable(why) => {
                Self::surely(PublishFault::Unpublishable(Unpublishable::Unacceptable(why)))
            }
            // One queue refused it; the others that it routes to have it.
            Refusal::Nacked => Self {
                fault: PublishFault::Refused(refusal.to_string()),
                maybe_delivered: true,
            },
        }
    }
}
