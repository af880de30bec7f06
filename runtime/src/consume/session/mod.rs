//! A session: one subscription of a consumer, from its first delivery to its last acknowledgement.
//!
//! One task owns the session. It admits deliveries, starts attempts and acknowledges settled deliveries. Attempts run
//! in their own tasks and report back. Whatever ends the session, each delivery is settled once or returns to
//! the queue.

mod admit;
mod complete;
mod handler_slot;
mod inline_execution;
mod run;
mod set_asides;
mod start;
mod stop;

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use self::handler_slot::HandlerSlot;
use self::inline_execution::InlineExecutor;
use self::set_asides::SetAsides;
use super::ack_window::{Ack, AckWindow};
use super::attempt::{Completion, Report, Reporter};
use super::consumed_queue::ConsumedQueue;
use super::lost_runs::RunEnd;
use super::pending_delivery::PendingDelivery;
use super::session_context::SessionContext;
use super::trials::Trial;
use crate::broker::{Incoming, Subscription};
use crate::clock::{Awake, Sleep};
use crate::message::Message;
use crate::telemetry::QueueMetrics;

/// How many times per hold limit the session checks whether a delivery exceeds it.
const HOLD_CHECKS: u32 = 30;

/// How long trials wait for further suspects, which are set aside before the trials start. Suspects come back in lots,
/// and the broker may have sent some that this process has not read.
const GATHERING: Duration = Duration::from_millis(200);

/// The longest wait of a trial for other suspects.
const LONGEST_GATHERING: Duration = Duration::from_secs(2);

/// How many deliveries a session takes at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// The whole prefetch.
    Full,
    /// One round of probes, to learn whether the handler works again.
    Probe,
}

impl Pace {
    pub(crate) fn prefetch(self, queue: &ConsumedQueue) -> u16 {
        let handler = &queue.handlers[0];
        match self {
            Self::Full => queue.prefetch,
            Self::Probe => handler.breaker().next_round().map_or(1, |round| {
                let concurrency = handler.descriptor.concurrency();
                round.size.min(concurrency).min(queue.prefetch)
            }),
        }
    }
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionEnd {
    /// The broker ended the subscription.
    Cancelled,
    Paused,
    /// The consumer must end.
    Stopped,
    /// A delivery stayed unsettled for too long.
    Recycled,
    /// The consumer continues at this pace.
    Pace(Pace),
}

pub(crate) struct ConsumerSession<'a> {
    queue: &'a mut ConsumedQueue,
    subscription: Box<dyn Subscription>,
    pace: Pace,
    /// Whether a probe has started.
    has_probed: bool,
    ack_window: AckWindow,
    slots: Vec<HandlerSlot>,
    /// The slots with waiting deliveries, oldest first. Most slots of a queue with a thousand handlers are empty.
    occupied: Vec<usize>,
    running: HashMap<u64, RunningWork, BuildHasherDefault<TagHasher>>,
    /// The unsettled suspects of an unordered queue, by tag.
    trials: HashMap<u64, Trial, BuildHasherDefault<TagHasher>>,
    /// The suspects whose trial has not started.
    next_trials: Vec<PendingDelivery>,
    /// When the first of `next_trials` arrived.
    gathering_since: Duration,
    set_asides: SetAsides,
    /// The trials that ended. The next trials wait for their acks, so that a crash does not count against these.
    ended_trials: Vec<Trial>,
    context: Arc<SessionContext>,
    inline_executor: Box<dyn InlineExecutor>,
    completions: Vec<Completion>,
    reports: mpsc::UnboundedReceiver<Report>,
    reporter: Reporter,
    /// The deliveries that the broker handed out last. The session reuses the allocation.
    batch: Vec<Incoming>,
    /// Empty between two calls; the session reuses the allocation.
    acks: Vec<Ack>,
    timer: Option<(Duration, Sleep)>,
    /// Stops a virtual clock while the session works.
    awake: &'a mut Option<Awake>,
    /// Set once the session takes no further deliveries.
    ending: Option<SessionEnd>,
    /// An ordered queue runs one delivery at a time up to this tag, because each may end the process.
    one_by_one_through: u64,
    has_unflushed_acks: bool,
    next_hold_check: Instant,
    metrics: QueueMetrics,
}

/// A delivery that a task handles or settles.
struct RunningWork {
    handler: usize,
    started_inline: bool,
    is_set_aside: bool,
    /// `None` when the attempt panicked outside of the handler; no report arrives then.
    task: Option<JoinHandle<RunEnd>>,
    /// Whether it still occupies one of the handler's concurrent attempts.
    holds_slot: bool,
    message: Arc<Message>,
    /// As in [`PendingDelivery`](super::pending_delivery::PendingDelivery).
    returns: Option<u32>,
}

/// One reading of the clocks for a whole turn of the loop, because readings are a large part of the cost of a delivery.
#[derive(Clone, Copy)]
struct Now {
    instant: Instant,
    /// The broker's clock, which is virtual in tests.
    elapsed: Duration,
}

impl<'a> ConsumerSession<'a> {
    pub(crate) fn new(
        queue: &'a mut ConsumedQueue,
        subscription: Box<dyn Subscription>,
        pace: Pace,
        awake: &'a mut Option<Awake>,
    ) -> Self {
        let (sender, reports) = mpsc::unbounded_channel();
        let slots = queue.handlers.iter().map(Arc::clone).map(HandlerSlot::new);
        let prefetch = pace.prefetch(queue);
        let next_hold_check = Instant::now() + queue.service.bus().config().hold_limit / HOLD_CHECKS;
        Self {
            ack_window: AckWindow::new(prefetch, subscription.ack_spacing()),
            slots: slots.collect(),
            occupied: Vec::new(),
            running: HashMap::default(),
            context: Arc::new(SessionContext::new(
                queue.service.clone(),
                Arc::clone(&queue.name),
            )),
            inline_executor: inline_execution::executor(),
            completions: Vec::new(),
            reports,
            reporter: Reporter::new(sender),
            batch: Vec::new(),
            acks: Vec::new(),
            timer: None,
            awake,
            ending: None,
            one_by_one_through: 0,
            has_unflushed_acks: false,
            next_hold_check,
            metrics: QueueMetrics::new(&queue.name),
            queue,
            subscription,
            pace,
            has_probed: false,
            trials: HashMap::default(),
            next_trials: Vec::new(),
            gathering_since: Duration::ZERO,
            set_asides: SetAsides::default(),
            ended_trials: Vec::new(),
        }
    }

    /// Whether no task works on a delivery and no completion waits.
    fn is_idle(&self) -> bool {
        self.running.is_empty() && self.completions.is_empty()
    }

    fn occupied(&self) -> impl Iterator<Item = &HandlerSlot> {
        self.occupied.iter().map(|at| &self.slots[*at])
    }

    /// Marks a slot as having waiting deliveries.
    fn occupy(&mut self, at: usize) {
        if !std::mem::replace(&mut self.slots[at].is_occupied, true) {
            self.occupied.push(at);
        }
    }

    /// The number of deliveries that have not started.
    fn waiting(&self) -> usize {
        let in_slots: usize = self.occupied().map(|slot| slot.deliveries.len()).sum();
        in_slots + self.next_trials.len()
    }

    fn now(&self) -> Now {
        Now {
            instant: Instant::now(),
            elapsed: self.elapsed(),
        }
    }

    fn elapsed(&self) -> Duration {
        self.queue.clock().elapsed()
    }
}

/// Spreads delivery tags, which rise by one, over a hash table at the cost of one multiplication.
#[derive(Default)]
struct TagHasher(u64);

impl Hasher for TagHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, tag: u64) {
        // The table takes its control bytes from the highest bits.
        self.0 = tag.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
