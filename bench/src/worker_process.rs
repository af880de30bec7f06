//! A worker as the process that started it sees it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use crate::alloc;
use crate::foreign;
use crate::stopwatch::{READY, Report};
use crate::twins::{Job, Twin};
use crate::worker::Run;

/// A worker that is ready.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    /// The last line of what it wrote to its log, once it has ended.
    complaint: Receiver<String>,
    limit: Duration,
}

impl Program {
    /// Starts a worker, and waits until it is ready; `limit` is for each step of it.
    pub(crate) fn start(twin: Twin, job: Job, run: &Run, limit: Duration) -> Result<Self, String> {
        let command = match foreign::command(twin)? {
            Some(command) => command,
            None => worker(
                twin,
                std::env::current_exe().map_err(|error| cannot(twin, &error))?,
            ),
        };
        Self::spawn(&command, twin, job, run, limit)
    }

    /// The same of a worker that counts its allocations; none for a program of another language.
    pub(crate) fn start_counting(
        twin: Twin,
        job: Job,
        run: &Run,
        limit: Duration,
    ) -> Result<Option<Self>, String> {
        if foreign::is(twin) {
            return Ok(None);
        }
        Self::spawn(&worker(twin, alloc::program()?), twin, job, run, limit).map(Some)
    }

    fn spawn(command: &Command, twin: Twin, job: Job, run: &Run, limit: Duration) -> Result<Self, String> {
        let mut child = in_its_own_session(command)
            .args([job.name(), &run.url, &run.events.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                let why = cannot(twin, &error);
                format!("{why}; it needs `setsid` and `setpriv`, of util-linux")
            })?;
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(format!("cannot talk to {}", twin.name()));
        };
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Nobody listens any more: it is being ended.
                let _ = sender.send(line);
            }
        });
        let (sender, complaint) = channel();
        thread::spawn(move || {
            let mut said = Vec::new();
            let mut errors = errors;
            let _ = errors.read_to_end(&mut said);
            let said = String::from_utf8_lossy(&said);
            let last = said.lines().rfind(|line| !line.trim().is_empty());
            let _ = sender.send(last.unwrap_or_default().to_owned());
        });
        let mut program = Self {
            child,
            input,
            lines,
            complaint,
            limit,
        };
        match program.line() {
            Some(line) if line == READY => Ok(program),
            other => Err(program.end(twin, other.as_deref())),
        }
    }

    /// Gives the word, and waits for the report.
    pub(crate) fn go(mut self, twin: Twin) -> Result<Report, String> {
        let told = writeln!(self.input);
        let line = self.line();
        let report = line.as_deref().and_then(|line| serde_json::from_str(line).ok());
        match (told, report) {
            (Ok(()), Some(report)) => Ok(report),
            _ => Err(self.end(twin, line.as_deref())),
        }
    }

    fn line(&mut self) -> Option<String> {
        self.lines.recv_timeout(self.limit).ok()
    }

    /// Ends it, and says why.
    fn end(&mut self, twin: Twin, line: Option<&str>) -> String {
        let ended = matches!(self.child.try_wait(), Ok(Some(_)));
        let _ = self.child.kill();
        let _ = self.child.wait();
        let complaint = self
            .complaint
            .recv_timeout(Duration::from_secs(1))
            .unwrap_or_default();
        match line {
            Some(line) => format!("{} said {line:?}: {complaint}", twin.name()),
            None if ended => format!("{} ended: {complaint}", twin.name()),
            None => format!("{} said nothing for {:?}: {complaint}", twin.name(), self.limit),
        }
    }
}

fn worker(twin: Twin, program: PathBuf) -> Command {
    let mut command = Command::new(program);
    command.args(["worker", twin.name()]);
    command
}

/// The same command in a session of its own, which ends with us. Linux shares the processor among sessions first
/// (`autogroup` in sched(7)), as it does among services: in the broker's own, a program would have no share of its own.
fn in_its_own_session(command: &Command) -> Command {
    let mut alone = Command::new("setsid");
    alone
        .args(["setpriv", "--pdeathsig", "KILL", "--"])
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => alone.env(name, value),
            None => alone.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        alone.current_dir(folder);
    }
    alone
}

fn cannot(twin: Twin, error: &std::io::Error) -> String {
    format!("cannot start {}: {error}", twin.name())
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has said all it has to say.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
