//! The content of `topology.json`: exchanges, queues and bindings by name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tidings::describe::Description;

use crate::contract::canonical;
use crate::error::{Error, Result};

/// The topology of several services.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Snapshot {
    pub(super) services: BTreeMap<String, Service>,
}

/// The topology of one service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Service {
    pub(super) exchanges: BTreeMap<String, BTreeMap<String, Value>>,
    pub(super) queues: BTreeMap<String, Queue>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Queue {
    pub(super) arguments: BTreeMap<String, Value>,
    pub(super) bindings: BTreeSet<Binding>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Binding {
    pub(super) exchange: String,
    pub(super) pattern: String,
}

impl Snapshot {
    pub(super) fn of(services: &[&Description]) -> Self {
        let services = services.iter();
        Self {
            services: services
                .map(|service| (service.service.clone(), Service::of(service)))
                .collect(),
        }
    }

    /// Reads the text of the file.
    ///
    /// # Errors
    /// When the text is not a topology.
    pub(super) fn read(path: &Path, text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| Error::MalformedFile {
            path: path.to_owned(),
            reason: error.to_string(),
        })
    }

    /// The text of the file. It is the same on every machine.
    pub(super) fn to_json(&self) -> String {
        canonical::file(&[("services", json!(self.services))])
    }
}

impl Service {
    fn of(service: &Description) -> Self {
        let mut snapshot = Self::default();
        for exchange in &service.plan.exchanges {
            let arguments = snapshot.exchanges.entry(exchange.name.clone()).or_default();
            arguments.insert("type".to_owned(), json!(exchange.kind));
            if let Some(alternate) = &exchange.alternate {
                arguments.insert("alternate-exchange".to_owned(), json!(alternate));
            }
        }
        for queue in &service.plan.queues {
            let arguments = queue.arguments.iter();
            snapshot.queues.entry(queue.name.clone()).or_default().arguments = arguments
                .map(|(name, value)| ((*name).to_owned(), json!(value)))
                .collect();
        }
        for binding in &service.plan.bindings {
            let queue = snapshot.queues.entry(binding.queue.clone()).or_default();
            queue.bindings.insert(Binding {
                exchange: binding.exchange.clone(),
                pattern: binding.pattern.clone(),
            });
        }
        snapshot
    }
}
