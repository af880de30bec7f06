//! Exchanges: from a message's address to the queues that take it.

use std::collections::HashMap;
use std::sync::Arc;

use super::trie::Trie;
use crate::error::{DeclareError, Drift};
use crate::message::Message;
use crate::message::headers::{HeaderValue, Headers};
use crate::message::topic;
use crate::topology::{ExchangeKind, ExchangePlan};

/// What a drift says where one side has no value at all.
pub(super) const NONE: &str = "none";

/// Every exchange but the default one, which is no more than the names of the queues.
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
    // The keys are not looked at, yet each binding is one to be removed again.
    Fanout(Vec<(String, usize)>),
}

impl Exchanges {
    /// Declares an exchange. `Ok(false)`: it is there already, as it is wanted.
    pub(super) fn declare(&mut self, plan: &ExchangePlan) -> Result<bool, DeclareError> {
        let is_new = !self.verify(plan)?;
        if is_new {
            self.0.insert(plan.name.clone(), Exchange::new(plan));
        }
        Ok(is_new)
    }

    /// Whether the exchange is there; an error when it is another than planned.
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

    /// Binds the queue `queue`. `Ok(false)`: it is bound so already.
    pub(super) fn bind(&mut self, exchange: &str, pattern: &str, queue: usize) -> Result<bool, String> {
        let Some(exchange) = self.0.get_mut(exchange) else {
            return Err(format!("exchange `{exchange}` does not exist"));
        };
        check(exchange.kind, pattern)?;
        Ok(exchange.bindings.insert(pattern, queue))
    }

    /// Undoes [`bind`](Self::bind).
    pub(super) fn unbind(&mut self, exchange: &str, pattern: &str, queue: usize) {
        if let Some(exchange) = self.0.get_mut(exchange) {
            exchange.bindings.remove(pattern, queue);
        }
    }

    /// Whether there is a topic exchange of this name.
    pub(super) fn is_topic(&self, name: &str) -> bool {
        self.0
            .get(name)
            .is_some_and(|exchange| exchange.kind == ExchangeKind::Topic)
    }

    /// Fills the empty `found` with the queues that take what is published to `exchange` under `key`, or else those
    /// that its alternate exchange finds. `false`: there is no such exchange.
    pub(super) fn route(
        &mut self,
        exchange: &str,
        key: &str,
        more: &[String],
        found: &mut Vec<usize>,
    ) -> bool {
        let Some(first) = self.0.get_mut(exchange) else {
            return false;
        };
        let mut alternate = first.find(key, more, found);
        // Two exchanges may be each other's alternate: no way is longer than there are exchanges.
        for _ in 0..self.0.len() {
            let next = alternate.take().and_then(|name| self.0.get_mut(&name));
            match next {
                Some(exchange) if found.is_empty() => alternate = exchange.find(key, more, found),
                _ => break,
            }
        }
        found.sort_unstable();
        found.dedup();
        true
    }
}

/// What RabbitMQ refuses to bind.
fn check(kind: ExchangeKind, pattern: &str) -> Result<(), String> {
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

/// The further keys that a message asks to be routed by, next to its own
/// (<https://www.rabbitmq.com/docs/sender-selected>). `BCC` is taken out of the message.
pub(super) fn copies(message: &mut Arc<Message>) -> Vec<String> {
    if message.headers.is_empty() {
        return Vec::new();
    }
    let mut keys = texts(&message.headers, "CC");
    let blind = texts(&message.headers, "BCC");
    if !blind.is_empty() {
        Arc::make_mut(message).headers.remove("BCC");
        keys.extend(blind);
    }
    keys
}

fn texts(headers: &Headers, name: &str) -> Vec<String> {
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
            });
        }
        let text = |alternate: &Option<String>| alternate.clone().unwrap_or_else(|| NONE.to_owned());
        (self.alternate != plan.alternate).then(|| Drift {
            argument: "alternate-exchange".to_owned(),
            found: text(&self.alternate),
            wanted: text(&plan.alternate),
        })
    }

    /// Adds the queues of all keys to `found`. When there are none, gives the exchange to ask next.
    fn find(&mut self, key: &str, more: &[String], found: &mut Vec<usize>) -> Option<String> {
        self.bindings.find(key, found);
        for key in more {
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
