//! An instance of a service in its own process.

use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::process::{Child, ChildStdin, Command};

use super::service::{SERVICE_CONFIG, ServiceConfig};
use crate::child;
use tidings_test_support::foreign_client::ForeignClient;
use tidings_test_support::wait::{until, within};

/// A process that runs a service. It is killed when it is dropped.
#[derive(Debug)]
pub struct Instance {
    child: Child,
    /// The process exits when this pipe closes.
    _stdin: Option<ChildStdin>,
}

impl Instance {
    /// Starts an instance without waiting for it.
    ///
    /// # Panics
    /// When the process cannot be started.
    pub fn start(config: &ServiceConfig) -> Self {
        let mut command = Command::from(child::command("service"));
        command
            .env(
                SERVICE_CONFIG,
                serde_json::to_string(config).expect("a configuration can be written as JSON"),
            )
            .stdin(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().expect("a process starts");
        Self {
            _stdin: child.stdin.take(),
            child,
        }
    }

    /// Starts an instance and waits until it and `others` instances consume the queues of these handlers.
    ///
    /// # Panics
    /// After the deadline.
    pub async fn start_on(
        config: &ServiceConfig,
        client: &ForeignClient,
        handlers: &[&str],
        others: u32,
    ) -> Self {
        let instance = Self::start(config);
        for handler in handlers {
            let queue = format!("{}.{handler}", config.service);
            until(&format!("{} instances consume {queue}", others + 1), async || {
                client.consumers(&queue).await == Some(others + 1)
            })
            .await;
        }
        instance
    }

    /// Kills the process with SIGKILL.
    ///
    /// # Panics
    /// When the process cannot be killed.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("a process is killed");
    }

    /// The exit status, if the process has exited.
    ///
    /// # Panics
    /// When the status cannot be read.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the status can be read")
    }

    /// Sends SIGTERM to the process.
    ///
    /// # Panics
    /// When the process has exited.
    pub async fn terminate(&self) {
        let pid = self.child.id().expect("the process runs").to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().await;
        assert!(sent.expect("there is a `kill`").success(), "the signal is sent");
    }

    /// Sends SIGTERM and waits until the process exits. Returns its status and how long that took.
    ///
    /// # Panics
    /// When the process has exited before, and after the deadline.
    pub async fn stop(self) -> (ExitStatus, Duration) {
        self.terminate().await;
        self.wait_for_exit().await
    }

    /// Waits until the process exits. Returns its status and how long that took.
    ///
    /// # Panics
    /// After the deadline.
    pub async fn wait_for_exit(mut self) -> (ExitStatus, Duration) {
        let since = Instant::now();
        let status = within("the exit of a service", self.child.wait()).await;
        (status.expect("the status can be read"), since.elapsed())
    }
}
