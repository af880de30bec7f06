//! The publishes under way on one channel, each a future that ends with what is seen of it.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use lapin::{Confirmation, PublisherConfirm};

use super::confirm_tracker::ConfirmResult;
use super::error::RabbitError;
use super::properties;
use super::publish_queue::PublishQueue;

/// How much is seen to at one go.
const BATCH: usize = 64;

/// What is seen of a publish under way.
pub(super) enum InFlightEvent {
    /// The broker's word for the publish of this number, and the number of the return that came along.
    PendingConfirm(u64, ConfirmResult, Option<u64>),
    Mark(u64),
    /// The channel is gone, and takes all that was under way on it along.
    Lost(RabbitError),
}

type Writing<'a> = Pin<Box<dyn Future<Output = lapin::Result<PublisherConfirm>> + Send + 'a>>;

/// A publish under way, or a mark among them.
pub(super) struct InFlightPublish<'a> {
    number: u64,
    stage: InFlightStage<'a>,
}

enum InFlightStage<'a> {
    /// The library's future: two kilobytes, let go of as soon as the message is written.
    Writing(Writing<'a>),
    Written(PublisherConfirm),
    InFlightEvent(Option<InFlightEvent>),
}

impl<'a> InFlightPublish<'a> {
    /// The publish of this number, which sets out when it is first polled.
    pub(super) fn new(
        number: u64,
        writing: impl Future<Output = lapin::Result<PublisherConfirm>> + Send + 'a,
    ) -> Self {
        Self {
            number,
            stage: InFlightStage::Writing(Box::pin(writing)),
        }
    }

    fn ended(seen: InFlightEvent) -> Self {
        Self {
            number: 0,
            stage: InFlightStage::InFlightEvent(Some(seen)),
        }
    }
}

impl Future for InFlightPublish<'_> {
    type Output = InFlightEvent;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<InFlightEvent> {
        loop {
            let number = self.number;
            match &mut self.stage {
                InFlightStage::Writing(writing) => match ready!(writing.as_mut().poll(cx)) {
                    Ok(confirm) => self.stage = InFlightStage::Written(confirm),
                    Err(error) => return Poll::Ready(InFlightEvent::Lost(RabbitError::from(error))),
                },
                InFlightStage::Written(confirm) => {
                    return Pin::new(confirm)
                        .poll(cx)
                        .map(|confirmed| heard(number, confirmed));
                }
                InFlightStage::InFlightEvent(seen) => {
                    return seen.take().map_or(Poll::Pending, Poll::Ready);
                }
            }
        }
    }
}

/// What the broker said of a publish.
fn heard(number: u64, confirmed: lapin::Result<Confirmation>) -> InFlightEvent {
    let (word, returned) = match confirmed {
        Ok(Confirmation::Ack(returned)) => (ConfirmResult::Ack, returned),
        Ok(Confirmation::Nack(returned)) => (ConfirmResult::Nack, returned),
        Ok(Confirmation::NotRequested) => {
            debug_assert!(false, "the channel confirms");
            return InFlightEvent::Lost(RabbitError::new("the channel does not confirm"));
        }
        Err(error) => return InFlightEvent::Lost(RabbitError::from(error)),
    };
    let carried = returned.and_then(|message| properties::publish_number(&message.properties));
    InFlightEvent::PendingConfirm(number, word, carried)
}

/// The publishes under way on one channel.
#[derive(Default)]
pub(super) struct InFlight<'a>(FuturesUnordered<InFlightPublish<'a>>);

impl<'a> InFlight<'a> {
    /// A publish sets out.
    pub(super) async fn set_out(&mut self, mut way: InFlightPublish<'a>) {
        // The first poll puts the message into the library's line, so they leave in this order; the thread that writes
        // is woken once for all that are polled before this task rests.
        let first = poll_fn(|cx| Poll::Ready(Pin::new(&mut way).poll(cx))).await;
        self.0.push(match first {
            Poll::Pending => way,
            // The library's thread can be done before this one has looked. The answer takes the same way as every
            // other: seen here alone, it would be told to the caller only with the next one, which may never come.
            Poll::Ready(seen) => InFlightPublish::ended(seen),
        });
    }

    /// What is seen next; never ends while nothing is under way.
    pub(super) async fn next(&mut self) -> InFlightEvent {
        match self.0.next().await {
            Some(seen) => seen,
            None => std::future::pending().await,
        }
    }

    /// Sees to `seen` and to all else that is there to be seen, and tells the callers.
    ///
    /// # Errors
    /// With the channel's end.
    pub(super) fn see_all(
        &mut self,
        seen: InFlightEvent,
        outbox: &mut PublishQueue,
    ) -> Result<(), RabbitError> {
        see(seen, outbox)?;
        for _ in 0..BATCH {
            match self.0.next().now_or_never() {
                Some(Some(seen)) => see(seen, outbox)?,
                _ => break,
            }
        }
        if let Some(mark) = outbox.mark() {
            // What was woken before is handed out before: the set keeps those that are ready in a line.
            self.0.push(InFlightPublish::ended(InFlightEvent::Mark(mark)));
        }
        outbox.tell();
        Ok(())
    }
}

fn see(seen: InFlightEvent, outbox: &mut PublishQueue) -> Result<(), RabbitError> {
    match seen {
        InFlightEvent::Mark(mark) => outbox.marked(mark),
        InFlightEvent::PendingConfirm(number, word, carried) => outbox.answered(number, word, carried),
        // The first of many, and all say the same.
        InFlightEvent::Lost(fault) => return Err(fault),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Arc;

    use super::*;
    use crate::broker::Publish;
    use crate::bus::confirm::{PendingConfirm, confirm};
    use crate::bus::refusal::Refusal;
    use crate::message::Message;

    fn leave(outbox: &mut PublishQueue, mandatory: bool) -> (u64, PendingConfirm) {
        let (confirm, answer) = confirm(None);
        outbox.take(Publish {
            message: Arc::new(Message::default()),
            mandatory,
            while_handling: false,
            confirm,
        });
        let (publish, number) = (outbox.next(false).expect("it may leave"), outbox.next_number());
        outbox.sent(publish);
        (number, answer)
    }

    /// Sees to all that there is to be seen now, as the publisher's task does before it rests.
    fn see_what_is_there(ways: &mut InFlight, outbox: &mut PublishQueue) {
        while let Some(seen) = ways.next().now_or_never() {
            ways.see_all(seen, outbox).expect("the channel lives");
        }
    }

    #[tokio::test]
    async fn a_publish_that_is_answered_before_anyone_looks_is_told_though_nothing_follows() {
        for mandatory in [false, true] {
            let (mut ways, mut outbox) = (InFlight::default(), PublishQueue::default());
            let (number, answer) = leave(&mut outbox, mandatory);
            ways.set_out(InFlightPublish::ended(InFlightEvent::PendingConfirm(
                number,
                ConfirmResult::Ack,
                None,
            )))
            .await;
            see_what_is_there(&mut ways, &mut outbox);
            assert_eq!(
                answer.now_or_never(),
                Some(Some(Ok(()))),
                "mandatory: {mandatory}"
            );
        }
    }

    #[tokio::test]
    async fn a_channel_that_is_lost_before_anyone_looks_takes_all_that_is_under_way_along() {
        let (mut ways, mut outbox) = (InFlight::default(), PublishQueue::default());
        let (_, waiting) = leave(&mut outbox, false);
        ways.set_out(InFlightPublish::new(1, pending())).await;
        let (_, lost) = leave(&mut outbox, false);
        ways.set_out(InFlightPublish::ended(InFlightEvent::Lost(RabbitError::new(
            "cut",
        ))))
        .await;
        let seen = ways.next().now_or_never().expect("it is there to be seen");
        let fault = ways.see_all(seen, &mut outbox).expect_err("it is lost");
        assert_eq!(outbox.channel_lost(&fault), (2, 2));
        assert!(waiting.now_or_never().is_none() && lost.now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_confirm_that_stands_behind_anothers_return_does_not_overtake_it() {
        let (mut ways, mut outbox) = (InFlight::default(), PublishQueue::default());
        let (first, returned) = leave(&mut outbox, true);
        let (second, taken) = leave(&mut outbox, true);
        // The second one's confirm comes first, and takes the return of the first along.
        ways.set_out(InFlightPublish::ended(InFlightEvent::PendingConfirm(
            second,
            ConfirmResult::Ack,
            Some(first),
        )))
        .await;
        ways.set_out(InFlightPublish::ended(InFlightEvent::PendingConfirm(
            first,
            ConfirmResult::Ack,
            None,
        )))
        .await;
        see_what_is_there(&mut ways, &mut outbox);
        assert_eq!(returned.now_or_never(), Some(Some(Err(Refusal::Unroutable))));
        assert_eq!(taken.now_or_never(), Some(Some(Ok(()))));
    }
}
