//! The one line in a user's tests: what the code says today, held against what was committed.

pub(crate) mod committed;
mod consumed;
pub(crate) mod drift;
pub(crate) mod environment;
mod golden;
pub(crate) mod outdated;
mod precision;
mod published;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tidings::EventDescriptor;
use tidings::describe::Description;

use self::consumed::{check_consumed, check_handlers};
use self::drift::Drift;
use self::environment::{in_package, write_requested};
use self::published::check_published;
use crate::compat::compare::Level;
use crate::compat::waiver::Waivers;
use crate::contract::folder::Folder;
use crate::error::{Error, Result};

/// Holds the contracts in `folder` against the events that a service publishes.
///
/// In a `#[test]` of its own:
///
/// ```no_run
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize}; use tidings::{DomainEvent, events};
/// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)] struct OrderCreated { order_id: String }
/// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)] struct OrderCancelled { order_id: String }
/// fn contracts_hold() {
///     tidings_contracts::check("contracts", events![OrderCreated, OrderCancelled]).unwrap();
/// }
/// ```
///
/// The folder is the package's, next to its `Cargo.toml`, and holds one file an event version. The first run, with
/// `TIDINGS_CONTRACTS=write` before `cargo test`, makes them; from then on they change only when someone says so:
///
/// - nothing changed: it is `Ok`;
/// - a change that no one notices who reads or writes the event: the diff, and how to accept it;
/// - a change that breaks someone: whom, where, and how to go on. It is never written over the contract that it breaks;
/// - an event without a contract, or a contract without an event; a `version` raised while the older contract is not
///   there, or while nothing upcasts what it describes; an event in a contract that today's type no longer reads.
///
/// What `waivers.toml` in the folder covers (see [`Waiver`](crate::Waiver)) is taken as agreed upon, until its day.
///
/// What lies under `consumed/` in the folder are contracts of other services, copied from them: each is held against the
/// event of that type in the list, which must read all that its owner writes.
///
/// # Errors
/// [`Error::Drift`] when one of these is so; it says all of it. Other errors are of files that cannot be read or written.
pub fn check(folder: impl AsRef<Path>, events: &[EventDescriptor]) -> Result<()> {
    Check::new(folder).events(events).run()
}

/// A check with more to say than [`check`].
///
/// ```no_run
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize}; use tidings::{DomainEvent, events};
/// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)] struct OrderCreated { order_id: String }
/// # fn app() -> App { App } struct App; impl App { fn describe(&self) -> tidings::describe::Description { unimplemented!() } }
/// use tidings_contracts::{Check, Level};
///
/// # fn main() -> tidings_contracts::Result<()> {
/// Check::new("contracts")
///     .events(events![OrderCreated])
///     .service(&app().describe()) // what its handlers return is published, what they take is consumed
///     .level(Level::Backward)
///     .run()
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a check does nothing until it is run"]
pub struct Check {
    folder: PathBuf,
    consumed: Option<PathBuf>,
    published: Vec<EventDescriptor>,
    service: Option<Description>,
    level: Level,
    write: Option<bool>,
}

impl Check {
    /// A check of the contracts in `folder`; a relative path starts at the package's folder.
    pub fn new(folder: impl AsRef<Path>) -> Self {
        Self {
            folder: in_package(folder.as_ref()),
            consumed: None,
            published: Vec::new(),
            service: None,
            level: Level::default(),
            write: None,
        }
    }

    /// Adds events that the service publishes, or reads by a contract under `consumed/`.
    pub fn events(mut self, events: &[EventDescriptor]) -> Self {
        for event in events {
            let name = (event.event_type(), event.version());
            if !self
                .published
                .iter()
                .any(|known| (known.event_type(), known.version()) == name)
            {
                self.published.push(*event);
            }
        }
        self
    }

    /// Adds a service as its app describes it: the events that its handlers return are published, and what they take is
    /// held against every contract whose events their patterns receive.
    pub fn service(mut self, service: &Description) -> Self {
        for handler in &service.handlers {
            self = self.events(&handler.returns);
        }
        self.service = Some(service.clone());
        self
    }

    /// The folder of other services' contracts, when it is not `consumed` in the folder of its own.
    pub fn consumed(mut self, folder: impl AsRef<Path>) -> Self {
        self.consumed = Some(in_package(folder.as_ref()));
        self
    }

    /// Who must not be broken within one version: by default new consumers and old ones.
    ///
    /// Kept older versions must be read in any case, as long as the level says anything of new consumers.
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Whether what may be written is written, whatever `TIDINGS_CONTRACTS` says.
    pub fn write(mut self, write: bool) -> Self {
        self.write = Some(write);
        self
    }

    /// Checks.
    ///
    /// # Errors
    /// As for [`check`].
    pub fn run(self) -> Result<()> {
        let write = match self.write {
            Some(write) => write,
            None => write_requested()?,
        };
        let committed = Folder::read(&self.folder)?;
        let consumed_path = self
            .consumed
            .clone()
            .unwrap_or_else(|| self.folder.join("consumed"));
        let consumed = Folder::read(&consumed_path)?;
        let mut drift = Drift::new(self.folder.clone());
        let read_only: BTreeSet<&str> = consumed
            .iter()
            .map(|contract| contract.event_type.as_str())
            .collect();
        let (read, published): (Vec<_>, Vec<_>) = self
            .published
            .iter()
            .partition(|event| read_only.contains(event.event_type()));
        check_published(&published, &committed, self.level, &mut drift);
        check_consumed(&read, &consumed, &mut drift.findings);
        if let Some(service) = &self.service {
            check_handlers(service, [&consumed, &committed], &mut drift.findings);
        }
        drift.waive(&Waivers::read(&self.folder)?);
        self.finish(drift, write)
    }

    /// Writes what may be written, and speaks of the rest.
    fn finish(&self, mut drift: Drift, write: bool) -> Result<()> {
        if write {
            for change in std::mem::take(&mut drift.changes) {
                let path = Folder::write(&self.folder, &change.contract)?;
                eprintln!("wrote {}", path.display());
            }
        }
        if drift.is_empty() {
            for warning in &drift.findings {
                eprintln!("{warning}");
            }
            Ok(())
        } else {
            Err(Error::Drift(Box::new(drift)))
        }
    }
}
