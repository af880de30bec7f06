//! What the nodes of one cluster share: a folder, ports, a port mapper, and who cleans up.

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

use crate::command::{LOOK, finish, signal};
use crate::error::Error;
use crate::install::Install;
use crate::ports::Ports;
use crate::probe::listens;
use crate::watcher::Watcher;
use crate::world::World;

#[derive(Debug)]
pub(crate) struct Lab {
    pub(crate) world: World,
    pub(crate) ports: Ports,
    watcher: Watcher,
    epmd: Mutex<Option<Child>>,
    keep: AtomicBool,
}

impl Lab {
    /// Makes the folder and starts the port mapper; `publish` is what Docker lets through to the nodes.
    pub(crate) fn open(install: &Install, publish: impl Fn(&Ports) -> Vec<u16>) -> Result<Self, Error> {
        let ports = Ports::take().map_err(Error::io("find free ports"))?;
        let parent = env::temp_dir();
        let parent = fs::canonicalize(&parent).map_err(Error::io(format!(
            "find the temporary folder {}",
            parent.display()
        )))?;
        let folder =
            make_folder(&parent).map_err(Error::io(format!("make a folder in {}", parent.display())))?;
        let watcher = Watcher::over(&folder).map_err(Error::io("start `sh`"))?;
        let mut published = publish(&ports);
        published.push(ports.epmd());
        let lab = Self {
            world: World {
                place: install.place.clone(),
                folder,
            },
            ports,
            watcher,
            epmd: Mutex::new(None),
            keep: AtomicBool::new(false),
        };
        lab.bake_cookie()
            .map_err(Error::io("make a cookie for the nodes"))?;
        lab.start_epmd(&published)?;
        Ok(lab)
    }

    /// What Erlang's nodes know each other by; ours are to know nobody else.
    fn bake_cookie(&self) -> std::io::Result<()> {
        let mut random = [0; 16];
        File::open("/dev/urandom")?.read_exact(&mut random)?;
        let cookie = format!("{:032x}", u128::from_ne_bytes(random));
        let path = self.folder().join(".erlang.cookie");
        fs::write(&path, cookie)?;
        fs::set_permissions(&path, Permissions::from_mode(0o400))
    }

    // Ours, in the foreground: a node that finds none starts one, and leaves it behind.
    fn start_epmd(&self, publish: &[u16]) -> Result<(), Error> {
        let port = self.ports.epmd();
        let mut command = self
            .world
            .epmd(port, publish)
            .map_err(Error::io("see the lab's folder"))?;
        let log = self.folder().join("epmd.log");
        let mut child = self.spawn("epmd", &mut command, &log)?;
        let deadline = Instant::now() + Duration::from_mins(1);
        let fault = loop {
            if let Ok(Some(status)) = child.try_wait() {
                self.forget(&child);
                break Some(format!("ended with {status}"));
            }
            // In Docker, too: a container joins the network of another only once that runs.
            if listens(port) {
                break None;
            }
            if Instant::now() >= deadline {
                break Some("does not listen after a minute".to_owned());
            }
            thread::sleep(LOOK);
        };
        *self.epmd() = Some(child);
        match fault {
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
        &self.world.folder
    }

    /// Starts a process that does not outlive this one.
    pub(crate) fn spawn(&self, name: &str, command: &mut Command, log: &Path) -> Result<Child, Error> {
        let mut started = || -> std::io::Result<Child> {
            let file = OpenOptions::new().create(true).append(true).open(log)?;
            if let Some(container) = self.world.container(name) {
                self.watcher.container(&container)?;
            }
            let mut child = command
                // Ctrl-C is for the tests; they take their nodes down with them.
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

    /// The process has ended, or is about to.
    pub(crate) fn forget(&self, child: &Child) {
        // A watcher that has gone needs no telling.
        let _ = self.watcher.forget(child.id());
    }

    /// Asks a process to end.
    pub(crate) fn ask_to_end(&self, name: &str, child: &Child) -> std::io::Result<()> {
        let Some(container) = self.world.container(name) else {
            return signal("TERM", &child.id().to_string());
        };
        let mut command = Command::new("docker");
        command.args(["kill", "--signal", "TERM", &container]);
        finish(&mut command, Duration::from_mins(1)).map(drop)
    }

    /// Ends a process at once, and waits until it has ended.
    pub(crate) fn kill(&self, name: &str, child: &mut Child) {
        if let Some(container) = self.world.container(name) {
            // Killed, and so removed, by the engine; the process we hold is the client's and follows.
            let mut command = Command::new("docker");
            command.args(["rm", "--force", "--volumes", &container]);
            let _ = finish(&mut command, Duration::from_mins(1));
        }
        self.forget(child);
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Leaves the folder to whoever looks into the failure.
    pub(crate) fn keep(&self) {
        if !self.keep.swap(true, Ordering::Relaxed) {
            let _ = self.watcher.keep();
            eprintln!("the files of its nodes are kept in {}", self.folder().display());
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Some(mut epmd) = self.epmd().take() {
            self.kill("epmd", &mut epmd);
        }
        if !self.keep.load(Ordering::Relaxed) {
            let _ = fs::remove_dir_all(self.folder());
        }
        self.watcher.bye();
    }
}

/// Makes a folder that nobody has, one kept from an earlier run or test among them.
fn make_folder(parent: &Path) -> std::io::Result<PathBuf> {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    loop {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
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

/// What these files hold, one after the other.
pub(crate) fn read_all(files: &[PathBuf]) -> String {
    files
        .iter()
        .filter_map(|file| fs::read(file).ok())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect()
}
