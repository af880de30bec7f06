//! The service of the rows about processes: a process of its own, to be killed, drained and replaced.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidings::{App, Bus, Error, handlers};

use super::handlers::{self, ServiceState};
use crate::handler_log::HandlerLog;

/// Where a child finds its [`ServiceConfig`], as JSON.
pub(super) const SERVICE_CONFIG: &str = "TIDINGS_FAULTS_JOB";

/// How a service ends that was told to and had to leave handlers behind.
pub const UNFINISHED: i32 = 3;

/// What a service is to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServiceConfig {
    /// The broker.
    pub url: String,
    /// The service's name.
    pub service: String,
    /// Where the files are that its handlers wait for.
    pub folder: PathBuf,
    /// Where its handlers note what they finish.
    pub handler_log: PathBuf,
    /// Its handlers.
    pub handler_set: HandlerSet,
    /// What its retry delays are divided by.
    pub speed_up: u32,
    /// How long its handlers may take to finish, in milliseconds.
    pub drain_millis: u64,
}

/// Which handlers a service has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HandlerSet {
    /// One that gives an event a second.
    Plain,
    /// One that gives it as long as it takes.
    Patient,
    /// One that finishes every event of the usual traffic at once.
    Far,
    /// One that keeps the order of each aggregate, across instances.
    Ordered,
    /// The service as it was before it was changed.
    Old,
    /// The service as it is now: another key, a newer version, one more handler.
    New,
}

impl ServiceConfig {
    /// A service named for its handlers.
    pub fn new(url: &str, folder: &Path, handler_set: HandlerSet) -> Self {
        Self {
            url: url.to_owned(),
            service: "asked".to_owned(),
            folder: folder.to_owned(),
            handler_log: folder.join("handler_log"),
            handler_set,
            speed_up: 20,
            drain_millis: 30_000,
        }
    }
}

/// Runs the service that the environment asks for, until a signal.
pub(super) fn run() {
    let config = std::env::var(SERVICE_CONFIG).expect("a service has its config");
    let config: ServiceConfig = serde_json::from_str(&config).expect("its config can be read");
    // Panics of handlers are part of the show.
    std::panic::set_hook(Box::new(|_| {}));
    // Whoever started it holds the other end: should they be deleted, however they went, it goes too.
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
            eprintln!("the service has no bus: {error}");
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
        HandlerSet::Far => app.handlers(handlers![handlers::far]),
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
