//! The clock for all delays: the system clock, or in tests a virtual clock that advances only on request.
//!
//! The paused clock of tokio does not work here. It panics on a multi-thread runtime. It also advances while another
//! thread still works, so that a timeout of 30 s around work on another thread fired every time. The virtual clock
//! counts the sleepers that it woke, so that a test can wait for their work before it advances the clock again.

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

// The origin of `elapsed`; only differences matter.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The time after `timeout`. A timeout that no `Instant` can hold ends in thirty years, as in tokio.
pub(crate) fn deadline_after(timeout: Duration) -> Instant {
    const FAR: Duration = Duration::from_hours(30 * 365 * 24);
    let now = Instant::now();
    now.checked_add(timeout).unwrap_or_else(|| now + FAR)
}

#[derive(Debug, Clone)]
pub(crate) enum Clock {
    Real,
    Virtual(Arc<VirtualClock>),
}

impl Clock {
    pub(crate) fn real() -> Self {
        LazyLock::force(&START);
        Self::Real
    }

    /// A new virtual clock, which advances only in [`advance_to_next`](Self::advance_to_next).
    pub(crate) fn virtual_time() -> Self {
        Self::Virtual(Arc::default())
    }

    /// The wall-clock time. A virtual clock adds the time that it skipped.
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::Real => Timestamp::now(),
            Self::Virtual(clock) => Timestamp::now().plus(clock.timers().skipped),
        }
    }

    /// The monotonic time. On a virtual clock this is the skipped time.
    pub(crate) fn elapsed(&self) -> Duration {
        match self {
            Self::Real => START.elapsed(),
            Self::Virtual(clock) => clock.timers().skipped,
        }
    }

    /// Waits until `delay` has passed, counted from this call and not from the first poll.
    pub(crate) fn sleep(&self, delay: Duration) -> Sleep {
        Sleep(match self {
            Self::Real => SleepTimer::Real {
                delay,
                since: Instant::now(),
                sleep: None,
            },
            Self::Virtual(clock) => SleepTimer::Virtual {
                key: clock.start(delay),
                clock: Some(Arc::clone(clock)),
            },
        })
    }

    /// Stops a virtual clock until the guard is dropped, for work that does not start with a [`Sleep`].
    pub(crate) fn hold(&self) -> Awake {
        match self {
            Self::Real => Awake(None),
            Self::Virtual(clock) => {
                clock.timers().pending += 1;
                Awake(Some(Arc::clone(clock)))
            }
        }
    }

    /// Advances to the next time that a sleeper waits for, and wakes its sleepers. Returns `false` when there is no
    /// sleeper, and always on the system clock.
    pub(crate) fn advance_to_next(&self) -> bool {
        match self {
            Self::Real => false,
            Self::Virtual(clock) => clock.advance_to_next(),
        }
    }

    /// The number of woken sleepers and [`hold`](Self::hold)s that are still at work. Always 0 on the system clock.
    pub(crate) fn pending(&self) -> usize {
        match self {
            Self::Real => 0,
            Self::Virtual(clock) => clock.timers().pending,
        }
    }

    /// The signal that a change of [`pending`](Self::pending) notifies.
    pub(crate) fn signal(&self) -> Arc<Notify> {
        match self {
            Self::Real => Arc::default(),
            Self::Virtual(clock) => Arc::clone(&clock.signal),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct VirtualClock {
    timers: Mutex<Timers>,
    signal: Arc<Notify>,
}

/// The due time of a timer, and a number that makes the key unique.
type TimerKey = (Duration, u64);

#[derive(Debug, Default)]
struct Timers {
    skipped: Duration,
    started: u64,
    // The timers that have not fired. A timer that is missing here has fired.
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

    /// Returns whether the timer has fired. If not, stores the waker.
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
            self.work_done();
        }
    }

    fn work_done(&self) {
        self.timers().pending -= 1;
        self.signal.notify_waiters();
    }
}

/// A future that completes when its delay has passed. `Drop` removes its timer.
#[derive(Debug)]
#[must_use = "a sleep does nothing until it is awaited"]
pub(crate) struct Sleep(SleepTimer);

#[derive(Debug)]
enum SleepTimer {
    Real {
        delay: Duration,
        since: Instant,
        // Created at the first poll, because the caller of `Clock::sleep` may be outside of a tokio runtime.
        sleep: Option<Pin<Box<tokio::time::Sleep>>>,
    },
    Virtual {
        key: TimerKey,
        // `None` after the future completed.
        clock: Option<Arc<VirtualClock>>,
    },
}

impl Future for Sleep {
    type Output = Awake;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Awake> {
        match &mut self.0 {
            SleepTimer::Real { delay, since, sleep } => sleep
                .get_or_insert_with(|| Box::pin(sleep_until(*since, *delay)))
                .as_mut()
                .poll(cx)
                .map(|()| Awake(None)),
            SleepTimer::Virtual { key, clock } => {
                let fired = clock
                    .as_ref()
                    .expect("a sleep is not polled after it completed")
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
        // The due time does not fit into an `Instant`. Tokio replaces `Duration::MAX` by a time far in the future.
        None => tokio::time::sleep(Duration::MAX),
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let SleepTimer::Virtual {
            key,
            clock: Some(clock),
        } = &self.0
        {
            clock.stop(*key);
        }
    }
}

/// A guard of a woken sleeper. While it exists, tests do not advance a virtual clock.
#[derive(Debug)]
#[must_use = "keep the guard until the work after the sleep is done"]
pub(crate) struct Awake(Option<Arc<VirtualClock>>);

impl Drop for Awake {
    fn drop(&mut self) {
        if let Some(clock) = &self.0 {
            clock.work_done();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn poll(sleep: &mut Sleep) -> Poll<Awake> {
        pin!(sleep).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_virtual_clock_advances_only_on_request() {
        let clock = Clock::virtual_time();
        let mut sleep = clock.sleep(SECOND);
        assert!(poll(&mut sleep).is_pending());
        assert_eq!(clock.elapsed(), Duration::ZERO);
        let before = clock.now();

        assert!(clock.advance_to_next());

        assert_eq!(clock.elapsed(), SECOND);
        assert!(clock.now().since(before) >= SECOND);
        assert!(poll(&mut sleep).is_ready());
        assert!(!clock.advance_to_next(), "no sleeper is left");
    }

    #[test]
    fn all_sleepers_with_the_same_due_time_are_woken_together() {
        let clock = Clock::virtual_time();
        let (mut a, mut b, mut late) = (clock.sleep(SECOND), clock.sleep(SECOND), clock.sleep(2 * SECOND));
        assert!(clock.advance_to_next());
        assert!(poll(&mut a).is_ready() && poll(&mut b).is_ready());
        assert!(poll(&mut late).is_pending());
    }

    #[test]
    fn a_sleeper_is_pending_from_its_due_time_until_its_work_is_done() {
        let clock = Clock::virtual_time();
        let mut sleep = clock.sleep(SECOND);
        assert_eq!(clock.pending(), 0);
        clock.advance_to_next();
        assert_eq!(clock.pending(), 1, "fired but not polled yet");
        let Poll::Ready(awake) = poll(&mut sleep) else {
            panic!("the sleep is complete")
        };
        drop(sleep);
        assert_eq!(clock.pending(), 1, "polled, and still working");
        drop(awake);
        assert_eq!(clock.pending(), 0);
    }

    #[test]
    fn a_dropped_sleep_leaves_no_timer_and_nothing_pending() {
        let clock = Clock::virtual_time();
        drop(clock.sleep(SECOND));
        assert!(!clock.advance_to_next());
        let fired = clock.sleep(SECOND);
        clock.advance_to_next();
        drop(fired);
        assert_eq!(clock.pending(), 0);
    }

    #[test]
    fn a_hold_is_pending_until_it_is_dropped() {
        let clock = Clock::virtual_time();
        let guard = clock.hold();
        assert_eq!(clock.pending(), 1);
        drop(guard);
        assert_eq!(clock.pending(), 0);
    }

    #[test]
    fn a_sleep_without_delay_completes_at_once() {
        let clock = Clock::virtual_time();
        let mut sleep = clock.sleep(Duration::ZERO);
        assert_eq!(clock.pending(), 1);
        assert!(poll(&mut sleep).is_ready());
        assert_eq!(clock.pending(), 0);
    }

    #[tokio::test]
    async fn the_signal_is_notified_when_work_is_done() {
        let clock = Clock::virtual_time();
        let sleep = clock.sleep(SECOND);
        clock.advance_to_next();
        let signal = clock.signal();
        let changed = signal.notified();
        drop(sleep.await);
        tokio::time::timeout(10 * SECOND, changed).await.unwrap();
    }

    #[test]
    fn the_system_clock_sleeps_with_tokio_and_cannot_be_advanced() {
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
