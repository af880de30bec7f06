//! The topology as a contract: what a service has on a broker, committed as `topology.json`.
//!
//! A queue that no handler has any more stays on the broker, bound, and fills unseen. A queue that is there with another
//! argument lets no instance start. Both show here first, before anything is deployed.

mod compare;
pub(crate) mod finding;
mod snapshot;

use std::path::Path;

use tidings::describe::Description;

use self::snapshot::Snapshot;
use crate::check::committed;
use crate::check::environment::{in_package, write_requested};
use crate::error::{Error, Result};

/// The file of a folder of contracts that holds the topology.
const FILE: &str = "topology.json";

/// Holds what services have on a broker against `topology.json` in `folder`.
///
/// The folder is the package's, as for [`check`](crate::check).
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
/// [`Error::Topology`] with all that vanished or changed, [`Error::Outdated`] when only something is new,
/// and others when the file cannot be used.
pub fn check_topology<'a>(
    folder: impl AsRef<Path>,
    services: impl IntoIterator<Item = &'a Description>,
) -> Result<()> {
    check(
        &in_package(folder.as_ref()).join(FILE),
        services,
        write_requested()?,
    )
}

fn check<'a>(
    path: &Path,
    services: impl IntoIterator<Item = &'a Description>,
    is_writing: bool,
) -> Result<()> {
    let services: Vec<&Description> = services.into_iter().collect();
    let now = Snapshot::of(&services);
    let text = committed::read(path)?;
    if let Some(text) = &text {
        let before = Snapshot::read(path, text)?;
        let findings = compare::compare(&before, &now, &services);
        if !findings.is_empty() {
            return Err(Error::Topology(findings));
        }
    }
    committed::check(path, &now.to_json(), is_writing)
}

#[cfg(test)]
mod tests;
