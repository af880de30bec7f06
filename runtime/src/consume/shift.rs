//! A shift: one subscription of a consumer, from its first delivery to its last acknowledgement.
//!
//! One task admits deliveries, starts attempts, and settles what they come to. The attempts run in tasks of their own
//! and report back. Whatever ends a shift, each delivery of it is settled once or returns to its queue.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use crate::broker::{Incoming, Subscription};
use crate::clock::{Awake, Sleep};
use crate::delivery::{Delivery, DeliveryFacts};
use crate::event::AnyEvent;
use crate::message::Message;
use crate::telemetry;
use crate::timestamp::Timestamp;
use crate::trace::TraceContext;
use crate::wire::origin::Origin;

use super::attempt;
use super::breaker::Change;
use super::case::{Carried, Case};
use super::consumer::{Consumer, Pace, Wanted};
use super::held::Held;
use super::judge::{self, Verdict};
use super::lanes::Lanes;
use super::outcome::{Ending, Outcome};
use super::settle::AckWindow;
use super::worker::{Counts, Worker};

/// How many deliveries are admitted before what they did is settled.
const BATCH: usize = 64;
/// How often a shift looks for deliveries that are held too long, as a part of the limit.
const HOLD_CHECKS: u32 = 30;

/// Why a shift ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The broker ended the subscription.
    Lost,
    /// The consumer is paused.
    Paused,
    /// The consumer is to end.
    Stopped,
    /// A delivery was held too long.
    Recycled,
    /// The consumer goes on at another pace.
    Pace(Pace),
}

/// One subscription of a consumer.
pub(crate) struct Shift<'a> {
    consumer: &'a mut Consumer,
    subscription: Box<dyn Subscription>,
    pace: Pace,
    window: AckWindow,
    desks: Vec<Desk>,
    /// Every delivery that an attempt or its settlement works on.
    running: HashMap<u64, Running>,
    reports: mpsc::UnboundedReceiver<Report>,
    reporter: mpsc::UnboundedSender<Report>,
    timer: Option<(Duration, Sleep)>,
    /// Kept until what the clock woke has been seen to, and taken up again before the subscription goes.
    awake: &'a mut Option<Awake>,
    leaving: Option<Exit>,
    unflushed: bool,
    next_hold_check: Instant,
}

/// A handler's place in a shift.
struct Desk {
    worker: Arc<Worker>,
    lanes: Lanes,
    /// How many attempts run.
    busy: usize,
    /// When the next probe may start, while the breaker is open and the queue is held.
    probe_at: Option<Duration>,
    probing: bool,
}

struct Running {
    handler: usize,
    abort: AbortHandle,
    /// Whether the handler itself still runs: what comes after takes no place of another attempt.
    in_handler: bool,
    message: Arc<Message>,
    /// Absent for a delivery that was over before a handler saw it.
    held: Option<Held>,
}

/// What an attempt's task says.
struct Report {
    tag: u64,
    news: News,
}

enum News {
    /// The handler is done; its outcome is being carried out.
    Ran,
    /// The delivery is settled.
    Carried(Carried),
}

impl<'a> Shift<'a> {
    pub(crate) fn new(
        consumer: &'a mut Consumer,
        subscription: Box<dyn Subscription>,
        pace: Pace,
        awake: &'a mut Option<Awake>,
    ) -> Self {
        let (reporter, reports) = mpsc::unbounded_channel();
        let desks = consumer
            .workers
            .iter()
            .map(|worker| Desk::new(Arc::clone(worker)))
            .collect();
        let prefetch = if pace == Pace::Full { consumer.prefetch } else { 1 };
        let next_hold_check = Instant::now() + consumer.service.bus().config().hold_limit / HOLD_CHECKS;
        Self {
            window: AckWindow::new(prefetch),
            consumer,
            subscription,
            pace,
            desks,
            running: HashMap::new(),
            reports,
            reporter,
            timer: None,
            awake,
            leaving: None,
            unflushed: false,
            next_hold_check,
        }
    }

    /// Runs until the subscription ends or the consumer wants something else.
    pub(crate) async fn run(mut self, wanted: &mut watch::Receiver<Wanted>) -> Exit {
        loop {
            self.obey(*wanted.borrow_and_update());
            drop(self.consumer.status.take_call());
            self.start_what_may();
            self.acknowledge();
            self.set_timer();
            self.subscription.set_waiting(self.waiting());
            *self.awake = None;
            if let Some(exit) = self.leaving
                && self.running.is_empty()
            {
                return self.leave(exit).await;
            }
            match self.next_turn(wanted).await {
                Turn::Wanted => {}
                Turn::Abort => return self.abort_all(),
                Turn::Deliveries(deliveries) => deliveries.into_iter().for_each(|one| self.admit(one)),
                Turn::Lost => return self.lost(),
                Turn::Report(report) => {
                    self.take_report(report);
                    while let Ok(report) = self.reports.try_recv() {
                        self.take_report(report);
                    }
                }
                Turn::Clock(awake) => {
                    self.timer = None;
                    *self.awake = Some(awake);
                    let now = self.elapsed();
                    self.desks.iter_mut().for_each(|desk| desk.lanes.wake(now));
                }
                Turn::Flushed => self.unflushed = false,
                Turn::HoldCheck => self.check_holds(),
                Turn::Tick => {}
            }
        }
    }

    async fn next_turn(&mut self, wanted: &mut watch::Receiver<Wanted>) -> Turn {
        let ack_at = self.window.deadline();
        let hold_check = self.next_hold_check;
        let subscription = &mut self.subscription;
        let unflushed = self.unflushed;
        let flush_or_take = poll_fn(|cx| {
            if unflushed && subscription.poll_flush(cx).is_ready() {
                return Poll::Ready(Turn::Flushed);
            }
            let mut batch = Vec::new();
            loop {
                match subscription.poll_next(cx) {
                    Poll::Ready(Some(incoming)) if batch.len() + 1 < BATCH => batch.push(incoming),
                    Poll::Ready(Some(incoming)) => {
                        batch.push(incoming);
                        return Poll::Ready(Turn::Deliveries(batch));
                    }
                    // What came before the end is admitted first; the end is there to be seen on the next turn.
                    Poll::Ready(None) if batch.is_empty() => return Poll::Ready(Turn::Lost),
                    Poll::Pending if batch.is_empty() => return Poll::Pending,
                    Poll::Ready(None) | Poll::Pending => return Poll::Ready(Turn::Deliveries(batch)),
                }
            }
        });
        let clock = async {
            match &mut self.timer {
                Some((_, sleep)) => sleep.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            changed = wanted.changed() => match changed {
                Ok(()) if *wanted.borrow() != Wanted::Abort => Turn::Wanted,
                _ => Turn::Abort,
            },
            Some(report) = self.reports.recv() => Turn::Report(report),
            turn = flush_or_take => turn,
            awake = clock => Turn::Clock(awake),
            () = until(ack_at) => Turn::Tick,
            () = until(Some(hold_check)) => Turn::HoldCheck,
        }
    }

    /// Starts to leave when the app wants something else than deliveries.
    fn obey(&mut self, wanted: Wanted) {
        match wanted {
            Wanted::Run => {}
            Wanted::Pause => self.begin_to_leave(Exit::Paused),
            Wanted::Drain | Wanted::Abort => self.begin_to_leave(Exit::Stopped),
        }
    }

    /// Takes no further deliveries, and returns those that have not started.
    fn begin_to_leave(&mut self, exit: Exit) {
        if self.leaving.is_some() && exit != Exit::Stopped {
            return;
        }
        if self.leaving.replace(exit).is_some() {
            return;
        }
        // Of an ordered queue nothing is returned before the last attempt has ended: another instance would start an
        // event while its predecessor still runs. Leaving then closes the channel, which returns all in one step.
        if !self.consumer.is_ordered() {
            self.subscription.cancel();
            let unstarted: Vec<_> = self
                .desks
                .iter_mut()
                .flat_map(|desk| desk.lanes.drain())
                .collect();
            unstarted.into_iter().for_each(|held| self.give_back(held.tag));
        }
    }

    fn give_back(&mut self, tag: u64) {
        self.window.returned(tag);
        self.subscription.requeue(tag);
        self.unflushed = true;
    }

    async fn leave(mut self, exit: Exit) -> Exit {
        self.stay_awake();
        let acks = self.window.all();
        acks.into_iter()
            .for_each(|ack| self.subscription.ack(ack.tag, ack.multiple));
        // A broker that is away takes no acknowledgement; what it does not hear of it hands out again.
        let flush = poll_fn(|cx| self.subscription.poll_flush(cx));
        let _ = tokio::time::timeout(Duration::from_secs(5), flush).await;
        let unstarted: Vec<_> = self
            .desks
            .iter_mut()
            .flat_map(|desk| desk.lanes.drain())
            .collect();
        unstarted
            .iter()
            .for_each(|held| self.consumer.own_returns.add(held.delivery.message()));
        exit
    }

    fn stay_awake(&mut self) {
        *self.awake = Some(self.consumer.service.bus().broker().clock().hold());
    }

    fn abort_all(mut self) -> Exit {
        self.running
            .drain()
            .for_each(|(_, running)| running.abort.abort());
        Exit::Stopped
    }

    /// The subscription is gone, and with it every delivery of it. An unordered attempt runs to its end, for its work
    /// may be half done; an ordered one is cancelled, for its event is about to be handed out again.
    fn lost(mut self) -> Exit {
        self.stay_awake();
        for (_, running) in self.running.drain() {
            if self.desks[running.handler].worker.descriptor.ordered() {
                running.abort.abort();
            }
        }
        match self.leaving {
            Some(exit @ (Exit::Stopped | Exit::Paused)) => exit,
            _ => Exit::Lost,
        }
    }

    fn check_holds(&mut self) {
        let limit = self.consumer.service.bus().config().hold_limit;
        self.next_hold_check = Instant::now() + limit / HOLD_CHECKS;
        if self.window.oldest().is_some_and(|since| since.elapsed() >= limit) && self.leaving.is_none() {
            tracing::warn!(
                queue = self.consumer.queue.as_ref(),
                "a delivery was held for {limit:?}; starting over"
            );
            telemetry::recycled(&self.consumer.queue);
            // What runs cannot be waited for, since it is what was held: it goes on, and its acknowledgement goes
            // nowhere.
            for (_, running) in self.running.drain() {
                self.consumer.own_returns.add(&running.message);
                if self.desks[running.handler].worker.descriptor.ordered() {
                    running.abort.abort();
                }
            }
            self.leaving = Some(Exit::Recycled);
        }
    }

    fn admit(&mut self, incoming: Incoming) {
        self.window.delivered(incoming.tag, Instant::now());
        telemetry::received(&self.consumer.queue);
        let returns = self
            .consumer
            .own_returns
            .subtract_from(incoming.delivery_count, &incoming.message);
        self.mind_the_suspect(returns);
        if self.leaving.is_some() && !self.consumer.is_ordered() {
            return self.give_back(incoming.tag);
        }
        let consumer = &self.consumer;
        let judged = judge::judge(
            &incoming,
            returns,
            &consumer.queue,
            &consumer.workers,
            &consumer.service,
        );
        match judged.verdict {
            Verdict::Run(event) => {
                let delivery = self.delivery(event, &incoming, &judged.origin, judged.handler);
                self.desks[judged.handler].lanes.push(Held {
                    tag: incoming.tag,
                    handler: judged.handler,
                    origin: judged.origin,
                    delivery,
                    waited: Duration::ZERO,
                });
            }
            Verdict::Over(Ending::Undeclared) => self.ignore(&incoming, &judged.origin, judged.handler),
            Verdict::Over(ending) => self.settle_unstarted(&incoming, judged.origin, judged.handler, ending),
        }
    }

    /// Changes the pace when a suspect comes, or when the last one is gone.
    fn mind_the_suspect(&mut self, returns: u32) {
        let suspect = returns >= judge::SUSPECT_FROM;
        match self.pace {
            Pace::Full if suspect => self.begin_to_leave(Exit::Pace(Pace::Careful)),
            Pace::Careful if !suspect => self.begin_to_leave(Exit::Pace(Pace::Full)),
            _ => {}
        }
    }

    fn delivery(&self, event: AnyEvent, incoming: &Incoming, origin: &Origin, handler: usize) -> Delivery {
        let now = Timestamp::now();
        let facts = DeliveryFacts {
            handler: self.desks[handler].worker.name(),
            queue: Arc::clone(&self.consumer.queue),
            exchange: Arc::clone(&origin.exchange),
            attempt: origin.attempt,
            redelivered: incoming.redelivered,
            first_received_at: origin.first_received_at.unwrap_or(now),
            received_at: now,
            last_error: origin.last_error.clone(),
            trace: TraceContext::from_headers(&incoming.message.headers),
        };
        Delivery::of_service(
            event,
            Arc::clone(&incoming.message),
            facts,
            self.consumer.service.clone(),
        )
    }

    fn ignore(&mut self, incoming: &Incoming, origin: &Origin, handler: usize) {
        let worker = &self.desks[handler].worker;
        Counts::add(&worker.counts.ignored);
        telemetry::ignored(worker.name());
        self.consumer
            .service
            .bus()
            .record_ignored(worker.name(), &origin.routing_key);
        self.window.finished(incoming.tag, Instant::now());
    }

    /// Settles a delivery that no handler sees, in a task: it takes a publish.
    fn settle_unstarted(&mut self, incoming: &Incoming, origin: Origin, handler: usize, ending: Ending) {
        let case = Case {
            service: self.consumer.service.clone(),
            worker: Arc::clone(&self.desks[handler].worker),
            queue: Arc::clone(&self.consumer.queue),
            message: Arc::clone(&incoming.message),
            attempt: origin.attempt,
            origin,
            waited: Duration::ZERO,
            delivery: None,
        };
        let (tag, reporter) = (incoming.tag, self.reporter.clone());
        let task = tokio::spawn(async move {
            let carried = case.settle(Outcome::of(ending), true).await;
            // The shift may be over; then nobody waits for the news.
            let _ = reporter.send(Report {
                tag,
                news: News::Carried(carried),
            });
        });
        let message = Arc::clone(&incoming.message);
        let abort = task.abort_handle();
        self.running.insert(
            tag,
            Running {
                handler,
                abort,
                in_handler: false,
                message,
                held: None,
            },
        );
    }

    /// Starts every attempt that has an event, a place and, when its breaker is open, its probe's turn.
    fn start_what_may(&mut self) {
        if self.leaving.is_some() {
            return;
        }
        let now = self.elapsed();
        for at in 0..self.desks.len() {
            while let Some((held, probe)) = self.desks[at].next(self.pace, now) {
                self.start(held, probe);
            }
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
            let carried = case.settle(outcome, counts).await;
            let _ = reporter.send(Report {
                tag,
                news: News::Carried(carried),
            });
        });
        let message = Arc::clone(held.delivery.message());
        let abort = task.abort_handle();
        self.running.insert(
            tag,
            Running {
                handler,
                abort,
                in_handler: true,
                message,
                held: Some(held),
            },
        );
    }

    fn take_report(&mut self, report: Report) {
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

    /// Leaves when a breaker opened whose queue is not held, or when a probe has had its answer.
    fn mind_the_breaker(&mut self) {
        if self.consumer.holds_while_open() || self.leaving.is_some() {
            return;
        }
        let open = self.desks[0].worker.breaker().is_open();
        match self.pace {
            Pace::Probe if self.running.is_empty() => {
                self.begin_to_leave(Exit::Pace(if open { Pace::Probe } else { Pace::Full }));
            }
            Pace::Full | Pace::Careful if open => self.begin_to_leave(Exit::Pace(Pace::Probe)),
            _ => {}
        }
    }

    fn acknowledge(&mut self) {
        for ack in self.window.due(Instant::now()) {
            self.subscription.ack(ack.tag, ack.multiple);
            self.unflushed = true;
        }
    }

    /// How many deliveries wait for nothing but the clock, or for those that run.
    fn waiting(&self) -> usize {
        self.desks.iter().map(|desk| desk.lanes.len()).sum()
    }

    fn set_timer(&mut self) {
        let due = self.desks.iter().filter_map(Desk::next_due).min();
        if due != self.timer.as_ref().map(|(due, _)| *due) {
            let now = self.elapsed();
            let clock = self.consumer.service.bus().broker().clock();
            self.timer = due.map(|due| (due, clock.sleep(due.saturating_sub(now))));
        }
    }

    fn elapsed(&self) -> Duration {
        self.consumer.service.bus().broker().clock().elapsed()
    }
}

impl Desk {
    fn new(worker: Arc<Worker>) -> Self {
        let lanes = Lanes::new(worker.descriptor.ordered());
        Self {
            worker,
            lanes,
            busy: 0,
            probe_at: None,
            probing: false,
        }
    }

    /// The next delivery that may start, and whether it is a probe.
    fn next(&mut self, pace: Pace, now: Duration) -> Option<(Held, bool)> {
        if self.lanes.len() == 0 || self.busy >= usize::from(self.worker.descriptor.concurrency()) {
            return None;
        }
        let probe = self.worker.breaker().probe_after();
        match probe {
            None => self.probe_at = None,
            Some(_) if pace == Pace::Probe => {}
            Some(wait) => {
                let at = *self.probe_at.get_or_insert(now + wait);
                if self.probing || self.busy > 0 || at > now {
                    return None;
                }
            }
        }
        let held = self.lanes.start()?;
        self.busy += 1;
        self.probing = probe.is_some();
        Some((held, self.probing))
    }

    /// An attempt has left its handler.
    fn left(&mut self, now: Duration) {
        self.busy -= 1;
        if std::mem::take(&mut self.probing) {
            self.probe_at = self.worker.breaker().probe_after().map(|wait| now + wait);
        }
    }

    fn next_due(&self) -> Option<Duration> {
        let probe = self
            .probe_at
            .filter(|_| self.lanes.len() > 0 && !self.probing && self.busy == 0);
        [probe, self.lanes.next_due()].into_iter().flatten().min()
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

/// What woke a shift.
enum Turn {
    Wanted,
    Abort,
    Deliveries(Vec<Incoming>),
    Lost,
    Report(Report),
    Clock(Awake),
    Flushed,
    HoldCheck,
    Tick,
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
