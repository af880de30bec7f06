//! A worker as the process that started it sees it.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::twins::{Job, Twin};
use crate::worker::{READY, Report, Run};

/// A worker that is ready.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Program {
    /// Starts a worker, and waits until it is ready.
    pub(crate) fn start(twin: Twin, job: Job, run: &Run) -> Result<Self, String> {
        let cannot = |error: std::io::Error| format!("cannot start {}: {error}", twin.name());
        let own = std::env::current_exe().map_err(cannot)?;
        let mut child = Command::new(own)
            .args([
                "worker",
                twin.name(),
                job.name(),
                &run.url,
                &run.events.to_string(),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(cannot)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(format!("cannot talk to {}", twin.name()));
        };
        let mut program = Self {
            child,
            input,
            lines: BufReader::new(output).lines(),
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
            (Ok(()), Some(report)) => {
                // It has said all it has to say.
                let _ = self.child.wait();
                Ok(report)
            }
            _ => Err(self.end(twin, line.as_deref())),
        }
    }

    fn line(&mut self) -> Option<String> {
        self.lines.next()?.ok()
    }

    fn end(&mut self, twin: Twin, line: Option<&str>) -> String {
        let _ = self.child.kill();
        let status = self.child.wait();
        format!("{} said {line:?} and ended with {status:?}", twin.name())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
