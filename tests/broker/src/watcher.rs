//! Ends what we started when we are not there to do it.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// A shell at the other end of a pipe, which ends the processes it was told of once the pipe closes without a
/// good-bye: because the test was killed, or because its process exited with a node in a static, which nobody drops.
#[derive(Debug)]
pub(crate) struct Watcher {
    shell: Mutex<Child>,
}

const WATCH: &str = r#"
pids= containers= keep=
while read -r word what; do
    case $word in
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
    bye) exit ;;
    esac
done
[ -z "$containers" ] || docker rm --force --volumes $containers
for pid in $pids; do
    kill -s KILL "$pid"
done
# Those that still write would make files anew. What nobody has buried yet counts as there: not for ever.
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
    /// Watches over `folder` and whatever it is told of.
    pub(crate) fn over(folder: &Path) -> io::Result<Self> {
        let shell = Command::new("sh")
            .args(["-c", WATCH, "watcher"])
            .arg(folder)
            .current_dir("/")
            // What ends our group, Ctrl-C for one, must not end what cleans up after it.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self {
            shell: Mutex::new(shell),
        })
    }

    /// Ends this process, too.
    pub(crate) fn watch(&self, pid: u32) -> io::Result<()> {
        self.tell(&format!("watch {pid}\n"))
    }

    /// That process has ended, or is about to; its number may be another's by then.
    pub(crate) fn forget(&self, pid: u32) -> io::Result<()> {
        self.tell(&format!("forget {pid}\n"))
    }

    /// Ends this container, too.
    pub(crate) fn container(&self, name: &str) -> io::Result<()> {
        self.tell(&format!("container {name}\n"))
    }

    /// Leaves the folder where it is.
    pub(crate) fn keep(&self) -> io::Result<()> {
        self.tell("keep\n")
    }

    /// There is nothing left to do.
    pub(crate) fn bye(&self) {
        // Without its ear it is gone already.
        let _ = self.tell("bye\n");
        let _ = self.lock().wait();
    }

    fn tell(&self, line: &str) -> io::Result<()> {
        match &mut self.lock().stdin {
            // One write: half a line would be another process's number.
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
    fn without_a_good_bye_everything_is_ended_and_taken_away() {
        let folder = folder("left");
        let mut child = sleeper();
        let watcher = Watcher::over(&folder).unwrap();
        watcher.watch(child.id()).unwrap();
        let mut shell = watcher.shell.into_inner().unwrap();
        drop(shell.stdin.take());
        assert!(!child.wait().unwrap().success());
        shell.wait().unwrap();
        assert!(!folder.exists());
    }

    #[test]
    fn what_is_to_be_kept_or_forgotten_is_left_alone() {
        let folder = folder("kept");
        let mut child = sleeper();
        let watcher = Watcher::over(&folder).unwrap();
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
    fn after_a_good_bye_nothing_is_touched() {
        let folder = folder("bye");
        Watcher::over(&folder).unwrap().bye();
        assert!(folder.exists());
        fs::remove_dir_all(folder).unwrap();
    }
}
