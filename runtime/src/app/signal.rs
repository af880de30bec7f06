//! The signals that end a service: SIGTERM and ctrl-c.

use crate::error::{ConfigError, Result};

/// Listens from when it is made, so that a signal during the start is not lost.
#[cfg(unix)]
pub(crate) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

/// Begins to listen.
///
/// # Errors
/// When the system lets no handler be installed.
#[cfg(unix)]
pub(crate) fn listen() -> Result<Signals> {
    use tokio::signal::unix::{SignalKind, signal};
    let install =
        |kind| signal(kind).map_err(|error| ConfigError::new(format!("cannot listen for signals: {error}")));
    Ok(Signals {
        terminate: install(SignalKind::terminate())?,
        interrupt: install(SignalKind::interrupt())?,
    })
}

#[cfg(unix)]
impl Signals {
    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
pub(crate) fn listen() -> Result<Signals> {
    Ok(Signals)
}

#[cfg(not(unix))]
impl Signals {
    pub(crate) async fn next(&mut self) {
        // Without a handler the system ends the process by itself, which is all that is left to do.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
