//! A network that misbehaves on request: a TCP relay between a client and a broker.
//!
//! Its [`Mode`] holds for the connections that live and for those to come, and can be changed while bytes are under
//! direction. What it holds back it keeps, as a network does whose ends send again: nothing is forged, left out or reordered.

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

/// How much is read at a time.
const CHUNK: usize = 16 * 1024;

/// How the network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As it should be.
    Forward,
    /// Both ends stay connected, and nothing comes through: no byte, no farewell, no refusal. New connections are taken
    /// and get no answer.
    BlackHole,
    /// Only what goes this direction comes through.
    HalfOpen(Direction),
    /// So many bytes a second come through, each direction.
    Throttled(u32),
    /// Everything comes through this much later, each direction.
    Late(Duration),
    /// New connections are taken and closed at once; those that live are well.
    CloseNew,
}

/// Which direction something goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the broker.
    ToBroker,
    /// From the broker to the client.
    ToClient,
}

/// How living connections are ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Both ends are told in good order.
    Fin,
    /// Both ends are told by a reset.
    Reset,
    /// The broker's end is reset, and the client is not told.
    BrokerOnly,
}

/// A relay on a port of its own. It ends, with all of its connections, when it is dropped.
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
    /// The last cut, and which one it was.
    cut: watch::Sender<(usize, Cut)>,
    accepted: AtomicUsize,
    living: watch::Sender<usize>,
}

impl Relay {
    /// Listens on loopback and forwards to `port` there.
    ///
    /// # Errors
    /// When there is no port to listen on.
    pub async fn start(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let shared = Arc::new(Shared {
            target: SocketAddr::from(([127, 0, 0, 1], port)),
            mode: watch::Sender::new(Mode::Forward),
            cut: watch::Sender::new((0, Cut::Fin)),
            accepted: AtomicUsize::new(0),
            living: watch::Sender::new(0),
        });
        Ok(Self {
            port: listener.local_addr()?.port(),
            task: tokio::spawn(accept(listener, Arc::clone(&shared))),
            shared,
        })
    }

    /// Where clients connect to, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The same URL by direction of the relay.
    ///
    /// # Panics
    /// When it does not name the port that the relay forwards to.
    pub fn url(&self, direct: &str) -> String {
        let target = format!(":{}", self.shared.target.port());
        assert!(direct.contains(&target), "the relay does not lead to {direct}");
        direct.replacen(&target, &format!(":{}", self.port), 1)
    }

    /// Changes how the network is, from now on.
    pub fn set(&self, mode: Mode) {
        self.shared.mode.send_replace(mode);
    }

    /// Ends every living connection; how many there were.
    pub fn cut(&self, how: Cut) -> usize {
        let living = self.living();
        self.shared.cut.send_modify(|(count, last)| {
            *count += 1;
            *last = how;
        });
        living
    }

    /// How many connections there are. One whose broker's end alone was cut is none.
    pub fn living(&self) -> usize {
        *self.shared.living.borrow()
    }

    /// How many connections were ever taken.
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
        // From here on a cut ends it.
        let before = shared.cut.borrow().0;
        tokio::spawn(forward(client, Arc::clone(&shared), before));
    }
}

/// Carries one connection from its first byte to its last.
async fn forward(client: TcpStream, shared: Arc<Shared>, before: usize) {
    let living = Living::new(Arc::clone(&shared));
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
        // Nobody who speaks AMQP says more after its end, nor listens.
        _ = pump(&client, &broker, Direction::ToBroker, shared.mode.subscribe()) => Cut::Fin,
        _ = pump(&broker, &client, Direction::ToClient, shared.mode.subscribe()) => Cut::Fin,
        // One that came while the broker was called counts as well.
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
            drop(living);
            let before = cuts.borrow().0;
            tokio::select! {
                () = client_is_cut(&mut cuts, before) => {}
                () = client_closes(&client) => {}
            }
            reset(&client);
        }
    }
}

/// Waits for the next cut that the client is told of.
async fn client_is_cut(cuts: &mut watch::Receiver<(usize, Cut)>, before: usize) {
    let cut = cuts.wait_for(|(count, how)| *count > before && *how != Cut::BrokerOnly);
    // An error says that the relay is deleted, which is the same.
    let _ = cut.await;
}

/// Waits until the client has deleted. What it still says goes nowhere.
async fn client_closes(client: &TcpStream) {
    while read(client).await.is_ok_and(|chunk| !chunk.is_empty()) {}
}

/// The connection is told of its end by a reset, once it is dropped.
fn reset(stream: &TcpStream) {
    // It may have ended by itself.
    let _ = stream.set_zero_linger();
}

/// Moves bytes one direction until their end.
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
        let may_read = open && in_flight.takes();
        let due = open.then(|| in_flight.due()).flatten();
        let may_write = async {
            until(due).await;
            to.writable().await
        };
        tokio::select! {
            changed = modes.changed() => if changed.is_err() { return Ok(()) },
            chunk = read(from), if may_read => in_flight.take(chunk?, mode),
            ready = may_write => {
                ready?;
                in_flight.give(to, mode)?;
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

/// The next bytes; none at the end.
async fn read(from: &TcpStream) -> io::Result<Vec<u8>> {
    from.async_io(Interest::READABLE, || {
        let mut chunk = vec![0; CHUNK];
        let len = from.try_read(&mut chunk)?;
        chunk.truncate(len);
        Ok(chunk)
    })
    .await
}

/// Counts a connection for as long as it lives.
struct Living(Arc<Shared>);

impl Living {
    fn new(shared: Arc<Shared>) -> Self {
        shared.living.send_modify(|living| *living += 1);
        Self(shared)
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        self.0.living.send_modify(|living| *living -= 1);
    }
}
