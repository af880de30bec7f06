//! A worker process, and the pipes to it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use crate::alloc;
use crate::clients::{Client, Job, Run};
use crate::foreign;
use crate::stopwatch::{READY, Report};

#[derive(Debug)]
pub(crate) struct WorkerProcess {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    /// The last line of its standard error. It arrives when the process closes its standard error.
    last_error: Receiver<String>,
    deadline: Duration,
}

impl WorkerProcess {
    /// Starts a worker, and waits until it is ready. The start and the job may each take as long as `deadline`.
    pub(crate) fn start(client: Client, job: Job, run: &Run, deadline: Duration) -> Result<Self, String> {
        let command = match foreign::command(client)? {
            Some(command) => command,
            None => worker(
                client,
                std::env::current_exe().map_err(|error| cannot(client, &error))?,
            ),
        };
        Self::spawn(&command, client, job, run, deadline)
    }

    /// Starts a worker that counts its allocations; `None` for a foreign client, which cannot count them.
    pub(crate) fn start_counting(
        client: Client,
        job: Job,
        run: &Run,
        deadline: Duration,
    ) -> Result<Option<Self>, String> {
        if foreign::is(client) {
            return Ok(None);
        }
        Self::spawn(&worker(client, alloc::program()?), client, job, run, deadline).map(Some)
    }

    fn spawn(
        command: &Command,
        client: Client,
        job: Job,
        run: &Run,
        deadline: Duration,
    ) -> Result<Self, String> {
        let mut child = in_own_session(command)
            .args([job.name(), &run.url, &run.events.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                let why = cannot(client, &error);
                format!("{why}; it needs `setsid` and `setpriv`, of util-linux")
            })?;
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(format!("cannot talk to {}", client.name()));
        };
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // The receiver is dropped when the process is ended.
                let _ = sender.send(line);
            }
        });
        let (sender, last_error) = channel();
        thread::spawn(move || {
            let mut output = Vec::new();
            let mut errors = errors;
            let _ = errors.read_to_end(&mut output);
            let output = String::from_utf8_lossy(&output);
            let last = output.lines().rfind(|line| !line.trim().is_empty());
            let _ = sender.send(last.unwrap_or_default().to_owned());
        });
        let mut process = Self {
            child,
            input,
            lines,
            last_error,
            deadline,
        };
        match process.line() {
            Some(line) if line == READY => Ok(process),
            other => Err(process.end(client, other.as_deref())),
        }
    }

    /// Starts the job, and waits for the report.
    pub(crate) fn run_job(mut self, client: Client) -> Result<Report, String> {
        let begun = writeln!(self.input);
        let line = self.line();
        let report = line.as_deref().and_then(|line| serde_json::from_str(line).ok());
        match (begun, report) {
            (Ok(()), Some(report)) => Ok(report),
            _ => Err(self.end(client, line.as_deref())),
        }
    }

    fn line(&mut self) -> Option<String> {
        self.lines.recv_timeout(self.deadline).ok()
    }

    /// Ends the process, and returns the reason for an error text.
    fn end(&mut self, client: Client, line: Option<&str>) -> String {
        let ended = matches!(self.child.try_wait(), Ok(Some(_)));
        let _ = self.child.kill();
        let _ = self.child.wait();
        let error = self
            .last_error
            .recv_timeout(Duration::from_secs(1))
            .unwrap_or_default();
        match line {
            Some(line) => format!("{} printed {line:?}: {error}", client.name()),
            None if ended => format!("{} ended: {error}", client.name()),
            None => format!(
                "{} printed nothing for {:?}: {error}",
                client.name(),
                self.deadline
            ),
        }
    }
}

fn worker(client: Client, program: PathBuf) -> Command {
    let mut command = Command::new(program);
    command.args(["worker", client.name()]);
    command
}

/// Runs the command in its own session, and ends it when this process ends. Linux divides the CPU among sessions first
/// (`autogroup` in sched(7)), and then among the threads of each. A service on a real machine has its own session too.
fn in_own_session(command: &Command) -> Command {
    let mut wrapped = Command::new("setsid");
    wrapped
        .args(["setpriv", "--pdeathsig", "KILL", "--"])
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        wrapped.current_dir(folder);
    }
    wrapped
}

fn cannot(client: Client, error: &std::io::Error) -> String {
    format!("cannot start {}: {error}", client.name())
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
