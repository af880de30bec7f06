//! RabbitMQ.
//!
//! Two connections, for a broker that is short of room blocks those that publish, and nothing passes on them then, no
//! acknowledgement either. One task publishes. Every subscription has a channel of its own. The client library is named
//! in this folder alone.

mod ack_writer;
mod channel_rotation;
mod confirm_tracker;
mod connection;
mod connection_state;
mod error;
mod in_flight;
mod last_address;
#[cfg(feature = "__bench")]
pub(crate) mod packed;
mod properties;
mod publish_queue;
mod publisher;
mod socket;
mod subscription;
mod suspect_reader;
mod tls;
mod topology;
mod topology_schedule;
mod topology_watch;
mod url;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use self::connection::{Connector, LiveConnection, SupervisedConnection, reasons};
use self::connection_state::ConnectionState;
use self::error::RabbitError;
use self::publisher::Publisher;
use self::subscription::RabbitSubscription;
use self::tls::Secure;
use self::topology::Mode;
use self::topology_watch::TopologyWatch;
use self::url::Server;
use crate::broker::{BoxFuture, Broker, BrokerState, Publish, QueueSource, Subscribe, Subscription};
use crate::bus::config::Config;
use crate::bus::url::redacted;
use crate::clock::Clock;
use crate::error::{ConnectError, DeclareError, Error, Result, SubscribeError};
use crate::topology::{BindingPlan, Plan};

/// How long what needs a connection waits for one before it says that there is none.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long declaring a plan may take.
const DECLARING: Duration = Duration::from_mins(2);

/// How long the answer to one question may take.
const ANSWERING: Duration = Duration::from_secs(10);

/// A RabbitMQ broker, by its two connections.
pub(crate) struct RabbitBroker {
    shared: Arc<RabbitShared>,
    publishing: SupervisedConnection,
    publisher: Publisher,
    keep_up: tokio::task::AbortHandle,
}

struct RabbitShared {
    clock: Clock,
    consuming: SupervisedConnection,
    upkeep: TopologyWatch,
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
        let dialler = |purpose| Connector {
            servers: servers.clone(),
            secure: secure.clone(),
            tls: config.tls.clone(),
            name: name_of(config),
            purpose,
            timeout: config.connect_timeout,
        };
        let (publishing, consuming) = tokio::try_join!(
            SupervisedConnection::open(dialler("publish")),
            SupervisedConnection::open(dialler("consume"))
        )
        .map_err(|faults| connect_error(url, &faults))?;
        let shared = Arc::new(RabbitShared {
            clock: Clock::real(),
            consuming,
            upkeep: TopologyWatch::default(),
        });
        let (missing, asked) = mpsc::unbounded_channel();
        let publisher = Publisher::start(publishing.states(), missing);
        let keep_up = tokio::spawn(topology_watch::keep_up(Arc::clone(&shared), asked)).abort_handle();
        Ok(Self {
            shared,
            publishing,
            publisher,
            keep_up,
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

fn connect_error(url: &str, faults: &[(Server, RabbitError)]) -> ConnectError {
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
fn refusal(server: &Server, fault: &RabbitError) -> String {
    if server.is_by_certificate() && fault.is_hang_up() {
        return format!(
            "{server}: {fault}; where the broker does not offer EXTERNAL, enable its plugin \
             `rabbitmq_auth_mechanism_ssl` and name it in `auth_mechanisms`"
        );
    }
    if fault.is_deaf() || !fault.is_final() {
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

impl RabbitShared {
    async fn declare(&self, plan: &Plan, mode: Mode) -> Result<(), DeclareError> {
        // On the connection that is never blocked.
        let live = self.live().await.map_err(|fault| not_declared(plan, fault))?;
        tokio::time::timeout(DECLARING, topology::declare(&live, plan, mode))
            .await
            .unwrap_or_else(|_| Err(not_declared(plan, RabbitError::new("the broker does not answer"))))
    }

    async fn subscribe(&self, subscribe: &Subscribe) -> Result<RabbitSubscription, RabbitError> {
        let live = self.live().await?;
        let subscription = subscription::subscribe(&live, self.consuming.states(), subscribe).await?;
        if let QueueSource::Ephemeral { exchange, patterns } = &subscribe.queue {
            self.upkeep
                .own(live.number, subscription.queue(), exchange, patterns);
        }
        Ok(subscription)
    }

    async fn live(&self) -> Result<LiveConnection, RabbitError> {
        self.consuming.live(PATIENCE).await
    }
}

/// The error of a plan of which nothing can be declared.
fn not_declared(plan: &Plan, fault: RabbitError) -> DeclareError {
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
            self.shared.upkeep.declared(plan.clone());
            Ok(())
        })
    }

    fn verify<'a>(&'a self, plan: &'a Plan) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            self.shared.declare(plan, Mode::TopologyCheck).await?;
            // All is there, so nothing is made; only so does the broker compare arguments.
            let things = Plan {
                bindings: Vec::new(),
                ..plan.clone()
            };
            match self.shared.declare(&things, Mode::Declare).await {
                Err(error) if topology::is_for_want_of_permission(&error) => {
                    tracing::debug!("arguments are not compared: it takes the permission to declare");
                }
                result => result?,
            }
            self.shared.upkeep.expected(things);
            Ok(())
        })
    }

    fn unbind<'a>(&'a self, binding: &'a BindingPlan) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let asked = async { topology::unbind(&self.shared.live().await?, binding).await };
            answered(asked).await
        })
    }

    fn has_queue<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<bool, String>> {
        Box::pin(async move {
            let asked = async { topology::has_queue(&self.shared.live().await?, name).await };
            answered(asked).await
        })
    }

    fn send(&self, publish: Publish) {
        self.publisher.send(publish);
    }

    fn send_all(&self, publishes: Vec<Publish>) {
        self.publisher.send_all(publishes);
    }

    fn subscribe(&self, subscribe: Subscribe) -> BoxFuture<'_, Result<Box<dyn Subscription>, Error>> {
        Box::pin(async move {
            let subscribed = self.shared.subscribe(&subscribe).await;
            let subscription = subscribed.map_err(|fault| subscribe_error(&subscribe, &fault))?;
            Ok(Box::new(subscription) as Box<dyn Subscription>)
        })
    }

    fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    fn state(&self) -> BrokerState {
        match (self.publishing.state(), self.shared.consuming.state()) {
            (ConnectionState::Closed, _) | (_, ConnectionState::Closed) => {
                BrokerState::Down("it was closed".to_owned())
            }
            (ConnectionState::Down(why), _) | (_, ConnectionState::Down(why)) => BrokerState::Down(why),
            (ConnectionState::Up(live), ConnectionState::Up(_)) => match live.blocked {
                Some(why) => BrokerState::Blocked(why.to_string()),
                None => match self.shared.upkeep.trouble() {
                    Some(why) => BrokerState::Troubled(why),
                    None => BrokerState::Up,
                },
            },
        }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.keep_up.abort();
            self.publisher.close().await;
            tokio::join!(self.publishing.close(), self.shared.consuming.close());
        })
    }
}

/// The broker's answer to one question, or why there is none.
async fn answered<T>(asked: impl Future<Output = Result<T, RabbitError>>) -> Result<T, String> {
    let answer = tokio::time::timeout(ANSWERING, asked).await;
    let answer = answer.unwrap_or_else(|_| Err(RabbitError::new("the broker does not answer")));
    answer.map_err(|fault| fault.to_string())
}

fn subscribe_error(subscribe: &Subscribe, fault: &RabbitError) -> SubscribeError {
    let queue = match &subscribe.queue {
        QueueSource::Named(name) => name.to_string(),
        QueueSource::Ephemeral { .. } => format!("{} (ephemeral)", subscribe.consumer),
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
        self.keep_up.abort();
    }
}

impl std::fmt::Debug for RabbitBroker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RabbitBroker")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
