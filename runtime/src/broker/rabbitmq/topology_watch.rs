//! Declares the topology again at intervals, so that deleted exchanges, queues and bindings come back.
//!
//! RabbitMQ does not report a deleted exchange to consumers. The bindings of their queues are deleted too, so the
//! consumers stay subscribed and receive nothing. RabbitMQ does not report a deleted queue without consumers either,
//! such as a delay queue. A declaration of an existing object changes nothing. Exchanges and bindings are declared
//! often, because events published without them are lost. Queues are declared less often, to limit the load on a busy
//! broker.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::connection::{LiveConnection, LiveState, SupervisedConnection};
use super::connection_state::ConnectionState;
use super::declare_error::is_missing_permission;
use super::shared_exchanges::SharedExchanges;
use super::topology::{self, DeclareMode};
use super::topology_schedule::{TopologyCheck, TopologySchedule};
use crate::error::DeclareError;
use crate::topology::{BindingPlan, Plan};
use crate::wire::error_text::one_line;

/// The shortest time between two checks.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// A request for a check now. The watcher drops the request when the check is done.
pub(super) type CheckRequest = oneshot::Sender<()>;

#[derive(Debug, Default)]
pub(super) struct TopologyWatch {
    watched: Mutex<WatchedTopology>,
    pub(super) shared: SharedExchanges,
}

#[derive(Debug, Default)]
struct WatchedTopology {
    /// The plan that the watcher declares again.
    declared: Plan,
    /// The plan that the watcher only checks.
    expected: Plan,
    /// For each ephemeral queue, the number of its connection and its bindings.
    ephemeral: BTreeMap<String, (u64, Vec<BindingPlan>)>,
    /// Why the topology is incomplete.
    problem: Option<String>,
}

impl TopologyWatch {
    /// From now on, the watcher declares this plan again.
    pub(super) fn add_declared(&self, plan: Plan) {
        self.lock().declared.merge(plan);
    }

    /// From now on, the watcher checks this plan. Someone else declares it.
    pub(super) fn add_expected(&self, plan: Plan) {
        self.lock().expected.merge(plan);
    }

    /// The watcher binds this queue again until the queue's connection ends.
    pub(super) fn add_ephemeral(&self, connection: u64, queue: &str, exchange: &str, patterns: &[String]) {
        let bindings = patterns.iter().map(|pattern| BindingPlan {
            exchange: exchange.to_owned(),
            queue: queue.to_owned(),
            pattern: pattern.clone(),
        });
        let watched = (connection, bindings.collect());
        self.lock().ephemeral.insert(queue.to_owned(), watched);
    }

    /// Why the topology is incomplete, if the last check could not restore it.
    pub(super) fn problem(&self) -> Option<String> {
        self.lock().problem.clone()
    }

    fn set_problem(&self, problem: Option<String>) {
        let mut watched = self.lock();
        if let Some(error) = problem
            .as_deref()
            .filter(|it| watched.problem.as_deref() != Some(it))
        {
            tracing::warn!(error, "declared topology is missing");
        }
        watched.problem = problem;
    }

    fn lock(&self) -> MutexGuard<'_, WatchedTopology> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task that checks the topology on request, after each reconnect, and by schedule.
pub(super) struct TopologyWatcher {
    pub(super) watch: Arc<TopologyWatch>,
    pub(super) connection: Arc<SupervisedConnection>,
    pub(super) requests: mpsc::UnboundedReceiver<CheckRequest>,
}

impl TopologyWatcher {
    pub(super) async fn run(mut self) {
        let mut states = self.connection.states();
        let mut checked_connection = number(&states.borrow());
        let mut schedule = TopologySchedule::new(Instant::now());
        loop {
            let mut waiting = Vec::new();
            let (due, mut check) = schedule.next();
            tokio::select! {
                request = self.requests.recv() => match request {
                    Some(request) => waiting.push(request),
                    None => return,
                },
                new = states.wait_for(|state| number(state) > checked_connection) => match new {
                    Ok(state) => (checked_connection, check) = (number(&state), TopologyCheck::All),
                    Err(_) => return,
                },
                () = tokio::time::sleep_until(due) => {}
            }
            while let Ok(request) = self.requests.try_recv() {
                waiting.push(request);
            }
            if !waiting.is_empty() {
                check = TopologyCheck::All;
            }
            let began = Instant::now();
            let done = self.check(check).await;
            schedule.checked(done, began, Instant::now());
            drop(waiting);
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
    }

    /// Declares the missing parts of the topology, and returns how much was checked.
    async fn check(&self, check: TopologyCheck) -> TopologyCheck {
        let Ok(live) = self.connection.live().await else {
            // Health reports the missing connection already.
            return check;
        };
        let check = match check {
            TopologyCheck::Routes if self.declare_routes().await => TopologyCheck::Routes,
            // A binding can fail because its queue is missing, so a failed check of the routes checks the queues too.
            TopologyCheck::Routes | TopologyCheck::All => {
                self.declare_all(&live).await;
                TopologyCheck::All
            }
        };
        if self.is_current(&live) {
            self.bind_ephemeral(&live).await;
        }
        check
    }

    /// Declares exchanges and bindings. Returns `false` when the queues must be checked too, because the declaration
    /// failed or the last check found a problem.
    async fn declare_routes(&self) -> bool {
        let routes = {
            let watched = self.watch.lock();
            watched.problem.is_none().then(|| watched.declared.routes())
        };
        match routes {
            Some(routes) => self.declare(&routes, DeclareMode::Declare).await.is_ok(),
            None => false,
        }
    }

    async fn declare_all(&self, live: &LiveConnection) {
        let (declared, expected) = {
            let watched = self.watch.lock();
            (watched.declared.clone(), watched.expected.clone())
        };
        let result = async {
            self.declare(&declared, DeclareMode::Declare).await?;
            self.declare(&expected, DeclareMode::Check).await
        };
        // Without the permission to declare, the watcher cannot know what exists. The operator chose that.
        let problem = result.await.err().filter(|error| !is_missing_permission(error));
        // A check that fails because the connection is lost does not change the topology.
        if self.is_current(live) {
            self.watch.set_problem(problem.map(|error| one_line(&error)));
        }
    }

    async fn bind_ephemeral(&self, live: &LiveConnection) {
        let ephemeral = self.watch.lock().ephemeral.clone();
        for (queue, (connection, bindings)) in ephemeral {
            let plan = Plan {
                bindings,
                ..Plan::default()
            };
            let exists = connection == live.number
                && topology::declare(live, &self.watch.shared, &plan, DeclareMode::Declare)
                    .await
                    .is_ok();
            if !exists {
                // The queue was deleted with its subscription. The consumer declares a new queue.
                self.watch.lock().ephemeral.remove(&queue);
            }
        }
    }

    async fn declare(&self, plan: &Plan, mode: DeclareMode) -> Result<(), DeclareError> {
        topology::declare_on(&self.connection, &self.watch.shared, plan, mode).await
    }

    fn is_current(&self, live: &LiveConnection) -> bool {
        number(&self.connection.state()) == Some(live.number)
    }
}

/// The number of the connection, if there is one now.
fn number(state: &LiveState) -> Option<u64> {
    match state {
        ConnectionState::Up(live) => Some(live.number),
        ConnectionState::Down(_) | ConnectionState::Closed => None,
    }
}
