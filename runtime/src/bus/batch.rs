//! Publishing many events at once.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Instant;

use futures_util::future::join_all;
use tokio::sync::OwnedSemaphorePermit;

use crate::bus::Bus;
use crate::bus::confirm::{MAX_GROUP, PendingConfirms, confirm_group};
use crate::bus::options::PublishOptions;
use crate::bus::publish::{EncodedEvent, OutgoingEvent, confirm_result, is_handling, within};
use crate::bus::unconfirmed::Unconfirmed;
use crate::error::Result;

/// Events that are handed to the broker together. Their confirms wake this task once.
struct SentGroup {
    events: Vec<Result<OutgoingEvent>>,
    /// Starts when the group has its slots in the window: until then, no event of the group may leave.
    deadline: Instant,
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
        let mut results = Vec::with_capacity(events.len());
        let mut is_stalled = false;
        let mut in_flight = VecDeque::new();
        let mut events = events.into_iter();
        while events.len() > 0 {
            let next = events.by_ref().take(MAX_GROUP);
            let next = next.map(|event| self.envelope(event, PublishOptions::new(), self.publish_deadline()));
            let group = self.send_group(next.collect(), is_stalled).await;
            is_stalled = group.pending.is_none();
            in_flight.push_back(group);
            while let Some(group) = in_flight.pop_front_if(|group| group.is_decided()) {
                self.collect_results(group, &mut results);
            }
        }
        for mut group in in_flight {
            if let Some(pending) = &mut group.pending {
                let _ = within(group.deadline, pending).await;
            }
            self.collect_results(group, &mut results);
        }
        self.publish_refused_again(results).await
    }

    /// Hands a group of events to the broker, after a slot in the window is free for each.
    ///
    /// When the group before this one got no slots, this group does not wait for them again.
    async fn send_group(&self, mut events: Vec<Result<OutgoingEvent>>, is_stalled: bool) -> SentGroup {
        let count = events.iter().flatten().count();
        let slots = self.window_slots_in_turn(count, is_stalled).await;
        let deadline = self.publish_deadline();
        for event in events.iter_mut().flatten() {
            event.publish.deadline = deadline;
        }
        let outgoing = || events.iter().flatten().map(|event| &event.publish);
        let pending = slots.map(|slots| {
            let (confirms, pending) = confirm_group(count, Some(slots));
            let while_handling = is_handling();
            let publishes = outgoing().zip(confirms);
            let publishes = publishes.map(|(publish, confirm)| publish.with(confirm, while_handling));
            self.shared.broker.send_all(publishes.collect());
            pending
        });
        SentGroup {
            events,
            deadline,
            pending,
        }
    }

    fn collect_results(&self, group: SentGroup, results: &mut Vec<FirstAttempt>) {
        let SentGroup { events, pending, .. } = group;
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

    /// Waits for the slots of a group for as long as any publish gets slots: a long list takes longer than the publish
    /// timeout on a broker that is well. Returns `None` when nobody gets a slot within that timeout.
    async fn window_slots_in_turn(&self, count: usize, is_stalled: bool) -> Option<OwnedSemaphorePermit> {
        let count = u32::try_from(count).expect("a group of publishes is small");
        if let Some(slots) = self.free_slots(count) {
            return Some(slots);
        }
        let mut slots = pin!(self.window_slots(count));
        loop {
            let granted = self.shared.granted.load(Ordering::Relaxed);
            let deadline = if is_stalled {
                Instant::now()
            } else {
                self.publish_deadline()
            };
            match within(deadline, &mut slots).await {
                Some(slots) => return Some(slots),
                None if self.shared.granted.load(Ordering::Relaxed) == granted => return None,
                None => {}
            }
        }
    }

    /// Publishes again the events that the broker refused, all at the same time. Their time starts again, because the
    /// first events of a long list were refused long ago.
    async fn publish_refused_again(&self, results: Vec<FirstAttempt>) -> Vec<Result<String>> {
        if results.iter().all(FirstAttempt::is_final) {
            return results.into_iter().filter_map(FirstAttempt::into_final).collect();
        }
        let deadline = self.publish_deadline();
        join_all(results.into_iter().map(|result| async {
            match result {
                FirstAttempt::Final(result) => result,
                FirstAttempt::Unconfirmed(mut event, unconfirmed) => {
                    event.publish.deadline = deadline;
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
