//! Exchanges, and the routing of a message to queues.

use std::collections::HashMap;
use std::sync::Arc;

use super::trie::Trie;
use crate::error::{DeclareError, Drift};
use crate::message::Message;
use crate::message::headers::{HeaderValue, Headers};
use crate::message::topic;
use crate::topology::{ExchangeKind, ExchangePlan};

/// The value that a drift shows for an argument that is not set.
pub(super) const NONE: &str = "none";

/// All exchanges except the default one, which routes by queue name.
#[derive(Debug, Default)]
pub(super) struct Exchanges(HashMap<String, Exchange>);

#[derive(Debug)]
struct Exchange {
    kind: ExchangeKind,
    alternate: Option<String>,
    bindings: Bindings,
}

#[derive(Debug)]
enum Bindings {
    Topic(Trie<usize>),
    Direct(HashMap<String, Vec<usize>>),
    // Routing ignores the key, but `unbind` needs it: the same queue may be bound with several keys.
    Fanout(Vec<(String, usize)>),
}

impl Exchanges {
    /// Declares an exchange. Returns `Ok(false)` when it exists already as planned.
    pub(super) fn declare(&mut self, plan: &ExchangePlan) -> Result<bool, DeclareError> {
        let is_new = !self.verify(plan)?;
        if is_new {
            self.0.insert(plan.name.clone(), Exchange::new(plan));
        }
        Ok(is_new)
    }

    /// Returns whether the exchange exists. It is an error when the exchange differs from the plan.
    pub(super) fn verify(&self, plan: &ExchangePlan) -> Result<bool, DeclareError> {
        let Some(known) = self.0.get(&plan.name) else {
            return Ok(false);
        };
        known.drift(plan).map_or(Ok(true), |drift| {
            Err(DeclareError {
                thing: "exchange",
                name: plan.name.clone(),
                source: drift.into(),
            })
        })
    }

    /// Binds a queue. Returns `Ok(false)` when the binding exists already.
    pub(super) fn bind(&mut self, exchange: &str, pattern: &str, queue: usize) -> Result<bool, String> {
        let Some(exchange) = self.0.get_mut(exchange) else {
            return Err(format!("exchange `{exchange}` does not exist"));
        };
        check_binding(exchange.kind, pattern)?;
        Ok(exchange.bindings.insert(pattern, queue))
    }

    pub(super) fn unbind(&mut self, exchange: &str, pattern: &str, queue: usize) {
        if let Some(exchange) = self.0.get_mut(exchange) {
            exchange.bindings.remove(pattern, queue);
        }
    }

    pub(super) fn is_topic(&self, name: &str) -> bool {
        self.0
            .get(name)
            .is_some_and(|exchange| exchange.kind == ExchangeKind::Topic)
    }

    /// Fills the empty `found` with the queues for a message with `key` and `copy_keys`. When there are none, the
    /// alternate exchange routes the message. Returns `false` when `exchange` does not exist.
    pub(super) fn route(
        &mut self,
        exchange: &str,
        key: &str,
        copy_keys: &[String],
        found: &mut Vec<usize>,
    ) -> bool {
        let Some(first) = self.0.get_mut(exchange) else {
            return false;
        };
        let mut alternate = first.find(key, copy_keys, found);
        // The loop has a limit because two exchanges may be each other's alternate.
        for _ in 0..self.0.len() {
            let next = alternate.take().and_then(|name| self.0.get_mut(&name));
            match next {
                Some(exchange) if found.is_empty() => alternate = exchange.find(key, copy_keys, found),
                _ => break,
            }
        }
        found.sort_unstable();
        found.dedup();
        true
    }
}

/// Rejects the patterns that RabbitMQ rejects.
fn check_binding(kind: ExchangeKind, pattern: &str) -> Result<(), String> {
    if pattern.len() > topic::MAX_BYTES {
        return Err(format!("`{pattern}` is longer than {} bytes", topic::MAX_BYTES));
    }
    if kind == ExchangeKind::Topic && pattern.split('.').filter(|word| *word == "#").count() > 2 {
        return Err(format!(
            "`{pattern}` has more than two `#`, which RabbitMQ 4.3 refuses"
        ));
    }
    Ok(())
}

/// Returns the additional routing keys in the headers `CC` and `BCC`, and removes the header `BCC`
/// (<https://www.rabbitmq.com/docs/sender-selected>).
pub(super) fn take_copy_keys(message: &mut Arc<Message>) -> Vec<String> {
    if message.headers.is_empty() {
        return Vec::new();
    }
    let mut keys = text_list(&message.headers, "CC");
    let blind = text_list(&message.headers, "BCC");
    if !blind.is_empty() {
        Arc::make_mut(message).headers.remove("BCC");
        keys.extend(blind);
    }
    keys
}

fn text_list(headers: &Headers, name: &str) -> Vec<String> {
    let Some(HeaderValue::List(values)) = headers.get(name) else {
        return Vec::new();
    };
    values
        .iter()
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect()
}

impl Exchange {
    fn new(plan: &ExchangePlan) -> Self {
        Self {
            kind: plan.kind,
            alternate: plan.alternate.clone(),
            bindings: match plan.kind {
                ExchangeKind::Topic => Bindings::Topic(Trie::new()),
                ExchangeKind::Direct => Bindings::Direct(HashMap::new()),
                ExchangeKind::Fanout => Bindings::Fanout(Vec::new()),
            },
        }
    }

    fn drift(&self, plan: &ExchangePlan) -> Option<Drift> {
        if self.kind != plan.kind {
            return Some(Drift {
                argument: "type".to_owned(),
                found: self.kind.to_string(),
                wanted: plan.kind.to_string(),
                advice: Drift::advice_for(plan),
            });
        }
        if plan.is_shared() && plan.alternate.is_none() {
            return None;
        }
        let text = |alternate: &Option<String>| alternate.clone().unwrap_or_else(|| NONE.to_owned());
        (self.alternate != plan.alternate).then(|| Drift {
            argument: "alternate-exchange".to_owned(),
            found: text(&self.alternate),
            wanted: text(&plan.alternate),
            advice: Drift::advice_for(plan),
        })
    }

    /// Adds the queues of all keys to `found`. When there are none, returns the alternate exchange.
    fn find(&mut self, key: &str, copy_keys: &[String], found: &mut Vec<usize>) -> Option<String> {
        self.bindings.find(key, found);
        for key in copy_keys {
            self.bindings.find(key, found);
        }
        if found.is_empty() {
            self.alternate.clone()
        } else {
            None
        }
    }
}

impl Bindings {
    fn insert(&mut self, pattern: &str, queue: usize) -> bool {
        match self {
            Self::Topic(trie) => trie.insert(pattern, queue),
            Self::Direct(keys) => {
                let queues = keys.entry(pattern.to_owned()).or_default();
                let is_new = !queues.contains(&queue);
                if is_new {
                    queues.push(queue);
                }
                is_new
            }
            Self::Fanout(bindings) => {
                let is_new = !bindings
                    .iter()
                    .any(|(key, known)| key == pattern && *known == queue);
                if is_new {
                    bindings.push((pattern.to_owned(), queue));
                }
                is_new
            }
        }
    }

    fn remove(&mut self, pattern: &str, queue: usize) {
        match self {
            Self::Topic(trie) => trie.remove(pattern, queue),
            Self::Direct(keys) => {
                if let Some(queues) = keys.get_mut(pattern) {
                    queues.retain(|known| *known != queue);
                    if queues.is_empty() {
                        keys.remove(pattern);
                    }
                }
            }
            Self::Fanout(bindings) => bindings.retain(|(key, known)| key != pattern || *known != queue),
        }
    }

    fn find(&mut self, key: &str, found: &mut Vec<usize>) {
        match self {
            Self::Topic(trie) => trie.find(key, found),
            Self::Direct(keys) => found.extend(keys.get(key).into_iter().flatten()),
            Self::Fanout(bindings) => found.extend(bindings.iter().map(|(_, queue)| queue)),
        }
    }
}
