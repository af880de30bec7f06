//! Circles of imports between the files of a crate.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::source::{Import, Names};

/// One file imports from another.
pub(crate) type Edge = (Names, Names);

/// The imports of all files, with the imported names.
#[derive(Debug, Default, Clone)]
pub(crate) struct Graph(BTreeMap<Names, BTreeMap<Names, BTreeSet<String>>>);

impl Graph {
    pub(crate) fn of<'a>(imports: impl IntoIterator<Item = &'a Import>) -> Self {
        let mut graph = Self::default();
        for Import { from, to, name, .. } in imports {
            graph.0.entry(to.clone()).or_default();
            let edges = graph.0.entry(from.clone()).or_default();
            edges.entry(to.clone()).or_default().insert(name.clone());
        }
        graph
    }

    pub(crate) fn remove(&mut self, (from, to): &Edge) {
        if let Some(edges) = self.0.get_mut(from) {
            edges.remove(to);
        }
    }

    /// The names that one file takes from another.
    pub(crate) fn names(&self, (from, to): &Edge) -> impl Iterator<Item = &str> {
        let names = self.0.get(from).and_then(|edges| edges.get(to));
        names.into_iter().flatten().map(String::as_str)
    }

    /// The groups of files that import each other, directly or through other files of the group.
    ///
    /// A module may import its descendants and they may import it. So a file that is the ancestor of all others in a
    /// group is left out.
    pub(crate) fn tangles(&self) -> Vec<BTreeSet<Names>> {
        let mut tangles = Vec::new();
        let mut groups: Vec<BTreeSet<Names>> = vec![self.0.keys().cloned().collect()];
        while let Some(group) = groups.pop() {
            for mut part in self.components(&group) {
                let ancestor = part
                    .iter()
                    .find(|top| part.iter().all(|file| file.starts_with(top)))
                    .cloned();
                match ancestor {
                    Some(ancestor) => {
                        part.remove(&ancestor);
                        groups.push(part);
                    }
                    None => tangles.push(part),
                }
            }
        }
        tangles.sort();
        tangles
    }

    /// The shortest circle in a tangle, without circles of a module and its descendants.
    pub(crate) fn circle(&self, tangle: &BTreeSet<Names>) -> Vec<Names> {
        let circles = tangle.iter().flat_map(|first| {
            self.neighbours(first, tangle)
                .filter_map(move |next| self.path(next, first, tangle))
        });
        let is_circle = |circle: &Vec<Names>| {
            !circle
                .iter()
                .any(|top| circle.iter().all(|file| file.starts_with(top)))
        };
        circles
            .filter(is_circle)
            .min_by_key(Vec::len)
            .unwrap_or_else(|| tangle.iter().cloned().collect())
    }

    // The strongly connected components of more than one file.
    fn components(&self, group: &BTreeSet<Names>) -> Vec<BTreeSet<Names>> {
        let mut left = group.clone();
        let mut components = Vec::new();
        while let Some(first) = left.first().cloned() {
            let reached = self.reached(&first, &left);
            let component: BTreeSet<Names> = reached
                .iter()
                .filter(|file| **file == first || self.reached(file, &left).contains(&first))
                .cloned()
                .collect();
            left.retain(|file| !component.contains(file));
            if component.len() > 1 {
                components.push(component);
            }
        }
        components
    }

    fn neighbours<'a>(&'a self, from: &Names, group: &'a BTreeSet<Names>) -> impl Iterator<Item = &'a Names> {
        self.0
            .get(from)
            .into_iter()
            .flat_map(BTreeMap::keys)
            .filter(|to| group.contains(*to))
    }

    fn reached(&self, from: &Names, group: &BTreeSet<Names>) -> BTreeSet<Names> {
        let mut reached = BTreeSet::from([from.clone()]);
        let mut open = vec![from.clone()];
        while let Some(from) = open.pop() {
            for to in self.neighbours(&from, group) {
                if reached.insert(to.clone()) {
                    open.push(to.clone());
                }
            }
        }
        reached
    }

    /// The shortest path from one file to another.
    fn path(&self, from: &Names, to: &Names, group: &BTreeSet<Names>) -> Option<Vec<Names>> {
        let mut before = BTreeMap::from([(from.clone(), None)]);
        let mut open = VecDeque::from([from.clone()]);
        while let Some(file) = open.pop_front() {
            if file == *to {
                let mut path = vec![file];
                while let Some(Some(previous)) = path.last().and_then(|file| before.get(file)) {
                    path.push(Names::clone(previous));
                }
                path.reverse();
                return Some(path);
            }
            for next in self.neighbours(&file, group) {
                if !before.contains_key(next) {
                    before.insert(next.clone(), Some(file.clone()));
                    open.push_back(next.clone());
                }
            }
        }
        None
    }
}
