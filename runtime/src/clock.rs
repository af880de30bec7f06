//! The clock that delays run on: the system's, or in tests one that moves only when it is told to.
//!
//! Tokio's own paused clock does not serve: it jumps while another thread still works (a 30 s timeout around a call
//! to one fired every time), and it panics on a multi-thread runtime. The virtual clock counts whom it woke, and
//! whoever moves it waits until all of them have done their work.

use std::collections::BTreeMap;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::message::timestamp::Timestamp;

// Where `elapsed` counts from; only differences matter.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A clock.
#[derive(Debug, Clone)]
pub(crate) enum Clock {
    /// The system's.
    Real,
    /// One that moves only when it is told to.
    Virtual(Arc<VirtualClock>),
}

impl Clock {
    /// The system's clock.
    pub(crate) fn real() -> Self {
        LazyLock::force(&START);
        Self::Real
    }

    /// A clock of its own that moves only by [`advance_to_next`](Self::advance_to_next).
    pub(crate) fn virtual_time() -> Self {
        Self::Virtual(Arc::default())
    }

    /// The time of day: the system's, plus what a virtual clock skipped.
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::Real => Timestamp::now(),
            Self::Virtual(clock) => Timestamp::now().plus(clock.timers().skipped),
        }
    }

    /// A time that never goes back. A virtual clock's moves by jumps alone.
    pub(crate) fn elapsed(&self) -> Duration {
        match self {
            Self::Real => START.elapsed(),
            Self::Virtual(clock) => clock.timers().skipped,
        }
    }

    /// Waits until `delay` has passed, counted from this call and not from the first poll.
    pub(crate) fn sleep(&self, delay: Duration) -> Sleep {
        Sleep(match self {
            Self::Real => Timer::Real {
                delay,
                since: Instant::now(),
                sleep: None,
            },
            Self::Virtual(clock) => Timer::Virtual {
                key: clock.start(delay),
                clock: Some(Arc::clone(clock)),
            },
        })
    }

    /// Keeps a virtual clock where it is until the guard is dropped, for one who is at work without having slept.
    pub(crate) fn hold(&self) -> Awake {
        match self {
            Self::Real => Awake(None),
            Self::Virtual(clock) => {
                clock.timers().pending += 1;
                Awake(Some(Arc::clone(clock)))
            }
        }
    }

    /// Jumps to the next time that someone waits for and wakes all who wait for it. `false`: no one waits, or the
    /// clock is the system's, which nobody moves.
    pub(crate) fn advance_to_next(&self) -> bool {
        match self {
            Self::Real => false,
            Self::Virtual(clock) => clock.advance_to_next(),
        }
    }

    /// How many sleepers were woken and have not dropped their [`Awake`] yet. Always 0 on the system's clock.
    pub(crate) fn pending(&self) -> usize {
        match self {
            Self::Real => 0,
            Self::Virtual(clock) => clock.timers().pending,
        }
    }

    /// What is notified when [`pending`](Self::pending) may have changed.
    pub(crate) fn signal(&self) -> Arc<Notify> {
        match self {
            Self::Real => Arc::default(),
            Self::Virtual(clock) => Arc::clone(&clock.signal),
        }
    }
}

/// A clock that moves only when it is told to.
#[derive(Debug, Default)]
pub(crate) struct VirtualClock {
    timers: Mutex<Timers>,
    signal: Arc<Notify>,
}

/// When a timer is due, and its number among those due at that time.
type TimerKey = (Duration, u64);

#[derive(Debug, Default)]
struct Timers {
    skipped: Duration,
    started: u64,
    // The timers that have not fired. One that is no longer here has.
    waiting: BTreeMap<TimerKey, Option<Waker>>,
    pending: usize,
}

impl VirtualClock {
    fn timers(&self) -> MutexGuard<'_, Timers> {
        self.timers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, delay: Duration) -> TimerKey {
        let mut timers = self.timers();
        timers.started += 1;
        let key = (timers.skipped.saturating_add(delay), timers.started);
        if delay.is_zero() {
            timers.pending += 1;
        } else {
            timers.waiting.insert(key, None);
        }
        key
    }

    fn advance_to_next(&self) -> bool {
        let mut timers = self.timers();
        let Some((&(due, _), _)) = timers.waiting.first_key_value() else {
            return false;
        };
        let later = timers.waiting.split_off(&(due, u64::MAX));
        let fired = mem::replace(&mut timers.waiting, later);
        timers.skipped = due;
        timers.pending += fired.len();
        drop(timers);
        fired.into_values().flatten().for_each(Waker::wake);
        self.signal.notify_waiters();
        true
    }

    /// `true` once the timer has fired; until then its waker is kept.
    fn has_fired(&self, key: TimerKey, waker: &Waker) -> bool {
        match self.timers().waiting.get_mut(&key) {
            Some(known) => {
                if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
                    *known = Some(waker.clone());
                }
                false
            }
            None => true,
        }
    }

    fn stop(&self, key: TimerKey) {
        let waiting = self.timers().waiting.remove(&key);
        if waiting.is_none() {
            self.settle_one();
        }
    }

    fn settle_one(&self) {
        self.timers().pending -= 1;
        self.signal.notify_waiters();
    }
}

/// Ends when its time has come. Dropping it frees its timer.
#[derive(Debug)]
#[must_use = "a sleep does nothing until it is awaited"]
pub(crate) struct Sleep(Timer);

#[derive(Debug)]
enum Timer {
    Real {
        delay: Duration,
        since: Instant,
        // Made at the first poll: only there is a runtime sure to be around.
        sleep: Option<Pin<Box<tokio::time::Sleep>>>,
    },
    Virtual {
        key: TimerKey,
        // None once the sleeper was told.
        clock: Option<Arc<VirtualClock>>,
    },
}

impl Future for Sleep {
    type Output = Awake;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Awake> {
        match &mut self.0 {
            Timer::Real { delay, since, sleep } => sleep
                .get_or_insert_with(|| Box::pin(sleep_until(*since, *delay)))
                .as_mut()
                .poll(cx)
                .map(|()| Awake(None)),
            Timer::Virtual { key, clock } => {
                let fired = clock
                    .as_ref()
                    .expect("a sleep is not polled after its end")
                    .has_fired(*key, cx.waker());
                if fired {
                    Poll::Ready(Awake(clock.take()))
                } else {
                    Poll::Pending
                }
            }
        }
    }
}

fn sleep_until(since: Instant, delay: Duration) -> tokio::time::Sleep {
    match since.checked_add(delay) {
        Some(due) => tokio::time::sleep_until(due),
        // Beyond what an `Instant` can hold: tokio's own far future.
        None => tokio::time::sleep(Duration::MAX),
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Timer::Virtual {
            key,
            clock: Some(clock),
        } = &self.0
        {
            clock.stop(*key);
        }
    }
}

/// Held by a sleeper that was woken, for as long as it works on what it waited for: a virtual clock is not moved on
/// before it is dropped.
#[derive(Debug)]
#[must_use = "hold it until the work that was waited for is done"]
pub(crate) struct Awake(Option<Arc<VirtualClock>>);

impl Drop for Awake {
    fn drop(&mut self) {
        if let Some(clock) = &self.0 {
            clock.settle_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use super::{Awake, Clock, Sleep};

    const SECOND: Duration = Duration::from_secs(1);

    fn poll(sleep: &mut Sleep) -> Poll<Awake> {
        pin!(sleep).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_virtual_clock_stands_still_until_it_is_moved() {
        let clock = Clock::virtual_time();
        let mut sleep = clock.sleep(SECOND);
        assert!(poll(&mut sleep).is_pending());
        assert_eq!(clock.elapsed(), Duration::ZERO);
        let before = clock.now();

        assert!(clock.advance_to_next());

        assert_eq!(clock.elapsed(), SECOND);
        assert!(clock.now().since(before) >= SECOND);
        assert!(poll(&mut sleep).is_ready());
        assert!(!clock.advance_to_next(), "no one waits any more");
    }

    #[test]
    fn everyone_who_waits_for_one_time_is_woken_at_once() {
        let clock = Clock::virtual_time();
        let (mut a, mut b, mut late) = (clock.sleep(SECOND), clock.sleep(SECOND), clock.sleep(2 * SECOND));
        assert!(clock.advance_to_next());
        assert!(poll(&mut a).is_ready() && poll(&mut b).is_ready());
        assert!(poll(&mut late).is_pending());
    }

    #[test]
    fn a_sleeper_is_pending_from_its_time_until_its_work_is_done() {
        let clock = Clock::virtual_time();
        let mut sleep = clock.sleep(SECOND);
        assert_eq!(clock.pending(), 0);
        clock.advance_to_next();
        assert_eq!(clock.pending(), 1, "fired and not yet polled");
        let Poll::Ready(awake) = poll(&mut sleep) else {
            panic!("its time has come")
        };
        drop(sleep);
        assert_eq!(clock.pending(), 1, "polled, and at work");
        drop(awake);
        assert_eq!(clock.pending(), 0);
    }

    #[test]
    fn a_sleep_dropped_before_or_after_its_time_leaves_nothing_behind() {
        let clock = Clock::virtual_time();
        drop(clock.sleep(SECOND));
        assert!(!clock.advance_to_next());
        let fired = clock.sleep(SECOND);
        clock.advance_to_next();
        drop(fired);
        assert_eq!(clock.pending(), 0);
    }

    #[test]
    fn whoever_holds_the_clock_is_pending_without_having_slept() {
        let clock = Clock::virtual_time();
        let held = clock.hold();
        assert_eq!(clock.pending(), 1);
        drop(held);
        assert_eq!(clock.pending(), 0);
    }

    #[test]
    fn no_delay_at_all_is_over_at_once() {
        let clock = Clock::virtual_time();
        let mut sleep = clock.sleep(Duration::ZERO);
        assert_eq!(clock.pending(), 1);
        assert!(poll(&mut sleep).is_ready());
        assert_eq!(clock.pending(), 0);
    }

    #[tokio::test]
    async fn the_end_of_work_is_signalled() {
        let clock = Clock::virtual_time();
        let sleep = clock.sleep(SECOND);
        clock.advance_to_next();
        let signal = clock.signal();
        let changed = signal.notified();
        drop(sleep.await);
        tokio::time::timeout(10 * SECOND, changed).await.unwrap();
    }

    #[test]
    fn the_systems_clock_sleeps_with_tokio_and_cannot_be_moved() {
        let clock = Clock::real();
        let sleep = clock.sleep(Duration::from_millis(1));
        assert!(!clock.advance_to_next());
        let before = clock.elapsed();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        drop(runtime.block_on(sleep));
        assert!(clock.elapsed() >= before);
        assert_eq!(clock.pending(), 0);
    }
}
