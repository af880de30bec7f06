//! The patterns of a handler: whether one of them has a key, however many there are.

use std::collections::HashSet;

use crate::message::topic;

/// With more keys than so many a hash is found sooner than a place in their order.
const FEW: usize = 16;

/// The patterns of a handler.
#[derive(Debug)]
pub(crate) struct Patterns {
    /// Those without a wildcard, in order: such a pattern has the one key that it spells.
    keys: Vec<&'static str>,
    /// The same, when they are many.
    many: HashSet<&'static str>,
    wild: Vec<&'static str>,
}

impl Patterns {
    pub(crate) fn new(patterns: Vec<&'static str>) -> Self {
        let is_wild = |pattern: &&str| pattern.split('.').any(|word| matches!(word, "*" | "#"));
        let (wild, mut keys): (Vec<_>, Vec<_>) = patterns.into_iter().partition(is_wild);
        keys.sort_unstable();
        let many = if keys.len() > FEW {
            keys.iter().copied().collect()
        } else {
            HashSet::new()
        };
        Self { keys, many, wild }
    }

    /// Those without a wildcard, in order.
    pub(crate) fn keys(&self) -> &[&'static str] {
        &self.keys
    }

    pub(crate) fn has_wildcards(&self) -> bool {
        !self.wild.is_empty()
    }

    /// Whether one of them has the key. Wildcards are tried one by one: a few say what a list of keys would.
    pub(crate) fn have(&self, key: &str) -> bool {
        self.spell(key) || self.wild.iter().any(|pattern| topic::matches(pattern, key))
    }

    fn spell(&self, key: &str) -> bool {
        if self.many.is_empty() {
            self.keys.binary_search(&key).is_ok()
        } else {
            self.many.contains(key)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_have_a_key_when_one_of_them_matches_it() {
        let all = [
            "order.created",
            "order.*.paid",
            "payment.#",
            "",
            "a",
            "order",
            "order.created.eu",
            "a*",
            "##",
        ];
        let patterns = Patterns::new(all.to_vec());
        for key in [
            "order.created",
            "order.created.us",
            "order.7.paid",
            "payment",
            "payment.a.b",
            "",
            "a",
            "b",
            "a*",
            "##",
            "order.",
            "order.*.paid",
            "order.created.eu",
        ] {
            let one_by_one = all.iter().any(|pattern| topic::matches(pattern, key));
            assert_eq!(patterns.have(key), one_by_one, "{key:?}");
        }
    }

    #[test]
    fn of_many_each_is_found_and_no_other() {
        let keys: Vec<&'static str> = (0..1_000)
            .map(|at| &*Box::leak(format!("order.{at}").into_boxed_str()))
            .collect();
        let patterns = Patterns::new(keys.iter().copied().chain(["payment.*"]).collect());
        assert!(keys.iter().all(|key| patterns.have(key)));
        assert!(patterns.have("payment.settled"));
        assert!(!patterns.have("order.1000") && !patterns.have("order"));
    }
}
