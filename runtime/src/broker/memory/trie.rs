//! Topic routing with a trie of the words of all patterns.
//!
//! A lookup runs the trie as a finite automaton: it keeps the set of nodes that the key may be in, and enters each node
//! at most once for each word. So the cost depends on the words of the key, not on the number of bindings. A search
//! that followed each branch separately would take exponential time for a pattern with many `#`.

use std::collections::HashMap;
use std::mem;

use super::slab::Slab;

/// A map from patterns to values.
#[derive(Debug)]
pub(crate) struct Trie<T> {
    nodes: Slab<Node<T>>,
    root: usize,
    // Increases with each word of each lookup. A node with this number in `last_step` is in the set already.
    step: u64,
    // Buffers that lookups reuse.
    current: Vec<usize>,
    next: Vec<usize>,
}

#[derive(Debug)]
struct Node<T> {
    words: HashMap<Box<str>, usize>,
    star: Option<usize>,
    hash: Option<usize>,
    // Whether the node follows a `#`. Such a node stays in the set for every further word.
    is_hash: bool,
    values: Vec<T>,
    last_step: u64,
}

impl<T> Node<T> {
    fn new(is_hash: bool) -> Self {
        Self {
            words: HashMap::new(),
            star: None,
            hash: None,
            is_hash,
            values: Vec::new(),
            last_step: 0,
        }
    }

    fn is_empty(&self) -> bool {
        self.values.is_empty() && self.words.is_empty() && self.star.is_none() && self.hash.is_none()
    }

    fn child(&self, word: &str) -> Option<usize> {
        match word {
            "*" => self.star,
            "#" => self.hash,
            _ => self.words.get(word).copied(),
        }
    }

    fn set_child(&mut self, word: &str, child: usize) {
        match word {
            "*" => self.star = Some(child),
            "#" => self.hash = Some(child),
            _ => drop(self.words.insert(word.into(), child)),
        }
    }

    fn remove_child(&mut self, word: &str) {
        match word {
            "*" => self.star = None,
            "#" => self.hash = None,
            _ => drop(self.words.remove(word)),
        }
    }
}

/// Splits a key or pattern at its dots. An empty text has no words.
fn words(text: &str) -> impl Iterator<Item = &str> {
    (!text.is_empty()).then(|| text.split('.')).into_iter().flatten()
}

impl<T: Copy + PartialEq> Trie<T> {
    pub(crate) fn new() -> Self {
        let mut nodes = Slab::default();
        let root = nodes.insert(Node::new(false));
        Self {
            nodes,
            root,
            step: 0,
            current: Vec::new(),
            next: Vec::new(),
        }
    }

    /// Adds `value` to `pattern`. Returns `false` when the pattern has this value already.
    pub(crate) fn insert(&mut self, pattern: &str, value: T) -> bool {
        let mut at = self.root;
        for word in words(pattern) {
            at = self.nodes[at].child(word).unwrap_or_else(|| {
                let child = self.nodes.insert(Node::new(word == "#"));
                self.nodes[at].set_child(word, child);
                child
            });
        }
        let values = &mut self.nodes[at].values;
        let is_new = !values.contains(&value);
        if is_new {
            values.push(value);
        }
        is_new
    }

    /// Removes `value` from `pattern`, and the nodes that no other value needs.
    pub(super) fn remove(&mut self, pattern: &str, value: T) {
        let mut path = Vec::new();
        let mut at = self.root;
        for word in words(pattern) {
            let Some(child) = self.nodes[at].child(word) else {
                return;
            };
            path.push((at, word));
            at = child;
        }
        self.nodes[at].values.retain(|known| *known != value);
        while let Some((parent, word)) = path.pop() {
            if !self.nodes[at].is_empty() {
                return;
            }
            self.nodes.remove(at);
            self.nodes[parent].remove_child(word);
            at = parent;
        }
    }

    /// Adds the values of every pattern that matches `key` to `found`. A value of several patterns is added once for
    /// each pattern.
    pub(crate) fn find(&mut self, key: &str, found: &mut Vec<T>) {
        let (mut current, mut next) = (mem::take(&mut self.current), mem::take(&mut self.next));
        current.clear();
        self.step += 1;
        self.enter(self.root, &mut current);
        for word in words(key) {
            next.clear();
            self.step += 1;
            for &at in &current {
                self.advance(at, word, &mut next);
            }
            mem::swap(&mut current, &mut next);
        }
        for &at in &current {
            found.extend_from_slice(&self.nodes[at].values);
        }
        (self.current, self.next) = (current, next);
    }

    fn advance(&mut self, at: usize, word: &str, next: &mut Vec<usize>) {
        let node = &self.nodes[at];
        // In a key, `*` and `#` are plain text. The map `words` contains no wildcards, so it cannot match them.
        let (stays, by_word, by_star) = (node.is_hash, node.words.get(word).copied(), node.star);
        if stays {
            self.enter(at, next);
        }
        for child in [by_word, by_star].into_iter().flatten() {
            self.enter(child, next);
        }
    }

    /// Adds a node and its chain of `#` children to the set, because each `#` can match zero words.
    fn enter(&mut self, mut at: usize, set: &mut Vec<usize>) {
        loop {
            let node = &mut self.nodes[at];
            if node.last_step == self.step {
                return;
            }
            node.last_step = self.step;
            set.push(at);
            match node.hash {
                Some(hash) => at = hash,
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest};

    use super::Trie;
    use crate::message::topic;

    fn word() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => prop::sample::select(vec!["a", "b", "", "é", "日本", "*", "#", "a*", "##", "*#", "A"])
                .prop_map(str::to_owned),
            1 => any::<char>().prop_filter("a dot separates words", |c| *c != '.').prop_map(String::from),
        ]
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            20 => prop::collection::vec(word(), 0..6).prop_map(|words| words.join(".")),
            1 => Just(".".repeat(topic::MAX_BYTES)),
            1 => Just("x".repeat(topic::MAX_BYTES)),
            1 => Just("a.".repeat(127)),
        ]
    }

    fn find(trie: &mut Trie<usize>, key: &str) -> Vec<usize> {
        let mut found = Vec::new();
        trie.find(key, &mut found);
        found.sort_unstable();
        found
    }

    proptest! {
        #[test]
        fn the_trie_finds_exactly_the_patterns_that_match(
            patterns in prop::collection::vec(text(), 1..30),
            keys in prop::collection::vec(text(), 1..10),
            removed in any::<u32>(),
        ) {
            let mut trie = Trie::new();
            for (number, pattern) in patterns.iter().enumerate() {
                trie.insert(pattern, number);
            }
            let is_removed = |number: usize| removed >> number & 1 == 1;
            for all in [true, false] {
                for key in &keys {
                    let expected: Vec<_> = (0..patterns.len())
                        .filter(|number| (all || !is_removed(*number)) && topic::matches(&patterns[*number], key))
                        .collect();
                    prop_assert_eq!(find(&mut trie, key), expected, "{:?} in {:?}", key, &patterns);
                }
                for number in (0..patterns.len()).filter(|number| is_removed(*number)) {
                    trie.remove(&patterns[number], number);
                }
            }
        }
    }

    #[test]
    fn removing_every_pattern_leaves_only_the_root() {
        let mut trie = Trie::new();
        let patterns = ["", "a.b.c", "a.b", "a.*.#", "#", "#.#.x", "a..b"];
        for pattern in patterns {
            assert!(trie.insert(pattern, 1));
            assert!(!trie.insert(pattern, 1), "the pattern has the value already");
        }
        trie.remove("a.b.unknown", 1);
        for pattern in patterns {
            trie.remove(pattern, 1);
        }
        assert_eq!(trie.nodes.ids(), [trie.root]);
    }

    #[test]
    fn the_cost_of_a_pattern_with_many_hashes_is_linear_in_its_words() {
        let mut trie = Trie::new();
        trie.insert(&["#"; 60].join(".a."), 1);
        trie.insert(&["#"; 128].join("."), 2);
        // A search that followed each branch separately would not finish in years.
        assert_eq!(find(&mut trie, &["a"; 128].join(".")), [1, 2]);
        assert_eq!(find(&mut trie, &["b"; 128].join(".")), [2]);
    }

    #[test]
    fn a_lookup_does_not_visit_patterns_that_cannot_match() {
        let mut trie = Trie::new();
        for number in 0..1_000 {
            trie.insert(&format!("order.{number}.*"), number);
        }
        assert_eq!(find(&mut trie, "order.7.paid"), [7]);
        let entered = trie.nodes.iter().filter(|(_, node)| node.last_step > 0).count();
        assert_eq!(entered, 4, "the root and one node for each word");
    }
}
