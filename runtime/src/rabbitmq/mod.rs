//! RabbitMQ.
//!
//! Two connections, for a broker that is short of room blocks those that publish, and nothing passes on them then, no
//! acknowledgement either. One task publishes. Every subscription has a channel of its own. The client library is named
//! in this folder alone.

mod backoff;
mod connection;
mod consumer;
mod course;
mod fault;
mod ledger;
mod outbox;
mod properties;
mod publisher;
mod settlement;
mod socket;
mod tls;
mod topology;
mod url;
mod ways;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use self::connection::{Dialler, Link, Live, reasons};
use self::course::State;
use self::fault::Fault;
use self::publisher::Publisher;
use self::tls::Secure;
use self::topology::Mode;
use self::url::Server;
use crate::broker::{BoxFuture, Broker, BrokerState, Publish, Subscribe, Subscription};
use crate::clock::Clock;
use crate::config::{Config, redacted};
use crate::error::{ConnectError, DeclareError, Error, Result, SubscribeError};
use crate::topology::Plan;
use crate::wire::error_text::chain;

/// How long what needs a connection waits for one before it says that there is none.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long declaring a plan may take.
const DECLARING: Duration = Duration::from_mins(2);

/// How long it is at least between two repairs.
const BETWEEN_REPAIRS: Duration = Duration::from_millis(100);

/// A RabbitMQ broker, by its two connections.
pub(crate) struct RabbitBroker {
    shared: Arc<Shared>,
    publishing: Link,
    publisher: Publisher,
    repair: tokio::task::AbortHandle,
}

struct Shared {
    clock: Clock,
    consuming: Link,
    /// All that was declared, to be declared again when a publish finds its exchange gone.
    declared: Mutex<Plan>,
}

impl RabbitBroker {
    /// Connects to one of the brokers at `url`.
    ///
    /// # Errors
    /// When `url` names none, none answers within the time, or one does not let us in.
    pub(crate) async fn connect(url: &str, config: &Config) -> Result<Self> {
        let mut servers = url::servers(url)?;
        if tls::shows_a_certificate(&config.tls) {
            servers.iter_mut().for_each(Server::by_certificate);
        }
        // What is wrong with the files is told before anyone is called.
        let is_tls = servers.iter().any(Server::is_tls);
        let secure = is_tls.then(|| Secure::load(&config.tls)).transpose()?;
        let dialler = |purpose| Dialler {
            servers: servers.clone(),
            secure: secure.clone(),
            tls: config.tls.clone(),
            name: name_of(config),
            purpose,
            timeout: config.connect_timeout,
        };
        let (publishing, consuming) =
            tokio::try_join!(Link::open(dialler("publish")), Link::open(dialler("consume")))
                .map_err(|faults| connect_error(url, &faults))?;
        let shared = Arc::new(Shared {
            clock: Clock::real(),
            consuming,
            declared: Mutex::default(),
        });
        let missing = Arc::new(Notify::new());
        let publisher = Publisher::start(publishing.states(), Arc::clone(&missing));
        let repair = tokio::spawn(repair(Arc::clone(&shared), missing)).abort_handle();
        Ok(Self {
            shared,
            publishing,
            publisher,
            repair,
        })
    }
}

/// Who connects: the service where the bus knows it, else the program.
fn name_of(config: &Config) -> String {
    let program = || {
        let path = std::env::current_exe().ok()?;
        Some(path.file_stem()?.to_string_lossy().into_owned())
    };
    let service = config.service.as_deref().map(str::to_owned);
    service.or_else(program).unwrap_or_else(|| "tidings".to_owned())
}

fn connect_error(url: &str, faults: &[(Server, Fault)]) -> ConnectError {
    let refused = faults.iter().find(|(_, fault)| fault.is_final());
    let source = match refused {
        Some((server, fault)) => refusal(server, fault),
        None => reasons(faults),
    };
    ConnectError {
        url: redacted(url),
        source: source.into(),
    }
}

/// Why a broker does not let us in, and what to do about it.
fn refusal(server: &Server, fault: &Fault) -> String {
    if fault.is_deaf() {
        return format!("{server}: {fault}");
    }
    let (user, vhost) = (server.user(), server.vhost());
    let what = if fault.is_forbidden() && server.is_by_certificate() {
        "check that the broker has a user of the name that the client certificate gives it, which is its whole subject, \
         or with `ssl_cert_login_from = common_name` its common name"
            .to_owned()
    } else if server.is_by_certificate() {
        format!(
            "check that the virtual host `{vhost}` exists, and that the user of the client certificate has permissions \
             in it"
        )
    } else if fault.is_forbidden() {
        format!("check the password of user `{user}`")
    } else {
        format!(
            "check that the virtual host `{vhost}` exists, and grant it by rabbitmqctl set_permissions -p '{vhost}' \
             '{user}' '.*' '.*' '.*' or by narrower patterns"
        )
    };
    format!("{server}: {fault}; {what}")
}

/// Declares again what was declared, whenever a publish finds its exchange gone.
async fn repair(shared: Arc<Shared>, missing: Arc<Notify>) {
    loop {
        missing.notified().await;
        let plan = shared
            .declared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Err(error) = shared.declare(&plan, Mode::Declare).await {
            tracing::warn!("cannot declare again: {}", chain(&error));
        }
        tokio::time::sleep(BETWEEN_REPAIRS).await;
    }
}

impl Shared {
    async fn declare(&self, plan: &Plan, mode: Mode) -> Result<(), DeclareError> {
        // On the connection that is never blocked.
        let live = self.live().await.map_err(|fault| not_declared(plan, fault))?;
        tokio::time::timeout(DECLARING, topology::declare(&live, plan, mode))
            .await
            .unwrap_or_else(|_| Err(not_declared(plan, Fault::new("the broker does not answer"))))
    }

    async fn live(&self) -> Result<Live, Fault> {
        self.consuming.live(PATIENCE).await
    }
}

/// The error of a plan of which nothing can be declared.
fn not_declared(plan: &Plan, fault: Fault) -> DeclareError {
    let exchange = plan.exchanges.first().map(|it| ("exchange", it.name.clone()));
    let queue = || plan.queues.first().map(|it| ("queue", it.name.clone()));
    let (thing, name) = exchange.or_else(queue).unwrap_or_default();
    DeclareError {
        thing,
        name,
        source: fault.into(),
    }
}

impl Broker for RabbitBroker {
    /// A node that is killed forgets which quorum queues it had declared within about the last half second, and starts
    /// them again empty, confirmed messages and all (tried on 3.10.8 and 4.3.6).
    fn fresh_for(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn declare<'a>(&'a self, plan: &'a Plan) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            self.shared.declare(plan, Mode::Declare).await?;
            let mut declared = self
                .shared
                .declared
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            declared.merge(plan.clone());
            Ok(())
        })
    }

    fn verify<'a>(&'a self, plan: &'a Plan) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            self.shared.declare(plan, Mode::Look).await?;
            // All is there, so nothing is made; only so does the broker compare arguments.
            let things = Plan {
                bindings: Vec::new(),
                ..plan.clone()
            };
            match self.shared.declare(&things, Mode::Declare).await {
                Err(error) if topology::is_for_want_of_permission(&error) => {
                    tracing::debug!("arguments are not compared: it takes the permission to declare");
                    Ok(())
                }
                result => Ok(result?),
            }
        })
    }

    fn send(&self, publish: Publish) {
        self.publisher.send(publish);
    }

    fn subscribe(&self, subscribe: Subscribe) -> BoxFuture<'_, Result<Box<dyn Subscription>, Error>> {
        Box::pin(async move {
            let states = self.shared.consuming.states();
            let subscribed = match self.shared.live().await {
                Ok(live) => consumer::subscribe(&live, states, &subscribe).await,
                Err(fault) => Err(fault),
            };
            match subscribed {
                Ok(subscription) => Ok(Box::new(subscription) as Box<dyn Subscription>),
                Err(fault) => Err(subscribe_error(&subscribe, &fault).into()),
            }
        })
    }

    fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    fn state(&self) -> BrokerState {
        match (self.publishing.state(), self.shared.consuming.state()) {
            (State::Closed, _) | (_, State::Closed) => BrokerState::Down("it was closed".to_owned()),
            (State::Down(why), _) | (_, State::Down(why)) => BrokerState::Down(why),
            (State::Up(live), State::Up(_)) => match live.blocked {
                Some(why) => BrokerState::Blocked(why.to_string()),
                None => BrokerState::Up,
            },
        }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.repair.abort();
            self.publisher.close().await;
            tokio::join!(self.publishing.close(), self.shared.consuming.close());
        })
    }
}

fn subscribe_error(subscribe: &Subscribe, fault: &Fault) -> SubscribeError {
    let queue = match &subscribe.queue {
        crate::broker::QueueSource::Named(name) => name.to_string(),
        crate::broker::QueueSource::Ephemeral { .. } => format!("{} (ephemeral)", subscribe.consumer),
    };
    let source = match fault.thing() {
        Some(thing) if fault.is_forbidden() => format!(
            "{fault}; grant its user the `read` permission on {} `{}`",
            thing.kind, thing.name
        ),
        _ => fault.to_string(),
    };
    SubscribeError {
        queue,
        source: source.into(),
    }
}

impl Drop for RabbitBroker {
    fn drop(&mut self) {
        self.repair.abort();
    }
}

impl std::fmt::Debug for RabbitBroker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RabbitBroker")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
