//! What counts: the paths as a program, under callgrind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::child;
use crate::tool::{CARGO, VALGRIND};

/// How often a path is taken, the shorter and the longer time.
const TIMES: (u64, u64) = (256, 768);
/// How often what seems to be too much is counted.
const TRIES: usize = 10;
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

    /// Instructions an event; what is not `enough` is counted again.
    pub(crate) fn count(&self, path: &str, enough: impl Fn(u64) -> bool) -> Result<u64, String> {
        let counted = || Ok((self.taken(path, TIMES.0)?, self.taken(path, TIMES.1)?));
        fewest(path, counted, enough)
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

/// Instructions an event of the fewest that a shorter and a longer run took. On a machine that stands still for a moment timers
/// go off, and on one that is slow for some seconds attempts take so long that they have tasks of their own: both add to a
/// run and take nothing away.
fn fewest(
    path: &str,
    mut counted: impl FnMut() -> Result<(u64, u64), String>,
    enough: impl Fn(u64) -> bool,
) -> Result<u64, String> {
    let mut fewest = counted()?;
    for _ in 1..TRIES {
        if enough(an_event(path, fewest)?) {
            break;
        }
        let again = counted()?;
        fewest = (fewest.0.min(again.0), fewest.1.min(again.1));
    }
    an_event(path, fewest)
}

fn an_event(path: &str, (short, long): (u64, u64)) -> Result<u64, String> {
    long.checked_sub(short)
        .map(|more| more / (TIMES.1 - TIMES.0))
        .filter(|figure| *figure > 0)
        .ok_or_else(|| format!("`{path}` took {short} instructions, and {long} when it was taken more often"))
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
    fn what_a_stall_adds_to_one_run_is_not_in_the_figure() {
        let mut runs = [(1_000, 100_000), (1_000, 52_200), (9_000, 52_200)].into_iter();
        let counted = || runs.next().ok_or_else(|| "no more".to_owned());
        assert_eq!(fewest("path", counted, |now| now <= 110), Ok(100));
        assert_eq!(runs.next(), Some((9_000, 52_200)), "it was enough");
    }

    #[test]
    fn what_costs_too_much_each_time_is_told() {
        let mut tries = 0;
        let counted = || {
            tries += 1;
            Ok((1_000, 103_400))
        };
        assert_eq!(fewest("path", counted, |now| now <= 110), Ok(200));
        assert_eq!(tries, TRIES);
    }

    #[test]
    fn the_count_is_read_from_what_valgrind_says() {
        let log = "==7== Callgrind, a call-graph\n==7== \n==7== Events    : Ir\n==7== Collected : 4901766\n==7== \n\
                   ==7== I   refs:      4,901,766\n";
        assert_eq!(collected(log), Some(4_901_766));
        assert_eq!(collected("==7== Command: paths\n"), None);
    }
}
