//! An instance of a service, as whoever operates it sees it: a process.

use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::process::{Child, ChildStdin, Command};

use super::service::{SERVICE_CONFIG, ServiceConfig};
use crate::child;
use tidings_test_support::foreign_client::ForeignClient;
use tidings_test_support::wait::{until, within};

/// A process that runs a service. It is killed with the value that stands for it.
#[derive(Debug)]
pub struct Instance {
    child: Child,
    /// It ends when this does.
    _leash: Option<ChildStdin>,
}

impl Instance {
    /// Starts one, and does not wait for it.
    ///
    /// # Panics
    /// When the process cannot be started.
    pub fn start(config: &ServiceConfig) -> Self {
        let mut command = Command::from(child::command("service"));
        command
            .env(
                SERVICE_CONFIG,
                serde_json::to_string(config).expect("a config is JSON"),
            )
            .stdin(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().expect("a process starts");
        Self {
            _leash: child.stdin.take(),
            child,
        }
    }

    /// Starts one, and waits until it takes from all of these queues, beside so many others.
    ///
    /// # Panics
    /// When it does not.
    pub async fn start_on(
        config: &ServiceConfig,
        client: &ForeignClient,
        handlers: &[&str],
        others: u32,
    ) -> Self {
        let instance = Self::start(config);
        for handler in handlers {
            let queue = format!("{}.{handler}", config.service);
            until(
                &format!("{} instances take from {queue}", others + 1),
                async || client.consumers(&queue).await == Some(others + 1),
            )
            .await;
        }
        instance
    }

    /// Ends it with SIGKILL.
    ///
    /// # Panics
    /// When it cannot be.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("a process is killed");
    }

    /// Whether it has ended, and how.
    ///
    /// # Panics
    /// When the system does not say.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the system knows its processes")
    }

    /// Sends it SIGTERM.
    ///
    /// # Panics
    /// When it has ended already.
    pub async fn terminate(&self) {
        let pid = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().await;
        assert!(sent.expect("there is a `kill`").success(), "it takes signals");
    }

    /// Waits until it has ended: how, and how long that took.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn end(mut self) -> (ExitStatus, Duration) {
        let since = Instant::now();
        let status = within("the end of a service", self.child.wait()).await;
        (status.expect("the system knows its processes"), since.elapsed())
    }
}
