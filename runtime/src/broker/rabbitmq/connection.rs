//! A supervised connection: a task opens, watches and reopens the connection until the owner closes it.
//!
//! We do not use the recovery of lapin. It doubles the bindings at each recovery, stops after 16 tries, and leaves
//! unconfirmed publishes pending. Here, a lost connection ends with all its channels. Its users wait for the next
//! connection and open new channels.
//!
//! The supervisor runs on the tokio runtime that opened the connection, so two runtimes, such as those of two
//! `#[tokio::test]`s, must not share a bus. lapin has a runtime of its own: see [`io_runtime`].

use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures_util::StreamExt;
use lapin::tcp::{AMQPUriTcpExt, OwnedTLSConfig};
use lapin::uri::AMQPScheme;
use lapin::{AsyncTcpStream, Connection, ConnectionProperties, Event};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;

use super::connect_error::reasons;
use super::connection_state::{ActionResult, ConnectionState, NextAction, Numbered, Reconnector};
use super::error::RabbitError;
use super::lapin_log;
use super::socket::{Connecting, Socket, WatchedSocket};
use super::tls::TlsConnector;
use super::url::Server;
use crate::backoff::Backoff;
use crate::bus::config::TlsFiles;
use crate::clock::deadline_after;
use crate::message::shown::shown_error;
use crate::telemetry;

/// The waits between two attempts to open the first connection.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// How often the supervisor checks the status of a connection without events.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// How long [`SupervisedConnection::live`] waits for a connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the supervisor waits for the reason of a lost connection.
const REASON_TIMEOUT: Duration = Duration::from_millis(200);

/// How long an orderly close may take before the supervisor cuts the socket.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) type LiveState = ConnectionState<LiveConnection>;

pub(super) struct SupervisedConnection {
    state: watch::Receiver<LiveState>,
    stop: watch::Sender<bool>,
}

#[derive(Clone)]
pub(super) struct LiveConnection {
    pub(super) connection: Arc<Connection>,
    /// The supervisor numbers its connections from 1.
    pub(super) number: u64,
    /// The broker's reason, while the broker blocks publishes on this connection.
    pub(super) blocked: Option<Arc<str>>,
    socket: Arc<Socket>,
}

impl Numbered for LiveConnection {
    fn number(&self) -> u64 {
        self.number
    }
}

pub(super) struct Connector {
    pub(super) servers: Vec<Server>,
    /// Present if a server has an `amqps` URL.
    pub(super) tls: Option<TlsConnector>,
    /// The files that `tls` is read from.
    pub(super) tls_files: TlsFiles,
    /// The service and the purpose form the connection name, which operators see at the broker.
    pub(super) service: String,
    pub(super) purpose: &'static str,
    pub(super) timeout: Duration,
}

impl SupervisedConnection {
    /// Opens the first connection and starts the supervisor.
    ///
    /// # Errors
    /// With the error of each server, if no server accepts the connection within the timeout. A final error, such as a
    /// wrong password, is returned at once.
    pub(super) async fn open(connector: Connector) -> Result<Self, Vec<(Server, RabbitError)>> {
        let live = connector.dial_first().await?;
        let (state, states) = watch::channel(ConnectionState::Up(live.clone()));
        let (stop, stops) = watch::channel(false);
        let supervisor = Supervisor {
            connector,
            state,
            stops,
        };
        tokio::spawn(supervisor.run(live));
        Ok(Self { state: states, stop })
    }

    pub(super) fn states(&self) -> watch::Receiver<LiveState> {
        self.state.clone()
    }

    pub(super) fn state(&self) -> LiveState {
        // Read before the state, because the supervisor sets its last state before it ends.
        let has_ended = self.state.has_changed().is_err();
        match self.state.borrow().clone() {
            ConnectionState::Closed => ConnectionState::Closed,
            _ if has_ended => ConnectionState::Down("the tokio runtime of the bus has ended".to_owned()),
            state => state,
        }
    }

    /// Waits a short time for a connection.
    ///
    /// # Errors
    /// With the reason why there is no connection.
    pub(super) async fn live(&self) -> Result<LiveConnection, RabbitError> {
        let mut states = self.states();
        let up = states.wait_for(|state| !matches!(state, ConnectionState::Down(_)));
        match tokio::time::timeout(CONNECTION_TIMEOUT, up).await {
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

    /// Closes the connection and ends the supervisor.
    pub(super) async fn close(&self) {
        self.stop.send_replace(true);
        let mut states = self.states();
        // An error means that the supervisor has ended, and so has the connection.
        let _ = states
            .wait_for(|state| matches!(state, ConnectionState::Closed))
            .await;
    }
}

impl Connector {
    /// Tries the servers in turn until one accepts the connection or the timeout passes.
    async fn dial_first(&self) -> Result<LiveConnection, Vec<(Server, RabbitError)>> {
        let deadline = deadline_after(self.timeout);
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        loop {
            let began = Instant::now();
            let errors = match self.dial_all(deadline, 1).await {
                Ok(live) => return Ok(live),
                Err(errors) => errors,
            };
            let wait = backoff.next_wait();
            // If the deadline ended the next attempt, a timeout would replace these errors.
            let next_end = deadline_after(wait + began.elapsed());
            if errors.iter().any(|(_, error)| error.is_final()) || next_end >= deadline {
                return Err(errors);
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Tries each server once. The servers share the remaining time equally.
    async fn dial_all(
        &self,
        deadline: Instant,
        number: u64,
    ) -> Result<LiveConnection, Vec<(Server, RabbitError)>> {
        let mut errors = Vec::new();
        for (at, server) in self.servers.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let servers_left = u32::try_from(self.servers.len() - at).unwrap_or(u32::MAX);
            match self.dial(server, left / servers_left, number).await {
                Ok(live) => return Ok(live),
                Err(error) => errors.push((server.clone(), error)),
            }
        }
        Err(errors)
    }

    async fn dial(
        &self,
        server: &Server,
        timeout: Duration,
        number: u64,
    ) -> Result<LiveConnection, RabbitError> {
        let no_tls = || RabbitError::new("TLS is not set up");
        let tls = server.is_tls().then(|| self.tls.clone().ok_or_else(no_tls));
        let tls = tls.transpose()?;
        let runtime = {
            let _io = io_runtime()?.enter();
            lapin::runtime::default_runtime()?
        };
        let connecting = Connecting::default();
        // lapin has no timeout for the handshake, so its thread would wait forever for a silent peer.
        let _cut = connecting.cut_on_drop();
        let opened = connecting.clone();
        let log = lapin_log::without_bodies();
        let connect = Connection::connector(
            server.uri.clone(),
            runtime,
            // lapin polls this future on its I/O thread.
            async move |uri, runtime| {
                lapin_log::log_to(&log);
                let mut plain = uri.clone();
                plain.scheme = AMQPScheme::AMQP;
                // Without this timeout, a thread of lapin waits for a silent peer for minutes.
                let no_tls = OwnedTLSConfig::default();
                let open_socket = plain.connect_with_config_async(no_tls.as_ref(), &runtime);
                let stream = within(timeout, open_socket).await?;
                if let AsyncTcpStream::Plain(stream) = &stream {
                    opened.set(Socket::of(stream.get_ref()));
                }
                let Some(tls) = &tls else {
                    return Ok(stream);
                };
                Ok(within(timeout, tls.handshake(stream, &uri.authority.host)).await?)
            },
            self.properties(),
        );
        match tokio::time::timeout(timeout, connect).await {
            Ok(Ok(connection)) => Ok(LiveConnection {
                connection: Arc::new(connection),
                number,
                blocked: None,
                socket: Arc::new(connecting.take()),
            }),
            Ok(Err(error)) => Err(RabbitError::from(error)),
            Err(_) => Err(RabbitError::new(format!(
                "the broker did not answer within {timeout:?}"
            ))),
        }
    }

    /// Reads the TLS files again, because certificates are renewed while a service runs.
    async fn reload_tls(&mut self) {
        if self.tls.is_none() {
            return;
        }
        let files = self.tls_files.clone();
        match tokio::task::spawn_blocking(move || TlsConnector::load(&files)).await {
            Ok(Ok(tls)) => self.tls = Some(tls),
            Ok(Err(error)) => tracing::warn!(%error, "cannot reload TLS files; using the previous ones"),
            // The runtime is shutting down.
            Err(_) => {}
        }
    }

    fn properties(&self) -> ConnectionProperties {
        ConnectionProperties::default()
            .with_connection_name(format!("{} {}", self.service, self.purpose).into())
            .with_client_property("product".into(), "tidings".into())
            .with_client_property("version".into(), env!("CARGO_PKG_VERSION").into())
    }
}

/// The runtime on which lapin reads its sockets and sends heartbeats: one thread for all connections of the process.
///
/// On the app's runtime, handlers that block every thread would stop the heartbeats. The connection would be lost, and
/// the deliveries would run again.
fn io_runtime() -> Result<&'static Handle, RabbitError> {
    static IO: LazyLock<std::io::Result<Handle>> = LazyLock::new(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        std::thread::Builder::new()
            .name("tidings-io".to_owned())
            .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
        Ok(handle)
    });
    IO.as_ref()
        .map_err(|error| RabbitError::new(format!("cannot start the thread for I/O: {error}")))
}

async fn within<T>(
    timeout: Duration,
    work: impl Future<Output = std::io::Result<T>>,
) -> Result<T, std::io::Error> {
    let timed_out = |_| std::io::Error::from(std::io::ErrorKind::TimedOut);
    tokio::time::timeout(timeout, work).await.map_err(timed_out)?
}

/// The task that executes the actions of a [`Reconnector`].
struct Supervisor {
    connector: Connector,
    state: watch::Sender<LiveState>,
    stops: watch::Receiver<bool>,
}

impl Supervisor {
    async fn run(mut self, live: LiveConnection) {
        let purpose = self.connector.purpose;
        tracing::info!(purpose, "connected");
        let mut reconnector = Reconnector::new(live);
        let mut connected_at = Instant::now();
        loop {
            let result = match reconnector.next_action(connected_at.elapsed()) {
                NextAction::Watch(live) => self.watch(&live).await,
                NextAction::Dial { after, number } => self.dial(after, number).await,
                NextAction::End => break,
            };
            match &result {
                ActionResult::Lost(why) => telemetry::connection_lost(purpose, why),
                ActionResult::Connected(_) => {
                    connected_at = Instant::now();
                    tracing::info!(purpose, "reconnected");
                }
                ActionResult::Refused(error) => tracing::warn!(purpose, %error, "cannot connect"),
                ActionResult::Stopped => {}
            }
            self.state.send_replace(reconnector.apply(result));
        }
    }

    /// Watches a connection until it is lost or the supervisor is stopped, then closes the connection.
    async fn watch(&self, live: &LiveConnection) -> ActionResult<LiveConnection> {
        let _cut = WatchedSocket(&live.socket);
        // A connection has one listener only: several listeners compete for its events.
        let mut events = pin!(live.connection.events_listener());
        let mut why = None;
        let mut stops = self.stops.clone();
        if live.connection.status().blocked() {
            self.set_blocked(Some(
                "the broker blocked the connection when it was opened".into(),
            ));
        }
        while live.connection.status().connected() {
            tokio::select! {
                event = events.next() => match event {
                    Some(Event::ConnectionBlocked(reason)) => {
                        self.set_blocked(Some(shown_error(&reason).to_string().into()));
                    }
                    Some(Event::ConnectionUnblocked) => self.set_blocked(None),
                    Some(Event::Error(error)) if live.connection.status().connected() => {
                        let (purpose, error) = (self.connector.purpose, RabbitError::from(error));
                        tracing::debug!(purpose, %error, "channel closed by the broker");
                    }
                    Some(Event::Error(error)) => why = Some(RabbitError::from(error)),
                    Some(_) => {}
                    None => break,
                },
                // The listener misses events from before it was created, so the loop checks the status too.
                () = tokio::time::sleep(CHECK_INTERVAL) => {}
                () = stopped(&mut stops) => {
                    close(live).await;
                    return ActionResult::Stopped;
                }
            }
        }
        // The status changes before the event with the reason is sent.
        let reason = async {
            while let Some(event) = events.next().await {
                if let Event::Error(error) = event {
                    return Some(RabbitError::from(error));
                }
            }
            None
        };
        if why.is_none() {
            why = tokio::time::timeout(REASON_TIMEOUT, reason).await.ok().flatten();
        }
        ActionResult::Lost(why.map_or_else(|| "the connection is lost".to_owned(), |why| why.to_string()))
    }

    /// Waits, then tries each server once.
    async fn dial(&mut self, after: Duration, number: u64) -> ActionResult<LiveConnection> {
        let connector = &mut self.connector;
        let dialling = async {
            tokio::time::sleep(after).await;
            connector.reload_tls().await;
            let deadline = deadline_after(connector.timeout);
            connector.dial_all(deadline, number).await
        };
        tokio::select! {
            result = dialling => match result {
                Ok(live) => ActionResult::Connected(live),
                Err(errors) => ActionResult::Refused(reasons(&errors)),
            },
            () = stopped(&mut self.stops) => ActionResult::Stopped,
        }
    }

    fn set_blocked(&self, reason: Option<Arc<str>>) {
        let purpose = self.connector.purpose;
        if let Some(reason) = &reason {
            tracing::warn!(purpose, %reason, "connection blocked by the broker");
        } else {
            tracing::info!(purpose, "connection unblocked by the broker");
        }
        self.state.send_modify(|state| {
            if let ConnectionState::Up(live) = state {
                live.blocked = reason;
            }
        });
    }
}

async fn stopped(stops: &mut watch::Receiver<bool>) {
    // An error means that the owner was dropped. That stops the supervisor too.
    let _ = stops.wait_for(|stop| *stop).await;
}

/// Closes a connection. Cuts its socket after a timeout, because lapin writes no close on a blocked connection.
async fn close(live: &LiveConnection) {
    let closing = live.connection.close(200, "OK".into());
    if tokio::time::timeout(CLOSE_TIMEOUT, closing).await.is_err() {
        live.socket.cut();
    }
}
