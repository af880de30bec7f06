//! The check that a service runs in its tests. It compares event types with committed contracts.

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

/// Compares the events that a service publishes with the contracts in `folder`.
///
/// Call it in a `#[test]`:
///
/// ```no_run
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize}; use tidings::{DomainEvent, events};
/// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)] struct OrderCreated { order_id: String }
/// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)] struct OrderCancelled { order_id: String }
/// fn the_contracts_are_current() {
///     tidings_contracts::check("contracts", events![OrderCreated, OrderCancelled]).unwrap();
/// }
/// ```
///
/// A relative `folder` starts at the package's `Cargo.toml`. It holds one file per version of an event. The first run,
/// `TIDINGS_CONTRACTS=write cargo test`, writes them. Later runs find:
///
/// - a compatible change: the error shows the diff, and how to accept it;
/// - a change that breaks consumers: the error says which consumers, where, and what to do. `TIDINGS_CONTRACTS=write`
///   does not overwrite the contract;
/// - an event without a contract, or a contract without an event that was not deprecated;
/// - a raised `version` without the contract of the older version, or without an upcast from it;
/// - an example in a contract that the current type cannot read any more.
///
/// `waivers.toml` in the folder accepts findings until a date; see [`Waiver`](crate::Waiver).
///
/// The subfolder `consumed/` holds copies of other services' contracts. The event of the same type in the list must
/// read everything that its owner writes.
///
/// # Errors
/// [`Error::Drift`] with everything that the check finds. Other errors when a file cannot be read or written.
pub fn check(folder: impl AsRef<Path>, events: &[EventDescriptor]) -> Result<()> {
    Check::new(folder).events(events).run()
}

/// A check with more options than [`check`].
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
///     .service(&app().describe()) // its handlers publish what they return, and consume what they take
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
    /// Creates a check of the contracts in `folder`. A relative path starts at the package's folder.
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

    /// Adds events that the service publishes, or that it reads by a contract in `consumed/`.
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

    /// Adds the description of a service. It publishes the events that its handlers return. The events that its handlers
    /// take must read every contract whose events the handlers' patterns match.
    pub fn service(mut self, service: &Description) -> Self {
        for handler in &service.handlers {
            self = self.events(&handler.returns);
        }
        self.service = Some(service.clone());
        self
    }

    /// Sets the folder of other services' contracts. The default is `consumed` in the folder of the contracts.
    pub fn consumed(mut self, folder: impl AsRef<Path>) -> Self {
        self.consumed = Some(in_package(folder.as_ref()));
        self
    }

    /// Sets the directions that must stay compatible within one version. The default is both.
    ///
    /// Events of older versions must be readable at every level that includes new consumers.
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Sets whether to write changed contracts. The default is the value of `TIDINGS_CONTRACTS`.
    pub fn write(mut self, write: bool) -> Self {
        self.write = Some(write);
        self
    }

    /// Runs the check.
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
