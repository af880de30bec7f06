//! Where a soak takes place: a broker, the way to it, and a service with events on the way.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tidings_broker::Node;

use super::service::{HANDLERS, Mood, Temper};
use crate::account::Account;
use crate::gone::{Gone, Window};
use crate::handlers::SERVICE;
use crate::notebook::Notebook;
use crate::process::instance::Instance;
use crate::process::service::{Cast, Job};
use crate::recovery::{PATIENCE, recovers};
use crate::relay::Relay;
use crate::row::Row;
use crate::stage::{Room, Stage};
use crate::stranger::{QUORUM, Stranger, table};
use crate::traffic::{Load, Traffic};
use crate::wait::{blocking, until, within};
use crate::witness::{self, number_and_id};

/// The user of the service.
pub(crate) const CLERK: &str = "clerk";

/// Its password.
pub(crate) const PASSWORD: &str = "secret";

/// A broker with traffic on it, to do a fault to, and what the fault leaves behind.
#[derive(Debug)]
pub struct Field {
    /// The node.
    pub node: Arc<Node>,
    /// The virtual host of the traffic.
    pub room: Room,
    /// The way of all clients of ours to the node.
    pub relay: Relay,
    /// The events.
    pub traffic: Traffic,
    /// What the fault of the hour cost, beside its events.
    pub row: Row,
    pub(crate) gone: Gone,
    pub(crate) temper: Temper,
    far: Option<Instance>,
    job: Job,
    dead: HashMap<String, Vec<(u64, String)>>,
    random: RefCell<fastrand::Rng>,
}

impl Field {
    /// A service on a broker of its own, through a relay, as a user of its own, one of its handlers in a process of its
    /// own; `per_second` events.
    pub(super) async fn open(stage: &Stage, per_second: u32) -> Self {
        let node = stage
            .node_of(stage.setup().conf("max_message_size = 100000"))
            .await;
        let room = stage.room(&node).await;
        let (user, vhost) = (Arc::clone(&node), room.vhost.clone());
        blocking(move || {
            user.add_user(CLERK, PASSWORD).expect("a user is added");
            user.permit(CLERK, &vhost, [".*"; 3])
                .expect("a user is permitted");
        })
        .await;
        let relay = Relay::start(node.port()).await.expect("a relay starts");
        let url = relay.url(&node.url_of(CLERK, PASSWORD, &room.vhost)) + "?heartbeat=3";
        let load = Load::on(&url)
            .direct(&room.url)
            .per_second(per_second)
            .handled_by(SERVICE, HANDLERS)
            .settings(|builder| builder.publish_timeout(Duration::from_secs(10)))
            .with_orphans();

        // Traffic opens the first file of this name, and the queues are to be there before its events.
        let notebook = Notebook::open(&stage.folder().join("notebook-1"));
        let temper = Temper::new(notebook.clone());
        let bus = load.bus().await;
        let app = within("the start of the app", temper.app().start(&bus)).await;
        let mut job = Job::new(&url, stage.folder(), Cast::Far);
        SERVICE.clone_into(&mut job.service);
        notebook.path().clone_into(&mut job.notebook);
        let stranger = Stranger::connect(&room.url).await;
        let far = Instance::start_on(&job, &stranger, &["far"], 0).await;
        let mut traffic = load.start(stage).await;
        traffic.attach(app.expect("the app starts"), bus);
        Self {
            node,
            room,
            relay,
            traffic,
            row: Row::default(),
            gone: Gone::default(),
            temper,
            far: Some(far),
            job,
            dead: HashMap::new(),
            random: RefCell::new(fastrand::Rng::with_seed(stage.random(u64::MAX))),
        }
    }

    /// One of these.
    pub(crate) fn one_of<T: Copy>(&self, all: &[T]) -> T {
        let index = self.random.borrow_mut().usize(..all.len());
        all[index]
    }

    /// What is random here.
    pub(crate) fn random(&self) -> fastrand::Rng {
        self.random.borrow_mut().fork()
    }

    /// A bare client, past the relay.
    pub(crate) async fn stranger(&self) -> Stranger {
        Stranger::connect(&self.room.url).await
    }

    /// Does these things on the node, in Erlang.
    pub(crate) async fn eval(&self, expressions: &[&str]) {
        let (node, all) = (Arc::clone(&self.node), format!("{}, ok.", expressions.join(", ")));
        blocking(move || node.ctl(&["eval", &all]).expect("rabbitmqctl does it")).await;
    }

    /// Waits until what is published from now on is confirmed, and finished by every handler.
    pub(crate) async fn recovers(&mut self) {
        recovers(&mut self.traffic, &mut self.row, PATIENCE, HANDLERS).await;
    }

    /// Something of these handlers is about to be deleted.
    pub(crate) fn window(&mut self, handlers: &[&str]) -> Window {
        Window::open(&mut self.traffic, handlers)
    }

    /// It is there again.
    pub(crate) fn close(&mut self, window: Window) {
        window.close(&self.traffic, &mut self.gone);
    }

    /// Gives the witness its queue and its binding again.
    pub(crate) async fn bind_witness(&self) {
        let stranger = self.stranger().await;
        until("the witness is bound again", async || {
            stranger.bind(witness::QUEUE, "#", table(QUORUM)).await.is_ok()
        })
        .await;
    }

    /// Takes the dead letters to the account, before they are deleted.
    pub(crate) async fn keep_dead_letters(&mut self) {
        let stranger = self.stranger().await;
        for handler in HANDLERS {
            let queue = format!("{SERVICE}.{handler}.dlq");
            for message in stranger.take(&queue).await.unwrap_or_default() {
                let kept = self.dead.entry((*handler).to_owned()).or_default();
                kept.extend(number_and_id(&message.delivery.data));
            }
        }
    }

    /// Takes the retries that found no queue to come back to: they are kept, and nobody has lost them.
    pub(crate) async fn keep_orphans(&mut self) {
        let queue = format!("{SERVICE}.orphans");
        let orphans = self
            .stranger()
            .await
            .take(&queue)
            .await
            .expect("the orphans can be taken");
        // Whose they are is not asked: whoever finished it does not miss it.
        for handler in HANDLERS {
            self.gone.know(handler, &orphans);
        }
    }

    /// The process of `far`.
    pub(crate) fn far(&mut self) -> Instance {
        self.far.take().expect("the process runs")
    }

    /// Starts the process of `far` again.
    pub(crate) async fn start_far(&mut self) {
        let stranger = self.stranger().await;
        self.far = Some(Instance::start_on(&self.job, &stranger, &["far"], 0).await);
    }

    /// Ends all, and gives the account of it, with a sentence for each handler of what went by an operator's hand.
    pub(super) async fn settle(mut self) -> (Account, Vec<String>) {
        self.temper.set(Mood::Well);
        let mut far = self.far();
        let mut account = self.traffic.settle().await;
        if let Some(status) = far.ended() {
            account
                .failed
                .push(format!("the process of `far` ended with {status}"));
        } else {
            far.terminate().await;
            far.end().await;
        }
        for (handler, letters) in self.dead {
            account.dead.entry(handler).or_default().extend(letters);
        }
        let stranger = Stranger::connect(&self.room.url).await;
        let orphans = stranger.take("faults.orphans").await.unwrap_or_default();
        for handler in HANDLERS {
            self.gone.know(handler, &orphans);
        }
        let notes = self.gone.mark(&mut account);
        (account, notes)
    }
}
