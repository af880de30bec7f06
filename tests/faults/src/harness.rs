//! The harness of a fault: nodes, a folder, and the form of the suite.

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tidings_broker::{Cluster, Install, Node, Setup, Vhost};
use tokio::sync::OnceCell;

use crate::fault::Times;
use crate::row::Row;
use tidings_test_support::wait::blocking;

/// The name of the first handler log of a harness. An app that starts before its traffic uses this file.
pub(crate) const FIRST_HANDLER_LOG: &str = "handler_log-1";

/// The variable that selects the form of the suite: `short` or `full`.
pub const FORM: &str = "TIDINGS_TEST_FAULTS";

/// The two forms of the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Each fault a few times with few events. Takes minutes.
    Short,
    /// The form of the tables in the documentation. Takes most of an hour.
    Full,
}

/// The harness of one fault. Dropping it deletes its folder, unless the run panics.
#[derive(Debug)]
pub struct Harness {
    install: Install,
    form: Form,
    fault: &'static str,
    times: Times,
    folder: PathBuf,
    files: Cell<usize>,
    random: RefCell<fastrand::Rng>,
}

/// The name and the URL of a virtual host.
#[derive(Debug, Clone)]
pub struct VirtualHost {
    /// The name.
    pub vhost: String,
    /// The URL for the user `guest`.
    pub url: String,
}

impl Form {
    /// Returns the form that [`FORM`] selects. The default is the short form.
    ///
    /// # Panics
    /// When there is no such form.
    pub fn selected() -> Self {
        match std::env::var(FORM).as_deref() {
            Err(_) | Ok("" | "short") => Self::Short,
            Ok("full") => Self::Full,
            Ok(other) => panic!("unknown form `{other}`; write {FORM}=short or {FORM}=full"),
        }
    }
}

impl Harness {
    /// Creates the harness of a fault. `seed` determines all random choices.
    ///
    /// # Panics
    /// When the folder cannot be created.
    pub fn new(install: &Install, form: Form, fault: &'static str, times: Times, seed: u64) -> Self {
        static CREATED: AtomicUsize = AtomicUsize::new(0);
        let number = CREATED.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("tidings-faults-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder can be created");
        Self {
            install: install.clone(),
            form,
            fault,
            times,
            folder,
            files: Cell::new(0),
            random: RefCell::new(fastrand::Rng::with_seed(seed)),
        }
    }

    /// The configuration of a node. The caller extends and starts it.
    ///
    /// A queue can refuse a retry that returns from a delay queue, for example on 3.10 after the loss of a node. By
    /// default the broker tries again after three minutes. This configuration sets five seconds.
    pub fn setup(&self) -> Setup {
        Setup::new(&self.install).advanced("{dead_letter_worker_publisher_confirm_timeout, 5000}")
    }

    /// How often the fault is injected.
    pub fn times(&self) -> u32 {
        self.pick(self.times.short, self.times.full)
    }

    /// Returns one of two values, by the form of the suite.
    pub fn pick<T>(&self, short: T, full: T) -> T {
        match self.form {
            Form::Short => short,
            Form::Full => full,
        }
    }

    /// The folder for files of this run.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A random number below `end`.
    pub fn random(&self, end: u64) -> u64 {
        self.random.borrow_mut().u64(..end)
    }

    /// An empty row of this fault.
    pub fn row(&self) -> Row {
        self.row_of(self.times())
    }

    /// An empty row of this fault that counts `times` injections.
    pub fn row_of(&self, times: u32) -> Row {
        Row {
            fault: self.fault.to_owned(),
            times,
            ..Row::default()
        }
    }

    /// Returns a new virtual host on the shared node of the faults that keep their node running.
    ///
    /// # Panics
    /// When the virtual host cannot be created.
    pub async fn vhost(&self) -> Vhost<'static> {
        blocking(|| {
            tidings_broker::shared()
                .vhost()
                .expect("the node creates a virtual host")
        })
        .await
    }

    /// Returns the shared node of the faults that kill and restart their node. Each uses its own
    /// [`Harness::virtual_host`].
    ///
    /// # Panics
    /// When the node does not start.
    pub async fn shared_node(&self) -> Arc<Node> {
        // Rust never drops a static. The watcher of the node kills it.
        static SHARED_NODE: OnceCell<Arc<Node>> = OnceCell::const_new();
        let node = Arc::clone(SHARED_NODE.get_or_init(|| self.node()).await);
        // A fault that panicked may have left the node down.
        let again = Arc::clone(&node);
        blocking(move || again.start_again().expect("the node restarts")).await;
        node
    }

    /// Returns a new virtual host on a node.
    ///
    /// # Panics
    /// When the virtual host cannot be created.
    pub async fn virtual_host(&self, node: &Arc<Node>) -> VirtualHost {
        let node = Arc::clone(node);
        blocking(move || {
            let vhost = node.vhost().expect("the node creates a virtual host");
            VirtualHost {
                vhost: vhost.name().to_owned(),
                url: vhost.url(),
            }
        })
        .await
    }

    /// Starts a node for this fault alone.
    ///
    /// # Panics
    /// When the node does not start.
    pub async fn node(&self) -> Arc<Node> {
        self.node_of(self.setup()).await
    }

    /// Starts a node for this fault alone, with this configuration.
    ///
    /// # Panics
    /// When the node does not start.
    pub async fn node_of(&self, setup: Setup) -> Arc<Node> {
        blocking(move || Arc::new(setup.start().expect("a node starts"))).await
    }

    /// Returns the cluster of three nodes that all cluster faults share.
    ///
    /// # Panics
    /// When a node does not start.
    pub async fn cluster(&self) -> Arc<Cluster> {
        static CLUSTER: OnceCell<Arc<Cluster>> = OnceCell::const_new();
        let start = async || {
            let setup = self.setup();
            blocking(move || Arc::new(setup.start_cluster(3).expect("a cluster starts"))).await
        };
        let cluster = Arc::clone(CLUSTER.get_or_init(start).await);
        let again = Arc::clone(&cluster);
        blocking(move || {
            for node in again.nodes() {
                node.start_again().expect("the node restarts");
            }
        })
        .await;
        cluster
    }

    /// Returns the path of a new file in the folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        let number = self.files.get() + 1;
        self.files.set(number);
        self.folder.join(format!("{name}-{number}"))
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "the files of `{}` are kept in {}",
                self.fault,
                self.folder.display()
            );
        } else {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}
