//! The end of a session: why it ends, and what happens to each of its deliveries.

use std::future::poll_fn;
use std::time::{Duration, Instant};

use super::{ConsumerSession, HOLD_CHECKS, Pace, SessionEnd};
use crate::consume::attempt::Report;
use crate::consume::consumed_queue::SubscriptionEnd;
use crate::consume::status::DesiredState;
use crate::message::Message;
use crate::telemetry;

/// How long the broker has to take the last acknowledgements, and to close the channel of an ordered queue.
const LAST_WRITES: Duration = Duration::from_secs(5);

impl ConsumerSession<'_> {
    pub(super) fn apply(&mut self, desired: DesiredState) {
        match desired {
            DesiredState::Run => {}
            DesiredState::Pause => self.begin_end(SessionEnd::Paused),
            DesiredState::Drain | DesiredState::Abort => self.begin_end(SessionEnd::Stopped),
        }
    }

    /// Makes the session take no further deliveries and return those that have not started.
    pub(super) fn begin_end(&mut self, end: SessionEnd) {
        if self.ending.is_some() && end != SessionEnd::Stopped {
            return;
        }
        if self.ending.replace(end).is_some() {
            return;
        }
        // An ordered queue returns nothing before its last attempt has ended: another instance could start an event
        // while its predecessor runs. The channel is closed at the end, which returns all deliveries together.
        if !self.queue.is_ordered() {
            self.subscription.cancel();
            let trials = std::mem::take(&mut self.next_trials);
            let in_slots = self.slots.iter_mut().flat_map(|slot| slot.deliveries.drain());
            let unstarted: Vec<_> = in_slots.chain(trials).collect();
            for pending in unstarted {
                self.return_to_queue(pending.tag, pending.delivery.message());
            }
        }
    }

    /// Whether the session returns each delivery that arrives now.
    pub(super) fn returns_new_deliveries(&self) -> bool {
        self.ending.is_some() && !self.queue.is_ordered()
    }

    pub(super) fn return_to_queue(&mut self, tag: u64, message: &Message) {
        self.trials.remove(&tag);
        self.queue.redeliveries.returned(message);
        self.ack_window.returned(tag);
        self.subscription.requeue(tag);
        self.has_unflushed_acks = true;
    }

    pub(super) async fn end(mut self, end: SessionEnd) -> SessionEnd {
        self.stop_clock();
        self.write_last_acks().await;
        self.track_unstarted();
        if self.queue.is_ordered() && !self.queue.is_ephemeral() {
            // The next subscription must not get later deliveries before those that return here.
            let close = poll_fn(|cx| self.subscription.poll_close(cx));
            let _ = tokio::time::timeout(LAST_WRITES, close).await;
        }
        end
    }

    /// Writes every acknowledgement, and waits until the broker has applied them: it drops some that a closed channel
    /// has not applied yet.
    async fn write_last_acks(&mut self) {
        self.flush_acks();
        let written = async {
            poll_fn(|cx| self.subscription.poll_flush(cx)).await;
            poll_fn(|cx| self.subscription.poll_settled(cx)).await
        };
        // An unreachable broker cannot take acknowledgements; it redelivers those messages.
        if let Ok(Some(returned)) = tokio::time::timeout(LAST_WRITES, written).await {
            self.queue.redeliveries.returned(&returned);
        }
    }

    /// Records that the deliveries that have not started return with the subscription, without a crash.
    fn track_unstarted(&mut self) {
        let trials = std::mem::take(&mut self.next_trials);
        let in_slots = self.slots.iter_mut().flat_map(|slot| slot.deliveries.drain());
        for pending in in_slots.chain(trials) {
            self.queue.redeliveries.returned(pending.delivery.message());
        }
    }

    pub(super) fn stop_clock(&mut self) {
        *self.awake = Some(self.queue.stop_clock());
    }

    pub(super) async fn abort(mut self) -> SessionEnd {
        let tasks = self.running.drain().filter_map(|(_, running)| running.task);
        tasks.for_each(|task| task.abort());
        self.stop_clock();
        self.write_last_acks().await;
        SessionEnd::Stopped
    }

    /// Ends a session whose subscription is lost. The broker redelivers every unsettled delivery.
    pub(super) async fn cancelled(mut self) -> SessionEnd {
        self.stop_clock();
        self.queue.ended = SubscriptionEnd {
            reason: self.subscription.end_reason(),
            unacked_for: self
                .ack_window
                .oldest()
                .map_or(Duration::ZERO, |since| since.elapsed()),
        };
        self.release_running().await;
        self.track_unstarted();
        match self.ending {
            Some(end @ (SessionEnd::Stopped | SessionEnd::Paused)) => end,
            _ => SessionEnd::Cancelled,
        }
    }

    /// Gives up the running deliveries, because the broker redelivers them.
    ///
    /// An unordered attempt runs to its end, since its work may be half done, and its redelivery waits for it. An ordered
    /// attempt is cancelled, because another instance may receive the next event of its aggregate. It still runs until
    /// its next await, so this method waits for its end before that event can start here.
    async fn release_running(&mut self) {
        // From here on, a task that ends keeps its result.
        self.reports.close();
        self.context.set_lost();
        let lost_runs = &mut self.queue.lost_runs;
        while let Ok(report) = self.reports.try_recv() {
            let (tag, end) = match report {
                Report::HandlerReturned(_) => continue,
                Report::Completed(completion) => (completion.tag, completion.settled.into()),
                Report::LostRunEnded(incoming, end) => (incoming.tag, end),
            };
            if let Some(running) = self.running.remove(&tag) {
                self.queue.redeliveries.returned(&running.message);
                lost_runs.add_ended(&running.message, running.handler, end);
            }
        }
        let mut cancelled = Vec::new();
        for (_, running) in self.running.drain() {
            self.queue.redeliveries.returned(&running.message);
            let is_ordered = self.slots[running.handler].handler.descriptor.ordered();
            match running.task {
                Some(task) if is_ordered => {
                    task.abort();
                    cancelled.push(task);
                }
                Some(task) => lost_runs.add(&running.message, running.handler, task),
                None => {}
            }
        }
        for slot in &self.slots {
            slot.handler.set_trouble(None);
        }
        for task in cancelled {
            // The error says that the task was cancelled.
            let _ = task.await;
        }
    }

    /// Recycles the session when a delivery has been unsettled for longer than the hold limit.
    pub(super) async fn check_hold_limit(&mut self) {
        let limit = self.queue.service.bus().config().hold_limit;
        self.next_hold_check = Instant::now() + limit / HOLD_CHECKS;
        self.queue.lost_runs.end_older_than(limit);
        let is_exceeded = |since: Instant| since.elapsed() >= limit;
        if self.ack_window.oldest().is_some_and(is_exceeded) && self.ending.is_none() {
            telemetry::session_recycled(&self.queue.name, limit);
            // The running attempts exceeded the limit, so the session does not wait for them.
            self.release_running().await;
            self.ending = Some(SessionEnd::Recycled);
        }
    }

    /// Ends the session when its breaker opens, unless the queue keeps its deliveries, and when a round of probes has its result.
    pub(super) fn check_breaker(&mut self) {
        if self.queue.keeps_deliveries_while_open() || self.ending.is_some() {
            return;
        }
        let is_open = self.slots[0].handler.breaker().is_open();
        match self.pace {
            Pace::Probe if self.is_idle() && (self.has_probed || !is_open) => {
                self.begin_end(SessionEnd::Pace(if is_open { Pace::Probe } else { Pace::Full }));
            }
            Pace::Full if is_open => self.begin_end(SessionEnd::Pace(Pace::Probe)),
            _ => {}
        }
    }
}
