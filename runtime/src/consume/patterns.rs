//! The patterns of a handler, indexed for the match of a routing key.

use std::collections::HashSet;

use crate::message::topic;

/// With more keys than this a hash lookup is faster than a binary search.
const MAX_SORTED: usize = 16;

#[derive(Debug)]
pub(crate) struct Patterns {
    /// The patterns without wildcards, sorted. Each of them is also the only key that it matches.
    keys: Vec<&'static str>,
    /// The same patterns when there are more than `MAX_SORTED`, otherwise empty.
    key_set: HashSet<&'static str>,
    with_wildcards: Vec<&'static str>,
}

impl Patterns {
    pub(crate) fn new(patterns: Vec<&'static str>) -> Self {
        let has_wildcard = |pattern: &&str| pattern.split('.').any(|word| matches!(word, "*" | "#"));
        let (with_wildcards, mut keys): (Vec<_>, Vec<_>) = patterns.into_iter().partition(has_wildcard);
        keys.sort_unstable();
        let key_set = if keys.len() > MAX_SORTED {
            keys.iter().copied().collect()
        } else {
            HashSet::new()
        };
        Self {
            keys,
            key_set,
            with_wildcards,
        }
    }

    /// The patterns without wildcards, sorted.
    pub(crate) fn keys(&self) -> &[&'static str] {
        &self.keys
    }

    pub(crate) fn has_wildcards(&self) -> bool {
        !self.with_wildcards.is_empty()
    }

    /// Whether a pattern matches the key. Patterns with wildcards are tried one by one, since a handler has few.
    pub(crate) fn match_key(&self, key: &str) -> bool {
        self.contain(key)
            || self
                .with_wildcards
                .iter()
                .any(|pattern| topic::matches(pattern, key))
    }

    fn contain(&self, key: &str) -> bool {
        if self.key_set.is_empty() {
            self.keys.binary_search(&key).is_ok()
        } else {
            self.key_set.contains(key)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_matches_when_one_pattern_matches_it() {
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
            assert_eq!(patterns.match_key(key), one_by_one, "{key:?}");
        }
    }

    #[test]
    fn each_of_many_keys_is_found_and_no_other() {
        let keys: Vec<&'static str> = (0..1_000)
            .map(|at| &*Box::leak(format!("order.{at}").into_boxed_str()))
            .collect();
        let patterns = Patterns::new(keys.iter().copied().chain(["payment.*"]).collect());
        assert!(keys.iter().all(|key| patterns.match_key(key)));
        assert!(patterns.match_key("payment.settled"));
        assert!(!patterns.match_key("order.1000") && !patterns.match_key("order"));
    }
}
