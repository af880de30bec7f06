//! Things by number: found in one step, their numbers given out again once they are gone.

use std::ops::{Index, IndexMut};

/// Things by number. Whoever removes one sees to it that no one keeps its number.
#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slab<T> {
    /// Takes `thing` in and gives its number.
    pub(super) fn insert(&mut self, thing: T) -> usize {
        if let Some(id) = self.free.pop() {
            self.places[id] = Some(thing);
            return id;
        }
        self.places.push(Some(thing));
        self.places.len() - 1
    }

    /// Removes the thing of this number.
    pub(super) fn remove(&mut self, id: usize) -> Option<T> {
        let thing = self.places.get_mut(id)?.take()?;
        self.free.push(id);
        Some(thing)
    }

    /// Every thing with its number.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        self.places
            .iter()
            .enumerate()
            .filter_map(|(id, place)| Some((id, place.as_ref()?)))
    }

    /// The numbers that are in use.
    pub(super) fn ids(&self) -> Vec<usize> {
        self.iter().map(|(id, _)| id).collect()
    }
}

impl<T> Index<usize> for Slab<T> {
    type Output = T;

    fn index(&self, id: usize) -> &T {
        self.places[id]
            .as_ref()
            .expect("a number is kept only as long as its thing")
    }
}

impl<T> IndexMut<usize> for Slab<T> {
    fn index_mut(&mut self, id: usize) -> &mut T {
        self.places[id]
            .as_mut()
            .expect("a number is kept only as long as its thing")
    }
}

#[cfg(test)]
mod tests {
    use super::Slab;

    #[test]
    fn a_number_is_given_out_again_once_its_thing_is_gone() {
        let mut slab = Slab::default();
        let (a, b) = (slab.insert("a"), slab.insert("b"));
        assert_eq!(slab.remove(a), Some("a"));
        assert_eq!(slab.remove(a), None);
        assert_eq!(slab.insert("c"), a);
        assert_eq!((slab[a], slab[b]), ("c", "b"));
        assert_eq!(slab.ids(), [a, b]);
    }
}
