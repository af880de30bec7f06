//! A collection with constant-time access by id. It reuses the ids of removed values.

use std::ops::{Index, IndexMut};

/// The caller must not use an id after it removes the value: a later value may get the same id.
#[derive(Debug)]
pub(super) struct Slab<T> {
    slots: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slab<T> {
    /// Adds `value` and returns its id.
    pub(super) fn insert(&mut self, value: T) -> usize {
        if let Some(id) = self.free.pop() {
            self.slots[id] = Some(value);
            return id;
        }
        self.slots.push(Some(value));
        self.slots.len() - 1
    }

    pub(super) fn remove(&mut self, id: usize) -> Option<T> {
        let value = self.slots.get_mut(id)?.take()?;
        self.free.push(id);
        Some(value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(id, slot)| Some((id, slot.as_ref()?)))
    }

    pub(super) fn ids(&self) -> Vec<usize> {
        self.iter().map(|(id, _)| id).collect()
    }
}

impl<T> Index<usize> for Slab<T> {
    type Output = T;

    fn index(&self, id: usize) -> &T {
        self.slots[id]
            .as_ref()
            .expect("no id is used after its value was removed")
    }
}

impl<T> IndexMut<usize> for Slab<T> {
    fn index_mut(&mut self, id: usize) -> &mut T {
        self.slots[id]
            .as_mut()
            .expect("no id is used after its value was removed")
    }
}

#[cfg(test)]
mod tests {
    use super::Slab;

    #[test]
    fn the_id_of_a_removed_value_is_used_again() {
        let mut slab = Slab::default();
        let (a, b) = (slab.insert("a"), slab.insert("b"));
        assert_eq!(slab.remove(a), Some("a"));
        assert_eq!(slab.remove(a), None);
        assert_eq!(slab.insert("c"), a);
        assert_eq!((slab[a], slab[b]), ("c", "b"));
        assert_eq!(slab.ids(), [a, b]);
    }
}
