//! The patterns of a handler: whether one of them has a key, however many there are.

use crate::topic;

/// The patterns of a handler.
#[derive(Debug)]
pub(crate) struct Patterns {
    /// Those without a wildcard, in order: such a pattern has the one key that it spells.
    keys: Vec<&'static str>,
    wild: Vec<&'static str>,
}

impl Patterns {
    pub(crate) fn new(patterns: Vec<&'static str>) -> Self {
        let is_wild = |pattern: &&str| pattern.split('.').any(|word| matches!(word, "*" | "#"));
        let (wild, mut keys): (Vec<_>, Vec<_>) = patterns.into_iter().partition(is_wild);
        keys.sort_unstable();
        Self { keys, wild }
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
        self.keys.binary_search(&key).is_ok() || self.wild.iter().any(|pattern| topic::matches(pattern, key))
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
}
