//! The completion of a delivery: it is settled, retried in place, or left to the broker.

use super::super::attempt::{CompletedAttempt, Completion, Report};
use super::super::lost_runs::RunEnd;
use super::super::settle::Settled;
use super::super::status::DesiredState;
use super::{ConsumerSession, Now, SessionEnd};
use crate::broker::Incoming;
use crate::message::timestamp::Timestamp;

impl ConsumerSession<'_> {
    /// Takes `report`, all other reports and all attempts that completed inline.
    pub(super) fn complete(&mut self, report: Option<Report>) {
        let now = self.now();
        // Reports come first, because an attempt that is retried in place has the tag of the attempt before it.
        let mut next = report.or_else(|| self.reports.try_recv().ok());
        while let Some(report) = next {
            match report {
                Report::HandlerReturned(tag) => self.handler_returned(tag, now),
                Report::Completed(completion) => self.task_completed(completion, now),
                Report::LostRunEnded(incoming, end) => self.lost_run_ended(&incoming, end, now),
            }
            self.check_breaker();
            next = self.reports.try_recv().ok();
        }
        let mut inline = std::mem::take(&mut self.completions);
        for completion in inline.drain(..) {
            self.inline_completed(completion, now);
            self.check_breaker();
        }
        self.completions = inline;
    }

    fn handler_returned(&mut self, tag: u64, now: Now) {
        if let Some(running) = self.running.get_mut(&tag)
            && std::mem::take(&mut running.holds_slot)
        {
            self.slots[running.handler].release(now.elapsed);
        }
    }

    fn task_completed(&mut self, completion: Completion, now: Now) {
        // A recycled session no longer owns the deliveries that were running.
        let Some(running) = self.running.remove(&completion.tag) else {
            return;
        };
        if let (Settled::Done { .. }, Some(returns)) = (&completion.settled, running.returns) {
            self.queue.redeliveries.settled(&running.message, returns);
        }
        if running.is_set_aside {
            self.set_asides.acked(now.elapsed);
        }
        let slot = &mut self.slots[running.handler];
        if running.holds_slot {
            slot.release(now.elapsed);
        }
        if let Some(attempt) = &completion.attempt {
            let needed_task = running.started_inline && running.task.is_some();
            slot.inline_execution.record(attempt.took, needed_task);
        }
        self.finish(running.handler, completion, now);
    }

    fn lost_run_ended(&mut self, incoming: &Incoming, end: RunEnd, now: Now) {
        match end {
            RunEnd::Settled { dead_lettered } => {
                let completion = Completion {
                    tag: incoming.tag,
                    settled: Settled::Done { dead_lettered },
                    attempt: None,
                };
                self.task_completed(completion, now);
            }
            RunEnd::Decided { outcome, counts } => {
                self.running.remove(&incoming.tag);
                self.take(incoming, now.instant, Timestamp::now(), Some((*outcome, counts)));
            }
            RunEnd::Unknown => {
                self.running.remove(&incoming.tag);
                self.take(incoming, now.instant, Timestamp::now(), None);
            }
        }
    }

    fn inline_completed(&mut self, completion: Completion, now: Now) {
        let Some(CompletedAttempt { pending, took }) = &completion.attempt else {
            return;
        };
        if let (Settled::Done { .. }, Some(returns)) = (&completion.settled, pending.returns) {
            self.queue
                .redeliveries
                .settled(pending.delivery.message(), returns);
        }
        let handler = pending.handler;
        let slot = &mut self.slots[handler];
        slot.release(now.elapsed);
        slot.inline_execution.record(*took, false);
        self.finish(handler, completion, now);
    }

    fn finish(&mut self, handler: usize, completion: Completion, now: Now) {
        let ended_trial = self.trials.remove(&completion.tag);
        let slot = &mut self.slots[handler];
        let pending = completion.attempt.map(|attempt| attempt.pending);
        match completion.settled {
            Settled::Done { dead_lettered } => {
                self.ack_window.finished(completion.tag, now.instant);
                if dead_lettered && slot.handler.descriptor.pauses_on_dead_letter() {
                    self.pause_after_dead_letter(handler);
                } else if let Some(pending) = pending {
                    slot.deliveries.finished(pending.order_key());
                }
            }
            Settled::RetryInPlace { delay, next, error } => {
                if let Some(mut pending) = pending {
                    if next.uncounted == pending.uncounted {
                        pending.waited += delay;
                    }
                    pending.uncounted = next.uncounted;
                    pending.delivery = pending.delivery.again(next.number, error);
                    slot.deliveries.retry(pending, now.elapsed + delay);
                    self.occupy(handler);
                }
            }
            // The delivery stays unsettled and returns to its queue when the session ends.
            Settled::Abandoned | Settled::Lost { .. } => {}
        }
        if let Some(trial) = ended_trial {
            self.ended_trials.push(trial);
            self.flush_acks();
        }
    }

    fn pause_after_dead_letter(&mut self, handler: usize) {
        let handler = self.slots[handler].handler.name();
        tracing::warn!(handler, "handler paused after a dead letter");
        self.queue.desired.send_if_modified(|desired| {
            let runs = *desired == DesiredState::Run;
            if runs {
                *desired = DesiredState::Pause;
            }
            runs
        });
        self.begin_end(SessionEnd::Paused);
    }
}
