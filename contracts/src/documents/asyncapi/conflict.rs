//! Merges the documents of several services.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::AsyncApi;

/// Two documents that cannot be merged, because they contradict each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    services: (String, String),
    differences: Vec<String>,
}

impl Conflict {
    /// The contradictions, one per line.
    pub fn differences(&self) -> &[String] {
        &self.differences
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, other) = &self.services;
        write!(f, "cannot merge `{one}` and `{other}` into one document")?;
        self.differences
            .iter()
            .try_for_each(|difference| write!(f, "\n  - {difference}"))
    }
}

impl std::error::Error for Conflict {}

impl AsyncApi {
    /// Merges two documents under the title of this one. A channel in both documents gets the messages of both.
    ///
    /// # Errors
    /// When the documents contradict each other: different messages of one event, two services of the same name,
    /// different exchanges, or different versions of AsyncAPI.
    pub fn merge(mut self, other: Self) -> Result<Self, Conflict> {
        let mut differences = Vec::new();
        if self.exchange != other.exchange {
            differences.push(format!(
                "one publishes to exchange `{}`, the other to `{}`; merge documents of one exchange",
                self.exchange, other.exchange
            ));
        }
        if self.specification != other.specification {
            differences.push(format!(
                "one is written in AsyncAPI {}, the other in {}; write `.v3_1()` on both or on neither",
                self.specification, other.specification
            ));
        }
        for (name, channel) in other.channels {
            match self.channels.get_mut(&name) {
                None => drop(self.channels.insert(name, channel)),
                Some(known) => merge_channel(&name, known, channel, &mut differences),
            }
        }
        let services = (self.title.clone(), other.title);
        add(&mut self.operations, other.operations, |name| {
            differences.push(format!(
                "operation `{name}` differs between the two; give each service its own name"
            ));
        });
        let mut messages = Vec::new();
        add(&mut self.messages, other.messages, |name| {
            messages.push(name.to_owned());
        });
        add(&mut self.schemas, other.schemas, |name| {
            messages.push(name.to_owned());
        });
        messages.sort_unstable();
        differences.extend(messages.into_iter().map(|name| {
            format!(
                "`{name}` differs between the two; use one Rust type in both services, or raise its version"
            )
        }));
        if differences.is_empty() {
            Ok(self)
        } else {
            Err(Conflict {
                services,
                differences,
            })
        }
    }
}

fn merge_channel(name: &str, known: &mut Value, mut other: Value, differences: &mut Vec<String>) {
    if let (Value::Object(known), Value::Object(other)) = (&mut known["messages"], other["messages"].take()) {
        known.extend(other);
    }
    other["messages"] = known["messages"].clone();
    // A service that receives by a routing key does not know its parameters.
    if known.get("parameters").is_none()
        && let Some(parameters) = other.get("parameters")
    {
        known["parameters"] = parameters.clone();
    } else if other.get("parameters").is_none()
        && let Some(parameters) = known.get("parameters")
    {
        other["parameters"] = parameters.clone();
    }
    if *known != other {
        differences.push(format!(
            "channel `{name}` has address {} in one and {} in the other",
            known["address"], other["address"]
        ));
    }
}

fn add(known: &mut BTreeMap<String, Value>, more: BTreeMap<String, Value>, mut differs: impl FnMut(&str)) {
    for (name, value) in more {
        match known.get(&name) {
            Some(one) if *one != value => differs(&name),
            Some(_) => {}
            None => drop(known.insert(name, value)),
        }
    }
}
