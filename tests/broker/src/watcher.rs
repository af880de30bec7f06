//! Kills the started processes when the test process can no longer do it.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// A shell at the other end of a pipe. When the pipe closes without the command `stop`, the shell kills the registered
/// processes. The pipe closes like this when the test is killed, or when its process exits with a node in a static.
#[derive(Debug)]
pub(crate) struct Watcher {
    shell: Mutex<Child>,
}

const WATCH: &str = r#"
pids= containers= keep=
while read -r command what; do
    case $command in
    watch) pids="$pids $what" ;;
    forget)
        rest=
        for pid in $pids; do
            [ "$pid" = "$what" ] || rest="$rest $pid"
        done
        pids=$rest
        ;;
    container) containers="$containers $what" ;;
    keep) keep=1 ;;
    stop) exit ;;
    esac
done
[ -z "$containers" ] || docker rm --force --volumes $containers
for pid in $pids; do
    kill -s KILL "$pid"
done
# A process that still writes would create its files again, so wait. A zombie counts as running, so the wait is limited.
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    left=
    for pid in $pids; do
        kill -s 0 "$pid" && left=1
    done
    [ -n "$left" ] || break
    sleep 0.1
done
[ -n "$keep" ] || rm -rf "$1"
"#;

impl Watcher {
    /// Starts a watcher that deletes `folder` in the end.
    pub(crate) fn start(folder: &Path) -> io::Result<Self> {
        let shell = Command::new("sh")
            .args(["-c", WATCH, "watcher"])
            .arg(folder)
            .current_dir("/")
            // A signal to our process group, such as Ctrl-C, must not stop the cleanup.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self {
            shell: Mutex::new(shell),
        })
    }

    pub(crate) fn watch(&self, pid: u32) -> io::Result<()> {
        self.send(&format!("watch {pid}\n"))
    }

    /// Removes a process that has ended or is about to end, because its pid may be reused.
    pub(crate) fn forget(&self, pid: u32) -> io::Result<()> {
        self.send(&format!("forget {pid}\n"))
    }

    pub(crate) fn container(&self, name: &str) -> io::Result<()> {
        self.send(&format!("container {name}\n"))
    }

    pub(crate) fn keep(&self) -> io::Result<()> {
        self.send("keep\n")
    }

    /// Stops the watcher, which has nothing to clean up any more.
    pub(crate) fn stop(&self) {
        // A write to a closed pipe fails, and then the shell has exited.
        let _ = self.send("stop\n");
        let _ = self.lock().wait();
    }

    fn send(&self, line: &str) -> io::Result<()> {
        match &mut self.lock().stdin {
            // A single write: half a line could be the pid of another process.
            Some(stdin) => stdin.write_all(line.as_bytes()),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Child> {
        self.shell.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn sleeper() -> Child {
        Command::new("sleep").arg("1000").spawn().unwrap()
    }

    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("tidings-watcher-{}-{name}", std::process::id()));
        fs::create_dir_all(folder.join("data")).unwrap();
        folder
    }

    #[test]
    fn without_a_stop_the_processes_are_killed_and_the_folder_is_deleted() {
        let folder = folder("left");
        let mut child = sleeper();
        let watcher = Watcher::start(&folder).unwrap();
        watcher.watch(child.id()).unwrap();
        let mut shell = watcher.shell.into_inner().unwrap();
        drop(shell.stdin.take());
        assert!(!child.wait().unwrap().success());
        shell.wait().unwrap();
        assert!(!folder.exists());
    }

    #[test]
    fn a_kept_folder_and_a_forgotten_process_are_left_alone() {
        let folder = folder("kept");
        let mut child = sleeper();
        let watcher = Watcher::start(&folder).unwrap();
        watcher.watch(child.id()).unwrap();
        watcher.forget(child.id()).unwrap();
        watcher.keep().unwrap();
        let mut shell = watcher.shell.into_inner().unwrap();
        drop(shell.stdin.take());
        shell.wait().unwrap();
        assert!(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_stopped_watcher_deletes_nothing() {
        let folder = folder("stopped");
        Watcher::start(&folder).unwrap().stop();
        assert!(folder.exists());
        fs::remove_dir_all(folder).unwrap();
    }
}
