//! A message on its way out: a place in the window, the broker's word, and another try after a refusal.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;

use super::Bus;
use crate::broker::Publish;
use crate::bus::confirm::{Answers, Confirm, confirm_together};
use crate::bus::refusal::Refusal;
use crate::context::Context;
use crate::error::PublishFault;
use crate::event::payload::Unpublishable;
use crate::message::Message;

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

    fn publish(&self, while_handling: bool, confirm: Confirm) -> Publish {
        Publish {
            message: Arc::clone(&self.message),
            mandatory: self.mandatory,
            while_handling,
            confirm,
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
    pub(super) async fn hand_over(&self, sending: &Sending) -> Option<Answers> {
        let place = if sending.in_window {
            Some(self.places(1, sending.deadline).await?)
        } else {
            None
        };
        let (confirms, answers) = confirm_together(1, place);
        let while_handling = !sending.in_window || is_handling();
        for confirm in confirms {
            self.shared.broker.send(sending.publish(while_handling, confirm));
        }
        Some(answers)
    }

    /// Hands messages to the broker that stand in the window, once there is a place for each.
    pub(super) async fn hand_over_together(
        &self,
        sendings: impl Iterator<Item = &Sending> + Clone,
        deadline: Instant,
    ) -> Option<Answers> {
        let count = sendings.clone().count();
        let places = self.places(count, deadline).await?;
        let (confirms, answers) = confirm_together(count, Some(places));
        let while_handling = is_handling();
        let publishes = sendings.zip(confirms);
        let publishes = publishes.map(|(sending, confirm)| sending.publish(while_handling, confirm));
        self.shared.broker.send_all(publishes.collect());
        Some(answers)
    }

    /// So many places in the window; `None` when they are not to be had in time. While others wait there are none to be
    /// had at once, so nobody is overtaken.
    async fn places(&self, count: usize, deadline: Instant) -> Option<OwnedSemaphorePermit> {
        let count = u32::try_from(count).expect("what is handed over together is few");
        let window = || Arc::clone(&self.shared.window);
        match window().try_acquire_many_owned(count) {
            Ok(places) => Some(places),
            // Boxed, for every publish would have to make room for it.
            Err(_) => Box::pin(within(deadline, window().acquire_many_owned(count)))
                .await
                .map(|places| places.expect("the window is never closed")),
        }
    }

    /// Waits until each of those that were handed over together is decided, or for as long as they have. What is late is
    /// told one by one.
    pub(super) async fn decided(&self, answers: &mut Option<Answers>, deadline: Instant) {
        if let Some(answers) = answers {
            let _ = within(deadline, answers).await;
        }
    }

    /// What its caller is told of the publish at this place among those that were handed over together.
    pub(super) fn told(&self, answers: Option<&Answers>, at: usize) -> Result<(), Unsent> {
        match answers {
            Some(answers) => told(answers, at, self.timed_out()),
            None => Err(Unsent::surely(self.timed_out())),
        }
    }

    /// Waits for the confirm, and hands the message over again when the broker refuses it.
    pub(super) async fn confirmed(&self, sending: &Sending, first: Option<Answers>) -> Result<(), Unsent> {
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

    async fn answered(&self, sending: &Sending, mut answers: Option<Answers>) -> Result<(), Unsent> {
        self.decided(&mut answers, sending.deadline).await;
        self.told(answers.as_ref(), 0)
    }

    fn timed_out(&self) -> PublishFault {
        PublishFault::TimedOut(self.config().publish_timeout)
    }
}

/// What its caller is told of a publish; why it waits no longer, if there is no word yet and it does not.
pub(crate) fn told(answers: &Answers, at: usize, late: PublishFault) -> Result<(), Unsent> {
    // Looked at before the word is: one that comes between the two counts.
    let fault = if answers.are_decided() {
        PublishFault::Closed
    } else {
        late
    };
    match answers.word(at) {
        Some(Ok(())) => Ok(()),
        Some(Err(refusal)) => {
            let mut unsent = Unsent::from(refusal);
            unsent.maybe_delivered |= answers.was_lost(at);
            Err(unsent)
        }
        None => Err(Unsent {
            fault,
            maybe_delivered: answers.give_up(at),
        }),
    }
}

/// Whether a delivery is being handled here.
fn is_handling() -> bool {
    Context::current().is_some_and(|it| it.causation_id().is_some())
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
