//! Commands with a deadline.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often a thing that tells nobody is looked at.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a command to its end and keeps what it says; past `limit` its process group is ended.
///
/// # Errors
/// When it cannot be started, and `TimedOut`.
pub(crate) fn finish(command: &mut Command, limit: Duration) -> io::Result<Said> {
    let mut child = command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (out, err) = (listen(child.stdout.take()), listen(child.stderr.take()));
    let status = wait(&mut child, limit)?;
    if status.is_none() {
        signal("KILL", &format!("-{}", child.id()))?;
        child.wait()?;
    }
    let (out, err) = (heard(out), heard(err));
    match status {
        Some(status) => Ok(Said { status, out, err }),
        None => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("not done after {limit:?}; it said: {out}{err}"),
        )),
    }
}

fn listen(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut said = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was said until the pipe broke is what there is to show.
            let _ = pipe.read_to_end(&mut said);
        }
        said
    })
}

fn heard(listener: JoinHandle<Vec<u8>>) -> String {
    String::from_utf8_lossy(&listener.join().unwrap_or_default()).into_owned()
}

/// Waits for a child, at most for `limit`.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        let status = child.try_wait()?;
        if status.is_some() || Instant::now() >= deadline {
            return Ok(status);
        }
        thread::sleep(LOOK);
    }
}

/// Sends a signal to a process, or to a group where the number is negative. A shell has `kill`; we would need a crate.
pub(crate) fn signal(name: &str, whom: &str) -> io::Result<()> {
    Command::new("sh")
        .args(["-c", r#"kill -s "$1" -- "$2""#, "kill", name, whom])
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
    fn what_a_command_says_is_kept() {
        let said = finish(
            &mut shell("echo out; echo err >&2; exit 3"),
            Duration::from_mins(1),
        )
        .unwrap();
        assert_eq!((said.out.as_str(), said.err.as_str()), ("out\n", "err\n"));
        assert_eq!(said.status.code(), Some(3));
    }

    #[test]
    fn past_its_limit_a_command_is_ended_with_its_children_and_heard() {
        // That it returns says that nobody holds the pipes any longer.
        let error = finish(
            &mut shell("echo here; sleep 1000 & wait"),
            Duration::from_millis(200),
        )
        .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(error.to_string().ends_with("it said: here\n"), "{error}");
    }
}
