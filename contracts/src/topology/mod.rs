//! The topology as a contract: the exchanges, queues and bindings of a service, committed as `topology.json`.
//!
//! A queue without a handler stays bound on the broker and fills up. A queue with a changed argument prevents every
//! instance from starting. The check finds both before a deployment.

mod compare;
pub(crate) mod finding;
mod snapshot;

use std::path::Path;

use tidings::describe::Description;

use self::snapshot::Snapshot;
use crate::check::committed;
use crate::check::environment::{in_package, write_requested};
use crate::error::{Error, Result};

const FILE: &str = "topology.json";

/// Compares the topology of services with `topology.json` in `folder`.
///
/// A relative folder starts at the package's folder, as for [`check`](crate::check).
///
/// New parts are a difference: the error shows it, and `TIDINGS_CONTRACTS=write` writes it. A part that vanishes or
/// changes is a finding. It is written only after `App::retired` names it; the finding has the line to add.
///
/// ```no_run
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize};
/// # use tidings::{App, DomainEvent, event_handler, handlers};
/// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)] struct OrderCreated { order_id: String }
/// # #[event_handler] async fn take_payment(order: OrderCreated) {}
/// # fn app() -> App { App::new("payments").handlers(handlers![take_payment]) }
/// #[test]
/// fn the_topology_is_current() {
///     tidings_contracts::check_topology("contracts", [&app().describe()]).unwrap();
/// }
/// ```
///
/// # Errors
/// [`Error::Topology`] with everything that vanished or changed, [`Error::Outdated`] when the file only lacks new
/// parts, and other errors when the file cannot be used.
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
