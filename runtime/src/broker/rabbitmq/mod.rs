//! The RabbitMQ broker, through the client library lapin. No other folder uses lapin.
//!
//! RabbitMQ blocks every connection that publishes while a memory or disk alarm is on, and a blocked connection cannot
//! send acks. So consumers have a connection of their own. One task publishes. Each subscription has its own channel.

mod ack_writer;
mod channel_rotation;
mod confirm_tracker;
mod connect_error;
mod connection;
mod connection_state;
mod declare_error;
mod error;
mod in_flight;
mod known_refusals;
mod lapin_log;
mod last_address;
mod oldest_publish;
#[cfg(feature = "__bench")]
pub(crate) mod packed;
mod properties;
mod publish_queue;
mod publisher;
mod shared_exchanges;
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
use tokio::time::Instant;

use self::connect_error::connect_error;
use self::connection::{Connector, SupervisedConnection};
use self::connection_state::ConnectionState;
use self::declare_error::is_missing_permission;
use self::error::RabbitError;
use self::publisher::Publisher;
use self::subscription::RabbitSubscription;
use self::tls::TlsConnector;
use self::topology::DeclareMode;
use self::topology_watch::{TopologyWatch, TopologyWatcher};
use self::url::Server;
use crate::broker::{BoxFuture, Broker, BrokerState, Publish, QueueSource, Subscribe, Subscription};
use crate::bus::config::Config;
use crate::clock::Clock;
use crate::error::{Error, Result, SubscribeError};
use crate::message::shown::shown;
use crate::topology::{BindingPlan, Plan};

/// How long the broker may take to unbind a queue or to look one up.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) struct RabbitBroker {
    clock: Clock,
    publishing: SupervisedConnection,
    consuming: Arc<SupervisedConnection>,
    publisher: Publisher,
    topology: Arc<TopologyWatch>,
    topology_watcher: tokio::task::AbortHandle,
}

impl RabbitBroker {
    /// Connects to one of the brokers at `url`.
    ///
    /// # Errors
    /// When `url` is invalid, when no broker answers within the timeout, or when a broker refuses the connection.
    pub(crate) async fn connect(url: &str, config: &Config) -> Result<Self> {
        let mut servers = url::servers(url)?;
        if tls::has_client_certificate(&config.tls) {
            servers.iter_mut().for_each(Server::use_certificate);
        }
        // Errors in the files are reported before the first connection attempt.
        let is_tls = servers.iter().any(Server::is_tls);
        let tls = is_tls.then(|| TlsConnector::load(&config.tls)).transpose()?;
        let connector = |purpose| Connector {
            servers: servers.clone(),
            tls: tls.clone(),
            tls_files: config.tls.clone(),
            service: service_name(config),
            purpose,
            timeout: config.connect_timeout,
        };
        let (publishing, consuming) = tokio::try_join!(
            SupervisedConnection::open(connector("publish")),
            SupervisedConnection::open(connector("consume"))
        )
        .map_err(|errors| connect_error(url, &errors))?;
        let (consuming, topology) = (Arc::new(consuming), Arc::new(TopologyWatch::default()));
        let (check_requests, requests) = mpsc::unbounded_channel();
        let publisher = Publisher::start(publishing.states(), check_requests);
        let watcher = TopologyWatcher {
            watch: Arc::clone(&topology),
            connection: Arc::clone(&consuming),
            requests,
        };
        Ok(Self {
            clock: Clock::real(),
            publishing,
            consuming,
            publisher,
            topology,
            topology_watcher: tokio::spawn(watcher.run()).abort_handle(),
        })
    }

    async fn open_subscription(&self, subscribe: &Subscribe) -> Result<RabbitSubscription, RabbitError> {
        let live = self.consuming.live().await?;
        let subscription = subscription::subscribe(&live, self.consuming.states(), subscribe).await?;
        if let QueueSource::Ephemeral { exchange, patterns } = &subscribe.queue {
            self.topology
                .add_ephemeral(live.number, subscription.queue(), exchange, patterns);
        }
        Ok(subscription)
    }
}

/// The name of the service, or of the program if the bus has no service name.
fn service_name(config: &Config) -> String {
    let program = || {
        let path = std::env::current_exe().ok()?;
        Some(path.file_stem()?.to_string_lossy().into_owned())
    };
    let service = config.service.as_deref().map(str::to_owned);
    service.or_else(program).unwrap_or_else(|| "tidings".to_owned())
}

impl Broker for RabbitBroker {
    /// A quorum queue loses its confirmed messages if its node is killed within about half a second of the declaration
    /// (tried on 3.10.8 and 4.3.6).
    fn fresh_for(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn frame_max(&self) -> u32 {
        match self.publishing.state() {
            ConnectionState::Up(live) => live.connection.configuration().frame_max(),
            ConnectionState::Down(_) | ConnectionState::Closed => url::FRAME_MAX,
        }
    }

    fn declare<'a>(&'a self, plan: &'a Plan) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            // The consume connection is never blocked.
            topology::declare_on(&self.consuming, &self.topology.shared, plan, DeclareMode::Declare).await?;
            self.topology.add_declared(plan.clone());
            Ok(())
        })
    }

    fn verify<'a>(&'a self, plan: &'a Plan) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            topology::declare_on(&self.consuming, &self.topology.shared, plan, DeclareMode::Check).await?;
            // A passive declaration does not compare arguments. This one does, and creates nothing: everything exists.
            let plan = Plan {
                bindings: Vec::new(),
                ..plan.clone()
            };
            match topology::declare_on(
                &self.consuming,
                &self.topology.shared,
                &plan,
                DeclareMode::Declare,
            )
            .await
            {
                Err(error) if is_missing_permission(&error) => {
                    tracing::debug!("cannot compare queue arguments without the permission to declare");
                }
                result => result?,
            }
            self.topology.add_expected(plan);
            Ok(())
        })
    }

    fn unbind<'a>(&'a self, binding: &'a BindingPlan) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            answer(async { topology::unbind(&self.consuming.live().await?, binding).await }).await
        })
    }

    fn has_queue<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<bool, String>> {
        Box::pin(async move {
            answer(async { topology::has_queue(&self.consuming.live().await?, name).await }).await
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
            let opened = self.open_subscription(&subscribe).await;
            let subscription = opened.map_err(|error| subscribe_error(&subscribe, &error))?;
            Ok(Box::new(subscription) as Box<dyn Subscription>)
        })
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn state(&self) -> BrokerState {
        match (self.publishing.state(), self.consuming.state()) {
            (ConnectionState::Closed, _) | (_, ConnectionState::Closed) => {
                BrokerState::Down("the connection is closed".to_owned())
            }
            (ConnectionState::Down(why), _) | (_, ConnectionState::Down(why)) => BrokerState::Down(why),
            (ConnectionState::Up(live), ConnectionState::Up(_)) => match live.blocked {
                Some(why) => BrokerState::Blocked(why.to_string()),
                None => match (
                    self.topology.problem(),
                    self.publisher.oldest().problem(Instant::now()),
                ) {
                    (Some(why), _) => BrokerState::TopologyMissing(why),
                    (None, Some(why)) => BrokerState::Unconfirmed(why),
                    (None, None) => BrokerState::Up,
                },
            },
        }
    }

    fn oldest_publish(&self) -> Option<Duration> {
        self.publisher.oldest().waited(Instant::now())
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.topology_watcher.abort();
            self.publisher.close().await;
            tokio::join!(self.publishing.close(), self.consuming.close());
        })
    }
}

async fn answer<T>(request: impl Future<Output = Result<T, RabbitError>>) -> Result<T, String> {
    let answer = tokio::time::timeout(ANSWER_TIMEOUT, request).await;
    let answer = answer.unwrap_or_else(|_| Err(RabbitError::new("the broker does not answer")));
    answer.map_err(|error| error.to_string())
}

fn subscribe_error(subscribe: &Subscribe, error: &RabbitError) -> SubscribeError {
    let queue = match &subscribe.queue {
        QueueSource::Named(name) => name.to_string(),
        QueueSource::Ephemeral { .. } => format!("{} (ephemeral)", subscribe.consumer),
    };
    let source = match error.object() {
        Some(object) if error.is_forbidden() => format!(
            "{error}; grant the user the `read` permission on {} `{}`",
            object.kind,
            shown(object.name)
        ),
        _ => error.to_string(),
    };
    SubscribeError {
        queue,
        source: source.into(),
    }
}

impl Drop for RabbitBroker {
    fn drop(&mut self) {
        self.topology_watcher.abort();
    }
}
