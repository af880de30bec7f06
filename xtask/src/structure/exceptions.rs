//! The exceptions to the structure's rules, each with its reason.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use super::graph::Edge;
use super::source::Names;

/// Where the exceptions are, from the root of the workspace.
pub(crate) const FILE: &str = "xtask/structure.txt";

pub(crate) const HEAD: &str = "\
# Exceptions to the rules of `cargo xtask structure`. An exception that is not needed is a failure.
#
# An import that a circle may go through:   <crate>::<from> -> <crate>::<to>: <reason>
# A file that may import through the root:  <crate>::<from> -> <crate>: <reason>
# A name that several types may share:      <crate> <name>: <reason>

";

#[derive(Debug, Default)]
pub(crate) struct Exceptions {
    /// Imports that a circle may go through.
    pub(crate) edges: BTreeMap<Edge, String>,
    /// Files that may import through the crate root.
    pub(crate) through_root: BTreeMap<Names, String>,
    /// Names that several types may share.
    pub(crate) names: BTreeMap<String, String>,
}

impl Exceptions {
    /// Reads the exceptions of the crate in `folder`.
    ///
    /// # Errors
    /// When the file cannot be read or a line has another form.
    pub(crate) fn read(root: &Path, folder: &str) -> io::Result<Self> {
        let text = fs::read_to_string(root.join(FILE))
            .map_err(|error| io::Error::new(error.kind(), format!("cannot read {FILE}: {error}")))?;
        Self::parse(&text, folder).map_err(|line| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("cannot read {FILE}: `{line}` is no exception"),
            )
        })
    }

    pub(crate) fn parse(text: &str, folder: &str) -> Result<Self, String> {
        let mut exceptions = Self::default();
        for line in text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            let malformed = || line.to_owned();
            let (what, reason) = line.split_once(": ").ok_or_else(malformed)?;
            if let Some((from, to)) = what.split_once(" -> ") {
                let names = |path: &str| path.split("::").map(str::to_owned).collect::<Names>();
                let (from, to) = (names(from), names(to));
                if from[0] == folder && to[0] == folder {
                    let (from, to) = (from[1..].to_vec(), to[1..].to_vec());
                    if to.is_empty() {
                        exceptions.through_root.insert(from, reason.to_owned());
                    } else {
                        exceptions.edges.insert((from, to), reason.to_owned());
                    }
                }
            } else {
                let (of, name) = what.split_once(' ').ok_or_else(malformed)?;
                if of == folder {
                    exceptions.names.insert(name.to_owned(), reason.to_owned());
                }
            }
        }
        Ok(exceptions)
    }
}
