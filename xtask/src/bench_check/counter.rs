//! What counts: the paths as a program, under callgrind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::child;
use crate::tool::{CARGO, VALGRIND};

/// How often a path is taken, the shorter and the longer time.
const TIMES: (u64, u64) = (256, 768);
/// How often what seems to be too much is counted.
const TRIES: usize = 3;
/// A path takes seconds; one that hangs is to end all the same.
const DEADLINE: Duration = Duration::from_mins(5);
const BUILD: Duration = Duration::from_mins(30);

/// The program, and where its profiles go.
#[derive(Debug)]
pub(crate) struct Counter {
    program: PathBuf,
    profiles: PathBuf,
}

impl Counter {
    /// Builds the program.
    pub(crate) fn build(root: &Path) -> Result<Self, String> {
        // Said, since a user may have moved it by a setting: then we would look in the wrong place.
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
            // Flags of the user's would change what is counted.
            .env_remove("RUSTFLAGS")
            .current_dir(root);
        run(&mut build, BUILD, "cargo build -p tidings-paths")?;
        let profiles = target.join("callgrind");
        fs::create_dir_all(&profiles)
            .map_err(|error| format!("cannot make {}: {error}", profiles.display()))?;
        Ok(Self {
            program: target.join("counted/paths"),
            profiles,
        })
    }

    /// What the paths are called.
    pub(crate) fn paths(&self) -> Result<Vec<String>, String> {
        let lines = run(&mut Command::new(&self.program), DEADLINE, "paths")?;
        Ok(lines.lines().map(str::to_owned).collect())
    }

    /// Instructions an event. What seems to be over `most` is counted again: on a machine that stands still for a moment
    /// the timers of a thousand consumers go off, which adds to a run and takes nothing away, so that the least is right.
    pub(crate) fn count(&self, path: &str, most: Option<u64>) -> Result<u64, String> {
        let mut least = (self.taken(path, TIMES.0)?, self.taken(path, TIMES.1)?);
        for _ in 1..TRIES {
            let now = Self::an_event(path, least)?;
            if most.is_none_or(|most| now <= most) {
                break;
            }
            least.0 = least.0.min(self.taken(path, TIMES.0)?);
            least.1 = least.1.min(self.taken(path, TIMES.1)?);
        }
        Self::an_event(path, least)
    }

    fn an_event(path: &str, (short, long): (u64, u64)) -> Result<u64, String> {
        long.checked_sub(short)
            .map(|more| more / (TIMES.1 - TIMES.0))
            .filter(|figure| *figure > 0)
            .ok_or_else(|| {
                format!("`{path}` took {short} instructions, and {long} when it was taken more often")
            })
    }

    /// Where the profile of the longer run is.
    pub(crate) fn profile(&self, path: &str) -> PathBuf {
        self.profiles.join(format!("{path}.out"))
    }

    fn taken(&self, path: &str, times: u64) -> Result<u64, String> {
        let log = self.profiles.join(format!("{path}.log"));
        let mut count = VALGRIND.command();
        count
            .arg("--tool=callgrind")
            .arg(option("--callgrind-out-file=", &self.profile(path)))
            .arg(option("--log-file=", &log))
            .arg(&self.program)
            .args([path, &times.to_string()]);
        run(&mut count, DEADLINE, path)?;
        let said =
            fs::read_to_string(&log).map_err(|error| format!("cannot read {}: {error}", log.display()))?;
        collected(&said).ok_or_else(|| format!("valgrind counted nothing:\n{said}"))
    }
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
    let end = child::run(command, Instant::now() + limit, |line| {
        output.extend_from_slice(line);
    })
    .map_err(|error| format!("cannot run {what}: {error}"))?;
    match end.fault() {
        None => Ok(String::from_utf8_lossy(&output).into_owned()),
        Some(fault) => Err(format!("{what} {fault}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_read_from_what_valgrind_says() {
        let log = "==7== Callgrind, a call-graph\n==7== \n==7== Events    : Ir\n==7== Collected : 4901766\n==7== \n\
                   ==7== I   refs:      4,901,766\n";
        assert_eq!(collected(log), Some(4_901_766));
        assert_eq!(collected("==7== Command: paths\n"), None);
    }
}
