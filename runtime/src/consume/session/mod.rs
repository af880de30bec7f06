//! A shift: one subscription of a consumer, from its first delivery to its last acknowledgement.
//!
//! One task admits deliveries, starts attempts, and settles what they come to. The attempts run in tasks of their own
//! and report back. Whatever ends a shift, each delivery of it is settled once or returns to its queue.

mod admit;
mod handler_slot;
mod inline_execution;
mod start;
mod stop;

use std::collections::HashMap;
use std::future::poll_fn;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use self::handler_slot::HandlerSlot;
use self::start::Beginning;
use super::ack_window::{Ack, AckWindow};
use super::consumer::{Consumer, DesiredState, Pace};
use super::pending_delivery::PendingDelivery;
use super::settle::Settled;
use crate::broker::{Incoming, Subscription};
use crate::clock::{Awake, Sleep};
use crate::message::Message;
use crate::message::timestamp::Timestamp;
use crate::telemetry::Received;

/// How many deliveries are admitted before what they did is settled.
const BATCH: usize = 64;
/// How often a shift looks for deliveries that are held too long, as a part of the limit.
const HOLD_CHECKS: u32 = 30;

/// Why a shift ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionEnd {
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
pub(crate) struct ConsumerSession<'a> {
    consumer: &'a mut Consumer,
    subscription: Box<dyn Subscription>,
    pace: Pace,
    window: AckWindow,
    desks: Vec<HandlerSlot>,
    /// The desks that hold something, in the order in which they came to do so; of a thousand most hold nothing.
    occupied: Vec<usize>,
    /// Every delivery that an attempt or its settlement works on.
    running: HashMap<u64, Running, BuildHasherDefault<TagHasher>>,
    beginning: Box<dyn Beginning>,
    /// What attempts came to that were over where they were begun.
    over: Vec<CompletedAttempt>,
    /// What was handed out last, its room kept for what comes next.
    batch: Vec<Incoming>,
    /// Empty but for its room.
    acks: Vec<Ack>,
    reports: mpsc::UnboundedReceiver<Report>,
    reporter: mpsc::UnboundedSender<Report>,
    timer: Option<(Duration, Sleep)>,
    /// Kept until what the clock woke has been seen to, and taken up again before the subscription goes.
    awake: &'a mut Option<Awake>,
    leaving: Option<SessionEnd>,
    /// Up to this delivery an ordered queue is handled one by one: those that came back often may end the process.
    alone_through: u64,
    /// Set once what was handed out is no longer this shift's: the broker hands it out again.
    lost: Arc<AtomicBool>,
    unflushed: bool,
    next_hold_check: Instant,
    received: Received,
}

struct Running {
    handler: usize,
    /// Whether a handler has it, rather than that it is set aside or given up without one.
    is_attempt: bool,
    /// Whether it was begun without a task, and then needed one.
    begun_here: bool,
    /// Absent for an attempt that ended in a panic of ours, of which no report comes.
    task: Option<JoinHandle<()>>,
    /// Whether the handler itself still runs: what comes after takes no place of another attempt.
    in_handler: bool,
    message: Arc<Message>,
    /// As of [`PendingDelivery`].
    came_back: Option<u32>,
}

/// What an attempt says.
struct Report {
    tag: u64,
    news: News,
}

/// What an attempt came to.
struct CompletedAttempt {
    tag: u64,
    carried: Settled,
    done: Done,
}

/// An attempt that is over, and how long it took.
struct Done {
    held: PendingDelivery,
    took: Duration,
}

enum News {
    /// The handler is done; its outcome is being carried out.
    Ran,
    /// The delivery is settled. It comes back to its lane, unless it was over before a handler saw it.
    Settled(Settled, Option<Done>),
}

impl<'a> ConsumerSession<'a> {
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
            .map(|worker| HandlerSlot::new(Arc::clone(worker)))
            .collect();
        let prefetch = if pace == Pace::Full { consumer.prefetch } else { 1 };
        let next_hold_check = Instant::now() + consumer.service.bus().config().hold_limit / HOLD_CHECKS;
        Self {
            window: AckWindow::new(prefetch, subscription.ack_spacing()),
            received: Received::from(&consumer.queue),
            consumer,
            subscription,
            pace,
            desks,
            occupied: Vec::new(),
            running: HashMap::default(),
            beginning: start::beginning(),
            over: Vec::new(),
            batch: Vec::new(),
            acks: Vec::new(),
            reports,
            reporter,
            timer: None,
            awake,
            leaving: None,
            alone_through: 0,
            lost: Arc::default(),
            unflushed: false,
            next_hold_check,
        }
    }

    /// Runs until the subscription ends or the consumer wants something else.
    pub(crate) async fn run(mut self, wanted: &mut watch::Receiver<DesiredState>) -> SessionEnd {
        // What is wanted may have changed before the subscription was there.
        let mut called = true;
        loop {
            if std::mem::take(&mut called) || wanted.has_changed().unwrap_or(false) {
                self.stay_awake();
                match self.consumer.hear(wanted) {
                    // Heard here it is not heard a second time, and draining waits for what never ends.
                    DesiredState::Abort => return self.abort_all(),
                    now => self.obey(now),
                }
            }
            self.start_what_may();
            self.acknowledge();
            self.set_timer();
            self.subscription.set_waiting(self.waiting());
            *self.awake = None;
            if let Some(exit) = self.leaving
                && self.is_idle()
                && !self.has_to_finish()
            {
                return self.leave(exit).await;
            }
            let turn = if self.over.is_empty() {
                self.next_turn(wanted).await
            } else {
                SessionEvent::Over
            };
            match turn {
                SessionEvent::DesiredState => called = true,
                SessionEvent::Abort => return self.abort_all(),
                SessionEvent::Deliveries => {
                    let mut batch = std::mem::take(&mut self.batch);
                    let now = Instant::now();
                    let received_at = Timestamp::now();
                    for one in batch.drain(..) {
                        self.admit(&one, now, received_at);
                    }
                    self.batch = batch;
                }
                SessionEvent::Lost => return self.lost().await,
                SessionEvent::Report(report) => {
                    let now = self.now();
                    self.take_report(report, now);
                    while let Ok(report) = self.reports.try_recv() {
                        self.take_report(report, now);
                    }
                }
                SessionEvent::Over => {
                    // Attempts and deliveries may always be there at once, and others have a turn, too.
                    tokio::task::coop::consume_budget().await;
                    let now = self.now();
                    // What an attempt said on its way counts before what it came to: tried again, it has the same tag.
                    while let Ok(report) = self.reports.try_recv() {
                        self.take_report(report, now);
                    }
                    self.take_what_is_over(now);
                }
                SessionEvent::Clock(awake) => {
                    self.timer = None;
                    *self.awake = Some(awake);
                    let now = self.elapsed();
                    self.desks.iter_mut().for_each(|desk| desk.lanes.wake(now));
                }
                SessionEvent::Flushed => self.unflushed = false,
                SessionEvent::HoldCheck => self.check_holds().await,
                SessionEvent::Tick => {}
            }
        }
    }

    async fn next_turn(&mut self, wanted: &mut watch::Receiver<DesiredState>) -> SessionEvent {
        let ack_at = self.window.deadline();
        let hold_check = self.next_hold_check;
        let (subscription, batch) = (&mut self.subscription, &mut self.batch);
        let unflushed = self.unflushed;
        let awaits_the_last =
            self.leaving == Some(SessionEnd::Pace(Pace::Careful)) && !subscription.is_drained();
        let flush_or_take = poll_fn(|cx| {
            if unflushed && subscription.poll_flush(cx).is_ready() {
                return Poll::Ready(SessionEvent::Flushed);
            }
            loop {
                match subscription.poll_next(cx) {
                    Poll::Ready(Some(incoming)) if batch.len() + 1 < BATCH => batch.push(incoming),
                    Poll::Ready(Some(incoming)) => {
                        batch.push(incoming);
                        return Poll::Ready(SessionEvent::Deliveries);
                    }
                    // What came before the end is admitted first; the end is there to be seen on the next turn.
                    Poll::Ready(None) if batch.is_empty() => return Poll::Ready(SessionEvent::Lost),
                    Poll::Pending if batch.is_empty() && awaits_the_last && subscription.is_drained() => {
                        return Poll::Ready(SessionEvent::Tick);
                    }
                    Poll::Pending if batch.is_empty() => return Poll::Pending,
                    Poll::Ready(None) | Poll::Pending => return Poll::Ready(SessionEvent::Deliveries),
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
                Ok(()) if *wanted.borrow() != DesiredState::Abort => SessionEvent::DesiredState,
                _ => SessionEvent::Abort,
            },
            Some(report) = self.reports.recv() => SessionEvent::Report(report),
            turn = flush_or_take => turn,
            awake = clock => SessionEvent::Clock(awake),
            () = until(ack_at) => SessionEvent::Tick,
            () = until(Some(hold_check)) => SessionEvent::HoldCheck,
        }
    }

    fn acknowledge(&mut self) {
        // Each would make room for another delivery. What the broker sends to a consumer that it has cancelled meanwhile is
        // not seen here: it would come back with the channel, and look more suspect.
        if self.finishes() && !self.subscription.is_drained() {
            return;
        }
        self.window.due(Instant::now(), &mut self.acks);
        for ack in self.acks.drain(..) {
            self.subscription.ack(ack.tag, ack.multiple);
            self.unflushed = true;
        }
    }

    /// Whether no attempt is under way, and none is over that has not been seen to.
    fn is_idle(&self) -> bool {
        self.running.is_empty() && self.over.is_empty()
    }

    fn occupied(&self) -> impl Iterator<Item = &HandlerSlot> {
        self.occupied.iter().map(|at| &self.desks[*at])
    }

    /// Has a desk looked at as long as it holds something.
    fn occupy(&mut self, at: usize) {
        if !std::mem::replace(&mut self.desks[at].is_occupied, true) {
            self.occupied.push(at);
        }
    }

    /// How many deliveries wait for nothing but the clock, or for those that run.
    fn waiting(&self) -> usize {
        self.occupied().map(|desk| desk.lanes.len()).sum()
    }

    fn set_timer(&mut self) {
        let due = self.occupied().filter_map(HandlerSlot::next_due).min();
        if due != self.timer.as_ref().map(|(due, _)| *due) {
            let now = self.elapsed();
            let clock = self.consumer.service.bus().broker().clock();
            self.timer = due.map(|due| (due, clock.sleep(due.saturating_sub(now))));
        }
    }

    fn now(&self) -> Now {
        Now {
            instant: Instant::now(),
            elapsed: self.elapsed(),
        }
    }

    fn elapsed(&self) -> Duration {
        self.consumer.service.bus().broker().clock().elapsed()
    }
}

/// Tags come from the broker, each one more than the one before: they are spread well enough by themselves.
#[derive(Default)]
struct TagHasher(u64);

impl Hasher for TagHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, tag: u64) {
        // The table looks at the highest bits, too.
        self.0 = tag.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The time of a turn, read once for all that it sees to: a reading is a good part of what a delivery costs.
#[derive(Clone, Copy)]
struct Now {
    instant: Instant,
    /// By the broker's clock.
    elapsed: Duration,
}

/// What woke a shift.
enum SessionEvent {
    DesiredState,
    Abort,
    /// They are in the batch.
    Deliveries,
    Lost,
    Report(Report),
    /// Attempts were over where they were begun.
    Over,
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
