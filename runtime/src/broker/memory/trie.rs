//! Topic routing: the patterns as a trie of their words, walked once a key.
//!
//! The walk keeps the set of nodes it may be in, as one runs a finite automaton, and enters each at most once a word.
//! So its cost goes with the words of the key and not with the number of bindings, and a pattern full of `#` cannot
//! make it explode, as walking each branch on its own would.

use std::collections::HashMap;
use std::mem;

use super::slab::Slab;

/// Patterns, each with its values.
#[derive(Debug)]
pub(crate) struct Trie<T> {
    nodes: Slab<Node<T>>,
    root: usize,
    // The number of the current step of a walk, by which a node knows that it was entered.
    step: u64,
    // Kept between walks for their memory.
    here: Vec<usize>,
    next: Vec<usize>,
}

#[derive(Debug)]
struct Node<T> {
    words: HashMap<Box<str>, usize>,
    star: Option<usize>,
    hash: Option<usize>,
    // Whether the node stands behind a `#`, and so takes any further word.
    is_hash: bool,
    values: Vec<T>,
    entered: u64,
}

impl<T> Node<T> {
    fn new(is_hash: bool) -> Self {
        Self {
            words: HashMap::new(),
            star: None,
            hash: None,
            is_hash,
            values: Vec::new(),
            entered: 0,
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

    fn adopt(&mut self, word: &str, child: usize) {
        match word {
            "*" => self.star = Some(child),
            "#" => self.hash = Some(child),
            _ => drop(self.words.insert(word.into(), child)),
        }
    }

    fn disown(&mut self, word: &str) {
        match word {
            "*" => self.star = None,
            "#" => self.hash = None,
            _ => drop(self.words.remove(word)),
        }
    }
}

/// The words of a key or pattern: none in the empty one, else one between any two dots.
fn words(text: &str) -> impl Iterator<Item = &str> {
    (!text.is_empty()).then(|| text.split('.')).into_iter().flatten()
}

impl<T: Copy + PartialEq> Trie<T> {
    /// No patterns.
    pub(crate) fn new() -> Self {
        let mut nodes = Slab::default();
        let root = nodes.insert(Node::new(false));
        Self {
            nodes,
            root,
            step: 0,
            here: Vec::new(),
            next: Vec::new(),
        }
    }

    /// Adds `value` to `pattern`. `false`: it is there already.
    pub(crate) fn insert(&mut self, pattern: &str, value: T) -> bool {
        let mut at = self.root;
        for word in words(pattern) {
            at = self.nodes[at].child(word).unwrap_or_else(|| {
                let child = self.nodes.insert(Node::new(word == "#"));
                self.nodes[at].adopt(word, child);
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

    /// Takes `value` from `pattern`, and frees the nodes that only it needed.
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
            self.nodes[parent].disown(word);
            at = parent;
        }
    }

    /// Adds to `found` the values of every pattern that matches `key`: one that several of them hold, several times.
    pub(crate) fn find(&mut self, key: &str, found: &mut Vec<T>) {
        let (mut here, mut next) = (mem::take(&mut self.here), mem::take(&mut self.next));
        here.clear();
        self.step += 1;
        self.enter(self.root, &mut here);
        for word in words(key) {
            next.clear();
            self.step += 1;
            for &at in &here {
                self.walk(at, word, &mut next);
            }
            mem::swap(&mut here, &mut next);
        }
        for &at in &here {
            found.extend_from_slice(&self.nodes[at].values);
        }
        (self.here, self.next) = (here, next);
    }

    fn walk(&mut self, at: usize, word: &str, next: &mut Vec<usize>) {
        let node = &self.nodes[at];
        // `*` and `#` in a key are plain text: looked up among the words, where no wildcard is kept.
        let (stay, by_word, by_star) = (node.is_hash, node.words.get(word).copied(), node.star);
        if stay {
            self.enter(at, next);
        }
        for child in [by_word, by_star].into_iter().flatten() {
            self.enter(child, next);
        }
    }

    /// Enters a node, and those that are reached from it by a `#` that stands for no word.
    fn enter(&mut self, mut at: usize, set: &mut Vec<usize>) {
        loop {
            let node = &mut self.nodes[at];
            if node.entered == self.step {
                return;
            }
            node.entered = self.step;
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
            1 => any::<char>().prop_filter("a dot parts words", |c| *c != '.').prop_map(String::from),
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
            gone in any::<u32>(),
        ) {
            let mut trie = Trie::new();
            for (number, pattern) in patterns.iter().enumerate() {
                trie.insert(pattern, number);
            }
            let is_gone = |number: usize| gone >> number & 1 == 1;
            for all in [true, false] {
                for key in &keys {
                    let expected: Vec<_> = (0..patterns.len())
                        .filter(|number| (all || !is_gone(*number)) && topic::matches(&patterns[*number], key))
                        .collect();
                    prop_assert_eq!(find(&mut trie, key), expected, "{:?} in {:?}", key, &patterns);
                }
                for number in (0..patterns.len()).filter(|number| is_gone(*number)) {
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
            assert!(!trie.insert(pattern, 1), "it is there already");
        }
        trie.remove("a.b.unknown", 1);
        for pattern in patterns {
            trie.remove(pattern, 1);
        }
        assert_eq!(trie.nodes.ids(), [trie.root]);
    }

    #[test]
    fn a_pattern_full_of_hashes_costs_no_more_than_its_words() {
        let mut trie = Trie::new();
        trie.insert(&["#"; 60].join(".a."), 1);
        trie.insert(&["#"; 128].join("."), 2);
        // Walking each branch on its own would not end within anyone's lifetime.
        assert_eq!(find(&mut trie, &["a"; 128].join(".")), [1, 2]);
        assert_eq!(find(&mut trie, &["b"; 128].join(".")), [2]);
    }

    #[test]
    fn a_thousand_patterns_that_cannot_match_are_not_looked_at() {
        let mut trie = Trie::new();
        for number in 0..1_000 {
            trie.insert(&format!("order.{number}.*"), number);
        }
        assert_eq!(find(&mut trie, "order.7.paid"), [7]);
        let entered = trie.nodes.iter().filter(|(_, node)| node.entered > 0).count();
        assert_eq!(entered, 4, "the root and one node a word");
    }
}
