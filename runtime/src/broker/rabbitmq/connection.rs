//! A connection that is kept alive: a supervisor connects, watches, and connects again for as long as it is wanted.
//!
//! The client library can recover by itself, and must not: it doubles bindings at each recovery, gives up after 16
//! tries, and leaves what is under way hanging. Here a lost connection is gone with all that was on it; who needs
//! another waits for it, and builds its channels anew.
//!
//! A connection belongs to the tokio runtime it was made on: the library binds its tasks to that runtime, and ends them
//! with it. A bus must not be shared between two runtimes, such as those of two `#[tokio::test]`s.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::tcp::{AMQPUriTcpExt, OwnedTLSConfig};
use lapin::uri::AMQPScheme;
use lapin::{AsyncTcpStream, Connection, ConnectionProperties, Event};
use tokio::sync::watch;
use tokio::time::Instant;

use super::connection_state::{ActionResult, ConnectionState, NextAction, Numbered, Reconnector};
use super::error::RabbitError;
use super::refusal;
use super::socket::{Making, Socket};
use super::tls::Secure;
use super::url::Server;
use crate::backoff::Backoff;
use crate::bus::config::TlsFiles;
use crate::telemetry;

/// Between two tries to make the first connection.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LAST_WAIT: Duration = Duration::from_secs(1);

/// How often a connection is looked at that says nothing.
const LOOK: Duration = Duration::from_secs(1);

/// How long a connection may take to close in good order before it is cut.
const CLOSING: Duration = Duration::from_secs(5);

/// A connection that is kept alive.
pub(super) struct SupervisedConnection {
    state: watch::Receiver<ConnectionState>,
    stop: watch::Sender<bool>,
}

/// A connection, for as long as it lives.
#[derive(Clone)]
pub(super) struct LiveConnection {
    pub(super) connection: Arc<Connection>,
    /// Which of the link's connections it is.
    pub(super) number: u64,
    /// Why the broker takes no publishes on it, if it takes none.
    pub(super) blocked: Option<Arc<str>>,
    socket: Arc<Socket>,
}

impl Numbered for LiveConnection {
    fn number(&self) -> u64 {
        self.number
    }
}

/// Where to connect, and as what.
pub(super) struct Connector {
    pub(super) servers: Vec<Server>,
    /// What a TLS connection needs, where there is one to be made.
    pub(super) secure: Option<Secure>,
    /// Where that is read from.
    pub(super) tls: TlsFiles,
    /// The service and the purpose, for people who look at the broker.
    pub(super) name: String,
    pub(super) purpose: &'static str,
    pub(super) timeout: Duration,
}

impl SupervisedConnection {
    /// Connects, and keeps connected from then on.
    ///
    /// # Errors
    /// With the reason of each server when none has let us in within the time, and at once when one will not.
    pub(super) async fn open(dialler: Connector) -> Result<Self, Vec<(Server, RabbitError)>> {
        let live = dialler.dial_first().await?;
        let (state, states) = watch::channel(ConnectionState::Up(live.clone()));
        let (stop, stops) = watch::channel(false);
        let supervisor = Supervisor {
            dialler,
            state,
            stops,
        };
        tokio::spawn(supervisor.run(live));
        Ok(Self { state: states, stop })
    }

    pub(super) fn states(&self) -> watch::Receiver<ConnectionState> {
        self.state.clone()
    }

    pub(super) fn state(&self) -> ConnectionState {
        self.state.borrow().clone()
    }

    /// The connection, once there is one; `Err` with why there is none after `patience`.
    pub(super) async fn live(&self, patience: Duration) -> Result<LiveConnection, RabbitError> {
        let mut states = self.states();
        let up = states.wait_for(|state| !matches!(state, ConnectionState::Down(_)));
        match tokio::time::timeout(patience, up).await {
            Ok(Ok(state)) => match &*state {
                ConnectionState::Up(live) => Ok(live.clone()),
                ConnectionState::Down(_) | ConnectionState::Closed => {
                    Err(RabbitError::new("the bus is closed"))
                }
            },
            Ok(Err(_)) => Err(RabbitError::new("the bus is closed")),
            Err(_) => Err(match self.state() {
                ConnectionState::Down(why) => RabbitError::new(why),
                ConnectionState::Up(_) | ConnectionState::Closed => {
                    RabbitError::new("there is no connection")
                }
            }),
        }
    }

    /// Closes the connection, and makes no other.
    pub(super) async fn close(&self) {
        self.stop.send_replace(true);
        let mut states = self.states();
        // An error says that the supervisor is gone, and with it the connection.
        let _ = states
            .wait_for(|state| matches!(state, ConnectionState::Closed))
            .await;
    }
}

impl Connector {
    /// Goes through the servers until one lets us in or the time is up.
    async fn dial_first(&self) -> Result<LiveConnection, Vec<(Server, RabbitError)>> {
        let deadline = Instant::now() + self.timeout;
        let mut backoff = Backoff::new(FIRST_WAIT, LAST_WAIT);
        loop {
            let began = Instant::now();
            let faults = match self.dial_all(deadline, 1).await {
                Ok(live) => return Ok(live),
                Err(faults) => faults,
            };
            let wait = backoff.next_wait();
            // One that cannot last as long as this one did would end with less to tell.
            let next = Instant::now() + wait + began.elapsed();
            if faults.iter().any(|(_, fault)| fault.is_final()) || next >= deadline {
                return Err(faults);
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Tries each server once, in turn; each gets its share of the time.
    async fn dial_all(
        &self,
        deadline: Instant,
        number: u64,
    ) -> Result<LiveConnection, Vec<(Server, RabbitError)>> {
        let mut faults = Vec::new();
        for (at, server) in self.servers.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let servers_left = u32::try_from(self.servers.len() - at).unwrap_or(u32::MAX);
            match self.dial(server, left / servers_left, number).await {
                Ok(live) => return Ok(live),
                Err(fault) => faults.push((server.clone(), fault)),
            }
        }
        Err(faults)
    }

    async fn dial(
        &self,
        server: &Server,
        timeout: Duration,
        number: u64,
    ) -> Result<LiveConnection, RabbitError> {
        let no_tls = || RabbitError::new("TLS is not set up");
        let secure = server.is_tls().then(|| self.secure.clone().ok_or_else(no_tls));
        let secure = secure.transpose()?;
        let runtime = lapin::runtime::default_runtime()?;
        let making = Making::default();
        // The library's thread would wait for the peer's next word for ever.
        let _cut = making.guard();
        let opened = making.clone();
        let connect = Connection::connector(
            server.uri.clone(),
            runtime,
            async move |uri, runtime| {
                let mut plain = uri.clone();
                plain.scheme = AMQPScheme::AMQP;
                // The library waits for a silent peer as long as the system does, minutes, in a thread of its own.
                let no_tls = OwnedTLSConfig::default();
                let connecting = plain.connect_with_config_async(no_tls.as_ref(), &runtime);
                let stream = within(timeout, connecting).await?;
                if let AsyncTcpStream::Plain(stream) = &stream {
                    opened.set(Socket::of(stream.get_ref()));
                }
                let Some(secure) = &secure else {
                    return Ok(stream);
                };
                Ok(within(timeout, secure.handshake(stream, &uri.authority.host)).await?)
            },
            self.properties(),
        );
        match tokio::time::timeout(timeout, connect).await {
            Ok(Ok(connection)) => Ok(LiveConnection {
                connection: Arc::new(connection),
                number,
                blocked: None,
                socket: Arc::new(making.keep()),
            }),
            Ok(Err(error)) => Err(RabbitError::from(error)),
            Err(_) => Err(RabbitError::new(format!("it did not answer within {timeout:?}"))),
        }
    }

    /// Reads the files for TLS again: certificates are renewed while a service runs.
    async fn renew(&mut self) {
        if self.secure.is_none() {
            return;
        }
        let files = self.tls.clone();
        match tokio::task::spawn_blocking(move || Secure::load(&files)).await {
            Ok(Ok(secure)) => self.secure = Some(secure),
            Ok(Err(error)) => tracing::warn!("what was read for TLS before is kept: {error}"),
            // The runtime is ending.
            Err(_) => {}
        }
    }

    fn properties(&self) -> ConnectionProperties {
        ConnectionProperties::default()
            .with_connection_name(format!("{} {}", self.name, self.purpose).into())
            .with_client_property("product".into(), "tidings".into())
            .with_client_property("version".into(), env!("CARGO_PKG_VERSION").into())
    }
}

async fn within<T>(
    timeout: Duration,
    work: impl Future<Output = std::io::Result<T>>,
) -> Result<T, std::io::Error> {
    let timed_out = |_| std::io::Error::from(std::io::ErrorKind::TimedOut);
    tokio::time::timeout(timeout, work).await.map_err(timed_out)?
}

/// The task that keeps a link.
struct Supervisor {
    dialler: Connector,
    state: watch::Sender<ConnectionState>,
    stops: watch::Receiver<bool>,
}

impl Supervisor {
    async fn run(mut self, live: LiveConnection) {
        let purpose = self.dialler.purpose;
        tracing::info!(purpose, "connected");
        let mut course = Reconnector::from(live);
        let mut since = Instant::now();
        loop {
            let came = match course.duty(since.elapsed()) {
                NextAction::Watch(live) => self.watch(&live).await,
                NextAction::Dial { after, number } => self.dial(after, number).await,
                NextAction::End => break,
            };
            match &came {
                ActionResult::Lost(why) => telemetry::connection_lost(purpose, why),
                ActionResult::In(_) => {
                    since = Instant::now();
                    tracing::info!(purpose, "connected again");
                }
                ActionResult::Refused(why) => tracing::warn!(purpose, "cannot connect: {why}"),
                ActionResult::Stopped => {}
            }
            self.state.send_replace(course.take(came));
        }
    }

    /// Watches a connection until it is lost or no longer wanted, and leaves nothing of it.
    async fn watch(&self, live: &LiveConnection) -> ActionResult {
        // The one listener of this connection: several would take each other's events.
        let mut events = pin!(live.connection.events_listener());
        let mut why = None;
        let mut stops = self.stops.clone();
        if live.connection.status().blocked() {
            self.set_blocked(Some("it was blocked from the start".into()));
        }
        while live.connection.status().connected() {
            tokio::select! {
                event = events.next() => match event {
                    Some(Event::ConnectionBlocked(reason)) => self.set_blocked(Some(reason.into())),
                    Some(Event::ConnectionUnblocked) => self.set_blocked(None),
                    // Of a channel or of the connection itself: the status tells.
                    Some(Event::Error(error)) => why = Some(RabbitError::from(error).to_string()),
                    Some(_) => {}
                    None => break,
                },
                // An event that came before we listened is lost.
                () = tokio::time::sleep(LOOK) => {}
                () = stopped(&mut stops) => {
                    close(live).await;
                    return ActionResult::Stopped;
                }
            }
        }
        live.socket.cut();
        ActionResult::Lost(why.unwrap_or_else(|| "the connection is lost".to_owned()))
    }

    /// Waits, and tries each server once.
    async fn dial(&mut self, after: Duration, number: u64) -> ActionResult {
        let caller = &mut self.dialler;
        let dialling = async {
            tokio::time::sleep(after).await;
            caller.renew().await;
            let deadline = Instant::now() + caller.timeout;
            caller.dial_all(deadline, number).await
        };
        tokio::select! {
            result = dialling => match result {
                Ok(live) => ActionResult::In(live),
                Err(faults) => ActionResult::Refused(reasons(&faults)),
            },
            () = stopped(&mut self.stops) => ActionResult::Stopped,
        }
    }

    fn set_blocked(&self, reason: Option<Arc<str>>) {
        if let Some(reason) = &reason {
            tracing::warn!(%reason, "the broker takes no publishes");
        } else {
            tracing::info!("the broker takes publishes again");
        }
        self.state.send_modify(|state| {
            if let ConnectionState::Up(live) = state {
                live.blocked = reason;
            }
        });
    }
}

async fn stopped(stops: &mut watch::Receiver<bool>) {
    // An error says that the link is gone, which is the same.
    let _ = stops.wait_for(|stop| *stop).await;
}

/// Closes a connection in good order, or cuts it: one that the broker has blocked writes nothing, its farewell neither.
async fn close(live: &LiveConnection) {
    let closing = live.connection.close(200, "OK".into());
    if tokio::time::timeout(CLOSING, closing).await.is_err() {
        live.socket.cut();
    }
}

/// Every server with its reason.
pub(super) fn reasons(faults: &[(Server, RabbitError)]) -> String {
    let each: Vec<String> = faults
        .iter()
        .map(|(server, fault)| refusal(server, fault))
        .collect();
    each.join("; ")
}
