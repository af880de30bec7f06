//! A child process with a deadline, which leaves nothing running behind it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

/// How a child ended.
#[derive(Debug)]
pub(crate) enum End {
    /// By itself.
    Exited(ExitStatus),
    /// By itself, but what it had started had to be ended by us.
    LeftProcesses,
    /// By us, its time being over.
    TimedOut,
}

impl End {
    /// What to say of it, unless it was a success.
    pub(crate) fn fault(&self) -> Option<String> {
        match self {
            Self::Exited(status) if status.success() => None,
            Self::Exited(status) => Some(format!("ended with {status}")),
            Self::LeftProcesses => Some("left processes behind".to_owned()),
            Self::TimedOut => Some("was ended at the suite's deadline".to_owned()),
        }
    }
}

enum News {
    Line(Vec<u8>),
    Exited(io::Result<ExitStatus>),
}

/// How long what a child started may outlive it.
const PARTING: Duration = Duration::from_secs(2);
/// How long a group that was told to end has, the guard's five seconds among them.
const ENDING: Duration = Duration::from_secs(15);

/// Runs a command until it and everything that shares its output has ended, or until the deadline, at which its
/// whole process group is. `hear` gets each line of its standard output; standard error is left where ours goes.
pub(crate) fn run(command: &mut Command, deadline: Instant, mut hear: impl FnMut(&[u8])) -> io::Result<End> {
    // A group of its own can be ended as a whole, with what the child started.
    let mut child = command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut guard = Guard::over(&child)?;
    // Bounded: a child that talks faster than the terminal listens is to wait, not to fill our memory.
    let (sender, news) = mpsc::sync_channel(1024);
    if let Some(output) = child.stdout.take() {
        let sender = sender.clone();
        thread::spawn(move || read_lines(output, &sender));
    }
    thread::spawn(move || sender.send(News::Exited(child.wait())));

    let mut limit = deadline;
    let mut exited = None;
    let mut struck = None;
    loop {
        let left = limit.saturating_duration_since(Instant::now());
        // Asked first: a child that never stops talking would always have one more line for us.
        let next = if left.is_zero() {
            Err(RecvTimeoutError::Timeout)
        } else {
            news.recv_timeout(left)
        };
        match next {
            Ok(News::Line(line)) => hear(&line),
            Ok(News::Exited(status)) => {
                exited = Some(End::Exited(status?));
                limit = limit.min(Instant::now() + PARTING);
            }
            Err(RecvTimeoutError::Timeout) if struck.is_none() => {
                struck = Some(if exited.is_some() {
                    End::LeftProcesses
                } else {
                    End::TimedOut
                });
                guard.strike();
                limit = Instant::now() + ENDING;
            }
            // Both threads are done; or a process left the group and still holds the pipe, which is not for us to end.
            Err(_) => break,
        }
    }
    guard.stand_down()?;
    // Neither is there only if the waiting thread broke.
    Ok(struck.or(exited).unwrap_or(End::TimedOut))
}

fn read_lines(output: impl Read, sender: &SyncSender<News>) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        if sender.send(News::Line(std::mem::take(&mut line))).is_err() {
            break;
        }
    }
}

/// Ends a process group as soon as we let go of it, be it at a deadline, by Ctrl-C or because we were killed.
///
/// It is a shell that waits at the other end of a pipe: a signal handler of ours would serve the second case only,
/// and needs a crate; Ctrl-C does not reach a group that is not the terminal's.
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
    fn over(child: &Child) -> io::Result<Self> {
        let shell = Command::new("sh")
            .args(["-c", GUARD, "guard", &child.id().to_string()])
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { shell })
    }

    /// Ends the group: politely, and after five seconds surely.
    fn strike(&mut self) {
        drop(self.shell.stdin.take());
    }

    /// The group has ended; the guard does, too.
    fn stand_down(mut self) -> io::Result<()> {
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

    fn soon() -> Instant {
        Instant::now() + Duration::from_mins(1)
    }

    #[test]
    fn every_line_is_heard_and_the_exit_code_told() {
        let mut lines = Vec::new();
        let end = run(&mut shell("echo one; printf two; exit 3"), soon(), |line| {
            lines.push(line.to_vec());
        })
        .unwrap();
        assert_eq!(lines, [b"one\n".to_vec(), b"two".to_vec()]);
        assert_eq!(end.fault().as_deref(), Some("ended with exit status: 3"));
    }

    #[test]
    fn a_success_is_no_fault() {
        assert_eq!(run(&mut shell(":"), soon(), |_| {}).unwrap().fault(), None);
    }

    // In the next three, that `run` returns says that the pipe is closed, which every process of the group holds.

    #[test]
    fn at_the_deadline_a_child_is_ended_with_its_own_children() {
        let end = run(&mut shell("sleep 1000 & wait"), Instant::now(), |_| {}).unwrap();
        assert!(matches!(end, End::TimedOut), "{end:?}");
    }

    #[test]
    fn a_child_that_never_stops_talking_is_ended_at_the_deadline() {
        let end = run(
            &mut shell("yes"),
            Instant::now() + Duration::from_millis(50),
            |_| {},
        )
        .unwrap();
        assert!(matches!(end, End::TimedOut), "{end:?}");
    }

    #[test]
    fn a_process_left_behind_is_ended_and_told() {
        let end = run(&mut shell("sleep 1000 &"), soon(), |_| {}).unwrap();
        assert!(matches!(end, End::LeftProcesses), "{end:?}");
    }

    #[test]
    fn a_guard_that_is_let_go_ends_its_group() {
        let mut child = shell("sleep 1000").process_group(0).spawn().unwrap();
        drop(Guard::over(&child).unwrap());
        assert!(!child.wait().unwrap().success());
    }
}
