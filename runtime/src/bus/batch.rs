//! Publishing many events at once.

use std::collections::VecDeque;
use std::time::Instant;

use futures_util::future::join_all;

use crate::bus::Bus;
use crate::bus::confirm::{MAX_GROUP, PendingConfirms, confirm_group};
use crate::bus::options::PublishOptions;
use crate::bus::publish::{EncodedEvent, OutgoingEvent, confirm_result, is_handling, within};
use crate::bus::unconfirmed::Unconfirmed;
use crate::error::Result;

/// Events that are handed to the broker together. Their confirms wake this task once.
struct SentGroup {
    events: Vec<Result<OutgoingEvent>>,
    /// `None` when the window had no free slots in time.
    pending: Option<PendingConfirms>,
}

/// The result of one event, after its first attempt.
enum FirstAttempt {
    Final(Result<String>),
    Unconfirmed(OutgoingEvent, Unconfirmed),
}

impl Bus {
    /// Publishes the events in order, in groups of at most [`MAX_GROUP`].
    ///
    /// A group waits for the confirms of earlier groups only when the window is full. Concurrent futures would not keep
    /// the order. An event has an envelope only until its group is confirmed, which bounds the memory to one window.
    pub(super) async fn publish_batch(&self, events: Vec<EncodedEvent>) -> Vec<Result<String>> {
        let deadline = self.publish_deadline();
        let mut results = Vec::with_capacity(events.len());
        let mut in_flight = VecDeque::new();
        let mut events = events.into_iter();
        while events.len() > 0 {
            let next = events.by_ref().take(MAX_GROUP);
            let next = next.map(|event| self.envelope(event, PublishOptions::new(), deadline));
            in_flight.push_back(self.send_group(next.collect(), deadline).await);
            while let Some(group) = in_flight.pop_front_if(|group| group.is_decided()) {
                self.collect_results(group, &mut results);
            }
        }
        for mut group in in_flight {
            if let Some(pending) = &mut group.pending {
                let _ = within(deadline, pending).await;
            }
            self.collect_results(group, &mut results);
        }
        self.publish_refused_again(results).await
    }

    /// Hands a group of events to the broker, after a slot in the window is free for each.
    async fn send_group(&self, events: Vec<Result<OutgoingEvent>>, deadline: Instant) -> SentGroup {
        let outgoing = || events.iter().flatten().map(|event| &event.publish);
        let count = outgoing().count();
        let slots = self.window_slots(count, deadline).await.ok();
        let pending = slots.map(|slots| {
            let (confirms, pending) = confirm_group(count, Some(slots));
            let while_handling = is_handling();
            let publishes = outgoing().zip(confirms);
            let publishes = publishes.map(|(publish, confirm)| publish.with(confirm, while_handling));
            self.shared.broker.send_all(publishes.collect());
            pending
        });
        SentGroup { events, pending }
    }

    fn collect_results(&self, group: SentGroup, results: &mut Vec<FirstAttempt>) {
        let SentGroup { events, pending } = group;
        let mut indices = 0..;
        results.extend(events.into_iter().map(|event| {
            let event = match event {
                Ok(event) => event,
                Err(error) => return FirstAttempt::Final(Err(error)),
            };
            let index = indices.next().unwrap_or_default();
            let result = match &pending {
                Some(pending) => confirm_result(pending, index, self.timed_out()),
                None => Err(Unconfirmed::not_delivered(self.timed_out())),
            };
            match result {
                Ok(()) => FirstAttempt::Final(event.finish(Ok(()))),
                Err(unconfirmed) => FirstAttempt::Unconfirmed(event, unconfirmed),
            }
        }));
    }

    /// Publishes again the events that the broker refused, all at the same time.
    async fn publish_refused_again(&self, results: Vec<FirstAttempt>) -> Vec<Result<String>> {
        if results.iter().all(FirstAttempt::is_final) {
            return results.into_iter().filter_map(FirstAttempt::into_final).collect();
        }
        join_all(results.into_iter().map(|result| async {
            match result {
                FirstAttempt::Final(result) => result,
                FirstAttempt::Unconfirmed(event, unconfirmed) => {
                    let result = self.publish_again(&event.publish, unconfirmed).await;
                    event.finish(result)
                }
            }
        }))
        .await
    }
}

impl SentGroup {
    fn is_decided(&self) -> bool {
        self.pending.as_ref().is_none_or(PendingConfirms::are_decided)
    }
}

impl FirstAttempt {
    fn is_final(&self) -> bool {
        matches!(self, Self::Final(_))
    }

    fn into_final(self) -> Option<Result<String>> {
        match self {
            Self::Final(result) => Some(result),
            Self::Unconfirmed(..) => None,
        }
    }
}
