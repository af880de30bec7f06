//! One node of RabbitMQ, to be started, killed and started again.

use std::fs;
use std::path::PathBuf;
use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::command::{LOOK, finish, wait};
use crate::error::Error;
use crate::install::Place;
use crate::lab::{Lab, read_all};
use crate::probe::{answers, listens};
use crate::setup::{Particulars, Setup};
use crate::vhost::Vhost;
use crate::world::Variable;

/// A private node of RabbitMQ; dropping it ends it.
///
/// Every call blocks until it is done, or until its deadline: in async code call it on `spawn_blocking`.
#[derive(Debug)]
pub struct Node {
    lab: Arc<Lab>,
    index: usize,
    limit: Duration,
    management: bool,
    tls: bool,
    process: Mutex<Option<Child>>,
    pub(crate) vhosts: Mutex<Vec<String>>,
}

/// How long a tool, or a node that is asked to stop, may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// How much of a log an error shows.
const LINES: usize = 120;

impl Node {
    /// Writes the files of a node; it does not run yet.
    pub(crate) fn prepare(setup: &Setup, lab: &Arc<Lab>, index: usize, nodes: usize) -> Result<Self, Error> {
        let node = Self {
            lab: Arc::clone(lab),
            index,
            limit: setup.limit,
            management: setup.has_management(),
            tls: setup.has_tls(),
            process: Mutex::new(None),
            vhosts: Mutex::new(Vec::new()),
        };
        let names: Vec<String> = (0..nodes).map(|index| name_of(lab, index)).collect();
        let [_, _, management, tls] = node.ports();
        let conf = setup.rabbitmq_conf(&Particulars {
            address: node.address(),
            management,
            tls,
            names: &names,
        });
        let folder = node.folder();
        let write = || {
            fs::create_dir_all(folder.join("mnesia"))?;
            fs::create_dir_all(folder.join("log"))?;
            fs::write(folder.join("rabbitmq.conf"), conf)?;
            fs::write(folder.join("advanced.config"), setup.advanced_config())?;
            fs::write(folder.join("rabbitmq-env.conf"), "")?;
            fs::write(folder.join("enabled_plugins"), setup.enabled_plugins())
        };
        write().map_err(Error::io(format!("write the files of `{}`", node.name())))?;
        Ok(node)
    }

    /// Its Erlang name, as `rabbitmqctl` wants it.
    pub fn name(&self) -> String {
        name_of(&self.lab, self.index)
    }

    /// The port for AMQP, on 127.0.0.1. It stays the same when the node is started again.
    pub fn port(&self) -> u16 {
        self.ports()[0]
    }

    /// The port of the management plugin, if that is enabled.
    pub fn management_port(&self) -> Option<u16> {
        self.management.then(|| self.ports()[2])
    }

    /// The port for AMQP over TLS, if there is one.
    pub fn tls_port(&self) -> Option<u16> {
        self.tls.then(|| self.ports()[3])
    }

    /// Where `guest` finds the vhost `/`.
    pub fn url(&self) -> String {
        self.url_of("guest", "guest", "%2f")
    }

    /// Where a user finds a vhost; all three as they stand in a URL.
    pub fn url_of(&self, user: &str, password: &str, vhost: &str) -> String {
        format!("amqp://{user}:{password}@127.0.0.1:{}/{vhost}", self.port())
    }

    /// The same as [`Node::url`] over TLS. The name is `localhost`, for the certificate's sake.
    pub fn tls_url(&self) -> Option<String> {
        Some(format!("amqps://guest:guest@localhost:{}/%2f", self.tls_port()?))
    }

    /// The pid of the node; in Docker, of the client that runs it. None while it is down.
    pub fn pid(&self) -> Option<u32> {
        self.process().as_ref().map(Child::id)
    }

    /// Whether its process runs.
    pub fn runs(&self) -> bool {
        let mut process = self.process();
        match process.as_mut().map(Child::try_wait) {
            Some(Ok(None)) => true,
            Some(_) => {
                if let Some(child) = process.take() {
                    self.lab.forget(&child);
                }
                false
            }
            None => false,
        }
    }

    /// Whether it takes connections, at each of its ports: they open one after the other.
    pub fn ready(&self) -> bool {
        answers(self.port())
            && self.tls_port().is_none_or(listens)
            && self.management_port().is_none_or(listens)
    }

    /// Ends it with SIGKILL, as a crash would; its data stay. Nothing happens to a node that is down.
    pub fn kill(&self) {
        if let Some(mut child) = self.process().take() {
            self.lab.kill(&self.shown(), &mut child);
        }
    }

    /// Asks it to stop, as an operator would, and waits until it has; its data stay.
    ///
    /// # Errors
    /// When it does not within a minute; it is killed then.
    pub fn stop(&self) -> Result<(), Error> {
        let mut process = self.process();
        let Some(mut child) = process.take() else {
            return Ok(());
        };
        let stopped = self
            .lab
            .ask_to_end(&self.shown(), &child)
            .and_then(|()| wait(&mut child, PATIENCE))
            .map_err(Error::io(format!("stop `{}`", self.name())));
        if let Ok(Some(_)) = stopped {
            self.lab.forget(&child);
            return Ok(());
        }
        self.lab.kill(&self.shown(), &mut child);
        stopped?;
        Err(Error::Start {
            node: self.name(),
            why: format!("asked to stop, it still ran after {PATIENCE:?}"),
            log: self.tail(),
        })
    }

    /// Starts it again after [`Node::kill`] or [`Node::stop`] and waits until it takes connections.
    ///
    /// # Errors
    /// When it ends, or is not ready in time; with the end of its log.
    pub fn start_again(&self) -> Result<(), Error> {
        self.launch()?;
        self.await_ready()
    }

    /// Starts it and does not wait; see [`Node::await_ready`]. Nothing happens to a node that runs.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn launch(&self) -> Result<(), Error> {
        if self.runs() {
            return Ok(());
        }
        let mut command = self
            .lab
            .world
            .server(&self.shown(), &self.variables())
            .map_err(Error::io("see the lab's folder"))?;
        let log = self.folder().join("log/stdout");
        let child = self.lab.spawn(&self.shown(), &mut command, &log)?;
        *self.process() = Some(child);
        Ok(())
    }

    /// Waits until it takes connections.
    ///
    /// # Errors
    /// When it ends, or is not ready in time; with the end of its log.
    pub fn await_ready(&self) -> Result<(), Error> {
        let deadline = Instant::now() + self.limit;
        let why = loop {
            if !self.runs() {
                break "its process ended".to_owned();
            }
            if self.ready() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                break format!("not ready after {:?}", self.limit);
            }
            thread::sleep(LOOK);
        };
        Err(Error::Start {
            node: self.name(),
            why,
            log: self.tail(),
        })
    }

    /// Runs `rabbitmqctl` on it, for at most a minute: `node.ctl(&["stop_app"])`. What it prints.
    ///
    /// # Errors
    /// When it fails, with what it said.
    pub fn ctl(&self, args: &[&str]) -> Result<String, Error> {
        self.tool("rabbitmqctl", args)
    }

    /// Runs another of RabbitMQ's tools on it: `node.tool("rabbitmq-queues", &["quorum_status", "q"])`.
    ///
    /// # Errors
    /// When it fails, with what it said.
    pub fn tool(&self, name: &str, args: &[&str]) -> Result<String, Error> {
        let shown = || format!("{name} {}", args.join(" "));
        let mut command = self.lab.world.tool(&self.shown(), name, args, &self.variables());
        let said = finish(&mut command, PATIENCE).map_err(Error::io(format!("run `{}`", shown())))?;
        if said.status.success() {
            Ok(said.out)
        } else {
            Err(Error::Tool {
                command: shown(),
                output: said.out + &said.err,
            })
        }
    }

    /// Makes it write what it would write within half a second.
    ///
    /// Until then a quorum queue is not in the table by which a node finds its queues again: killed right after the
    /// declaration, it comes back with the queue empty, confirmed messages and all (tried on 3.10.8 and 4.3.6).
    ///
    /// # Errors
    /// When `rabbitmqctl` fails.
    pub fn flush(&self) -> Result<(), Error> {
        self.ctl(&["eval", "[ok = dets:sync(Table) || Table <- dets:all()], ok."])
            .map(drop)
    }

    /// Adds a user who may do nothing yet.
    ///
    /// # Errors
    /// When `rabbitmqctl` fails.
    pub fn add_user(&self, user: &str, password: &str) -> Result<(), Error> {
        self.ctl(&["add_user", user, password]).map(drop)
    }

    /// Changes a user's password.
    ///
    /// # Errors
    /// When `rabbitmqctl` fails.
    pub fn change_password(&self, user: &str, password: &str) -> Result<(), Error> {
        self.ctl(&["change_password", user, password]).map(drop)
    }

    /// Lets a user configure, write to and read from what these patterns match in a vhost.
    ///
    /// # Errors
    /// When `rabbitmqctl` fails.
    pub fn permit(&self, user: &str, vhost: &str, [configure, write, read]: [&str; 3]) -> Result<(), Error> {
        self.ctl(&["set_permissions", "-p", vhost, user, configure, write, read])
            .map(drop)
    }

    /// A vhost that nobody else has, where `guest` may do everything.
    ///
    /// # Errors
    /// When `rabbitmqctl` fails.
    pub fn vhost(&self) -> Result<Vhost<'_>, Error> {
        Vhost::of(self)
    }

    /// All that it wrote: what it printed, then its log files.
    pub fn logs(&self) -> String {
        let folder = self.folder().join("log");
        let mut files: Vec<PathBuf> = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        // `stdout` has the banner; what follows is worth more at the end.
        files.sort_by_key(|path| (!path.ends_with("stdout"), path.clone()));
        read_all(&files)
    }

    /// Shows the end of its log, and keeps its files when it goes. A node that is dropped by a panic does so itself.
    pub fn report(&self) {
        eprintln!("the log of node `{}` ends:\n{}", self.name(), self.tail());
        self.lab.keep();
    }

    fn tail(&self) -> String {
        let logs = self.logs();
        let lines: Vec<&str> = logs.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }

    fn process(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it is called within its lab.
    fn shown(&self) -> String {
        format!("n{}", self.index + 1)
    }

    fn folder(&self) -> PathBuf {
        self.lab.folder().join(self.shown())
    }

    fn ports(&self) -> [u16; 4] {
        self.lab.ports.node(self.index)
    }

    /// The address it listens on.
    fn address(&self) -> &'static str {
        match self.lab.world.place {
            // Docker publishes on our loopback what arrives there on another interface.
            Place::Docker(_) => "0.0.0.0",
            Place::Installed(_) | Place::Root(_) => "127.0.0.1",
        }
    }

    fn variables(&self) -> Vec<Variable> {
        let folder = self.folder();
        let path = |name| folder.join(name).display().to_string();
        let [port, distribution, ..] = self.ports();
        let (from, to) = self.lab.ports.tools();
        let loopback = "-kernel inet_dist_use_interface {127,0,0,1}";
        let mut variables = vec![
            ("RABBITMQ_NODENAME", self.name()),
            ("RABBITMQ_NODE_IP_ADDRESS", self.address().to_owned()),
            ("RABBITMQ_NODE_PORT", port.to_string()),
            ("RABBITMQ_DIST_PORT", distribution.to_string()),
            ("RABBITMQ_MNESIA_BASE", path("mnesia")),
            ("RABBITMQ_LOG_BASE", path("log")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins")),
            ("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf")),
            ("RABBITMQ_ADVANCED_CONFIG_FILE", path("advanced.config")),
            ("RABBITMQ_CONF_ENV_FILE", path("rabbitmq-env.conf")),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", loopback.to_owned()),
            ("RABBITMQ_CTL_ERL_ARGS", loopback.to_owned()),
            ("RABBITMQ_CTL_DIST_PORT_MIN", from.to_string()),
            ("RABBITMQ_CTL_DIST_PORT_MAX", to.to_string()),
            ("ERL_EPMD_PORT", self.lab.ports.epmd().to_string()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
            ("ERL_CRASH_DUMP_SECONDS", "0".to_owned()),
            // The lab has its port mapper. A node that is killed while it starts may have a child on the way to start
            // another, which nobody would end.
            ("ERL_ZFLAGS", "-start_epmd false".to_owned()),
            // The start script becomes the node instead of watching over it: the pid we hold is the one to kill.
            ("RUNNING_UNDER_SYSTEMD", "1".to_owned()),
        ];
        if matches!(self.lab.world.place, Place::Docker(_)) {
            variables.push(("LANG", "C.UTF-8".to_owned()));
        }
        variables
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if thread::panicking() {
            self.report();
        }
        self.kill();
    }
}

fn name_of(lab: &Lab, index: usize) -> String {
    format!("tidings-{}-{}@localhost", lab.ports.base(), index + 1)
}
