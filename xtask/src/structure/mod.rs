//! The structure of the three crates: no import circles, no imports through the crate root, no name for two types.

mod graph;
mod source;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

use graph::{Edge, Graph};
use source::{Names, Source};

/// The folders of the crates that are checked.
pub(crate) const CRATES: &[&str] = &["runtime", "macros", "contracts"];

/// What may break a rule, and why. The forms: an import that a circle may go through, `runtime::from -> runtime::to`;
/// a file that may import through the crate root, `runtime::from -> runtime`; a shared name, `runtime Name`.
const EXCEPTIONS: &[(&str, &str)] = &[];

/// What the check found in one crate.
#[derive(Debug)]
pub(crate) struct Structure {
    folder: &'static str,
    source: Source,
    exceptions: &'static [(&'static str, &'static str)],
    /// How many files and folders the top of `src` has.
    entries: usize,
}

impl Structure {
    /// Reads the crate in `folder`.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(crate) fn read(root: &Path, folder: &'static str) -> io::Result<Self> {
        let src = root.join(folder).join("src");
        Ok(Self {
            folder,
            source: Source::read(&src.join("lib.rs"))?,
            exceptions: EXCEPTIONS,
            entries: fs::read_dir(&src)?.count(),
        })
    }

    /// Each rule that the crate breaks, as a text for the reader.
    pub(crate) fn faults(&self) -> Vec<String> {
        let imports = self.source.imports();
        let mut used = BTreeSet::new();
        let mut is_excepted = |key: String| {
            let excepted = self.exceptions.iter().any(|(exception, _)| *exception == key);
            if excepted {
                used.insert(key);
            }
            excepted
        };
        let mut faults = Vec::new();
        let mut graph = Graph::of(&imports);
        for import in &imports {
            let edge = (import.from.clone(), import.to.clone());
            if is_excepted(self.show_edge(&edge)) {
                graph.remove(&edge);
            }
            if import.through_root && !is_excepted(format!("{} -> {}", self.show(&import.from), self.folder))
            {
                faults.push(format!(
                    "{} imports `{}` through the crate root; import it from {}",
                    self.show(&import.from),
                    import.name,
                    self.show(&import.to)
                ));
            }
        }
        for (name, files) in self.shared() {
            if !is_excepted(format!("{} {name}", self.folder)) {
                let files: Vec<String> = files.iter().map(|file| self.show(file)).collect();
                faults.push(format!(
                    "several types have the name `{name}`: {}",
                    files.join(", ")
                ));
            }
        }
        let groups = graph.tangles();
        faults.extend(groups.iter().map(|group| self.show_circle(&graph, group)));
        let of_crate = |key: &str| key.split([' ', ':']).next() == Some(self.folder);
        let exceptions = self.exceptions.iter().map(|(key, _)| *key);
        faults.extend(
            exceptions
                .filter(|key| of_crate(key) && !used.contains(*key))
                .map(|key| format!("the exception `{key}` matches nothing; delete it")),
        );
        faults
    }

    fn show_circle(&self, graph: &Graph, group: &BTreeSet<Names>) -> String {
        let files: Vec<String> = group.iter().map(|file| self.show(file)).collect();
        let mut text = format!(
            "{} files import each other in a circle: {}\n  the shortest circle:\n",
            files.len(),
            files.join(", ")
        );
        let circle = graph.circle(group);
        for (from, to) in circle.iter().zip(circle.iter().cycle().skip(1)) {
            let edge = (from.clone(), to.clone());
            let names: Vec<&str> = graph.names(&edge).collect();
            // Writing to a string cannot fail.
            let _ = writeln!(text, "    {}: {}", self.show_edge(&edge), names.join(", "));
        }
        text
    }

    fn shared(&self) -> Vec<(&str, BTreeSet<&Names>)> {
        let types = self.source.types().into_iter();
        types.filter(|(_, files)| files.len() > 1).collect()
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

/// The head of the table of figures.
pub(crate) fn figures_head() -> String {
    format!(
        "{:<10} {:>8} {:>6} {:>6} {:>7} {:>8} {:>8} {:>12}\n",
        "crate", "entries", "files", "types", "shared", "circles", "largest", "through root"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(code: &str, exceptions: &'static [(&str, &str)]) -> Vec<String> {
        let structure = Structure {
            folder: "x",
            source: Source::parse(code),
            exceptions,
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
            faults(CIRCLE, &[]),
            [
                "2 files import each other in a circle: x::a, x::b\n  the shortest circle:\n    \
              x::b -> x::a: A\n    x::a -> x::b: B\n"
            ]
        );
    }

    #[test]
    fn an_exception_allows_a_circle_and_is_deleted_with_it() {
        assert!(faults(CIRCLE, &[("x::a -> x::b", "why")]).is_empty());
        assert_eq!(
            faults("mod a {} mod b { pub struct B; }", &[("x::a -> x::b", "why")]),
            ["the exception `x::a -> x::b` matches nothing; delete it"]
        );
    }

    #[test]
    fn a_module_and_its_descendants_may_import_each_other() {
        let code = "mod a { mod b { mod c { use crate::a::A; pub struct C; } } use b::c::C; pub struct A; }";
        assert!(faults(code, &[]).is_empty());
    }

    #[test]
    fn two_children_may_not_import_each_other() {
        let code =
            "mod a { mod b { use super::c::C; pub struct B; } mod c { use super::b::B; pub struct C; } }";
        assert_eq!(faults(code, &[]).len(), 1);
    }

    #[test]
    fn a_reexported_name_belongs_to_the_module_that_declares_it() {
        let reexported = "mod a { pub mod b { pub struct B; } pub use b::B; use crate::c::C; }
                          mod c { use crate::a::B; pub struct C; }";
        assert!(faults(reexported, &[]).is_empty());
    }

    #[test]
    fn imports_of_tests_are_not_checked() {
        let code = "mod a { pub struct A; #[cfg(test)] use crate::b::B; #[cfg(test)] mod tests { use crate::b::B; } }
                    mod b { use crate::a::A; pub struct B; }";
        assert!(faults(code, &[]).is_empty());
    }

    #[test]
    fn a_name_that_comes_through_the_root_is_shown_with_its_owner() {
        let code = "pub use a::A; mod a { pub struct A; } mod b { use crate::A; }";
        assert_eq!(
            faults(code, &[]),
            ["x::b imports `A` through the crate root; import it from x::a"]
        );
        assert!(faults(code, &[("x::b -> x", "why")]).is_empty());
    }

    #[test]
    fn two_types_of_one_name_need_an_exception() {
        let code = "mod a { pub struct A; } mod b { enum A {} trait T { type A; } }";
        assert_eq!(faults(code, &[]), ["several types have the name `A`: x::a, x::b"]);
        assert!(faults(code, &[("x A", "why")]).is_empty());
    }
}
