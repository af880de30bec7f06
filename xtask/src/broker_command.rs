//! `cargo xtask broker`: installs, starts and stops a RabbitMQ for a person.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::thread;
use std::time::{Duration, Instant};

use tidings_broker::{Node, Setup};

use crate::obtain::{Want, cache, obtain};

const POLL: Duration = Duration::from_millis(100);

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BrokerCommand {
    Install(Vec<Want>),
    /// Run this version until Ctrl-C.
    Start(Want),
    /// Stop every broker that `Start` runs.
    Stop,
}

impl BrokerCommand {
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
            ["install"] => Ok(Self::Install(vec![Want::Any])),
            ["install", versions @ ..] => versions
                .iter()
                .map(want)
                .collect::<Result<_, _>>()
                .map(Self::Install),
            ["start"] => Ok(Self::Start(Want::Any)),
            ["start", version] => want(version).map(Self::Start),
            ["stop"] => Ok(Self::Stop),
            _ => Err("`broker` takes `install [version...]`, `start [version]` or `stop`".to_owned()),
        }
    }

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
    // The lock on this file ends with this process, however the process ends. So `stop` does not depend on a process id
    // that may belong to another process by now.
    let _lock = write_lock_file(&node)
        .map_err(|error| format!("cannot write the lock file of the broker: {error}"))?;
    println!("{install} at {}", node.url());
    if let Some(port) = node.management_port() {
        println!("management at http://127.0.0.1:{port}, as guest with password guest");
    }
    println!("Ctrl-C, or `cargo xtask broker stop`, ends it and deletes its data");
    // No signal handler is needed: when this process ends, a pipe closes, and the watcher of the node ends the node.
    while node.runs() {
        thread::sleep(POLL);
    }
    node.report();
    Err("the broker ended".to_owned())
}

fn write_lock_file(node: &Node) -> std::io::Result<File> {
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

/// Ends the process that has locked a file. Returns whether there was one.
fn end(lock: &Path) -> std::io::Result<bool> {
    let file = File::open(lock)?;
    let is_locked = file.try_lock().is_err();
    if is_locked {
        let text = fs::read_to_string(lock)?;
        let pid = text.split(' ').next().unwrap_or_default();
        Command::new("sh")
            .args(["-c", r#"kill -s TERM -- "$1""#, "kill", pid])
            .status()?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while file.try_lock().is_err() {
            if Instant::now() >= deadline {
                return Err(std::io::ErrorKind::TimedOut.into());
            }
            thread::sleep(POLL);
        }
        println!("stopped {}", text.trim());
    }
    fs::remove_file(lock)?;
    Ok(is_locked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_parsed() {
        let four = || Want::Version("4".parse().unwrap());
        for (args, command) in [
            (&["install"][..], BrokerCommand::Install(vec![Want::Any])),
            (
                &["install", "4", "4"],
                BrokerCommand::Install(vec![four(), four()]),
            ),
            (&["start"], BrokerCommand::Start(Want::Any)),
            (&["start", "4"], BrokerCommand::Start(four())),
            (&["stop"], BrokerCommand::Stop),
        ] {
            assert_eq!(BrokerCommand::parse(args), Ok(command));
        }
    }

    #[test]
    fn an_unknown_command_is_an_error_that_lists_the_commands() {
        for args in [&[][..], &["run"], &["stop", "4"], &["start", "3", "4"]] {
            assert_eq!(
                BrokerCommand::parse(args).unwrap_err(),
                "`broker` takes `install [version...]`, `start [version]` or `stop`"
            );
        }
        assert_eq!(
            BrokerCommand::parse(&["start", "new"]).unwrap_err(),
            "`new` is no version; write `4`, `3.10` or `4.3.6`"
        );
    }

    #[test]
    fn the_file_of_a_broker_that_has_ended_is_deleted() {
        let folder = std::env::temp_dir().join(format!("tidings-running-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let lock = folder.join("1");
        fs::write(&lock, "1 amqp://x").unwrap();
        assert!(!end(&lock).unwrap());
        assert!(!lock.exists());
        fs::remove_dir(folder).unwrap();
    }
}
