//! A connection's socket, to cut it from outside.

use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// A second hold of the socket that the client library reads and writes.
///
/// The library has no way to give a connection up: one whose peer has gone silent in the handshake, or which the broker
/// has blocked, keeps its thread for ever. Once its socket is cut it reads an end, and goes.
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

    /// Ends the connection both ways, now.
    pub(super) fn cut(&self) {
        if let Some(stream) = &self.0 {
            // It may be gone already, which is what is wanted.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// The socket of a connection in the making. Unless it is kept, it is cut when the attempt is dropped: by a deadline, or
/// because nobody waits for it any more.
#[derive(Debug, Clone, Default)]
pub(super) struct Making(Arc<Mutex<Socket>>);

impl Making {
    pub(super) fn set(&self, socket: Socket) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = socket;
    }

    pub(super) fn keep(&self) -> Socket {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn guard(&self) -> CutOnDrop<'_> {
        CutOnDrop(self)
    }
}

pub(super) struct CutOnDrop<'a>(&'a Making);

impl Drop for CutOnDrop<'_> {
    fn drop(&mut self) {
        self.0.keep().cut();
    }
}
