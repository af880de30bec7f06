//! An instance of a service, as whoever operates it sees it: a process.

use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use super::service::{JOB, Job};
use crate::child;
use crate::stranger::Stranger;
use crate::wait::{until, within};

/// A process that runs a service. It is killed with the value that stands for it.
#[derive(Debug)]
pub struct Instance(Child);

impl Instance {
    /// Starts one, and does not wait for it.
    ///
    /// # Panics
    /// When the process cannot be started.
    pub fn start(job: &Job) -> Self {
        let mut command = Command::from(child::command("service"));
        command
            .env(JOB, serde_json::to_string(job).expect("a job is JSON"))
            .stdin(Stdio::piped())
            .kill_on_drop(true);
        Self(command.spawn().expect("a process starts"))
    }

    /// Starts one, and waits until it takes from all of these queues beside as many as did before.
    ///
    /// # Panics
    /// When it does not.
    pub async fn start_on(job: &Job, stranger: &Stranger, handlers: &[&str]) -> Self {
        let queues: Vec<String> = handlers
            .iter()
            .map(|handler| format!("{}.{handler}", job.service))
            .collect();
        let mut before = Vec::new();
        for queue in &queues {
            before.push(stranger.consumers(queue).await.unwrap_or(0));
        }
        let instance = Self::start(job);
        for (queue, before) in queues.iter().zip(before) {
            until(&format!("an instance takes from {queue}"), async || {
                stranger.consumers(queue).await.is_some_and(|now| now > before)
            })
            .await;
        }
        instance
    }

    /// Ends it with SIGKILL.
    ///
    /// # Panics
    /// When it cannot be.
    pub async fn kill(&mut self) {
        self.0.kill().await.expect("a process is killed");
    }

    /// Whether it has ended, and how.
    ///
    /// # Panics
    /// When the system does not say.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("the system knows its processes")
    }

    /// Sends it SIGTERM.
    ///
    /// # Panics
    /// When it has ended already.
    pub async fn terminate(&self) {
        let pid = self.0.id().expect("it runs").to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().await;
        assert!(sent.expect("there is a `kill`").success(), "it takes signals");
    }

    /// Waits until it has ended: how, and how long that took.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn end(mut self) -> (ExitStatus, Duration) {
        let since = Instant::now();
        let status = within("the end of a service", self.0.wait()).await;
        (status.expect("the system knows its processes"), since.elapsed())
    }
}
