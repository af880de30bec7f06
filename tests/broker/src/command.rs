//! Commands with a deadline.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The interval between checks of a condition that sends no signal.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The status and the output of a command.
#[derive(Debug)]
pub struct CommandOutput {
    /// How the command ended.
    pub status: ExitStatus,
    /// The text on stdout.
    pub stdout: String,
    /// The text on stderr.
    pub stderr: String,
}

/// Runs a command and captures its output. After `limit` the whole process group is killed.
///
/// # Errors
/// When the command cannot be started; `TimedOut` when it runs longer than `limit`.
pub fn run_with_deadline(command: &mut Command, limit: Duration) -> io::Result<CommandOutput> {
    let mut child = command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (stdout, stderr) = (read_pipe(child.stdout.take()), read_pipe(child.stderr.take()));
    let status = wait(&mut child, limit)?;
    if status.is_none() {
        signal("KILL", &format!("-{}", child.id()))?;
        child.wait()?;
    }
    let (stdout, stderr) = (text_of(stdout), text_of(stderr));
    match status {
        Some(status) => Ok(CommandOutput {
            status,
            stdout,
            stderr,
        }),
        None => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("not done after {limit:?}; its output: {stdout}{stderr}"),
        )),
    }
}

fn read_pipe(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // After a read error, keep what was read so far.
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

fn text_of(reader: JoinHandle<Vec<u8>>) -> String {
    String::from_utf8_lossy(&reader.join().unwrap_or_default()).into_owned()
}

/// Waits for a child process, at most for `limit`.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        let status = child.try_wait()?;
        if status.is_some() || Instant::now() >= deadline {
            return Ok(status);
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// Sends a signal to a process, or to a process group when the number is negative. The shell's `kill` needs no crate.
pub(crate) fn signal(name: &str, target: &str) -> io::Result<()> {
    Command::new("sh")
        .args(["-c", r#"kill -s "$1" -- "$2""#, "kill", name, target])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn the_output_of_a_command_is_captured() {
        let output = run_with_deadline(
            &mut shell("echo out; echo err >&2; exit 3"),
            Duration::from_mins(1),
        )
        .unwrap();
        assert_eq!(
            (output.stdout.as_str(), output.stderr.as_str()),
            ("out\n", "err\n")
        );
        assert_eq!(output.status.code(), Some(3));
    }

    #[test]
    fn a_command_past_its_limit_is_killed_with_its_children_and_its_output_is_kept() {
        // The call returns only when no process has the pipes open.
        let error = run_with_deadline(
            &mut shell("echo here; sleep 1000 & wait"),
            Duration::from_millis(200),
        )
        .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(error.to_string().ends_with("its output: here\n"), "{error}");
    }
}
