//! Brokers for people: got, run in a terminal, and ended from another.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::thread;
use std::time::{Duration, Instant};

use tidings_broker::{Node, Setup};

use crate::obtain::{Want, cache, obtain};

const LOOK: Duration = Duration::from_millis(100);

/// What `cargo xtask broker` is to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Get these.
    Install(Vec<Want>),
    /// Run this one until Ctrl-C.
    Start(Want),
    /// End those that run.
    Stop,
}

impl Order {
    // install
    // install 3.10 4
    // start
    // start 4
    // stop
    pub(crate) fn parse(args: &[&str]) -> Result<Self, String> {
        let want = |text: &&str| {
            text.parse()
                .map(Want::Version)
                .map_err(|fault| format!("{fault}"))
        };
        match args {
            ["install"] => Ok(Self::Install(vec![Want::AtHand])),
            ["install", versions @ ..] => versions
                .iter()
                .map(want)
                .collect::<Result<_, _>>()
                .map(Self::Install),
            ["start"] => Ok(Self::Start(Want::AtHand)),
            ["start", version] => want(version).map(Self::Start),
            ["stop"] => Ok(Self::Stop),
            _ => Err("`broker` takes `install [version...]`, `start [version]` or `stop`".to_owned()),
        }
    }

    /// Does it.
    pub(crate) fn run(&self) -> Result<(), String> {
        match self {
            Self::Install(wants) => {
                for want in wants {
                    let install = obtain(want)?;
                    println!("{install}: {}", install.place);
                }
                Ok(())
            }
            Self::Start(want) => start(want),
            Self::Stop => stop(&running()?),
        }
    }
}

fn running() -> Result<PathBuf, String> {
    Ok(cache()?.join("running"))
}

fn start(want: &Want) -> Result<(), String> {
    let install = obtain(want)?;
    let node = Setup::new(&install)
        .management()
        .start()
        .map_err(|error| format!("{error:?}"))?;
    // Locked as long as we live, however we end: who stops us need not trust a number that may be another's by now.
    let _note = note(&node).map_err(|error| format!("cannot note that a broker runs: {error}"))?;
    println!("{install} at {}", node.url());
    if let Some(port) = node.management_port() {
        println!("management at http://127.0.0.1:{port}, as guest with password guest");
    }
    println!("Ctrl-C, or `cargo xtask broker stop`, ends it and deletes its data");
    // Neither signal is caught: with us goes the pipe that the node's watcher listens to.
    while node.runs() {
        thread::sleep(LOOK);
    }
    node.report();
    Err("the broker ended".to_owned())
}

fn note(node: &Node) -> std::io::Result<File> {
    let folder = running().map_err(std::io::Error::other)?;
    fs::create_dir_all(&folder)?;
    let mut file = File::create(folder.join(process::id().to_string()))?;
    file.lock()?;
    writeln!(file, "{} {}", process::id(), node.url())?;
    Ok(file)
}

fn stop(folder: &Path) -> Result<(), String> {
    let mut stopped = 0;
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry
            .map_err(|error| format!("cannot read {}: {error}", folder.display()))?
            .path();
        if end(&path).map_err(|error| format!("cannot stop the broker of {}: {error}", path.display()))? {
            stopped += 1;
        }
    }
    println!("brokers stopped: {stopped}");
    Ok(())
}

/// Ends the process that holds a note, if one does.
fn end(note: &Path) -> std::io::Result<bool> {
    let file = File::open(note)?;
    let held = file.try_lock().is_err();
    if held {
        let text = fs::read_to_string(note)?;
        let pid = text.split(' ').next().unwrap_or_default();
        Command::new("sh")
            .args(["-c", r#"kill -s TERM -- "$1""#, "kill", pid])
            .status()?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while file.try_lock().is_err() {
            if Instant::now() >= deadline {
                return Err(std::io::ErrorKind::TimedOut.into());
            }
            thread::sleep(LOOK);
        }
        println!("stopped {}", text.trim());
    }
    fs::remove_file(note)?;
    Ok(held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read() {
        let four = || Want::Version("4".parse().unwrap());
        for (args, order) in [
            (&["install"][..], Order::Install(vec![Want::AtHand])),
            (&["install", "4", "4"], Order::Install(vec![four(), four()])),
            (&["start"], Order::Start(Want::AtHand)),
            (&["start", "4"], Order::Start(four())),
            (&["stop"], Order::Stop),
        ] {
            assert_eq!(Order::parse(args), Ok(order));
        }
    }

    #[test]
    fn a_stray_order_says_what_there_is() {
        for args in [&[][..], &["run"], &["stop", "4"], &["start", "3", "4"]] {
            assert_eq!(
                Order::parse(args).unwrap_err(),
                "`broker` takes `install [version...]`, `start [version]` or `stop`"
            );
        }
        assert_eq!(
            Order::parse(&["start", "new"]).unwrap_err(),
            "`new` is no version; write `4`, `3.10` or `4.3.6`"
        );
    }

    #[test]
    fn the_note_of_a_broker_that_is_gone_is_taken_away() {
        let folder = std::env::temp_dir().join(format!("tidings-running-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let note = folder.join("1");
        fs::write(&note, "1 amqp://x").unwrap();
        assert!(!end(&note).unwrap());
        assert!(!note.exists());
        fs::remove_dir(folder).unwrap();
    }
}
