//! The in-memory broker's bindings.

use crate::broker::memory::trie::Trie;

/// Patterns, each with the number of its queue.
#[derive(Debug)]
pub struct Topics {
    trie: Trie<usize>,
    found: Vec<usize>,
}

impl Topics {
    /// Binds the queues 0, 1, 2 … by these patterns.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Self {
        let mut trie = Trie::new();
        for (queue, pattern) in patterns.into_iter().enumerate() {
            trie.insert(pattern, queue);
        }
        let found = Vec::new();
        Self { trie, found }
    }

    /// The queues that a message with this key goes to.
    pub fn find(&mut self, key: &str) -> &[usize] {
        self.found.clear();
        self.trie.find(key, &mut self.found);
        &self.found
    }
}
