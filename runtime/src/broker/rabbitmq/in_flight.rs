//! The publishes in flight on one channel. Each is a future that resolves to one event.

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

/// How many events are processed at once.
const BATCH: usize = 64;

pub(super) enum InFlightEvent {
    /// The number of a publish, its confirm, and the number of the publish whose return came with the confirm.
    Confirmed(u64, ConfirmResult, Option<u64>),
    /// Every event before this barrier has been processed.
    Barrier(u64),
    /// The channel is closed, and all its publishes in flight are lost.
    Lost(RabbitError),
}

type Writing<'a> = Pin<Box<dyn Future<Output = lapin::Result<PublisherConfirm>> + Send + 'a>>;

/// A publish in flight, or a barrier between publishes.
pub(super) struct InFlightPublish<'a> {
    number: u64,
    state: InFlightState<'a>,
}

enum InFlightState<'a> {
    /// lapin's future takes two kilobytes, so it is dropped as soon as the message is written.
    Writing(Writing<'a>),
    Written(PublisherConfirm),
    Done(Option<InFlightEvent>),
}

impl<'a> InFlightPublish<'a> {
    /// The first poll writes the message.
    pub(super) fn new(
        number: u64,
        writing: impl Future<Output = lapin::Result<PublisherConfirm>> + Send + 'a,
    ) -> Self {
        Self {
            number,
            state: InFlightState::Writing(Box::pin(writing)),
        }
    }

    fn done(event: InFlightEvent) -> Self {
        Self {
            number: 0,
            state: InFlightState::Done(Some(event)),
        }
    }
}

impl Future for InFlightPublish<'_> {
    type Output = InFlightEvent;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<InFlightEvent> {
        loop {
            let number = self.number;
            match &mut self.state {
                InFlightState::Writing(writing) => match ready!(writing.as_mut().poll(cx)) {
                    Ok(confirm) => self.state = InFlightState::Written(confirm),
                    Err(error) => return Poll::Ready(InFlightEvent::Lost(RabbitError::from(error))),
                },
                InFlightState::Written(confirm) => {
                    return Pin::new(confirm)
                        .poll(cx)
                        .map(|confirmed| confirm_event(number, confirmed));
                }
                InFlightState::Done(event) => {
                    return event.take().map_or(Poll::Pending, Poll::Ready);
                }
            }
        }
    }
}

fn confirm_event(number: u64, confirmed: lapin::Result<Confirmation>) -> InFlightEvent {
    let (result, returned) = match confirmed {
        Ok(Confirmation::Ack(returned)) => (ConfirmResult::Ack, returned),
        Ok(Confirmation::Nack(returned)) => (ConfirmResult::Nack, returned),
        Ok(Confirmation::NotRequested) => {
            debug_assert!(false, "the channel is in confirm mode");
            return InFlightEvent::Lost(RabbitError::new("the channel is not in confirm mode"));
        }
        Err(error) => return InFlightEvent::Lost(RabbitError::from(error)),
    };
    let returned_number = returned.and_then(|message| properties::publish_number(&message.properties));
    InFlightEvent::Confirmed(number, result, returned_number)
}

#[derive(Default)]
pub(super) struct InFlight<'a>(FuturesUnordered<InFlightPublish<'a>>);

impl<'a> InFlight<'a> {
    pub(super) async fn start(&mut self, mut publish: InFlightPublish<'a>) {
        // The first poll queues the message in lapin, so messages keep their order. lapin's I/O thread is woken once
        // for all messages that are queued before this task yields.
        let first = poll_fn(|cx| Poll::Ready(Pin::new(&mut publish).poll(cx))).await;
        self.0.push(match first {
            Poll::Pending => publish,
            // The confirm can arrive before the first poll returns. It is queued like every other event. Processed
            // here, the confirm would reach the caller only with the next event, which may never come.
            Poll::Ready(event) => InFlightPublish::done(event),
        });
    }

    /// The next event. Pending forever while nothing is in flight.
    pub(super) async fn next(&mut self) -> InFlightEvent {
        match self.0.next().await {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }

    /// Processes `event` and all other events that are ready, and answers the callers.
    ///
    /// # Errors
    /// When the channel is lost.
    pub(super) fn process_all(
        &mut self,
        event: InFlightEvent,
        queue: &mut PublishQueue,
    ) -> Result<(), RabbitError> {
        process(event, queue)?;
        for _ in 0..BATCH {
            match self.0.next().now_or_never() {
                Some(Some(event)) => process(event, queue)?,
                _ => break,
            }
        }
        if let Some(barrier) = queue.new_barrier() {
            // `FuturesUnordered` returns ready futures in the order of their wake-ups, so earlier events come first.
            self.0
                .push(InFlightPublish::done(InFlightEvent::Barrier(barrier)));
        }
        queue.answer_callers();
        Ok(())
    }
}

fn process(event: InFlightEvent, queue: &mut PublishQueue) -> Result<(), RabbitError> {
    match event {
        InFlightEvent::Barrier(barrier) => queue.barrier_reached(barrier),
        InFlightEvent::Confirmed(number, result, returned_number) => {
            queue.confirmed(number, result, returned_number);
        }
        // Every other publish of the channel has the same error.
        InFlightEvent::Lost(error) => return Err(error),
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

    fn send(queue: &mut PublishQueue, mandatory: bool) -> (u64, PendingConfirm) {
        let (confirm, answer) = confirm(None);
        queue.push(Publish {
            message: Arc::new(Message::default()),
            mandatory,
            while_handling: false,
            confirm,
        });
        let (publish, number) = (
            queue.pop(false).expect("a message can be sent"),
            queue.next_number(),
        );
        queue.sent(publish);
        (number, answer)
    }

    fn acked(number: u64, returned: Option<u64>) -> InFlightPublish<'static> {
        let event = InFlightEvent::Confirmed(number, ConfirmResult::Ack, returned);
        InFlightPublish::done(event)
    }

    /// Processes all events that are ready, as the publisher task does.
    fn process_ready(in_flight: &mut InFlight, queue: &mut PublishQueue) {
        while let Some(event) = in_flight.next().now_or_never() {
            in_flight.process_all(event, queue).expect("the channel is open");
        }
    }

    #[tokio::test]
    async fn a_publish_that_is_confirmed_at_once_is_answered_without_a_later_event() {
        for mandatory in [false, true] {
            let (mut in_flight, mut queue) = (InFlight::default(), PublishQueue::default());
            let (number, answer) = send(&mut queue, mandatory);
            in_flight.start(acked(number, None)).await;
            process_ready(&mut in_flight, &mut queue);
            assert_eq!(
                answer.now_or_never(),
                Some(Some(Ok(()))),
                "mandatory: {mandatory}"
            );
        }
    }

    #[tokio::test]
    async fn a_channel_that_is_lost_at_once_loses_every_publish_in_flight() {
        let (mut in_flight, mut queue) = (InFlight::default(), PublishQueue::default());
        let (_, waiting) = send(&mut queue, false);
        in_flight.start(InFlightPublish::new(1, pending())).await;
        let (_, lost) = send(&mut queue, false);
        let closed = InFlightEvent::Lost(RabbitError::new("cut"));
        in_flight.start(InFlightPublish::done(closed)).await;
        let event = in_flight.next().now_or_never().expect("the event is ready");
        let error = in_flight
            .process_all(event, &mut queue)
            .expect_err("the channel is lost");
        assert_eq!(queue.channel_lost(&error), (2, 2));
        assert!(waiting.now_or_never().is_none() && lost.now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_confirm_waits_for_a_return_that_came_with_another_confirm() {
        let (mut in_flight, mut queue) = (InFlight::default(), PublishQueue::default());
        let (first, returned) = send(&mut queue, true);
        let (second, routed) = send(&mut queue, true);
        // The confirm of the second publish comes first, with the return of the first.
        in_flight.start(acked(second, Some(first))).await;
        in_flight.start(acked(first, None)).await;
        process_ready(&mut in_flight, &mut queue);
        assert_eq!(returned.now_or_never(), Some(Some(Err(Refusal::Unroutable))));
        assert_eq!(routed.now_or_never(), Some(Some(Ok(()))));
    }
}
