//! What was declared stays declared, whoever deletes it.
//!
//! The broker says nothing to those who consume when an exchange is deleted, and with it every binding of their queues:
//! they stay subscribed and hear nothing more. Nor does it tell anyone that a queue is gone which nobody consumes, such
//! as that of a retry delay. So all is declared again from time to time, which changes nothing that is there: exchanges
//! and bindings often, for what is published meanwhile is gone; queues as often as a busy broker bears it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::RabbitShared;
use super::connection::LiveConnection;
use super::connection_state::ConnectionState;
use super::topology::{self, Mode};
use super::topology_schedule::{TopologyCheck, TopologySchedule};
use crate::error::DeclareError;
use crate::topology::{BindingPlan, Plan};
use crate::wire::error_text::chain;

/// How long it is at least between two repairs.
const BETWEEN_REPAIRS: Duration = Duration::from_millis(100);

/// Asks for a repair at once. What is sent is dropped when it is done.
pub(super) type Missing = mpsc::UnboundedSender<oneshot::Sender<()>>;

/// What is to be there, and whether it is.
#[derive(Debug, Default)]
pub(super) struct TopologyWatch(Mutex<WatchedTopology>);

#[derive(Debug, Default)]
struct WatchedTopology {
    /// What we make.
    declared: Plan,
    /// What we look for alone.
    expected: Plan,
    /// The bindings of queues that go with their connection, by the queue: the number of that, and they.
    own: BTreeMap<String, (u64, Vec<BindingPlan>)>,
    trouble: Option<String>,
}

impl TopologyWatch {
    /// These are to be there from now on; we make what is missing.
    pub(super) fn declared(&self, plan: Plan) {
        self.kept().declared.merge(plan);
    }

    /// These are to be there from now on; another makes them.
    pub(super) fn expected(&self, plan: Plan) {
        self.kept().expected.merge(plan);
    }

    /// A queue that goes with this connection, or before, is to be bound like this.
    pub(super) fn own(&self, connection: u64, queue: &str, exchange: &str, patterns: &[String]) {
        let bindings = patterns.iter().map(|pattern| BindingPlan {
            exchange: exchange.to_owned(),
            queue: queue.to_owned(),
            pattern: pattern.clone(),
        });
        let own = (connection, bindings.collect());
        self.kept().own.insert(queue.to_owned(), own);
    }

    /// What is not as it is to be, and cannot be made so.
    pub(super) fn trouble(&self) -> Option<String> {
        self.kept().trouble.clone()
    }

    fn set_trouble(&self, trouble: Option<String>) {
        let mut kept = self.kept();
        if let Some(trouble) = trouble
            .as_deref()
            .filter(|it| kept.trouble.as_deref() != Some(it))
        {
            tracing::warn!("what was declared is not there any more: {trouble}");
        }
        kept.trouble = trouble;
    }

    fn kept(&self) -> MutexGuard<'_, WatchedTopology> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks after what was declared: when a publish finds its exchange gone, when the connection is a new one, from time to
/// time.
pub(super) async fn keep_up(
    shared: Arc<RabbitShared>,
    mut missing: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
) {
    let mut states = shared.consuming.states();
    let mut seen = number(&states.borrow());
    let mut looks = TopologySchedule::after(Instant::now());
    loop {
        let mut waiting = Vec::new();
        let (due, mut look) = looks.next();
        tokio::select! {
            asked = missing.recv() => match asked {
                Some(asked) => waiting.push(asked),
                None => return,
            },
            new = states.wait_for(|state| number(state) > seen) => match new {
                Ok(state) => (seen, look) = (number(&state), TopologyCheck::All),
                Err(_) => return,
            },
            () = tokio::time::sleep_until(due) => {}
        }
        while let Ok(asked) = missing.try_recv() {
            waiting.push(asked);
        }
        if !waiting.is_empty() {
            look = TopologyCheck::All;
        }
        let began = Instant::now();
        let look = repair(&shared, look).await;
        looks.looked(look, began, Instant::now());
        drop(waiting);
        tokio::time::sleep(BETWEEN_REPAIRS).await;
    }
}

/// Which of its connections a link has; none while it has none.
fn number(state: &ConnectionState) -> Option<u64> {
    match state {
        ConnectionState::Up(live) => Some(live.number),
        ConnectionState::Down(_) | ConnectionState::Closed => None,
    }
}

/// Makes what is missing, and says what was looked at in the end.
async fn repair(shared: &RabbitShared, look: TopologyCheck) -> TopologyCheck {
    let Ok(live) = shared.live().await else {
        // Health says so already.
        return look;
    };
    let look = match look {
        TopologyCheck::Routes if routes_are_there(shared).await => TopologyCheck::Routes,
        // Something is missing that they need: a queue, say.
        TopologyCheck::Routes | TopologyCheck::All => {
            repair_all(shared, &live).await;
            TopologyCheck::All
        }
    };
    if number(&shared.consuming.state()) == Some(live.number) {
        bind_own(shared, &live).await;
    }
    look
}

/// Whether exchanges and bindings are there, or again. Of what is in trouble all is to be looked at.
async fn routes_are_there(shared: &RabbitShared) -> bool {
    let routes = {
        let kept = shared.upkeep.kept();
        kept.trouble.is_none().then(|| kept.declared.routes())
    };
    match routes {
        Some(routes) => shared.declare(&routes, Mode::Declare).await.is_ok(),
        None => false,
    }
}

async fn repair_all(shared: &RabbitShared, live: &LiveConnection) {
    let (declared, expected) = {
        let kept = shared.upkeep.kept();
        (kept.declared.clone(), kept.expected.clone())
    };
    let all_there = async {
        shared.declare(&declared, Mode::Declare).await?;
        shared.declare(&expected, Mode::TopologyCheck).await
    };
    let trouble = all_there.await.err().filter(is_trouble);
    // What fails for want of a connection says nothing of what is there.
    if number(&shared.consuming.state()) == Some(live.number) {
        shared.upkeep.set_trouble(trouble.map(|error| chain(&error)));
    }
}

/// Without the permission to declare there is no telling what is there, and who runs the broker wants it so.
fn is_trouble(error: &DeclareError) -> bool {
    !topology::is_for_want_of_permission(error)
}

async fn bind_own(shared: &RabbitShared, live: &LiveConnection) {
    let own = shared.upkeep.kept().own.clone();
    for (queue, (connection, bindings)) in own {
        let plan = Plan {
            bindings,
            ..Plan::default()
        };
        let is_there =
            connection == live.number && topology::declare(live, &plan, Mode::Declare).await.is_ok();
        if !is_there {
            // It has gone with its subscription, whose consumer makes another.
            shared.upkeep.kept().own.remove(&queue);
        }
    }
}
