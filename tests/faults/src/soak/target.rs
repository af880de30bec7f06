//! The target of a soak: a broker, a relay, and a service with traffic.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tidings_broker::Node;

use super::service::{Behaviour, Behaviours, HANDLERS};
use crate::account::Account;
use crate::deleted_events::{DeletedEvents, DeletionWindow};
use crate::handler_log::HandlerLog;
use crate::handlers::SERVICE;
use crate::harness::{FIRST_HANDLER_LOG, Harness, VirtualHost};
use crate::process::instance::Instance;
use crate::process::service::{HandlerSet, ServiceConfig};
use crate::recorder::number_and_id;
use crate::recovery::{PATIENCE, recovers};
use crate::relay::Relay;
use crate::row::Row;
use crate::traffic::{Load, Traffic};
use tidings_test_support::foreign_client::ForeignClient;
use tidings_test_support::wait::{blocking, within};

/// The broker user of the service.
pub(crate) const USER: &str = "user";

/// The password of the user.
pub(crate) const PASSWORD: &str = "secret";

/// A broker with traffic, into which faults are injected.
#[derive(Debug)]
pub struct SoakTarget {
    /// The node of the broker.
    pub node: Arc<Node>,
    /// The virtual host of the traffic.
    pub virtual_host: VirtualHost,
    /// The relay between the buses and the node.
    pub relay: Relay,
    /// The publishers and handlers.
    pub traffic: Traffic,
    /// The row of the current fault, without the counts of events.
    pub row: Row,
    pub(crate) deleted: DeletedEvents,
    pub(crate) behaviours: Behaviours,
    remote: Option<Instance>,
    config: ServiceConfig,
    dead: HashMap<String, Vec<(u64, String)>>,
    random: RefCell<fastrand::Rng>,
}

impl SoakTarget {
    /// Starts a service on its own broker, behind a relay and with its own user. One of its handlers runs in its own
    /// process.
    pub(super) async fn open(harness: &Harness, per_second: u32) -> Self {
        let node = harness
            .node_of(harness.setup().conf("max_message_size = 100000"))
            .await;
        let virtual_host = harness.virtual_host(&node).await;
        let (user, vhost) = (Arc::clone(&node), virtual_host.vhost.clone());
        blocking(move || {
            user.add_user(USER, PASSWORD).expect("a user is added");
            user.permit(USER, &vhost, [".*"; 3]).expect("a user is permitted");
        })
        .await;
        let relay = Relay::start(node.port()).await.expect("a relay starts");
        let url = relay.url(&node.url_of(USER, PASSWORD, &virtual_host.vhost)) + "?heartbeat=3";
        let load = Load::on(&url)
            .direct(&virtual_host.url)
            .per_second(per_second)
            .handled_by(SERVICE, HANDLERS)
            .settings(|builder| builder.publish_timeout(Duration::from_secs(10)))
            .with_orphans();

        // The app starts before the traffic, so that its queues exist before the first event. The traffic opens the
        // same file.
        let handler_log = HandlerLog::open(&harness.folder().join(FIRST_HANDLER_LOG));
        let behaviours = Behaviours::new(handler_log.clone());
        let bus = load.bus().await;
        let app = within("the start of the app", behaviours.app().start(&bus)).await;
        let mut config = ServiceConfig::new(&url, harness.folder(), HandlerSet::Remote);
        SERVICE.clone_into(&mut config.service);
        handler_log.path().clone_into(&mut config.handler_log);
        let client = ForeignClient::connect(&virtual_host.url).await;
        let remote = Instance::start_on(&config, &client, &["remote"], 0).await;
        let mut traffic = load.start(harness).await;
        traffic.attach(app.expect("the app starts"), bus);
        Self {
            node,
            virtual_host,
            relay,
            traffic,
            row: Row::default(),
            deleted: DeletedEvents::default(),
            behaviours,
            remote: Some(remote),
            config,
            dead: HashMap::new(),
            random: RefCell::new(fastrand::Rng::with_seed(harness.random(u64::MAX))),
        }
    }

    /// Returns a random element.
    pub(crate) fn one_of<T: Copy>(&self, all: &[T]) -> T {
        let index = self.random.borrow_mut().usize(..all.len());
        all[index]
    }

    /// Returns a random generator.
    pub(crate) fn random(&self) -> fastrand::Rng {
        self.random.borrow_mut().fork()
    }

    /// Connects a client without Tidings and without the relay.
    pub(crate) async fn client(&self) -> ForeignClient {
        ForeignClient::connect(&self.virtual_host.url).await
    }

    /// Runs Erlang code on the node.
    pub(crate) async fn eval(&self, expressions: &[&str]) {
        let (node, all) = (Arc::clone(&self.node), format!("{}, ok.", expressions.join(", ")));
        blocking(move || node.ctl(&["eval", &all]).expect("rabbitmqctl succeeds")).await;
    }

    /// Waits until new events are confirmed and finished by every handler.
    pub(crate) async fn recovers(&mut self) {
        recovers(&mut self.traffic, &mut self.row, PATIENCE, HANDLERS).await;
    }

    /// Call this before an object of these handlers is deleted.
    pub(crate) fn window(&mut self, handlers: &[&str]) -> DeletionWindow {
        DeletionWindow::open(&mut self.traffic, handlers)
    }

    /// Call this when the object exists again.
    pub(crate) fn close(&mut self, window: DeletionWindow) {
        window.close(&self.traffic, &mut self.deleted);
    }

    /// Takes all dead letters before an operator deletes them.
    pub(crate) async fn keep_dead_letters(&mut self) {
        let client = self.client().await;
        for handler in HANDLERS {
            let queue = format!("{SERVICE}.{handler}.dlq");
            for message in client.take(&queue).await.unwrap_or_default() {
                let dead = self.dead.entry((*handler).to_owned()).or_default();
                dead.extend(number_and_id(&message.delivery.data));
            }
        }
    }

    /// Takes the events of the orphans queue, which are not lost.
    pub(crate) async fn keep_orphans(&mut self) {
        let queue = format!("{SERVICE}.orphans");
        let orphans = self
            .client()
            .await
            .take(&queue)
            .await
            .expect("the orphans queue can be read");
        // The handler of an orphan does not matter, because events that a handler finished are removed later.
        for handler in HANDLERS {
            self.deleted.add_orphans(handler, &orphans);
        }
    }

    /// Takes the process of `remote`, which the caller stops.
    pub(crate) fn take_remote(&mut self) -> Instance {
        self.remote.take().expect("the process runs")
    }

    /// Restarts the process of `remote`.
    pub(crate) async fn start_remote(&mut self) {
        let client = self.client().await;
        self.remote = Some(Instance::start_on(&self.config, &client, &["remote"], 0).await);
    }

    /// Stops everything. Returns the account, and a note about the deleted events of each handler.
    pub(super) async fn finish(mut self) -> (Account, Vec<String>) {
        self.behaviours.set(Behaviour::Normal);
        let mut remote = self.take_remote();
        let mut account = self.traffic.finish().await;
        if let Some(status) = remote.exit_status() {
            account
                .failed
                .push(format!("the process of `remote` exited with {status}"));
        } else {
            remote.stop().await;
        }
        for (handler, letters) in self.dead {
            account.dead.entry(handler).or_default().extend(letters);
        }
        let client = ForeignClient::connect(&self.virtual_host.url).await;
        let orphans = client.take("faults.orphans").await.unwrap_or_default();
        for handler in HANDLERS {
            self.deleted.add_orphans(handler, &orphans);
        }
        let notes = self.deleted.add_to(&mut account);
        (account, notes)
    }
}
