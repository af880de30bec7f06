//! The topology as a contract: what a service has on a broker, committed as `topology.json`.
//!
//! A queue that no handler has any more stays on the broker, bound, and fills unseen. A queue that is there with another
//! argument lets no instance start. Both show here first, before anything is deployed.

mod finding;
mod snapshot;

use std::fmt;
use std::path::Path;

use tidings::describe::Description;

pub use self::finding::{TopologyFinding, TopologyRule};
use self::snapshot::Snapshot;
use crate::error::Error;
use crate::golden::{self, DocumentError, Outdated};

/// The file of a folder of contracts that holds the topology.
const FILE: &str = "topology.json";

/// Holds what services have on a broker against `topology.json` in `folder`.
///
/// What is new is a difference: it is shown, and written when the test runs with `TIDINGS_CONTRACTS=write`. What vanishes
/// or changes is a finding, and is written only once it is named in `App::retired`: the finding has the line.
///
/// ```no_run
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize};
/// # use tidings::{App, DomainEvent, event_handler, handlers};
/// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)] struct OrderCreated { order_id: String }
/// # #[event_handler] async fn take_payment(order: OrderCreated) {}
/// # fn app() -> App { App::new("payments").handlers(handlers![take_payment]) }
/// #[test]
/// fn topology_holds() {
///     tidings_contracts::check_topology("contracts", [&app().describe()]).unwrap();
/// }
/// ```
///
/// # Errors
/// [`TopologyError::Findings`] with all that vanished or changed, [`TopologyError::Outdated`] when only something is new,
/// and [`TopologyError::File`] when the file cannot be used.
pub fn check_topology<'a>(
    folder: impl AsRef<Path>,
    services: impl IntoIterator<Item = &'a Description>,
) -> Result<(), TopologyError> {
    check(&folder.as_ref().join(FILE), services, golden::is_writing())
}

fn check<'a>(
    path: &Path,
    services: impl IntoIterator<Item = &'a Description>,
    is_writing: bool,
) -> Result<(), TopologyError> {
    let services: Vec<&Description> = services.into_iter().collect();
    let now = Snapshot::of(&services);
    let text = golden::read(path)?;
    if let Some(text) = &text {
        let before = Snapshot::read(path, text)?;
        let findings = finding::compare(&before, &now, &services);
        if !findings.is_empty() {
            return Err(TopologyError::Findings(findings));
        }
    }
    Ok(golden::check(path, &now.to_json(), is_writing)?)
}

/// What services have on a broker is not what was committed.
#[non_exhaustive]
pub enum TopologyError {
    /// Something vanished or changed.
    Findings(Vec<TopologyFinding>),
    /// Something is new, and nobody has accepted it yet.
    Outdated(Outdated),
    /// The file cannot be used.
    File(Error),
}

impl fmt::Display for TopologyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Findings(findings) => {
                f.write_str("the topology is not what was committed")?;
                findings
                    .iter()
                    .try_for_each(|finding| write!(f, "\n  - {finding}"))
            }
            Self::Outdated(outdated) => outdated.fmt(f),
            Self::File(error) => error.fmt(f),
        }
    }
}

/// A test that unwraps shows this, so it is for people too.
impl fmt::Debug for TopologyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        match std::error::Error::source(self) {
            Some(cause) => write!(f, ": {cause}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for TopologyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(error) => error.source(),
            Self::Findings(_) | Self::Outdated(_) => None,
        }
    }
}

impl From<Error> for TopologyError {
    fn from(error: Error) -> Self {
        Self::File(error)
    }
}

impl From<DocumentError> for TopologyError {
    fn from(error: DocumentError) -> Self {
        match error {
            DocumentError::Outdated(outdated) => Self::Outdated(outdated),
            DocumentError::File(error) => Self::File(error),
        }
    }
}

#[cfg(test)]
mod tests;
