//! Compares two topologies.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tidings::describe::{Description, RetiredDescription};

use super::finding::{TopologyFinding, TopologyRule};
use super::snapshot::{Queue, Service, Snapshot};

/// Finds everything that vanished or changed without being retired.
pub(super) fn compare(before: &Snapshot, now: &Snapshot, services: &[&Description]) -> Vec<TopologyFinding> {
    let mut findings = Vec::new();
    for (name, before) in &before.services {
        let described = services.iter().find(|service| service.service == *name);
        match (described, now.services.get(name)) {
            (Some(described), Some(now)) => Comparison {
                described,
                before,
                now,
            }
            .findings(&mut findings),
            _ => findings.push(TopologyFinding {
                rule: TopologyRule::ServiceVanished,
                service: name.clone(),
                name: name.clone(),
                what: "it is not described any more, and its queues would fill up".to_owned(),
                hint: "describe it here, or delete its queues on the broker and then its part of the file"
                    .to_owned(),
            }),
        }
    }
    findings
}

struct Comparison<'a> {
    described: &'a Description,
    before: &'a Service,
    now: &'a Service,
}

impl Comparison<'_> {
    fn findings(&self, findings: &mut Vec<TopologyFinding>) {
        for (name, before) in &self.before.exchanges {
            if let Some(now) = self.now.exchanges.get(name) {
                self.arguments(name, before, now, findings);
            }
        }
        for (name, before) in &self.before.queues {
            match self.now.queues.get(name) {
                Some(now) => {
                    self.arguments(name, &before.arguments, &now.arguments, findings);
                    self.patterns(name, before, now, findings);
                }
                None => self.vanished(name, before, findings),
            }
        }
    }

    fn finding(&self, rule: TopologyRule, name: &str, what: String, hint: String) -> TopologyFinding {
        TopologyFinding {
            rule,
            service: self.described.service.clone(),
            name: name.to_owned(),
            what,
            hint,
        }
    }

    /// Returns the name of a handler's queue without the service's prefix. A service retires only those: delay queues
    /// empty themselves, dead letters stay for an operator, and the orphans queue is removed last.
    fn handlers_queue<'a>(&self, name: &'a str) -> Option<&'a str> {
        let queue = name.strip_prefix(&self.described.service)?.strip_prefix('.')?;
        let is_other = queue == "orphans"
            || queue.starts_with("delay.")
            || queue.contains(".delay.")
            || queue.strip_suffix(".dlq").is_some();
        (!is_other).then_some(queue)
    }

    fn retired(&self, queue: &str) -> impl Iterator<Item = &RetiredDescription> {
        let retired = self.described.retired.iter();
        retired.filter(move |retired| retired.queue == queue)
    }

    fn unretired(&self, name: &str, patterns: BTreeSet<&str>) -> Vec<String> {
        let is_retired = |pattern: &str| {
            self.retired(name)
                .any(|it| it.patterns.iter().any(|known| known == pattern))
        };
        let patterns = patterns.into_iter().filter(|pattern| !is_retired(pattern));
        patterns.map(str::to_owned).collect()
    }

    fn vanished(&self, name: &str, before: &Queue, findings: &mut Vec<TopologyFinding>) {
        let Some(queue) = self.handlers_queue(name) else {
            return;
        };
        let patterns = self.patterns_of(before);
        let is_retired = self.retired(name).any(|retired| retired.drained);
        let missing = self.unretired(name, patterns.clone());
        if is_retired && missing.is_empty() {
            return;
        }
        let all: Vec<String> = patterns.into_iter().map(str::to_owned).collect();
        let what = if is_retired {
            format!("it is retired, and stays bound by {}", listed(&missing))
        } else {
            "no handler takes from it any more; it stays bound, and would fill up".to_owned()
        };
        let hint = format!("write {} on the app, or restore its handler", line(queue, &all));
        findings.push(self.finding(TopologyRule::QueueVanished, name, what, hint));
    }

    fn patterns(&self, name: &str, before: &Queue, now: &Queue, findings: &mut Vec<TopologyFinding>) {
        let Some(queue) = self.handlers_queue(name) else {
            return;
        };
        let now = self.patterns_of(now);
        let removed = self
            .patterns_of(before)
            .into_iter()
            .filter(|pattern| !now.contains(pattern));
        let missing = self.unretired(name, removed.collect());
        if !missing.is_empty() {
            let what = format!(
                "no handler has {} any more; the queue stays bound by it",
                listed(&missing)
            );
            let hint = format!(
                "write {} on the app, or restore its handler",
                line(queue, &missing)
            );
            findings.push(self.finding(TopologyRule::PatternVanished, name, what, hint));
        }
    }

    fn arguments(
        &self,
        name: &str,
        before: &BTreeMap<String, Value>,
        now: &BTreeMap<String, Value>,
        findings: &mut Vec<TopologyFinding>,
    ) {
        let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
        for argument in names {
            let (was, is) = (before.get(argument), now.get(argument));
            if was == is {
                continue;
            }
            let text =
                |value: Option<&Value>| value.map_or_else(|| "not there".to_owned(), ToString::to_string);
            let what = format!(
                "its argument `{argument}` was {} and is {} now; a broker that has it refuses the service",
                text(was),
                text(is)
            );
            let hint = match (self.handlers_queue(name), self.before.queues.get(name)) {
                (Some(queue), Some(before)) => {
                    let patterns: Vec<String> =
                        self.patterns_of(before).into_iter().map(str::to_owned).collect();
                    format!(
                        "give its handler another `queue`, and write {} on the app",
                        line(queue, &patterns)
                    )
                }
                _ => "drain it, delete it on the broker, and then its part of the file".to_owned(),
            };
            findings.push(self.finding(TopologyRule::ArgumentChanged, name, what, hint));
        }
    }

    /// The patterns by which a queue receives events. The other bindings belong to the runtime.
    fn patterns_of<'a>(&self, queue: &'a Queue) -> BTreeSet<&'a str> {
        queue
            .bindings
            .iter()
            .filter(|binding| binding.exchange == self.described.exchange)
            .map(|binding| binding.pattern.as_str())
            .collect()
    }
}

/// Returns the line to write on the app.
fn line(queue: &str, patterns: &[String]) -> String {
    format!("`.retired(\"{queue}\", [{}])`", listed(patterns))
}

fn listed(patterns: &[String]) -> String {
    let quoted: Vec<String> = patterns.iter().map(|pattern| format!("\"{pattern}\"")).collect();
    quoted.join(", ")
}
