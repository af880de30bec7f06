//! A private node that tests can stop, kill and restart.

use std::fs;
use std::path::PathBuf;
use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::command::{POLL_INTERVAL, run_with_deadline, wait};
use crate::error::Error;
use crate::install::Place;
use crate::readiness::{answers, listens};
use crate::runner::Variable;
use crate::sandbox::{Sandbox, read_all};
use crate::setup::{NodeSettings, Setup};
use crate::vhost::Vhost;

/// A private node of RabbitMQ. Dropping it kills it.
///
/// Every call blocks until it is done or its deadline has passed. In async code, use `spawn_blocking`.
#[derive(Debug)]
pub struct Node {
    sandbox: Arc<Sandbox>,
    index: usize,
    limit: Duration,
    management: bool,
    tls: bool,
    process: Mutex<Option<Child>>,
    pub(crate) vhosts: Mutex<Vec<String>>,
}

/// The deadline for a run of a tool, and for the stop of a node.
const TIMEOUT: Duration = Duration::from_mins(1);
/// The number of log lines in an error.
const LINES: usize = 120;

impl Node {
    /// Writes the files of a node without starting it.
    pub(crate) fn prepare(
        setup: &Setup,
        sandbox: &Arc<Sandbox>,
        index: usize,
        nodes: usize,
    ) -> Result<Self, Error> {
        let node = Self {
            sandbox: Arc::clone(sandbox),
            index,
            limit: setup.limit,
            management: setup.has_management(),
            tls: setup.has_tls(),
            process: Mutex::new(None),
            vhosts: Mutex::new(Vec::new()),
        };
        let names: Vec<String> = (0..nodes).map(|index| name_of(sandbox, index)).collect();
        let [_, _, management, tls] = node.ports();
        let conf = setup.rabbitmq_conf(&NodeSettings {
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

    /// The Erlang name, as `rabbitmqctl` expects it.
    pub fn name(&self) -> String {
        name_of(&self.sandbox, self.index)
    }

    /// The AMQP port on 127.0.0.1. A restart does not change it.
    pub fn port(&self) -> u16 {
        self.ports()[0]
    }

    /// The port of the management plugin, if it is enabled.
    pub fn management_port(&self) -> Option<u16> {
        self.management.then(|| self.ports()[2])
    }

    /// The AMQP port with TLS, if there is one.
    pub fn tls_port(&self) -> Option<u16> {
        self.tls.then(|| self.ports()[3])
    }

    /// The URL of the virtual host `/` for the user `guest`.
    pub fn url(&self) -> String {
        self.url_of("guest", "guest", "%2f")
    }

    /// The URL of a virtual host for a user. All three must be escaped for a URL.
    pub fn url_of(&self, user: &str, password: &str, vhost: &str) -> String {
        format!("amqp://{user}:{password}@127.0.0.1:{}/{vhost}", self.port())
    }

    /// The URL of the virtual host `/` with TLS. The host is `localhost`, as the certificate requires.
    pub fn tls_url(&self) -> Option<String> {
        Some(format!("amqps://guest:guest@localhost:{}/%2f", self.tls_port()?))
    }

    /// The pid of the node, or of the Docker client. `None` while the node is down.
    pub fn pid(&self) -> Option<u32> {
        self.process().as_ref().map(Child::id)
    }

    /// Whether the process runs.
    pub fn runs(&self) -> bool {
        let mut process = self.process();
        match process.as_mut().map(Child::try_wait) {
            Some(Ok(None)) => true,
            Some(_) => {
                if let Some(child) = process.take() {
                    self.sandbox.forget(&child);
                }
                false
            }
            None => false,
        }
    }

    /// Whether the node accepts connections on all of its ports. They open one after the other.
    pub fn ready(&self) -> bool {
        answers(self.port())
            && self.tls_port().is_none_or(listens)
            && self.management_port().is_none_or(listens)
    }

    /// Kills the node with SIGKILL, like a crash, and keeps its data. Does nothing when the node is down.
    pub fn kill(&self) {
        if let Some(mut child) = self.process().take() {
            self.sandbox.kill(&self.short_name(), &mut child);
        }
    }

    /// Stops the node with SIGTERM, waits until it has stopped, and keeps its data.
    ///
    /// # Errors
    /// When the node has not stopped after one minute. The node is killed then.
    pub fn stop(&self) -> Result<(), Error> {
        let mut process = self.process();
        let Some(mut child) = process.take() else {
            return Ok(());
        };
        let stopped = self
            .sandbox
            .terminate(&self.short_name(), &child)
            .and_then(|()| wait(&mut child, TIMEOUT))
            .map_err(Error::io(format!("stop `{}`", self.name())));
        if let Ok(Some(_)) = stopped {
            self.sandbox.forget(&child);
            return Ok(());
        }
        self.sandbox.kill(&self.short_name(), &mut child);
        stopped?;
        Err(Error::Start {
            node: self.name(),
            why: format!("still running {TIMEOUT:?} after SIGTERM"),
            log: self.tail(),
        })
    }

    /// Starts the node again after [`Node::kill`] or [`Node::stop`], and waits until it accepts connections.
    ///
    /// # Errors
    /// When the node exits or is not ready in time. The error contains the end of the log.
    pub fn start_again(&self) -> Result<(), Error> {
        self.launch()?;
        self.await_ready()
    }

    /// Starts the node without waiting for it; see [`Node::await_ready`]. Does nothing when the node runs.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn launch(&self) -> Result<(), Error> {
        if self.runs() {
            return Ok(());
        }
        let mut command = self
            .sandbox
            .runner
            .server(&self.short_name(), &self.variables())
            .map_err(Error::io("read the folder of the nodes"))?;
        let log = self.folder().join("log/stdout");
        let child = self.sandbox.spawn(&self.short_name(), &mut command, &log)?;
        *self.process() = Some(child);
        Ok(())
    }

    /// Waits until the node accepts connections.
    ///
    /// # Errors
    /// When the node exits or is not ready in time. The error contains the end of the log.
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
            thread::sleep(POLL_INTERVAL);
        };
        Err(Error::Start {
            node: self.name(),
            why,
            log: self.tail(),
        })
    }

    /// Runs `rabbitmqctl` for this node, for at most one minute, and returns its output: `node.ctl(&["stop_app"])`.
    ///
    /// # Errors
    /// When the command fails. The error contains its output.
    pub fn ctl(&self, args: &[&str]) -> Result<String, Error> {
        self.tool("rabbitmqctl", args)
    }

    /// Runs another tool of RabbitMQ: `node.tool("rabbitmq-queues", &["quorum_status", "q"])`.
    ///
    /// # Errors
    /// When the command fails. The error contains its output.
    pub fn tool(&self, name: &str, args: &[&str]) -> Result<String, Error> {
        let command_line = || format!("{name} {}", args.join(" "));
        let mut command = self
            .sandbox
            .runner
            .tool(&self.short_name(), name, args, &self.variables());
        let output = run_with_deadline(&mut command, TIMEOUT)
            .map_err(Error::io(format!("run `{}`", command_line())))?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(Error::Tool {
                command: command_line(),
                output: output.stdout + &output.stderr,
            })
        }
    }

    /// Makes the node write its tables to disk now instead of within half a second.
    ///
    /// Until then, a new quorum queue is missing in the table of queues. If the node is killed before, the queue loses
    /// even confirmed messages (seen on 3.10.8 and 4.3.6).
    ///
    /// # Errors
    /// When `rabbitmqctl` fails.
    pub fn flush(&self) -> Result<(), Error> {
        self.ctl(&["eval", "[ok = dets:sync(Table) || Table <- dets:all()], ok."])
            .map(drop)
    }

    /// Adds a user without permissions.
    ///
    /// # Errors
    /// When `rabbitmqctl` fails.
    pub fn add_user(&self, user: &str, password: &str) -> Result<(), Error> {
        self.ctl(&["add_user", user, password]).map(drop)
    }

    /// Changes the password of a user.
    ///
    /// # Errors
    /// When `rabbitmqctl` fails.
    pub fn change_password(&self, user: &str, password: &str) -> Result<(), Error> {
        self.ctl(&["change_password", user, password]).map(drop)
    }

    /// Sets the permissions of a user in a virtual host: the patterns to configure, write and read.
    ///
    /// # Errors
    /// When `rabbitmqctl` fails.
    pub fn permit(&self, user: &str, vhost: &str, [configure, write, read]: [&str; 3]) -> Result<(), Error> {
        self.ctl(&["set_permissions", "-p", vhost, user, configure, write, read])
            .map(drop)
    }

    /// Returns a new virtual host, in which `guest` has all permissions.
    ///
    /// # Errors
    /// When `rabbitmqctl` fails.
    pub fn vhost(&self) -> Result<Vhost<'_>, Error> {
        Vhost::of(self)
    }

    /// Returns the output and the log files of the node.
    pub fn logs(&self) -> String {
        let folder = self.folder().join("log");
        let mut files: Vec<PathBuf> = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        // `stdout` has only the banner, so it comes first and the log files come last.
        files.sort_by_key(|path| (!path.ends_with("stdout"), path.clone()));
        read_all(&files)
    }

    /// Prints the end of the log and keeps the files. A node that is dropped by a panic calls this method itself.
    pub fn report(&self) {
        eprintln!("end of the log of node `{}`:\n{}", self.name(), self.tail());
        self.sandbox.keep();
    }

    fn tail(&self) -> String {
        let logs = self.logs();
        let lines: Vec<&str> = logs.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }

    fn process(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name of the node in its sandbox.
    fn short_name(&self) -> String {
        format!("n{}", self.index + 1)
    }

    fn folder(&self) -> PathBuf {
        self.sandbox.folder().join(self.short_name())
    }

    fn ports(&self) -> [u16; 4] {
        self.sandbox.ports.node(self.index)
    }

    fn address(&self) -> &'static str {
        match self.sandbox.runner.place {
            // Docker forwards our loopback port to another interface of the container.
            Place::Docker(_) => "0.0.0.0",
            Place::Installed(_) | Place::Root(_) => "127.0.0.1",
        }
    }

    fn variables(&self) -> Vec<Variable> {
        let folder = self.folder();
        let path = |name| folder.join(name).display().to_string();
        let [port, distribution, ..] = self.ports();
        let (from, to) = self.sandbox.ports.tools();
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
            ("ERL_EPMD_PORT", self.sandbox.ports.epmd().to_string()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
            ("ERL_CRASH_DUMP_SECONDS", "0".to_owned()),
            // The sandbox has a port mapper. A node killed during its start could leave a child that starts one.
            ("ERL_ZFLAGS", "-start_epmd false".to_owned()),
            // The start script then replaces itself with the node, so that the pid of the child is the pid of the node.
            ("RUNNING_UNDER_SYSTEMD", "1".to_owned()),
        ];
        if matches!(self.sandbox.runner.place, Place::Docker(_)) {
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

fn name_of(sandbox: &Sandbox, index: usize) -> String {
    format!("tidings-{}-{}@localhost", sandbox.ports.base(), index + 1)
}
