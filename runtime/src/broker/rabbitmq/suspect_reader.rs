//! The foremost messages of a queue, taken one by one as long as each may end its process.
//!
//! A quorum queue hands out first what came back to it. Of a whole window that came back because its process ended, any
//! one may have ended it; taken alone, only the one that did looks more suspect the next time. So a subscription begins
//! with `basic.get`, which takes one message and leaves nothing under way, and consumes once the foremost message is no
//! suspect, or there is none.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lapin::options::{BasicGetOptions, BasicNackOptions};
use lapin::types::ShortString;
use lapin::{Channel, Consumer};

use super::last_address::LastAddress;
use super::subscription::{consume, incoming};
use crate::broker::{Incoming, Suspects};

type Reading = Pin<Box<dyn Future<Output = Result<ReadResult, lapin::Error>> + Send>>;

/// What stands first in a queue.
pub(super) enum ReadResult {
    /// One that may end the process; nothing else was taken.
    Suspect(Incoming),
    /// One that may not, or none, and from now on the others come as well.
    Rest(Option<Incoming>, Consumer),
}

/// The way to the foremost message.
pub(super) struct SuspectReader {
    channel: Channel,
    queue: ShortString,
    consumer: ShortString,
    suspects: Suspects,
    step: ReadStep,
}

enum ReadStep {
    /// This one was handed out, and is not settled.
    InHand(u64),
    Settled,
    Reading(Reading),
}

impl SuspectReader {
    pub(super) fn of(
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

    /// Waits for what stands first; for the start, when nothing is in hand.
    pub(super) async fn find(&mut self) -> Result<ReadResult, lapin::Error> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    /// What stands first. Pending while the last one is in hand.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<ReadResult, lapin::Error>> {
        if matches!(self.step, ReadStep::Settled) {
            self.step = ReadStep::Reading(self.look());
        }
        let ReadStep::Reading(looking) = &mut self.step else {
            return Poll::Pending;
        };
        let found = ready!(looking.as_mut().poll(cx));
        self.step = match &found {
            Ok(ReadResult::Suspect(suspect)) => ReadStep::InHand(suspect.tag),
            _ => ReadStep::Settled,
        };
        Poll::Ready(found)
    }

    /// Whether the next one may be taken, once the broker has heard of the last.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.step, ReadStep::Settled)
    }

    /// The delivery `tag`, or with `multiple` all up to it, is settled.
    pub(super) fn settled(&mut self, tag: u64, multiple: bool) {
        if let ReadStep::InHand(in_hand) = self.step
            && (in_hand == tag || (multiple && in_hand < tag))
        {
            self.step = ReadStep::Settled;
        }
    }

    fn look(&self) -> Reading {
        let (channel, suspects) = (self.channel.clone(), self.suspects.clone());
        let (queue, consumer) = (self.queue.clone(), self.consumer.clone());
        Box::pin(async move {
            let got = channel
                .basic_get(queue.clone(), BasicGetOptions::default())
                .await?;
            // Few are taken one by one: it is not worth it to keep the last address for the next of them.
            let mut last_address = LastAddress::default();
            match got.map(|got| incoming(got.delivery, &mut last_address)) {
                Some(first) if (suspects.0)(&first) => {
                    Ok(ReadResult::Suspect(Incoming { alone: true, ..first }))
                }
                first => Ok(ReadResult::Rest(first, consume(&channel, queue, consumer).await?)),
            }
        })
    }

    /// Takes nothing more, and returns what was about to be taken. Its consumer, if there is one by then, ends with the channel.
    pub(super) async fn abandon(self) {
        let ReadStep::Reading(looking) = self.step else {
            return;
        };
        if let Ok(ReadResult::Suspect(taken) | ReadResult::Rest(Some(taken), _)) = looking.await {
            let options = BasicNackOptions {
                requeue: true,
                ..BasicNackOptions::default()
            };
            // An error says that the channel is gone, and so has returned it.
            let _ = self.channel.basic_nack(taken.tag, options).await;
        }
    }
}
