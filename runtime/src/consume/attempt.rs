//! One attempt: the handler is called, and its outcome is carried out until the delivery is settled.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::mpsc::error::SendError;

use super::bound_handler::{BoundHandler, HandlerCounts};
use super::breaker::{Change, FailedAttempt};
use super::handler_call;
use super::lost_runs::RunEnd;
use super::outcome::Outcome;
use super::pending_delivery::PendingDelivery;
use super::session_context::SessionContext;
use super::settle::{Settled, Settler};
use crate::broker::Incoming;
use crate::telemetry;

/// Sent by a task to its session.
pub(crate) enum Report {
    /// The handler of the delivery with this tag has returned; the attempt still publishes.
    HandlerReturned(u64),
    Completed(Completion),
    /// A redelivery waited for the run of the lost subscription, which has ended.
    LostRunEnded(Incoming, RunEnd),
}

#[derive(Clone)]
pub(crate) struct Reporter(UnboundedSender<Report>);

impl Reporter {
    pub(crate) fn new(sender: UnboundedSender<Report>) -> Self {
        Self(sender)
    }

    /// Reports that the handler of this delivery has returned.
    pub(crate) fn handler_returned(&self, tag: u64) {
        // An error means that the session has ended, and nobody needs the report.
        let _ = self.0.send(Report::HandlerReturned(tag));
    }

    /// Reports the end of a task. Returns it when the session takes no more reports.
    pub(crate) fn ended(&self, report: Report) -> RunEnd {
        match self.0.send(report) {
            Err(SendError(Report::Completed(completion))) => completion.settled.into(),
            Err(SendError(Report::LostRunEnded(_, end))) => end,
            Err(SendError(Report::HandlerReturned(_))) | Ok(()) => RunEnd::Unknown,
        }
    }
}

/// A delivery whose outcome has been carried out.
pub(crate) struct Completion {
    pub(crate) tag: u64,
    pub(crate) settled: Settled,
    /// `None` for a delivery that no handler ran.
    pub(crate) attempt: Option<CompletedAttempt>,
}

pub(crate) struct CompletedAttempt {
    pub(crate) pending: PendingDelivery,
    /// How long the handler ran.
    pub(crate) took: Duration,
}

pub(crate) struct Attempt {
    pub(crate) session: Arc<SessionContext>,
    pub(crate) reporter: Reporter,
    pub(crate) handler: Arc<BoundHandler>,
    pub(crate) pending: PendingDelivery,
    /// Whether it probes a handler whose breaker is open.
    pub(crate) is_probe: bool,
}

impl Attempt {
    // Every delivery moves this future, so parts that few deliveries need are boxed to keep it small.
    pub(crate) async fn run(self) -> Completion {
        let started = Instant::now();
        let delivery = &self.pending.delivery;
        let outcome = handler_call::call(&self.handler, delivery.clone()).await;
        let took = started.elapsed();
        let fields = delivery.log_fields(self.session.service.name());
        self.handler.metrics.processed(fields, outcome.is_done(), took);
        let counts = self.record(&outcome);
        if outcome.needs_publish() {
            self.reporter.handler_returned(self.pending.tag);
        }
        let settled = if outcome.only_acknowledges() && !self.session.is_lost() {
            HandlerCounts::add(&self.handler.counts.handled);
            Settled::Done { dead_lettered: false }
        } else {
            Box::pin(self.settler().settle_guarded(outcome, counts)).await
        };
        let pending = self.pending;
        Completion {
            tag: pending.tag,
            settled,
            attempt: Some(CompletedAttempt { pending, took }),
        }
    }

    pub(crate) async fn run_and_report(self) -> RunEnd {
        let reporter = self.reporter.clone();
        reporter.ended(Report::Completed(self.run().await))
    }

    /// Settles the delivery with the outcome of its run in a lost subscription.
    pub(crate) async fn settle_and_report(self, outcome: Outcome, counts: bool) -> RunEnd {
        let settled = self.settler().settle_guarded(outcome, counts).await;
        self.reporter.ended(Report::Completed(Completion {
            tag: self.pending.tag,
            settled,
            attempt: None,
        }))
    }

    fn settler(&self) -> Settler {
        let delivery = &self.pending.delivery;
        Settler {
            session: Arc::clone(&self.session),
            handler: Arc::clone(&self.handler),
            message: Arc::clone(delivery.message()),
            origin: self.pending.origin.clone(),
            attempt: self.pending.attempt_number(),
            waited: self.pending.waited,
            delivery: Some(delivery.clone()),
        }
    }

    /// Records the attempt in the breaker, and returns whether the attempt counts towards the handler's maximum.
    fn record(&self, outcome: &Outcome) -> bool {
        let Some(succeeded) = outcome.health() else {
            return true;
        };
        let (handler, delivery) = (&self.handler, &self.pending.delivery);
        let mut breaker = handler.breaker();
        let change = if succeeded {
            breaker.succeeded(delivery.received_at())
        } else if self.pending.is_untried_redelivery() {
            // Failing deliveries stay unsettled longer than others, so they are redelivered together. A run of failures
            // among them does not mean that every delivery fails.
            Change::None
        } else {
            breaker.failed(FailedAttempt {
                event: delivery.metadata().identity(),
                is_first_attempt: delivery.attempt() == 1,
                first_received_at: delivery.first_received_at(),
            })
        };
        let next_round = breaker.next_round();
        drop(breaker);
        match (change, next_round) {
            (Change::Opened { failures }, Some(round)) => {
                telemetry::breaker_opened(handler.name(), failures, round.wait);
            }
            (Change::Closed, _) => telemetry::breaker_closed(handler.name()),
            _ => {}
        }
        next_round.is_none_or(|round| self.is_probe && handler.retries_in_place() && round.counts_in_place)
    }
}
