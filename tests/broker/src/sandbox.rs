//! The folder, ports, port mapper and cleanup that the nodes of one cluster share.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, process};

use crate::command::{POLL_INTERVAL, run_with_deadline, signal};
use crate::error::Error;
use crate::install::Install;
use crate::ports::Ports;
use crate::readiness::listens;
use crate::runner::Runner;
use crate::watcher::Watcher;

#[derive(Debug)]
pub(crate) struct Sandbox {
    pub(crate) runner: Runner,
    pub(crate) ports: Ports,
    watcher: Watcher,
    epmd: Mutex<Option<Child>>,
    keep: AtomicBool,
}

impl Sandbox {
    /// Creates the folder and starts the port mapper. Docker publishes the ports that `publish` returns.
    pub(crate) fn open(install: &Install, publish: impl Fn(&Ports) -> Vec<u16>) -> Result<Self, Error> {
        let ports = Ports::take().map_err(Error::io("find free ports"))?;
        let parent = env::temp_dir();
        let parent = fs::canonicalize(&parent).map_err(Error::io(format!(
            "find the temporary folder {}",
            parent.display()
        )))?;
        let folder =
            create_folder(&parent).map_err(Error::io(format!("create a folder in {}", parent.display())))?;
        let watcher = Watcher::start(&folder).map_err(Error::io("start `sh`"))?;
        let mut published = publish(&ports);
        published.push(ports.epmd());
        let sandbox = Self {
            runner: Runner {
                place: install.place.clone(),
                folder,
            },
            ports,
            watcher,
            epmd: Mutex::new(None),
            keep: AtomicBool::new(false),
        };
        sandbox
            .write_cookie()
            .map_err(Error::io("write the Erlang cookie"))?;
        sandbox.start_epmd(&published)?;
        Ok(sandbox)
    }

    /// Writes the Erlang cookie, which keeps other nodes of this machine out.
    fn write_cookie(&self) -> std::io::Result<()> {
        let mut random = [0; 16];
        File::open("/dev/urandom")?.read_exact(&mut random)?;
        let cookie = format!("{:032x}", u128::from_ne_bytes(random));
        let path = self.folder().join(".erlang.cookie");
        fs::write(&path, cookie)?;
        fs::set_permissions(&path, Permissions::from_mode(0o400))
    }

    // A node that finds no port mapper starts one and leaves it running.
    fn start_epmd(&self, publish: &[u16]) -> Result<(), Error> {
        let port = self.ports.epmd();
        let mut command = self
            .runner
            .epmd(port, publish)
            .map_err(Error::io("read the folder of the nodes"))?;
        let log = self.folder().join("epmd.log");
        let mut child = self.spawn("epmd", &mut command, &log)?;
        let deadline = Instant::now() + Duration::from_mins(1);
        let failure = loop {
            if let Ok(Some(status)) = child.try_wait() {
                self.forget(&child);
                break Some(format!("ended with {status}"));
            }
            // In Docker, a container can join the network of another container only when that container runs.
            if listens(port) {
                break None;
            }
            if Instant::now() >= deadline {
                break Some("not listening after one minute".to_owned());
            }
            thread::sleep(POLL_INTERVAL);
        };
        *self.epmd() = Some(child);
        match failure {
            None => Ok(()),
            Some(why) => Err(Error::Start {
                node: "epmd".to_owned(),
                why,
                log: read_all(&[log]),
            }),
        }
    }

    fn epmd(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.epmd.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.runner.folder
    }

    /// Starts a process that is killed when this process ends.
    pub(crate) fn spawn(&self, name: &str, command: &mut Command, log: &Path) -> Result<Child, Error> {
        let mut started = || -> std::io::Result<Child> {
            let file = OpenOptions::new().create(true).append(true).open(log)?;
            if let Some(container) = self.runner.container(name) {
                self.watcher.container(&container)?;
            }
            let mut child = command
                // Ctrl-C stops the tests, which then stop their nodes.
                .process_group(0)
                .stdin(Stdio::piped())
                .stdout(file.try_clone()?)
                .stderr(file)
                .spawn()?;
            self.watcher.watch(child.id())?;
            if let Some(mut stdin) = child.stdin.take() {
                stdin.write_all(b"go\n")?;
            }
            Ok(child)
        };
        started().map_err(Error::io(format!("start `{name}`")))
    }

    /// Stops watching a process that has ended or is about to end.
    pub(crate) fn forget(&self, child: &Child) {
        // The watcher may have exited.
        let _ = self.watcher.forget(child.id());
    }

    /// Sends SIGTERM to a process.
    pub(crate) fn terminate(&self, name: &str, child: &Child) -> std::io::Result<()> {
        let Some(container) = self.runner.container(name) else {
            return signal("TERM", &child.id().to_string());
        };
        let mut command = Command::new("docker");
        command.args(["kill", "--signal", "TERM", &container]);
        run_with_deadline(&mut command, Duration::from_mins(1)).map(drop)
    }

    /// Kills a process and waits until it has ended.
    pub(crate) fn kill(&self, name: &str, child: &mut Child) {
        if let Some(container) = self.runner.container(name) {
            // Docker kills and removes the container. `child` is the Docker client, which ends with it.
            let mut command = Command::new("docker");
            command.args(["rm", "--force", "--volumes", &container]);
            let _ = run_with_deadline(&mut command, Duration::from_mins(1));
        }
        self.forget(child);
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Keeps the folder, for the analysis of a failed test.
    pub(crate) fn keep(&self) {
        if !self.keep.swap(true, Ordering::Relaxed) {
            let _ = self.watcher.keep();
            eprintln!("node files are kept in {}", self.folder().display());
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(mut epmd) = self.epmd().take() {
            self.kill("epmd", &mut epmd);
        }
        if !self.keep.load(Ordering::Relaxed) {
            let _ = fs::remove_dir_all(self.folder());
        }
        self.watcher.stop();
    }
}

/// Creates a folder with a new name, because earlier runs may have left folders.
fn create_folder(parent: &Path) -> std::io::Result<PathBuf> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = parent.join(format!("tidings-broker-{}-{number}", process::id()));
        match fs::create_dir(&folder) {
            Ok(()) => {
                fs::set_permissions(&folder, Permissions::from_mode(0o700))?;
                return Ok(folder);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

pub(crate) fn read_all(files: &[PathBuf]) -> String {
    files
        .iter()
        .filter_map(|file| fs::read(file).ok())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect()
}
