//! Reads the messages at the head of a queue one by one, while they may be the cause of a crash.
//!
//! A quorum queue delivers returned messages first. When a process crashes with many unsettled deliveries, each of them
//! could be the cause. If they are delivered one by one, only the delivery count of the real cause grows at the next
//! crash. So a subscription starts with `basic.get`, which takes exactly one message. The subscription starts to
//! consume when the message at the head is not a suspect, or when the queue is empty.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lapin::options::{BasicConsumeOptions, BasicGetOptions, BasicNackOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Consumer};

use super::last_address::LastAddress;
use super::properties::incoming;
use crate::broker::{Incoming, Suspects};

type Reading = Pin<Box<dyn Future<Output = Result<ReadResult, lapin::Error>> + Send>>;

pub(super) enum ReadResult {
    /// A message that may be the cause of a crash. The subscription has no other delivery.
    Suspect(Incoming),
    /// The first message that is not a suspect, if the queue has one, and the consumer of all further messages.
    Consuming(Option<Incoming>, Consumer),
}

pub(super) struct SuspectReader {
    channel: Channel,
    queue: ShortString,
    consumer: ShortString,
    suspects: Suspects,
    step: ReadStep,
}

enum ReadStep {
    /// The delivery with this tag is not settled yet.
    Unsettled(u64),
    Settled,
    Reading(Reading),
}

impl SuspectReader {
    pub(super) fn new(
        channel: &Channel,
        queue: ShortString,
        consumer: ShortString,
        suspects: Suspects,
    ) -> Self {
        Self {
            channel: channel.clone(),
            queue,
            consumer,
            suspects,
            step: ReadStep::Settled,
        }
    }

    pub(super) async fn read(&mut self) -> Result<ReadResult, lapin::Error> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    /// Reads the next message. Pending while the last one is unsettled.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<ReadResult, lapin::Error>> {
        if matches!(self.step, ReadStep::Settled) {
            self.step = ReadStep::Reading(self.get());
        }
        let ReadStep::Reading(reading) = &mut self.step else {
            return Poll::Pending;
        };
        let result = ready!(reading.as_mut().poll(cx));
        self.step = match &result {
            Ok(ReadResult::Suspect(suspect)) => ReadStep::Unsettled(suspect.tag),
            _ => ReadStep::Settled,
        };
        Poll::Ready(result)
    }

    /// Whether the next message may be read once the broker has the ack of the last one.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.step, ReadStep::Settled)
    }

    /// Records that the delivery `tag`, or with `multiple` every delivery up to `tag`, is settled.
    pub(super) fn settled(&mut self, tag: u64, multiple: bool) {
        if let ReadStep::Unsettled(unsettled) = self.step
            && (unsettled == tag || (multiple && unsettled < tag))
        {
            self.step = ReadStep::Settled;
        }
    }

    fn get(&self) -> Reading {
        let (channel, suspects) = (self.channel.clone(), self.suspects.clone());
        let (queue, consumer) = (self.queue.clone(), self.consumer.clone());
        Box::pin(async move {
            let got = channel
                .basic_get(queue.clone(), BasicGetOptions::default())
                .await?;
            // Suspects are rare, so each has its own address.
            let mut last_address = LastAddress::default();
            match got.map(|got| incoming(got.delivery, &mut last_address)) {
                Some(first) if (suspects.0)(&first) => Ok(ReadResult::Suspect(first)),
                first => Ok(ReadResult::Consuming(
                    first,
                    consume(&channel, queue, consumer).await?,
                )),
            }
        })
    }

    /// Stops, and requeues a message that is being read. A consumer that this read starts ends with the channel.
    pub(super) async fn abandon(self) {
        let ReadStep::Reading(reading) = self.step else {
            return;
        };
        if let Ok(ReadResult::Suspect(read) | ReadResult::Consuming(Some(read), _)) = reading.await {
            let options = BasicNackOptions {
                requeue: true,
                ..BasicNackOptions::default()
            };
            // An error means that the channel is closed, which requeues the message too.
            let _ = self.channel.basic_nack(read.tag, options).await;
        }
    }
}

pub(super) async fn consume(
    channel: &Channel,
    queue: ShortString,
    consumer: ShortString,
) -> Result<Consumer, lapin::Error> {
    let options = BasicConsumeOptions::default();
    channel
        .basic_consume(queue, consumer, options, FieldTable::default())
        .await
}
