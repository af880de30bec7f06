//! The admission of a delivery: it is decoded and routed, then waits for its handler or is settled without one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{ConsumerSession, RunningWork};
use crate::broker::Incoming;
use crate::consume::attempt::{Attempt, Completion, Report};
use crate::consume::bound_handler::HandlerCounts;
use crate::consume::lost_runs::LostRun;
use crate::consume::outcome::{DeliveryResult, Outcome};
use crate::consume::pending_delivery::PendingDelivery;
use crate::consume::route::{self, Route, Routed, Suspect, suspect_rung};
use crate::consume::settle::Settler;
use crate::context::trace::TraceContext;
use crate::event::AnyEvent;
use crate::handler::delivery::{Delivery, DeliveryFacts};
use crate::message::timestamp::Timestamp;
use crate::telemetry;
use crate::wire::origin::Origin;

/// The rung on which a suspect waits for the trials of others.
const NEXT_GROUP: usize = 1;

/// How to settle a delivery that no handler runs.
enum WithoutHandler {
    Decided(DeliveryResult),
    /// The delivery returned this often, and waits in the delay queue of this rung.
    SetAside {
        returns: u32,
        rung: usize,
    },
}

impl ConsumerSession<'_> {
    pub(super) fn admit(&mut self, incoming: &Incoming, now: Instant, received_at: Timestamp) {
        self.ack_window.delivered(incoming.tag, now);
        self.metrics.received();
        if incoming.redelivered
            && !self.returns_new_deliveries()
            && let Some(run) = self.queue.lost_runs.take(&incoming.message)
        {
            return self.await_lost_run(incoming, run);
        }
        self.take(incoming, now, received_at, None);
    }

    /// Lets a redelivery wait for the run of the lost subscription.
    fn await_lost_run(&mut self, incoming: &Incoming, run: LostRun) {
        let (handler, reporter, waiting) = (run.handler, self.reporter.clone(), incoming.clone());
        let task = tokio::spawn(async move {
            let end = run.ended().await;
            reporter.ended(Report::LostRunEnded(waiting, end))
        });
        let running = RunningWork {
            handler,
            started_inline: false,
            is_set_aside: false,
            task: Some(task),
            holds_slot: false,
            message: Arc::clone(&incoming.message),
            returns: Some(incoming.delivery_count),
        };
        self.running.insert(incoming.tag, running);
    }

    /// Takes a delivery that has no run. `decided` is the outcome of its run in a lost subscription.
    pub(super) fn take(
        &mut self,
        incoming: &Incoming,
        now: Instant,
        received_at: Timestamp,
        decided: Option<(Outcome, bool)>,
    ) {
        if self.returns_new_deliveries() {
            return self.return_to_queue(incoming.tag, &incoming.message);
        }
        let queue = &self.queue;
        let returns = queue
            .redeliveries
            .unexplained_returns(incoming.delivery_count, &incoming.message);
        let Routed {
            origin,
            handler,
            suspect,
            route,
        } = route::route(
            incoming,
            received_at,
            returns,
            &queue.name,
            &queue.handlers,
            &queue.service,
        );
        match route {
            Route::Run(event) => {
                let pending = self.pending(event, incoming, received_at, origin, handler);
                if let Some((outcome, counts)) = decided {
                    self.settle_decided(pending, outcome, counts);
                } else if let Some(set_aside) = self.set_aside(incoming.tag, suspect) {
                    self.settle_without_handler(incoming, pending.origin, handler, set_aside);
                } else if self.trials.contains_key(&incoming.tag) {
                    if self.next_trials.is_empty() {
                        self.gathering_since = self.elapsed();
                    }
                    self.next_trials.push(pending);
                } else {
                    self.enqueue(pending);
                }
            }
            Route::Decided(DeliveryResult::Undeclared) => self.ignore(incoming, &origin, handler, now),
            Route::Decided(result) => {
                self.settle_without_handler(incoming, origin, handler, WithoutHandler::Decided(result));
            }
        }
    }

    /// Whether a suspect must wait in a delay queue. It waits longer after each return, and again when too many
    /// suspects are in flight for a trial.
    ///
    /// An ordered queue keeps the suspect, because later deliveries must not overtake it. A smaller prefetch would not
    /// help: a quorum queue puts a returned message behind those that returned before, so the order would be lost.
    fn set_aside(&mut self, tag: u64, suspect: Option<Suspect>) -> Option<WithoutHandler> {
        let Suspect { returns, waited } = suspect?;
        if self.queue.is_ordered() {
            self.one_by_one_through = tag;
            return None;
        }
        if waited && let Some(trial) = self.queue.service.trials().start(returns) {
            self.trials.insert(tag, trial);
            return None;
        }
        let rung = if waited { NEXT_GROUP } else { suspect_rung(returns) };
        Some(WithoutHandler::SetAside { returns, rung })
    }

    pub(super) fn enqueue(&mut self, pending: PendingDelivery) {
        let handler = pending.handler;
        self.slots[handler].deliveries.push(pending);
        self.occupy(handler);
    }

    fn pending(
        &self,
        event: AnyEvent,
        incoming: &Incoming,
        received_at: Timestamp,
        origin: Origin,
        handler: usize,
    ) -> PendingDelivery {
        let facts = DeliveryFacts {
            handler: self.slots[handler].handler.name(),
            queue: Arc::clone(&self.queue.name),
            exchange: Arc::clone(&origin.exchange),
            attempt: origin.attempt.number,
            redelivered: incoming.redelivered,
            first_received_at: origin.first_received_at,
            received_at,
            last_error: origin.last_error.clone(),
            trace: TraceContext::from_headers(&incoming.message.headers),
        };
        let delivery = Delivery::of_app(event, facts, Arc::clone(self.queue.service.app_handle()));
        let was_returned = incoming.delivery_count > 0 || origin.returns > 0;
        PendingDelivery {
            tag: incoming.tag,
            handler,
            uncounted: origin.attempt.uncounted,
            origin,
            delivery,
            returns: was_returned.then_some(incoming.delivery_count),
            waited: Duration::ZERO,
        }
    }

    /// Settles a delivery with the outcome of its run in a lost subscription.
    fn settle_decided(&mut self, pending: PendingDelivery, outcome: Outcome, counts: bool) {
        let (tag, handler, returns) = (pending.tag, pending.handler, pending.returns);
        let message = Arc::clone(pending.delivery.message());
        let attempt = Attempt {
            session: Arc::clone(&self.context),
            reporter: self.reporter.clone(),
            handler: Arc::clone(&self.slots[handler].handler),
            pending,
            is_probe: false,
        };
        let running = RunningWork {
            handler,
            started_inline: false,
            is_set_aside: false,
            task: Some(tokio::spawn(attempt.settle_and_report(outcome, counts))),
            holds_slot: false,
            message,
            returns,
        };
        self.running.insert(tag, running);
    }

    fn ignore(&mut self, incoming: &Incoming, origin: &Origin, handler: usize, now: Instant) {
        let handler = &self.slots[handler].handler;
        HandlerCounts::add(&handler.counts.ignored);
        telemetry::ignored(handler.name());
        let bus = self.queue.service.bus();
        bus.record_ignored(handler.name(), &origin.routing_key);
        self.ack_window.finished(incoming.tag, now);
    }

    /// Settles a delivery that no handler runs. It gets a task, because settling it publishes a message.
    fn settle_without_handler(
        &mut self,
        incoming: &Incoming,
        origin: Origin,
        handler: usize,
        what: WithoutHandler,
    ) {
        let message = Arc::clone(&incoming.message);
        let is_first = origin.returns == 0;
        let is_set_aside = matches!(what, WithoutHandler::SetAside { .. });
        let bound = Arc::clone(&self.slots[handler].handler);
        let settler = Settler::without_handler(Arc::clone(&self.context), bound, message, origin);
        let (tag, reporter) = (incoming.tag, self.reporter.clone());
        // A message that returns after it was set aside has a copy in the delay queue. A copy keeps its count of returns,
        // because they are what makes it a suspect, and so does a crash loop.
        let returns = match what {
            WithoutHandler::SetAside { .. } if is_first => Some(incoming.delivery_count),
            WithoutHandler::SetAside { .. } | WithoutHandler::Decided(_) => None,
        };
        let task = tokio::spawn(async move {
            let settled = match what {
                WithoutHandler::Decided(result) => settler.settle(Outcome::of(result), true).await,
                WithoutHandler::SetAside { returns, rung } => settler.set_aside(returns, rung).await,
            };
            reporter.ended(Report::Completed(Completion {
                tag,
                settled,
                attempt: None,
            }))
        });
        if is_set_aside {
            self.set_asides.begin();
        }
        let running = RunningWork {
            handler,
            started_inline: false,
            is_set_aside,
            task: Some(task),
            holds_slot: false,
            message: Arc::clone(&incoming.message),
            returns,
        };
        self.running.insert(tag, running);
    }
}
