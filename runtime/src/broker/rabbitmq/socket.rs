//! Cuts the socket of a connection.

use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// A second handle to the socket that lapin reads and writes.
///
/// lapin cannot abandon a connection. If the peer is silent in the handshake, or if the broker blocks the connection,
/// its thread runs forever. Cutting the socket ends the thread.
#[derive(Debug, Default)]
pub(super) struct Socket(Option<TcpStream>);

impl Socket {
    #[cfg(unix)]
    pub(super) fn of(stream: &impl std::os::fd::AsFd) -> Self {
        Self(stream.as_fd().try_clone_to_owned().map(TcpStream::from).ok())
    }

    #[cfg(windows)]
    pub(super) fn of(stream: &impl std::os::windows::io::AsSocket) -> Self {
        Self(stream.as_socket().try_clone_to_owned().map(TcpStream::from).ok())
    }

    pub(super) fn cut(&self) {
        if let Some(stream) = &self.0 {
            // An error means that the socket is closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Cuts the socket of an open connection when the task that watches it ends, or its runtime does.
pub(super) struct WatchedSocket<'a>(pub(super) &'a Socket);

impl Drop for WatchedSocket<'_> {
    fn drop(&mut self) {
        self.0.cut();
    }
}

/// The socket of a connection that is being opened. When a timeout or a cancelled caller drops the attempt, the guard
/// cuts the socket, unless [`take`](Self::take) was called before.
#[derive(Debug, Clone, Default)]
pub(super) struct Connecting(Arc<Mutex<Socket>>);

impl Connecting {
    pub(super) fn set(&self, socket: Socket) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = socket;
    }

    pub(super) fn take(&self) -> Socket {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn cut_on_drop(&self) -> CutOnDrop<'_> {
        CutOnDrop(self)
    }
}

pub(super) struct CutOnDrop<'a>(&'a Connecting);

impl Drop for CutOnDrop<'_> {
    fn drop(&mut self) {
        self.0.take().cut();
    }
}
