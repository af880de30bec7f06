//! A broker that does almost no work, so that a benchmark measures the runtime alone.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::Notify;

use super::wire::Wire;
use crate::broker::{
    BoxFuture, Broker, BrokerState, Incoming, Publish, QueueSource, Subscribe, Subscription,
};
use crate::bus::Bus;
use crate::bus::config::Config;
use crate::clock::Clock;
use crate::error::Error;
use crate::message::Message;
use crate::topology::{BindingPlan, Plan};

/// A broker that confirms and drops every publish at once, and delivers one message as often as [`turn`](Self::turn)
/// asks for.
#[derive(Debug, Clone)]
pub struct NullBroker(Arc<NullBrokerState>);

#[derive(Debug)]
struct NullBrokerState {
    message: Arc<Message>,
    /// The only queue with deliveries. `None` means every queue.
    queue: Option<String>,
    clock: Clock,
    /// The number of deliveries that `turn` asked for and that are not made yet.
    remaining: AtomicU64,
    unsettled: AtomicU64,
    all_settled: Notify,
    wakers: Mutex<Vec<Waker>>,
}

impl NullBroker {
    /// A broker that delivers this message to any subscription.
    pub fn new(wire: &Wire) -> Self {
        Self::of(wire, None)
    }

    /// A broker that delivers this message to the subscriptions of `queue` only.
    pub fn at_queue(queue: &str, wire: &Wire) -> Self {
        Self::of(wire, Some(queue.to_owned()))
    }

    fn of(wire: &Wire, queue: Option<String>) -> Self {
        Self(Arc::new(NullBrokerState {
            message: Arc::clone(&wire.message),
            queue,
            clock: Clock::real(),
            remaining: AtomicU64::new(0),
            unsettled: AtomicU64::new(0),
            all_settled: Notify::new(),
            wakers: Mutex::default(),
        }))
    }

    /// A bus on this broker.
    pub fn bus(&self) -> Bus {
        Bus::new(Config::default(), Arc::new(self.clone()))
    }

    /// Makes `deliveries` deliveries of the message, and waits until all of them are acknowledged.
    pub async fn turn(&self, deliveries: u64) {
        let state = &self.0;
        state.unsettled.fetch_add(deliveries, Ordering::AcqRel);
        state.remaining.fetch_add(deliveries, Ordering::AcqRel);
        state.wakers().drain(..).for_each(Waker::wake);
        while state.unsettled.load(Ordering::Acquire) > 0 {
            state.all_settled.notified().await;
        }
    }
}

impl NullBrokerState {
    fn wakers(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, waker: &Waker) {
        let mut wakers = self.wakers();
        if wakers.last().is_none_or(|last| !last.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }

    #[allow(clippy::incompatible_msrv)] // Benchmarks are built with the pinned toolchain.
    fn take_delivery(&self) -> bool {
        let decrement = |remaining: u64| remaining.checked_sub(1);
        self.remaining
            .try_update(Ordering::AcqRel, Ordering::Acquire, decrement)
            .is_ok()
    }

    fn count_settled(&self, deliveries: u64) {
        if self.unsettled.fetch_sub(deliveries, Ordering::AcqRel) == deliveries {
            self.all_settled.notify_one();
        }
    }
}

impl Broker for NullBroker {
    fn declare<'a>(&'a self, _: &'a Plan) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    fn verify<'a>(&'a self, _: &'a Plan) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    fn unbind<'a>(&'a self, _: &'a BindingPlan) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }

    fn has_queue<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<bool, String>> {
        Box::pin(async { Ok(true) })
    }

    fn fresh_for(&self) -> Duration {
        Duration::ZERO
    }

    fn send(&self, publish: Publish) {
        if publish.confirm.take() {
            publish.confirm.finish(Ok(()));
        }
    }

    fn subscribe(&self, subscribe: Subscribe) -> BoxFuture<'_, Result<Box<dyn Subscription>, Error>> {
        let is_served = match (&self.0.queue, &subscribe.queue) {
            (Some(only), QueueSource::Named(queue)) => **only == **queue,
            (Some(_), QueueSource::Ephemeral { .. }) => false,
            (None, _) => true,
        };
        Box::pin(async move {
            let subscription: Box<dyn Subscription> = Box::new(NullSubscription {
                state: Arc::clone(&self.0),
                prefetch: if is_served {
                    usize::from(subscribe.prefetch)
                } else {
                    0
                },
                last_tag: 0,
                first: 1,
                unsettled: VecDeque::with_capacity(usize::from(subscribe.prefetch)),
            });
            Ok(subscription)
        })
    }

    fn clock(&self) -> &Clock {
        &self.0.clock
    }

    fn state(&self) -> BrokerState {
        BrokerState::Up
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

#[derive(Debug)]
struct NullSubscription {
    state: Arc<NullBrokerState>,
    prefetch: usize,
    last_tag: u64,
    /// The delivery tag of the first element of `unsettled`.
    first: u64,
    /// Whether each delivery from `first` on is unsettled.
    unsettled: VecDeque<bool>,
}

impl NullSubscription {
    fn settle(&mut self, tag: u64) {
        let at = tag
            .checked_sub(self.first)
            .and_then(|at| usize::try_from(at).ok());
        if let Some(is_unsettled) = at.and_then(|at| self.unsettled.get_mut(at))
            && std::mem::take(is_unsettled)
        {
            self.state.count_settled(1);
        }
        while self.unsettled.front() == Some(&false) {
            self.unsettled.pop_front();
            self.first += 1;
        }
    }
}

impl Subscription for NullSubscription {
    fn queue(&self) -> &'static str {
        "null_broker"
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        if self.unsettled.len() >= self.prefetch {
            // The consumer polls again after each acknowledgement.
            return Poll::Pending;
        }
        if !self.state.take_delivery() {
            self.state.wait(cx.waker());
            // `turn` may have added deliveries before the waker was stored.
            if !self.state.take_delivery() {
                return Poll::Pending;
            }
        }
        self.last_tag += 1;
        self.unsettled.push_back(true);
        Poll::Ready(Some(Incoming {
            tag: self.last_tag,
            message: Arc::clone(&self.state.message),
            redelivered: false,
            delivery_count: 0,
        }))
    }

    fn ack(&mut self, tag: u64, multiple: bool) {
        let from = if multiple { self.first } else { tag };
        (from..=tag).for_each(|tag| self.settle(tag));
    }

    fn requeue(&mut self, _: u64) {}

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn poll_settled(&mut self, _: &mut Context<'_>) -> Poll<Option<Arc<Message>>> {
        Poll::Ready(None)
    }

    fn cancel(&mut self) {
        self.prefetch = 0;
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn set_waiting(&mut self, _: usize) {}
}
