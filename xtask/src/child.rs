//! A child process with a time limit. When it ends, nothing that it started still runs.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) enum End {
    /// By itself.
    Exited(ExitStatus),
    /// By itself, but we had to end processes that it had started.
    LeftProcesses,
    /// By us, at its time limit.
    TimedOut,
}

impl End {
    pub(crate) fn fault(&self) -> Option<String> {
        match self {
            Self::Exited(status) if status.success() => None,
            Self::Exited(status) => Some(format!("ended with {status}")),
            Self::LeftProcesses => Some("left processes behind".to_owned()),
            Self::TimedOut => Some("was ended at its time limit".to_owned()),
        }
    }
}

enum ChildEvent {
    Line(Vec<u8>),
    Exited(io::Result<ExitStatus>),
}

/// How long the descendants of a child may outlive it.
const LINGER: Duration = Duration::from_secs(2);
/// How long a process group may take to end. The guard's five seconds are part of it.
const ENDING: Duration = Duration::from_secs(15);

/// Runs a command until the command and every process that shares its output have ended. At the time limit, ends the
/// whole process group.
///
/// `on_line` gets each line of standard output. It returns whether the line shows progress: each such line starts the
/// time limit again, so a limit for one test does not grow with the number of tests. Standard error is inherited.
pub(crate) fn run(
    command: &mut Command,
    time_limit: Duration,
    mut on_line: impl FnMut(&[u8]) -> bool,
) -> io::Result<End> {
    // A separate process group can be ended as a whole, with every process that the child started.
    let mut child = command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut guard = Guard::of(&child)?;
    // Bounded: a child that writes faster than the terminal reads has to wait. It must not fill our memory.
    let (sender, events) = mpsc::sync_channel(1024);
    if let Some(output) = child.stdout.take() {
        let sender = sender.clone();
        thread::spawn(move || read_lines(output, &sender));
    }
    thread::spawn(move || sender.send(ChildEvent::Exited(child.wait())));

    let mut limit = Instant::now() + time_limit;
    let mut exited = None;
    let mut ended_by_us = None;
    loop {
        let left = limit.saturating_duration_since(Instant::now());
        // Check the time first: a child that never stops writing would always have one more line for us.
        let next = if left.is_zero() {
            Err(RecvTimeoutError::Timeout)
        } else {
            events.recv_timeout(left)
        };
        match next {
            Ok(ChildEvent::Line(line)) => {
                if on_line(&line) && exited.is_none() && ended_by_us.is_none() {
                    limit = Instant::now() + time_limit;
                }
            }
            Ok(ChildEvent::Exited(status)) => {
                exited = Some(End::Exited(status?));
                limit = limit.min(Instant::now() + LINGER);
            }
            Err(RecvTimeoutError::Timeout) if ended_by_us.is_none() => {
                ended_by_us = Some(if exited.is_some() {
                    End::LeftProcesses
                } else {
                    End::TimedOut
                });
                guard.end_group();
                limit = Instant::now() + ENDING;
            }
            // Both threads are done. Or a process left the group and still has the pipe: it is not ours to end.
            Err(_) => break,
        }
    }
    guard.stop()?;
    // Both are missing only if the waiting thread panicked.
    Ok(ended_by_us.or(exited).unwrap_or(End::TimedOut))
}

/// Runs a command and prints its output. Returns how the command failed, if it did.
pub(crate) fn run_and_print(command: &mut Command, time_limit: Duration) -> Option<String> {
    fault(run(command, time_limit, |line| {
        print!("{}", String::from_utf8_lossy(line));
        false
    }))
}

/// How a command failed, if it did.
pub(crate) fn fault(end: io::Result<End>) -> Option<String> {
    match end {
        Ok(end) => end.fault(),
        Err(error) => Some(format!("could not be run: {error}")),
    }
}

fn read_lines(output: impl Read, sender: &SyncSender<ChildEvent>) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        if sender.send(ChildEvent::Line(std::mem::take(&mut line))).is_err() {
            break;
        }
    }
}

/// Ends a process group at a time limit, on Ctrl-C, and when this process is killed.
///
/// The guard is a shell that waits at the other end of a pipe, and the pipe closes in all three cases. A signal handler
/// would cover Ctrl-C only and needs a crate. The terminal does not send Ctrl-C to a background process group.
struct Guard {
    shell: Child,
}

const GUARD: &str = r#"
read -r _ && exit
kill -s TERM -- "-$1" || exit
for _ in 1 2 3 4 5; do
    sleep 1
    kill -s 0 -- "-$1" || exit
done
kill -s KILL -- "-$1"
"#;

impl Guard {
    fn of(child: &Child) -> io::Result<Self> {
        let shell = Command::new("sh")
            .args(["-c", GUARD, "guard", &child.id().to_string()])
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { shell })
    }

    /// Ends the group: with SIGTERM, and after five seconds with SIGKILL.
    fn end_group(&mut self) {
        drop(self.shell.stdin.take());
    }

    /// Stops the guard after its group has ended.
    fn stop(mut self) -> io::Result<()> {
        if let Some(mut stdin) = self.shell.stdin.take() {
            stdin.write_all(b"done\n")?;
        }
        self.shell.wait().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    const LIMIT: Duration = Duration::from_mins(1);

    #[test]
    fn every_line_is_read_and_the_exit_code_is_reported() {
        let mut lines = Vec::new();
        let end = run(&mut shell("echo one; printf two; exit 3"), LIMIT, |line| {
            lines.push(line.to_vec());
            false
        })
        .unwrap();
        assert_eq!(lines, [b"one\n".to_vec(), b"two".to_vec()]);
        assert_eq!(end.fault().as_deref(), Some("ended with exit status: 3"));
    }

    #[test]
    fn a_success_is_no_fault() {
        assert_eq!(run(&mut shell(":"), LIMIT, |_| false).unwrap().fault(), None);
    }

    // In the next tests, `run` returns only after the pipe is closed, and every process of the group has the pipe.

    #[test]
    fn at_the_time_limit_a_child_is_ended_with_its_own_children() {
        let end = run(&mut shell("sleep 1000 & wait"), Duration::ZERO, |_| false).unwrap();
        assert!(matches!(end, End::TimedOut), "{end:?}");
    }

    #[test]
    fn a_child_that_never_stops_writing_is_ended_at_the_time_limit() {
        let end = run(&mut shell("yes"), Duration::from_millis(50), |_| false).unwrap();
        assert!(matches!(end, End::TimedOut), "{end:?}");
    }

    #[test]
    fn progress_starts_the_time_limit_again() {
        let limit = Duration::from_millis(50);
        let started = Instant::now();
        let end = run(&mut shell("yes"), limit, |_| started.elapsed() < limit * 3).unwrap();
        assert!(matches!(end, End::TimedOut), "{end:?}");
        assert!(started.elapsed() >= limit * 3, "{:?}", started.elapsed());
    }

    #[test]
    fn a_process_left_behind_is_ended_and_reported() {
        let end = run(&mut shell("sleep 1000 &"), LIMIT, |_| false).unwrap();
        assert!(matches!(end, End::LeftProcesses), "{end:?}");
    }

    #[test]
    fn a_dropped_guard_ends_its_group() {
        let mut child = shell("sleep 1000").process_group(0).spawn().unwrap();
        drop(Guard::of(&child).unwrap());
        assert!(!child.wait().unwrap().success());
    }
}
