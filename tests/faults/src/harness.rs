//! A fault's own place: nodes, a folder, and how much is to be done.

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

/// Tells the suite which form of it to run: `short`, or `full`.
pub const FORM: &str = "TIDINGS_TEST_FAULTS";

/// The two forms of the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Each fault a few times, with few events: minutes.
    Short,
    /// What the tables of the documentation show: most of an hour.
    Full,
}

/// A fault's own place. Its folder goes with it, unless its run panics.
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

/// A virtual host on a node.
#[derive(Debug, Clone)]
pub struct VirtualHost {
    /// Its name.
    pub vhost: String,
    /// Where `guest` finds it.
    pub url: String,
}

impl Form {
    /// What the environment asks for; the short one where it is silent.
    ///
    /// # Panics
    /// When it asks for another.
    pub fn asked() -> Self {
        match std::env::var(FORM).as_deref() {
            Err(_) | Ok("" | "short") => Self::Short,
            Ok("full") => Self::Full,
            Ok(other) => panic!("no form `{other}` of the faults; write {FORM}=short or {FORM}=full"),
        }
    }
}

impl Harness {
    /// A place on this RabbitMQ for the fault of this name. All that is random there comes from `seed`.
    ///
    /// # Panics
    /// When the folder cannot be made.
    pub fn new(install: &Install, form: Form, fault: &'static str, times: Times, seed: u64) -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("tidings-faults-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder is made");
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

    /// The RabbitMQ.
    pub fn install(&self) -> &Install {
        &self.install
    }

    /// What nodes of it are to be like: add to it, then start.
    ///
    /// What comes back from a delay queue and is refused, as all is on 3.10 for a moment after a node was lost, they try
    /// again after five seconds, and not after three minutes, which is as long as no run waits.
    pub fn setup(&self) -> Setup {
        Setup::new(&self.install).advanced("{dead_letter_worker_publisher_confirm_timeout, 5000}")
    }

    /// How often the fault is to be done.
    pub fn times(&self) -> u32 {
        self.pick(self.times.short, self.times.full)
    }

    /// One of two, by the form of the suite.
    pub fn pick<T>(&self, short: T, full: T) -> T {
        match self.form {
            Form::Short => short,
            Form::Full => full,
        }
    }

    /// A folder for files of this run.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A random number below `end`.
    pub fn random(&self, end: u64) -> u64 {
        self.random.borrow_mut().u64(..end)
    }

    /// A row of this fault, without any counts yet.
    pub fn row(&self) -> Row {
        Row {
            fault: self.fault.to_owned(),
            times: self.times(),
            ..Row::default()
        }
    }

    /// A virtual host of one's own on the node that all faults share which leave it alive.
    ///
    /// # Panics
    /// When there is none to be had.
    pub async fn vhost(&self) -> Vhost<'static> {
        blocking(|| tidings_broker::shared().vhost().expect("a virtual host")).await
    }

    /// A node that may be killed, shared by all faults that bring it back. Its rooms part them: [`Harness::room`].
    ///
    /// # Panics
    /// When it does not start.
    pub async fn shared_node(&self) -> Arc<Node> {
        // Nobody drops a static: it is the node's watcher that ends it with this process.
        static SHARED_NODE: OnceCell<Arc<Node>> = OnceCell::const_new();
        let node = Arc::clone(SHARED_NODE.get_or_init(|| self.node()).await);
        // A fault that panicked may have left it down.
        let again = Arc::clone(&node);
        blocking(move || again.start_again().expect("the node is there again")).await;
        node
    }

    /// A virtual host of one's own on a node.
    ///
    /// # Panics
    /// When there is none to be had.
    pub async fn virtual_host(&self, node: &Arc<Node>) -> VirtualHost {
        let node = Arc::clone(node);
        blocking(move || {
            let vhost = node.vhost().expect("a virtual host");
            VirtualHost {
                vhost: vhost.name().to_owned(),
                url: vhost.url(),
            }
        })
        .await
    }

    /// A node of one's own, to be killed.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn node(&self) -> Arc<Node> {
        self.node_of(self.setup()).await
    }

    /// A node of one's own, set up as told.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn node_of(&self, setup: Setup) -> Arc<Node> {
        blocking(move || Arc::new(setup.start().expect("a node starts"))).await
    }

    /// The cluster of three nodes that all faults of clusters share.
    ///
    /// # Panics
    /// When it does not start.
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
                node.start_again().expect("the node is there again");
            }
        })
        .await;
        cluster
    }

    /// A file of this run that nobody has written yet.
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
