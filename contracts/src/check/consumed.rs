//! Checks that this service can read the events of other services.

use tidings::EventDescriptor;
use tidings::describe::{Description, HandlerDescription};
use tidings::topic;

use crate::check::golden::check_goldens;
use crate::check::published::{unread, version_rule};
use crate::compat::finding::Finding;
use crate::contract::Contract;
use crate::contract::folder::Folder;

/// Checks each contract against the event of its type.
pub(crate) fn check_consumed(events: &[&EventDescriptor], consumed: &Folder, findings: &mut Vec<Finding>) {
    for event in events {
        for contract in consumed.versions(event.event_type()) {
            findings.extend(check_readable(contract, event, None));
        }
    }
}

/// Checks the events that each handler takes against every contract whose routing key its patterns match.
pub(crate) fn check_handlers(service: &Description, folders: [&Folder; 2], findings: &mut Vec<Finding>) {
    for handler in &service.handlers {
        for contract in folders.iter().flat_map(|folder| folder.iter()) {
            if receives(handler, contract) {
                // A wildcard pattern may also match events that the handler does not take. The runtime skips those.
                let event = handler
                    .takes
                    .iter()
                    .find(|event| event.event_type() == contract.event_type);
                findings.extend(
                    event
                        .into_iter()
                        .flat_map(|event| check_readable(contract, event, Some(handler))),
                );
            }
        }
    }
}

fn receives(handler: &HandlerDescription, contract: &Contract) -> bool {
    let keys: Vec<&str> = contract
        .routing_key
        .split('.')
        .map(|word| if word.starts_with('{') { "*" } else { word })
        .collect();
    let keys = keys.join(".");
    handler
        .patterns
        .iter()
        .any(|pattern| topic::overlap(pattern, &keys))
}

/// Returns the findings about events of `contract` that `event` cannot read.
fn check_readable(
    contract: &Contract,
    event: &EventDescriptor,
    handler: Option<&HandlerDescription>,
) -> Vec<Finding> {
    let mut findings = match event.versions().find(|known| known.version() == contract.version) {
        Some(known) => unread(contract, known),
        None => vec![unknown(contract, event)],
    };
    if findings.iter().all(|finding| !finding.severity.fails()) {
        check_goldens(contract, event, &mut findings);
    }
    if let Some(handler) = handler {
        for finding in &mut findings {
            finding.problem = format!("handler `{}`: {}", handler.handler.name(), finding.problem);
        }
    }
    findings
}

fn unknown(contract: &Contract, event: &EventDescriptor) -> Finding {
    let Contract {
        event_type, version, ..
    } = contract;
    let (problem, hint) = if *version > event.version() {
        (
            format!(
                "it is published as version {version}, and `{}` is version {}: such an event is retried, and then \
                 dead-lettered",
                event.rust_type(),
                event.version()
            ),
            format!("write a type of version {version} with upcast_from this type"),
        )
    } else {
        (
            format!(
                "it is published as version {version}, and `{}` is version {} and has no upcast from it",
                event.rust_type(),
                event.version()
            ),
            "add upcast_from to #[event(..)]".to_owned(),
        )
    };
    version_rule(event_type, *version, problem, hint)
}
