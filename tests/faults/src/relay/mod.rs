//! A TCP relay between a client and a broker that simulates network faults.
//!
//! The [`Mode`] applies to existing and new connections, and can change at any time. The relay keeps the bytes that it
//! does not forward yet, like a network with retransmission. It changes, loses and reorders no byte.

mod in_flight;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use self::in_flight::InFlight;

/// How many bytes are read at once.
const CHUNK: usize = 16 * 1024;

/// The state of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A working network.
    Forward,
    /// No byte, FIN or RST passes. Existing connections stay open. New connections are accepted and get no answer.
    BlackHole,
    /// Only bytes in this direction pass.
    HalfOpen(Direction),
    /// This many bytes per second pass in each direction.
    Throttled(u32),
    /// All bytes are delayed by this time, in each direction.
    Late(Duration),
    /// New connections are accepted and closed at once. Existing ones work.
    CloseNew,
}

/// The direction of bytes through the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the broker.
    ToBroker,
    /// From the broker to the client.
    ToClient,
}

/// How open connections are closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Both ends get a FIN.
    Fin,
    /// Both ends get a RST.
    Reset,
    /// The broker's end gets a RST, the client's end nothing.
    BrokerOnly,
}

/// A relay on its own port. It closes all connections when it is dropped.
#[derive(Debug)]
pub struct Relay {
    port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    mode: watch::Sender<Mode>,
    /// The number of cuts, and how the last one closed the connections.
    cut: watch::Sender<(usize, Cut)>,
    accepted: AtomicUsize,
    open_connections: watch::Sender<usize>,
}

impl Relay {
    /// Listens on loopback and forwards to `port` on loopback.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let shared = Arc::new(Shared {
            target: SocketAddr::from(([127, 0, 0, 1], port)),
            mode: watch::Sender::new(Mode::Forward),
            cut: watch::Sender::new((0, Cut::Fin)),
            accepted: AtomicUsize::new(0),
            open_connections: watch::Sender::new(0),
        });
        Ok(Self {
            port: listener.local_addr()?.port(),
            task: tokio::spawn(accept(listener, Arc::clone(&shared))),
            shared,
        })
    }

    /// The port for clients, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the URL that leads through the relay.
    ///
    /// # Panics
    /// When `direct` does not contain the port that the relay forwards to.
    pub fn url(&self, direct: &str) -> String {
        let target = format!(":{}", self.shared.target.port());
        assert!(direct.contains(&target), "the relay does not forward to {direct}");
        direct.replacen(&target, &format!(":{}", self.port), 1)
    }

    /// Changes the state of the network.
    pub fn set(&self, mode: Mode) {
        self.shared.mode.send_replace(mode);
    }

    /// Closes all open connections. Returns how many there were.
    pub fn cut(&self, how: Cut) -> usize {
        let open_connections = self.open_connections();
        self.shared.cut.send_modify(|(count, last)| {
            *count += 1;
            *last = how;
        });
        open_connections
    }

    /// How many connections are open. A connection whose broker's end was closed does not count.
    pub fn open_connections(&self) -> usize {
        *self.shared.open_connections.borrow()
    }

    /// How many connections the relay has accepted so far.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
        self.cut(Cut::Reset);
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            continue;
        };
        shared.accepted.fetch_add(1, Ordering::SeqCst);
        if *shared.mode.borrow() == Mode::CloseNew {
            continue;
        }
        // Every later cut closes this connection.
        let before = shared.cut.borrow().0;
        tokio::spawn(forward(client, Arc::clone(&shared), before));
    }
}

/// Forwards one connection until it is closed.
async fn forward(client: TcpStream, shared: Arc<Shared>, before: usize) {
    let counted = OpenConnection::new(Arc::clone(&shared));
    let (mut cuts, mut modes) = (shared.cut.subscribe(), shared.mode.subscribe());
    let broker = async {
        let _ = modes.wait_for(|mode| *mode != Mode::BlackHole).await;
        TcpStream::connect(shared.target).await
    };
    let broker = tokio::select! {
        broker = broker => broker,
        () = client_is_cut(&mut cuts, before) => return reset(&client),
    };
    let Ok(broker) = broker else {
        return;
    };
    let how = tokio::select! {
        // An AMQP peer that closed one direction does not use the other one.
        _ = pump(&client, &broker, Direction::ToBroker, shared.mode.subscribe()) => Cut::Fin,
        _ = pump(&broker, &client, Direction::ToClient, shared.mode.subscribe()) => Cut::Fin,
        // This includes a cut during the connect to the broker.
        cut = cuts.wait_for(|(count, _)| *count > before) => cut.map_or(Cut::Reset, |cut| cut.1),
    };
    match how {
        Cut::Fin => {}
        Cut::Reset => {
            reset(&client);
            reset(&broker);
        }
        Cut::BrokerOnly => {
            reset(&broker);
            drop(broker);
            drop(counted);
            let before = cuts.borrow().0;
            tokio::select! {
                () = client_is_cut(&mut cuts, before) => {}
                () = client_closes(&client) => {}
            }
            reset(&client);
        }
    }
}

/// Waits for the next cut that closes the client's end.
async fn client_is_cut(cuts: &mut watch::Receiver<(usize, Cut)>, before: usize) {
    let cut = cuts.wait_for(|(count, how)| *count > before && *how != Cut::BrokerOnly);
    // An error means that the relay is dropped, which closes the connection too.
    let _ = cut.await;
}

/// Discards bytes from the client until it closes the connection.
async fn client_closes(client: &TcpStream) {
    while read(client).await.is_ok_and(|chunk| !chunk.is_empty()) {}
}

/// Makes the stream end with a RST when it is dropped.
fn reset(stream: &TcpStream) {
    // The stream may be closed already.
    let _ = stream.set_zero_linger();
}

/// Forwards bytes in one direction until the end of the stream.
async fn pump(
    from: &TcpStream,
    to: &TcpStream,
    direction: Direction,
    mut modes: watch::Receiver<Mode>,
) -> io::Result<()> {
    let mut in_flight = InFlight::default();
    loop {
        let mode = *modes.borrow_and_update();
        let open = forwards(mode, direction);
        if in_flight.is_over() {
            return Ok(());
        }
        let may_read = open && in_flight.has_room();
        let due = open.then(|| in_flight.due()).flatten();
        let may_write = async {
            until(due).await;
            to.writable().await
        };
        tokio::select! {
            changed = modes.changed() => if changed.is_err() { return Ok(()) },
            chunk = read(from), if may_read => in_flight.push(chunk?, mode),
            ready = may_write => {
                ready?;
                in_flight.write_due(to, mode)?;
            }
        }
    }
}

fn forwards(mode: Mode, direction: Direction) -> bool {
    match mode {
        Mode::BlackHole => false,
        Mode::HalfOpen(open) => open == direction,
        Mode::Forward | Mode::Throttled(_) | Mode::Late(_) | Mode::CloseNew => true,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Reads the next bytes. Returns an empty chunk at the end of the stream.
async fn read(from: &TcpStream) -> io::Result<Vec<u8>> {
    from.async_io(Interest::READABLE, || {
        let mut chunk = vec![0; CHUNK];
        let len = from.try_read(&mut chunk)?;
        chunk.truncate(len);
        Ok(chunk)
    })
    .await
}

/// Counts an open connection until it is dropped.
struct OpenConnection(Arc<Shared>);

impl OpenConnection {
    fn new(shared: Arc<Shared>) -> Self {
        shared.open_connections.send_modify(|count| *count += 1);
        Self(shared)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open_connections.send_modify(|count| *count -= 1);
    }
}
