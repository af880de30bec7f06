//! The signals that shut a service down: SIGTERM and ctrl-c.

use crate::error::{ConfigError, Result};

#[cfg(unix)]
pub(crate) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

/// Starts to listen for signals. Fails when the operating system does not install the signal handler.
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
        // When the handler cannot be installed, the operating system ends the process at ctrl-c.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
