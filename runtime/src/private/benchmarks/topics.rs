//! The topic routing of the in-memory broker.

use crate::broker::memory::trie::Trie;

/// Patterns of queues. Each queue has a number.
#[derive(Debug)]
pub struct Topics {
    trie: Trie<usize>,
    found: Vec<usize>,
}

impl Topics {
    /// Binds the queues 0, 1, 2 … with one pattern each.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Self {
        let mut trie = Trie::new();
        for (queue, pattern) in patterns.into_iter().enumerate() {
            trie.insert(pattern, queue);
        }
        Self {
            trie,
            found: Vec::new(),
        }
    }

    /// The queues for a message with this routing key.
    pub fn find(&mut self, key: &str) -> &[usize] {
        self.found.clear();
        self.trie.find(key, &mut self.found);
        &self.found
    }
}
