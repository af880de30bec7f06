//! The service of the process faults, which runs in its own process.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidings::{App, Bus, Error, handlers};

use super::handlers::{self, ServiceState};
use crate::handler_log::HandlerLog;

/// The variable with the [`ServiceConfig`] as JSON.
pub(super) const SERVICE_CONFIG: &str = "TIDINGS_FAULTS_SERVICE";

/// The exit code of a service whose shutdown left unfinished handlers.
pub const UNFINISHED: i32 = 3;

/// The configuration of a service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServiceConfig {
    /// The URL of the broker.
    pub url: String,
    /// The name of the service.
    pub service: String,
    /// The folder of the files that the handlers check.
    pub folder: PathBuf,
    /// The path of the handler log.
    pub handler_log: PathBuf,
    /// The handlers of the service.
    pub handler_set: HandlerSet,
    /// The divisor of the retry delays.
    pub speed_up: u32,
    /// The shutdown timeout, in milliseconds.
    pub drain_millis: u64,
}

/// The handlers of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HandlerSet {
    /// A handler with a timeout of one second.
    Plain,
    /// A handler with a long timeout.
    Patient,
    /// A handler that finishes every event of a soak.
    Remote,
    /// A handler that keeps the order of each aggregate across instances.
    Ordered,
    /// The old version of the service.
    Old,
    /// The new version of the service.
    New,
}

impl ServiceConfig {
    /// A service with these handlers and default settings.
    pub fn new(url: &str, folder: &Path, handler_set: HandlerSet) -> Self {
        Self {
            url: url.to_owned(),
            service: "tasks".to_owned(),
            folder: folder.to_owned(),
            handler_log: folder.join("handler_log"),
            handler_set,
            speed_up: 20,
            drain_millis: 30_000,
        }
    }
}

/// Runs the configured service until it gets a signal.
pub(super) fn run() {
    let config = std::env::var(SERVICE_CONFIG).expect("the configuration is set");
    let config: ServiceConfig = serde_json::from_str(&config).expect("the configuration can be parsed");
    // Panics of handlers are expected, so they are not printed.
    std::panic::set_hook(Box::new(|_| {}));
    // The parent holds the other end of stdin, so the service exits when the parent ends for any reason.
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(9);
    });
    let code = tokio::runtime::Runtime::new()
        .expect("a runtime")
        .block_on(serve(config));
    std::process::exit(code);
}

async fn serve(config: ServiceConfig) -> i32 {
    let builder = Bus::builder()
        .connect_timeout(Duration::from_mins(1))
        .speed_up(config.speed_up);
    let bus = match builder.connect(&config.url).await {
        Ok(bus) => bus,
        Err(error) => {
            eprintln!("the service cannot connect: {error}");
            return 1;
        }
    };
    let state = ServiceState {
        handler_log: HandlerLog::open(&config.handler_log),
        folder: config.folder.clone(),
    };
    let app = App::new(&config.service)
        .shutdown_timeout(Duration::from_millis(config.drain_millis))
        .state(state);
    let app = match config.handler_set {
        HandlerSet::Plain => app.handlers(handlers![handlers::plain]),
        HandlerSet::Patient => app.handlers(handlers![handlers::patient]),
        HandlerSet::Remote => app.handlers(handlers![handlers::remote]),
        HandlerSet::Ordered => app.handlers(handlers![handlers::ordered]),
        HandlerSet::Old => app.handlers(handlers![super::versions::old::deployed]),
        HandlerSet::New => app.handlers(handlers![
            super::versions::new::deployed,
            super::versions::new::added
        ]),
    };
    match app.run(bus).await {
        Ok(()) => 0,
        Err(Error::Shutdown(_)) => UNFINISHED,
        Err(error) => {
            eprintln!("the service failed: {error}");
            1
        }
    }
}
