//! The structure of the three crates: no import circles, and no name for two types.

mod exceptions;
mod graph;
mod source;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

use exceptions::Exceptions;
use graph::{Edge, Graph};
use source::{Names, Source};

/// The folders of the crates that are checked.
pub(crate) const CRATES: &[&str] = &["runtime", "macros", "contracts"];

/// What the check found in one crate.
#[derive(Debug)]
pub(crate) struct Structure {
    folder: &'static str,
    source: Source,
    exceptions: Exceptions,
    /// How many files and folders the top of `src` has.
    entries: usize,
}

impl Structure {
    /// Reads the crate in `folder`, with its exceptions.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(crate) fn read(root: &Path, folder: &'static str) -> io::Result<Self> {
        let src = root.join(folder).join("src");
        Ok(Self {
            folder,
            source: Source::read(&src.join("lib.rs"))?,
            exceptions: Exceptions::read(root, folder)?,
            entries: fs::read_dir(&src)?.count(),
        })
    }

    /// Each rule that the crate breaks, as a text for the reader.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = self.circle_faults();
        let imports = self.source.imports();
        let through_root = || imports.iter().filter(|import| import.through_root);
        for import in through_root() {
            if !self.exceptions.through_root.contains_key(&import.from) {
                faults.push(format!(
                    "{} imports `{}` through the crate root; import it from {}",
                    self.show(&import.from),
                    import.name,
                    self.show(&import.to)
                ));
            }
        }
        let shared = self.shared();
        for (name, files) in &shared {
            if !self.exceptions.names.contains_key(*name) {
                let files: Vec<String> = files.iter().map(|file| self.show(file)).collect();
                faults.push(format!(
                    "several types have the name `{name}`: {}",
                    files.join(", ")
                ));
            }
        }
        for from in self.exceptions.through_root.keys() {
            if through_root().all(|import| import.from != *from) {
                faults.push(not_needed(&format!("{} -> {}", self.show(from), self.folder)));
            }
        }
        for name in self.exceptions.names.keys() {
            if shared.iter().all(|(shared, _)| *shared != name) {
                faults.push(not_needed(&format!("{} {name}", self.folder)));
            }
        }
        faults
    }

    fn circle_faults(&self) -> Vec<String> {
        let imports = self.source.imports();
        let all = Graph::of(&imports);
        let mut rest = all.clone();
        for edge in self.exceptions.edges.keys() {
            rest.remove(edge);
        }
        let tangles = rest.tangles();
        let mut faults = Vec::new();
        for edge in self.exceptions.edges.keys() {
            // An exception is needed if a circle closes as soon as the import is back.
            let mut graph = all.clone();
            for other in self.exceptions.edges.keys().filter(|other| *other != edge) {
                graph.remove(other);
            }
            if graph.tangles() == tangles {
                faults.push(not_needed(&self.show_edge(edge)));
            }
        }
        faults.extend(tangles.iter().map(|tangle| self.show_tangle(&rest, tangle)));
        faults
    }

    /// Every circle of the crate, exceptions too.
    pub(crate) fn circles(&self) -> String {
        let imports = self.source.imports();
        let graph = Graph::of(&imports);
        let tangles = graph.tangles();
        tangles
            .iter()
            .map(|tangle| self.show_tangle(&graph, tangle) + "\n")
            .collect()
    }

    fn show_tangle(&self, graph: &Graph, tangle: &BTreeSet<Names>) -> String {
        let files: Vec<String> = tangle.iter().map(|file| self.show(file)).collect();
        let mut text = format!(
            "{} files import each other in a circle: {}\n  the shortest circle:\n",
            files.len(),
            files.join(", ")
        );
        for edge in pairs(&graph.circle(tangle)) {
            let names: Vec<&str> = graph.names(&edge).collect();
            // Writing to a string cannot fail.
            let _ = writeln!(text, "    {}: {}", self.show_edge(&edge), names.join(", "));
        }
        text
    }

    /// The exceptions that the crate needs to pass now.
    fn needed_exceptions(&self) -> String {
        let imports = self.source.imports();
        let mut graph = Graph::of(&imports);
        let mut edges = BTreeSet::new();
        while let Some(tangle) = graph.tangles().first() {
            let circle = graph.circle(tangle);
            let weakest = pairs(&circle).min_by_key(|edge| graph.names(edge).count());
            let Some(weakest) = weakest else {
                break;
            };
            graph.remove(&weakest);
            edges.insert(weakest);
        }
        // A later exception may also break the circle of an earlier one. Then the earlier one is not needed.
        for edge in edges.clone() {
            let mut graph = Graph::of(&imports);
            for other in edges.iter().filter(|other| **other != edge) {
                graph.remove(other);
            }
            if graph.tangles().is_empty() {
                edges.remove(&edge);
            }
        }
        let through_root = imports.iter().filter(|import| import.through_root);
        let through_root: BTreeSet<&Names> = through_root.map(|import| &import.from).collect();
        let lines = edges
            .iter()
            .map(|edge| format!("{}: to be cut\n", self.show_edge(edge)));
        let lines = lines.chain(
            through_root
                .iter()
                .map(|from| format!("{} -> {}: to be cut\n", self.show(from), self.folder)),
        );
        let names = self.shared();
        let names = names
            .iter()
            .map(|(name, _)| format!("{} {name}: to be renamed\n", self.folder));
        lines.chain(names).collect()
    }

    fn shared(&self) -> Vec<(&str, BTreeSet<&Names>)> {
        self.source
            .types()
            .into_iter()
            .filter(|(_, files)| files.len() > 1)
            .collect()
    }

    /// One line of the table of figures.
    pub(crate) fn figures(&self) -> String {
        let imports = self.source.imports();
        let graph = Graph::of(&imports);
        let tangles = graph.tangles();
        format!(
            "{:<10} {:>8} {:>6} {:>6} {:>7} {:>8} {:>8} {:>12}\n",
            self.folder,
            self.entries,
            self.source.files().count(),
            self.source.types().len(),
            self.shared().len(),
            tangles.len(),
            tangles.iter().map(BTreeSet::len).max().unwrap_or_default(),
            imports.iter().filter(|import| import.through_root).count(),
        )
    }

    fn show(&self, file: &[String]) -> String {
        format!("{}::{}", self.folder, file.join("::"))
    }

    fn show_edge(&self, (from, to): &Edge) -> String {
        format!("{} -> {}", self.show(from), self.show(to))
    }
}

/// The edges of a circle.
fn pairs(circle: &[Names]) -> impl Iterator<Item = Edge> {
    let pairs = circle.iter().zip(circle.iter().cycle().skip(1));
    pairs.map(|(from, to)| (from.clone(), to.clone()))
}

fn not_needed(exception: &str) -> String {
    format!(
        "the exception `{exception}` is not needed; delete it from {}",
        exceptions::FILE
    )
}

/// The head of the table of figures.
pub(crate) fn figures_head() -> String {
    format!(
        "{:<10} {:>8} {:>6} {:>6} {:>7} {:>8} {:>8} {:>12}\n",
        "crate", "entries", "files", "types", "shared", "circles", "largest", "through root"
    )
}

/// Writes the exceptions with which all crates pass.
///
/// # Errors
/// When a crate cannot be read or the file cannot be written.
pub(crate) fn write_exceptions(root: &Path) -> io::Result<()> {
    let mut text = exceptions::HEAD.to_owned();
    for folder in CRATES {
        text += &Structure::read(root, folder)?.needed_exceptions();
    }
    fs::write(root.join(exceptions::FILE), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(code: &str, exceptions: &str) -> Vec<String> {
        let structure = Structure {
            folder: "x",
            source: Source::parse(code),
            exceptions: Exceptions::parse(exceptions, "x").expect("the exceptions are well formed"),
            entries: 0,
        };
        structure.faults()
    }

    #[test]
    fn the_crates_have_no_import_circle_and_no_name_for_two_types() {
        let structures = CRATES
            .iter()
            .map(|folder| Structure::read(&crate::root(), folder));
        let structures: Vec<Structure> = structures.map(|it| it.expect("the crate can be read")).collect();
        let faults: Vec<String> = structures.iter().flat_map(Structure::faults).collect();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    const CIRCLE: &str = "
        mod a { use crate::b::{self, B as Other}; pub struct A; }
        mod b { pub struct B; fn f() { let a = crate::a::A; } }
    ";

    #[test]
    fn a_circle_is_shown_with_the_imported_names() {
        assert_eq!(
            faults(CIRCLE, ""),
            [
                "2 files import each other in a circle: x::a, x::b\n  the shortest circle:\n    \
              x::b -> x::a: A\n    x::a -> x::b: B\n"
            ]
        );
    }

    #[test]
    fn an_exception_allows_a_circle_and_must_be_deleted_with_it() {
        assert!(faults(CIRCLE, "x::a -> x::b: why").is_empty());
        assert_eq!(
            faults(
                "mod a { use crate::b::B; } mod b { pub struct B; }",
                "x::a -> x::b: why"
            ),
            ["the exception `x::a -> x::b` is not needed; delete it from xtask/structure.txt"]
        );
    }

    #[test]
    fn a_module_and_its_descendants_may_import_each_other() {
        let code = "mod a { mod b { mod c { use crate::a::A; pub struct C; } } use b::c::C; pub struct A; }";
        assert!(faults(code, "").is_empty());
    }

    #[test]
    fn two_children_may_not_import_each_other() {
        let code =
            "mod a { mod b { use super::c::C; pub struct B; } mod c { use super::b::B; pub struct C; } }";
        assert_eq!(faults(code, "").len(), 1);
    }

    #[test]
    fn a_reexported_name_belongs_to_the_module_that_declares_it() {
        let reexported = "mod a { pub mod b { pub struct B; } pub use b::B; use crate::c::C; }
                          mod c { use crate::a::B; pub struct C; }";
        assert!(faults(reexported, "").is_empty());
    }

    #[test]
    fn imports_of_tests_are_not_checked() {
        let code = "mod a { pub struct A; #[cfg(test)] use crate::b::B; #[cfg(test)] mod tests { use crate::b::B; } }
                    mod b { use crate::a::A; pub struct B; }";
        assert!(faults(code, "").is_empty());
    }

    #[test]
    fn a_name_that_comes_through_the_root_is_shown_with_its_owner() {
        let code = "pub use a::A; mod a { pub struct A; } mod b { use crate::A; }";
        assert_eq!(
            faults(code, ""),
            ["x::b imports `A` through the crate root; import it from x::a"]
        );
        assert!(faults(code, "x::b -> x: why").is_empty());
    }

    #[test]
    fn two_types_of_one_name_need_an_exception() {
        let code = "mod a { pub struct A; } mod b { enum A {} trait T { type A; } }";
        assert_eq!(faults(code, ""), ["several types have the name `A`: x::a, x::b"]);
        assert!(faults(code, "x A: why").is_empty());
    }
}
