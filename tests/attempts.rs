//! Panics in unusual places of an attempt. These tests are a small binary, which `cargo xtask mutate` builds quickly.

use std::fmt;
use std::future::pending;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::testing::TestBus;
use tidings::{
    App, Delivery, DomainEvent, FromDelivery, HandlerError, PublishOptions, Reason, Rejection, RunningApp,
    State, event_handler, handlers,
};
use tokio::sync::mpsc;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
enum Task {
    Finish,
    PanicInPayloadDrop,
    PanicInErrorDrop,
    PanicInLocalDrop,
    PanicInArgumentDrop,
    PanicInDropAtTimeout,
}

/// A task was requested.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "task.requested", aggregate_id = by)]
struct TaskRequested {
    by: u32,
    task: Task,
}

/// A task was done.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "task.done", aggregate_id = by)]
struct Done {
    by: u32,
    task: Task,
}

fn requested(task: Task) -> TaskRequested {
    TaskRequested { by: 1, task }
}

/// A value whose drop panics if it is `true`.
#[derive(Debug)]
struct PanicsOnDrop(bool);

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        // Rust aborts the process when a second panic starts during unwinding.
        assert!(!self.0 || std::thread::panicking(), "the drop panicked");
    }
}

impl FromDelivery<Log> for PanicsOnDrop {
    async fn from_delivery(delivery: &Delivery, _: &Log) -> Result<Self, Rejection> {
        let requested = delivery.event().decode::<TaskRequested>();
        Ok(Self(requested.is_ok_and(|requested| {
            requested.task == Task::PanicInArgumentDrop
        })))
    }
}

/// An error whose `Drop` panics.
#[derive(Debug)]
struct DropPanicsError(#[allow(dead_code)] PanicsOnDrop);

impl fmt::Display for DropPanicsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its drop panics")
    }
}

impl std::error::Error for DropPanicsError {}

type Log = mpsc::UnboundedSender<(Task, u32)>;

#[event_handler(timeout = "100ms", retry(attempts = 2, rungs = "1s"))]
async fn execute(
    requested: TaskRequested,
    delivery: Delivery,
    _value: PanicsOnDrop,
    State(log): State<Log>,
) -> Result<Done, HandlerError> {
    log.send((requested.task, delivery.attempt())).unwrap();
    match requested.task {
        Task::Finish | Task::PanicInArgumentDrop => {}
        Task::PanicInPayloadDrop => std::panic::panic_any(PanicsOnDrop(true)),
        Task::PanicInErrorDrop => return Err(HandlerError::retry(DropPanicsError(PanicsOnDrop(true)))),
        Task::PanicInLocalDrop => drop(PanicsOnDrop(true)),
        Task::PanicInDropAtTimeout => {
            let _value = PanicsOnDrop(true);
            pending::<()>().await;
        }
    }
    Ok(Done {
        by: requested.by,
        task: requested.task,
    })
}

async fn start(bus: &TestBus, log: Log) -> RunningApp {
    let app = App::new("shop").state(log).handlers(handlers![execute]);
    app.start(bus).await.unwrap()
}

/// Publishes this task, which fails, and another task, which succeeds. The runtime retries and dead-letters the first task,
/// and handles the second.
async fn is_retried_and_dead_lettered(task: Task, error_text: &str) {
    let (log, mut log_entries) = mpsc::unbounded_channel();
    let bus = TestBus::new();
    let app = start(&bus, log).await;
    for task in [task, Task::Finish] {
        bus.publish(&requested(task)).await.unwrap();
        bus.settled_within(100, DEADLINE).await.unwrap();
    }
    assert_eq!(log_entries.recv().await, Some((task, 1)));
    assert_eq!(log_entries.recv().await, Some((task, 2)));
    assert_eq!(log_entries.recv().await, Some((Task::Finish, 1)));
    let letters = bus.dead_letters();
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(
        (letters[0].attempts, letters[0].reason),
        (2, Some(Reason::Failed))
    );
    assert!(letters[0].error.contains(error_text), "{}", letters[0].error);
    let done = bus.published::<Done>();
    assert_eq!(done.len(), 1, "{done:?}");
    timeout(DEADLINE, app.shutdown()).await.expect("in time").unwrap();
}

#[tokio::test]
async fn a_panic_whose_payload_panics_when_dropped_is_retried_and_dead_lettered() {
    is_retried_and_dead_lettered(Task::PanicInPayloadDrop, "panicked").await;
}

#[tokio::test]
async fn an_error_whose_drop_panics_is_retried_and_dead_lettered() {
    is_retried_and_dead_lettered(Task::PanicInErrorDrop, "its drop panics").await;
}

#[tokio::test]
async fn a_local_value_whose_drop_panics_is_retried_and_dead_lettered() {
    is_retried_and_dead_lettered(Task::PanicInLocalDrop, "the drop panicked").await;
}

#[tokio::test]
async fn an_extracted_argument_whose_drop_panics_is_retried_and_dead_lettered() {
    is_retried_and_dead_lettered(Task::PanicInArgumentDrop, "the drop panicked").await;
}

#[tokio::test]
async fn a_drop_that_panics_at_the_timeout_is_retried_and_dead_lettered() {
    is_retried_and_dead_lettered(Task::PanicInDropAtTimeout, "the drop panicked").await;
}

#[tokio::test]
async fn a_handler_that_runs_twice_returns_an_event_with_the_same_id() {
    let (log, _log_entries) = mpsc::unbounded_channel();
    let bus = TestBus::new();
    let _app = start(&bus, log).await;
    for _ in 0..2 {
        let same = PublishOptions::new().id("one-and-the-same");
        bus.publish_with(&requested(Task::Finish), same).await.unwrap();
        bus.settled_within(100, DEADLINE).await.unwrap();
    }
    let done = bus.published::<Done>();
    assert_eq!(done.len(), 2, "{done:?}");
    assert_eq!(done[0].id(), done[1].id());
}
