//! How an attempt starts, and what its task reports.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;

use super::{CompletedAttempt, ConsumerSession, Done, News, Now, Report, Running, SessionEnd};
use crate::consume::attempt;
use crate::consume::bound_handler::{BoundHandler, HandlerCounts};
use crate::consume::breaker::Change;
use crate::consume::consumer::DesiredState;
use crate::consume::outcome::Outcome;
use crate::consume::pending_delivery::PendingDelivery;
use crate::consume::settle::{Settled, Settler};
use crate::message::Message;
use crate::telemetry;

impl ConsumerSession<'_> {
    /// Starts every attempt that has an event, a place and, when its breaker is open, its probe's turn.
    pub(super) fn start_what_may(&mut self) {
        if self.leaving.is_some() && !(self.finishes() && self.has_let_go_of_suspects()) {
            return;
        }
        let now = self.elapsed();
        if self.alone_through > 0 {
            return self.start_the_oldest(now);
        }
        // A start puts nothing into a desk, so none is added meanwhile.
        let mut occupied = std::mem::take(&mut self.occupied);
        occupied.retain(|&at| {
            while let Some((held, probe)) = self.desks[at].next(self.pace, now) {
                self.start(held, probe);
            }
            let desk = &mut self.desks[at];
            desk.is_occupied = desk.lanes.len() > 0;
            desk.is_occupied
        });
        self.occupied = occupied;
    }

    /// Whether what was set aside is out of hand, and nothing else can come: what starts now may end the process, and
    /// all that is in hand comes back with it.
    fn has_let_go_of_suspects(&mut self) -> bool {
        let is_let_go = |running: &Running| running.is_attempt;
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
        if !self.has_acknowledged() || waits || !self.is_idle() {
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

    fn start(&mut self, held: PendingDelivery, probe: bool) {
        let (tag, handler) = (held.tag, held.handler);
        let (message, came_back) = (Arc::clone(held.delivery.message()), held.came_back);
        let work = Work {
            worker: Arc::clone(&self.desks[handler].worker),
            lost: Arc::clone(&self.lost),
            reporter: self.reporter.clone(),
            held,
            probe,
        };
        let begun_here = self.desks[handler].swift.is_likely();
        let task = if begun_here {
            match self.beginning.begin(work, &self.reporter) {
                Begun::Over(ended) => return self.over.push(ended),
                Begun::Waits(task) => Some(task),
                Begun::Panicked => None,
            }
        } else {
            Some(tokio::spawn(work.run_and_report()))
        };
        self.running.insert(
            tag,
            Running {
                handler,
                is_attempt: true,
                begun_here,
                task,
                in_handler: true,
                message,
                came_back,
            },
        );
    }

    pub(super) fn take_report(&mut self, report: Report, now: Now) {
        match report.news {
            News::Ran => {
                if let Some(running) = self.running.get_mut(&report.tag)
                    && std::mem::take(&mut running.in_handler)
                {
                    self.desks[running.handler].left(now.elapsed);
                }
            }
            News::Settled(carried, done) => {
                // A delivery that was held too long is no longer this shift's.
                let Some(running) = self.running.remove(&report.tag) else {
                    return;
                };
                self.note_if_seen_through(&carried, running.came_back, &running.message);
                let desk = &mut self.desks[running.handler];
                if running.in_handler {
                    desk.left(now.elapsed);
                }
                let waited = running.begun_here && running.task.is_some();
                let held = done.map(|done| {
                    desk.swift.took(done.took, waited);
                    done.held
                });
                self.finish(report.tag, running.handler, held, carried, now);
            }
        }
        self.mind_the_breaker();
    }

    /// Sees to the attempts that were over where they were begun.
    pub(super) fn take_what_is_over(&mut self, now: Now) {
        let mut over = std::mem::take(&mut self.over);
        for CompletedAttempt { tag, carried, done } in over.drain(..) {
            let Done { held, took } = done;
            let handler = held.handler;
            self.note_if_seen_through(&carried, held.came_back, held.delivery.message());
            let desk = &mut self.desks[handler];
            desk.left(now.elapsed);
            desk.swift.took(took, false);
            self.finish(tag, handler, Some(held), carried, now);
            self.mind_the_breaker();
        }
        self.over = over;
    }

    fn note_if_seen_through(&mut self, carried: &Settled, came_back: Option<u32>, message: &Message) {
        if let (Settled::Done { .. }, Some(count)) = (carried, came_back) {
            self.consumer.harmless_returns.seen_through(message, count);
        }
    }

    fn finish(
        &mut self,
        tag: u64,
        handler: usize,
        held: Option<PendingDelivery>,
        carried: Settled,
        now: Now,
    ) {
        let desk = &mut self.desks[handler];
        match carried {
            Settled::Done { dead_lettered } => {
                self.window.finished(tag, now.instant);
                if dead_lettered && desk.worker.descriptor.pauses_on_dead_letter() {
                    let name = desk.worker.name();
                    tracing::warn!(
                        handler = name,
                        "an event was dead-lettered; paused until it is resumed"
                    );
                    self.consumer.wanted.send_if_modified(|wanted| {
                        let runs = *wanted == DesiredState::Run;
                        if runs {
                            *wanted = DesiredState::Pause;
                        }
                        runs
                    });
                    self.begin_to_leave(SessionEnd::Paused);
                } else if let Some(held) = held {
                    desk.lanes.finished(held.lane());
                }
            }
            Settled::RetryInPlace {
                delay,
                next_attempt,
                error,
            } => {
                if let Some(mut held) = held {
                    if next_attempt > held.delivery.attempt() {
                        held.waited += delay;
                    }
                    held.delivery = held.delivery.again(next_attempt, error);
                    desk.lanes.wait(held, now.elapsed + delay);
                    self.occupy(handler);
                }
            }
            // Unsettled; it returns to its queue when the shift ends.
            Settled::Abandoned => {}
        }
    }
}

/// Where attempts are begun without a task, one after the other in the same place.
pub(super) trait Beginning: Send {
    /// Begins an attempt here and now, and gives it a task of its own when it does not end at once.
    fn begin(&mut self, work: Work, reporter: &UnboundedSender<Report>) -> Begun;
}

/// What became of an attempt at its first poll.
pub(super) enum Begun {
    Over(CompletedAttempt),
    /// It goes on in a task, which reports.
    Waits(JoinHandle<()>),
    /// In what is not the handler's own.
    Panicked,
}

/// A place for attempts to be begun.
pub(super) fn beginning() -> Box<dyn Beginning> {
    Box::new(Place {
        set_out: Work::run,
        attempt: Box::pin(None),
    })
}

/// An attempt needs more room than the allocator has at hand at once, so those that end at once have one for all.
struct Place<F, S> {
    set_out: S,
    attempt: Pin<Box<Option<F>>>,
}

impl<F, S> Beginning for Place<F, S>
where
    F: Future<Output = CompletedAttempt> + Send + 'static,
    S: Fn(Work) -> F + Send,
{
    fn begin(&mut self, work: Work, reporter: &UnboundedSender<Report>) -> Begun {
        self.attempt.set(Some((self.set_out)(work)));
        // Whom this poll would wake need not be known: a new task is polled as soon as it is spawned.
        let mut nobody = task::Context::from_waker(task::Waker::noop());
        let attempt = &mut self.attempt;
        // The handler's panics are caught further in. What is left to panic, a recorder of metrics, say, would end the
        // task of that delivery alone, and must not end the shift.
        let polled = catch_unwind(AssertUnwindSafe(|| poll_it(attempt.as_mut(), &mut nobody)));
        if let Ok(Poll::Pending) = polled {
            let mut attempt = std::mem::replace(&mut self.attempt, Box::pin(None));
            let reporter = reporter.clone();
            return Begun::Waits(tokio::spawn(async move {
                if let Some(ended) = poll_fn(|cx| poll_it(attempt.as_mut(), cx)).await {
                    ended.report(&reporter);
                }
            }));
        }
        self.attempt.set(None);
        match polled {
            Ok(Poll::Ready(Some(ended))) => Begun::Over(ended),
            _ => Begun::Panicked,
        }
    }
}

fn poll_it<T>(
    attempt: Pin<&mut Option<impl Future<Output = T>>>,
    cx: &mut task::Context<'_>,
) -> Poll<Option<T>> {
    attempt
        .as_pin_mut()
        .map_or(Poll::Ready(None), |attempt| attempt.poll(cx).map(Some))
}

/// One attempt on its way.
pub(super) struct Work {
    worker: Arc<BoundHandler>,
    lost: Arc<AtomicBool>,
    reporter: UnboundedSender<Report>,
    held: PendingDelivery,
    probe: bool,
}

impl Work {
    // Each delivery moves this future to where it runs, so it is kept small: what few deliveries need is boxed when they
    // need it.
    async fn run(self) -> CompletedAttempt {
        let started = Instant::now();
        let delivery = &self.held.delivery;
        let outcome = attempt::run(&self.worker, delivery.clone()).await;
        let took = started.elapsed();
        telemetry::processed(&self.worker.processed, delivery, &outcome, took);
        let counts = record(&self.worker, &self.held, &outcome, self.probe);
        if outcome.takes_publishing() {
            self.report(News::Ran);
        }
        let carried = if outcome.is_plain() && !self.lost.load(Ordering::Relaxed) {
            HandlerCounts::add(&self.worker.counts.handled);
            Settled::Done { dead_lettered: false }
        } else {
            Box::pin(self.case().settle_guarded(outcome, counts)).await
        };
        let held = self.held;
        CompletedAttempt {
            tag: held.tag,
            carried,
            done: Done { held, took },
        }
    }

    async fn run_and_report(self) {
        let reporter = self.reporter.clone();
        self.run().await.report(&reporter);
    }

    fn report(&self, news: News) {
        let tag = self.held.tag;
        let _ = self.reporter.send(Report { tag, news });
    }

    fn case(&self) -> Settler {
        let delivery = &self.held.delivery;
        Settler {
            service: delivery.service().expect("it was made of one").clone(),
            worker: Arc::clone(&self.worker),
            queue: Arc::clone(delivery.shared_queue()),
            message: Arc::clone(delivery.message()),
            origin: self.held.origin.clone(),
            attempt: delivery.attempt(),
            lost: Arc::clone(&self.lost),
            waited: self.held.waited,
            delivery: Some(delivery.clone()),
        }
    }
}

impl CompletedAttempt {
    fn report(self, reporter: &UnboundedSender<Report>) {
        let Self { tag, carried, done } = self;
        // The shift may be over; then nobody waits for the news.
        let _ = reporter.send(Report {
            tag,
            news: News::Settled(carried, Some(done)),
        });
    }
}

/// Tells the breaker how an attempt went, and says whether the attempt counts.
fn record(worker: &BoundHandler, held: &PendingDelivery, outcome: &Outcome, probe: bool) -> bool {
    let Some(succeeded) = outcome.health() else {
        return true;
    };
    let mut breaker = worker.breaker();
    // Those that fail are longer in hand than others, so that they come back together: no sign that all others fail.
    let change = if succeeded || !held.is_back() {
        breaker.record(held.delivery.id(), succeeded)
    } else {
        Change::None
    };
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
