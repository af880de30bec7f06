//! How an attempt starts, and what its task reports.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Exit, News, Report, Running, Shift};
use crate::consume::attempt;
use crate::consume::breaker::Change;
use crate::consume::case::{Carried, Case};
use crate::consume::consumer::Wanted;
use crate::consume::held::Held;
use crate::consume::outcome::Outcome;
use crate::consume::worker::Worker;
use crate::delivery::Delivery;
use crate::telemetry;
use futures_util::FutureExt;

impl Shift<'_> {
    /// Starts every attempt that has an event, a place and, when its breaker is open, its probe's turn.
    pub(super) fn start_what_may(&mut self) {
        if self.leaving.is_some() && !(self.finishes() && self.has_let_go_of_suspects()) {
            return;
        }
        let now = self.elapsed();
        if self.alone_through > 0 {
            return self.start_the_oldest(now);
        }
        for at in 0..self.desks.len() {
            while let Some((held, probe)) = self.desks[at].next(self.pace, now) {
                self.start(held, probe);
            }
        }
    }

    /// Whether what was set aside is out of hand, and nothing else can come: what starts now may end the process, and
    /// all that is in hand comes back with it.
    fn has_let_go_of_suspects(&mut self) -> bool {
        let is_let_go = |running: &Running| running.held.is_some();
        self.subscription.is_drained() && self.running.values().all(is_let_go) && self.has_acknowledged()
    }

    /// Whether the broker has heard of all that is settled; sees to it if not.
    fn has_acknowledged(&mut self) -> bool {
        for ack in self.window.all() {
            self.subscription.ack(ack.tag, ack.multiple);
            self.unflushed = true;
        }
        !self.unflushed
    }

    /// Starts the oldest delivery once all before it are settled, and the broker has heard of that: should it end the
    /// process, it is the first to come back.
    fn start_the_oldest(&mut self, now: Duration) {
        let waits = self.desks.iter().any(|desk| desk.lanes.waits());
        if !self.has_acknowledged() || waits || !self.running.is_empty() {
            return;
        }
        let ready = self.desks.iter_mut().enumerate();
        let oldest = ready
            .filter_map(|(at, desk)| Some((desk.lanes.oldest_first()?, at)))
            .min();
        match oldest {
            Some((tag, _)) if tag > self.alone_through => {
                self.alone_through = 0;
                self.start_what_may();
            }
            Some((_, at)) => {
                if let Some((held, probe)) = self.desks[at].next(self.pace, now) {
                    self.start(held, probe);
                }
            }
            None => {}
        }
    }

    fn start(&mut self, held: Held, probe: bool) {
        let worker = Arc::clone(&self.desks[held.handler].worker);
        let case = Case {
            service: self.consumer.service.clone(),
            worker: Arc::clone(&worker),
            queue: Arc::clone(&self.consumer.queue),
            message: Arc::clone(held.delivery.message()),
            origin: held.origin.clone(),
            attempt: held.delivery.attempt(),
            lost: Arc::clone(&self.lost),
            waited: held.waited,
            delivery: Some(held.delivery.clone()),
        };
        let (tag, handler, reporter) = (held.tag, held.handler, self.reporter.clone());
        let delivery = held.delivery.clone();
        let task = tokio::spawn(async move {
            let started = Instant::now();
            let outcome = attempt::run(&worker, delivery.clone()).await;
            telemetry::processed(&delivery, &outcome, started.elapsed());
            let counts = record(&worker, &delivery, &outcome, probe);
            if outcome.takes_publishing() {
                let _ = reporter.send(Report { tag, news: News::Ran });
            }
            let carried = match AssertUnwindSafe(case.settle(outcome, counts))
                .catch_unwind()
                .await
            {
                Ok(carried) => carried,
                // Nothing of the handler's is left that could panic, but who waits for this news waits for ever.
                Err(panic) => {
                    let text = attempt::panic_text(panic);
                    case.settle(Outcome::retry(format!("settling it panicked: {text}")), counts)
                        .await
                }
            };
            let _ = reporter.send(Report {
                tag,
                news: News::Carried(carried),
            });
        });
        let message = Arc::clone(held.delivery.message());
        self.running.insert(
            tag,
            Running {
                handler,
                task,
                in_handler: true,
                message,
                held: Some(held),
            },
        );
    }

    pub(super) fn take_report(&mut self, report: Report) {
        let now = self.elapsed();
        match report.news {
            News::Ran => {
                if let Some(running) = self.running.get_mut(&report.tag)
                    && std::mem::take(&mut running.in_handler)
                {
                    self.desks[running.handler].left(now);
                }
            }
            News::Carried(carried) => {
                // A delivery that was held too long is no longer this shift's.
                let Some(running) = self.running.remove(&report.tag) else {
                    return;
                };
                let desk = &mut self.desks[running.handler];
                if running.in_handler {
                    desk.left(now);
                }
                self.finish(report.tag, running, carried, now);
            }
        }
        self.mind_the_breaker();
    }

    fn finish(&mut self, tag: u64, running: Running, carried: Carried, now: Duration) {
        let desk = &mut self.desks[running.handler];
        match carried {
            Carried::Settled { dead_lettered } => {
                self.window.finished(tag, Instant::now());
                if dead_lettered && desk.worker.descriptor.pauses_on_dead_letter() {
                    let name = desk.worker.name();
                    tracing::warn!(
                        handler = name,
                        "an event was dead-lettered; paused until it is resumed"
                    );
                    self.consumer.wanted.send_if_modified(|wanted| {
                        let runs = *wanted == Wanted::Run;
                        if runs {
                            *wanted = Wanted::Pause;
                        }
                        runs
                    });
                    self.begin_to_leave(Exit::Paused);
                } else if let Some(held) = running.held {
                    desk.lanes.finished(held.lane());
                }
            }
            Carried::Waits {
                delay,
                next_attempt,
                error,
            } => {
                if let Some(mut held) = running.held {
                    if next_attempt > held.delivery.attempt() {
                        held.waited += delay;
                    }
                    held.delivery = held.delivery.again(next_attempt, error);
                    desk.lanes.wait(held, now + delay);
                }
            }
            // Unsettled; it returns to its queue when the shift ends.
            Carried::Abandoned => {}
        }
    }
}

/// Tells the breaker how an attempt went, and says whether the attempt counts.
fn record(worker: &Worker, delivery: &Delivery, outcome: &Outcome, probe: bool) -> bool {
    let Some(succeeded) = outcome.health() else {
        return true;
    };
    let mut breaker = worker.breaker();
    let change = breaker.record(delivery.id(), succeeded);
    if probe && !succeeded {
        breaker.probe_failed();
    }
    let open = breaker.is_open();
    drop(breaker);
    match change {
        Change::None => {}
        Change::Opened => telemetry::breaker(worker.name(), true),
        Change::Closed => telemetry::breaker(worker.name(), false),
    }
    !open
}
