//! Counts instructions: runs the program with the paths under callgrind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::child;
use crate::tool::{CARGO, VALGRIND};

/// The number of events in the short run and in the long run.
const EVENTS: (u64, u64) = (256, 768);
/// How often a path that exceeds its limit is counted.
const MAX_ATTEMPTS: usize = 10;
/// The count of a path takes seconds. The limit ends a count that hangs.
const RUN_LIMIT: Duration = Duration::from_mins(5);
const BUILD_LIMIT: Duration = Duration::from_mins(30);

#[derive(Debug)]
pub(crate) struct Counter {
    program: PathBuf,
    profiles: PathBuf,
}

impl Counter {
    pub(crate) fn build(root: &Path) -> Result<Self, String> {
        // The target folder is an argument, because a setting of the user may change the default.
        let target = root.join("target");
        let mut build = CARGO.command();
        build
            .args([
                "build",
                "-p",
                "tidings-paths",
                "--bin",
                "paths",
                "--profile",
                "counted",
            ])
            .arg("--target-dir")
            .arg(&target)
            // The user's flags would change the counts.
            .env_remove("RUSTFLAGS")
            .current_dir(root);
        run(&mut build, BUILD_LIMIT, "cargo build -p tidings-paths")?;
        let profiles = target.join("callgrind");
        fs::create_dir_all(&profiles)
            .map_err(|error| format!("cannot make {}: {error}", profiles.display()))?;
        Ok(Self {
            program: target.join("counted/paths"),
            profiles,
        })
    }

    pub(crate) fn paths(&self) -> Result<Vec<String>, String> {
        let lines = run(&mut Command::new(&self.program), RUN_LIMIT, "paths")?;
        Ok(lines.lines().map(str::to_owned).collect())
    }

    /// Counts the instructions per event, again and again until the figure `is_enough`.
    pub(crate) fn count(&self, path: &str, is_enough: impl Fn(u64) -> bool) -> Result<u64, String> {
        // Both runs at once, on two cores.
        let count = || {
            thread::scope(|scope| {
                let short = scope.spawn(|| self.instructions(path, EVENTS.0));
                let long = self.instructions(path, EVENTS.1)?;
                let short = short
                    .join()
                    .map_err(|_| format!("the short run of `{path}` panicked"))??;
                Ok((short, long))
            })
        };
        fewest(path, count, is_enough)
    }

    /// The file with the profile of the long run.
    pub(crate) fn profile(&self, path: &str) -> PathBuf {
        self.file(path, EVENTS.1, "out")
    }

    fn file(&self, path: &str, events: u64, extension: &str) -> PathBuf {
        self.profiles.join(format!("{path}-{events}.{extension}"))
    }

    fn instructions(&self, path: &str, events: u64) -> Result<u64, String> {
        let log = self.file(path, events, "log");
        let mut count = VALGRIND.command();
        count
            .arg("--tool=callgrind")
            .arg(option("--callgrind-out-file=", &self.file(path, events, "out")))
            .arg(option("--log-file=", &log))
            .arg(&self.program)
            .args([path, &events.to_string()]);
        run(&mut count, RUN_LIMIT, path)?;
        let text =
            fs::read_to_string(&log).map_err(|error| format!("cannot read {}: {error}", log.display()))?;
        collected(&text).ok_or_else(|| format!("valgrind counted nothing:\n{text}"))
    }
}

/// Instructions per event, from the fewest instructions of any short run and of any long run.
///
/// A slow machine only adds instructions: timers fire, and slow attempts run in tasks instead of inline.
fn fewest(
    path: &str,
    mut count: impl FnMut() -> Result<(u64, u64), String>,
    is_enough: impl Fn(u64) -> bool,
) -> Result<u64, String> {
    let mut fewest = count()?;
    for _ in 1..MAX_ATTEMPTS {
        if is_enough(per_event(path, fewest)?) {
            break;
        }
        let again = count()?;
        fewest = (fewest.0.min(again.0), fewest.1.min(again.1));
    }
    per_event(path, fewest)
}

fn per_event(path: &str, (short, long): (u64, u64)) -> Result<u64, String> {
    long.checked_sub(short)
        .map(|more| more / (EVENTS.1 - EVENTS.0))
        .filter(|figure| *figure > 0)
        .ok_or_else(|| {
            format!("`{path}` took {short} instructions in the short run and {long} in the long run")
        })
}

fn option(name: &str, path: &Path) -> std::ffi::OsString {
    let mut option = std::ffi::OsString::from(name);
    option.push(path);
    option
}

// ==4711== Collected : 4901766
fn collected(log: &str) -> Option<u64> {
    let count = log.lines().find_map(|line| line.split_once("Collected : "));
    count.and_then(|(_, count)| count.trim().parse().ok())
}

fn run(command: &mut Command, limit: Duration, what: &str) -> Result<String, String> {
    let mut output = Vec::new();
    let end = child::run(command, limit, |line| {
        output.extend_from_slice(line);
        false
    });
    match child::fault(end) {
        None => Ok(String::from_utf8_lossy(&output).into_owned()),
        Some(fault) => Err(format!("{what} {fault}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_run_does_not_change_the_figure() {
        let mut runs = [(1_000, 100_000), (1_000, 52_200), (9_000, 52_200)].into_iter();
        let count = || runs.next().ok_or_else(|| "no more".to_owned());
        assert_eq!(fewest("path", count, |now| now <= 110), Ok(100));
        assert_eq!(runs.next(), Some((9_000, 52_200)), "the second figure was enough");
    }

    #[test]
    fn a_path_that_is_too_expensive_in_every_run_is_reported() {
        let mut attempts = 0;
        let count = || {
            attempts += 1;
            Ok((1_000, 103_400))
        };
        assert_eq!(fewest("path", count, |now| now <= 110), Ok(200));
        assert_eq!(attempts, MAX_ATTEMPTS);
    }

    #[test]
    fn the_count_is_read_from_the_log_of_valgrind() {
        let log = "==7== Callgrind, a call-graph\n==7== \n==7== Events    : Ir\n==7== Collected : 4901766\n==7== \n\
                   ==7== I   refs:      4,901,766\n";
        assert_eq!(collected(log), Some(4_901_766));
        assert_eq!(collected("==7== Command: paths\n"), None);
    }
}
