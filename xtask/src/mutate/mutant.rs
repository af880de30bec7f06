//! A mutant: one patch, the promise that it breaks, and the tests that must fail.

use std::fs;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mutant {
    /// The name of the file without `.patch`.
    pub(crate) name: String,
    /// What the patch does, in a sentence.
    pub(crate) about: String,
    /// The cargo command whose tests must fail.
    pub(crate) caught_by: String,
    pub(crate) patch: PathBuf,
}

impl Mutant {
    /// Reads every patch, sorted by name.
    ///
    /// # Errors
    /// When a patch cannot be read, or its header lacks a line.
    pub(crate) fn all(root: &Path) -> Result<Vec<Self>, String> {
        let folder = root.join("tests/mutations");
        let read = |error| format!("cannot read `{}`: {error}", folder.display());
        let mut mutants = Vec::new();
        for entry in fs::read_dir(&folder).map_err(read)? {
            let path = entry.map_err(read)?.path();
            if path.extension().is_some_and(|extension| extension == "patch") {
                mutants.push(Self::read(&path)?);
            }
        }
        mutants.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(mutants)
    }

    fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text = fs::read_to_string(path).map_err(|error| format!("cannot read `{shown}`: {error}"))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Self::parse(&name, &text, path).map_err(|missing| format!("`{shown}` has no line `{missing}`"))
    }

    // # A nack counts as a confirm.
    // # breaks: never `Ok` for an event that the broker did not take
    // # caught by: test -p tidings --lib --all-features rabbitmq
    // diff --git a/… b/…
    fn parse(name: &str, text: &str, path: &Path) -> Result<Self, &'static str> {
        let header: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("# ")).collect();
        let of = |start: &str| header.iter().find_map(|line| line.strip_prefix(start));
        let about = header
            .first()
            .filter(|line| !line.contains(": "))
            .ok_or("# <what it does>")?;
        of("breaks: ").ok_or("# breaks: <which promise>")?;
        let caught_by = of("caught by: ").filter(|command| command.starts_with("test "));
        Ok(Self {
            name: name.to_owned(),
            about: (*about).to_owned(),
            caught_by: caught_by
                .ok_or("# caught by: test <arguments of cargo test>")?
                .to_owned(),
            patch: path.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Mutant, &'static str> {
        Mutant::parse("nack", text, Path::new("nack.patch"))
    }

    #[test]
    fn a_header_says_what_it_breaks_and_what_catches_it() {
        let mutant =
            parse("# A nack is Ok.\n# breaks: Ok\n# caught by: test -p tidings\ndiff --git a/x b/x\n")
                .unwrap();
        assert_eq!(
            (mutant.about.as_str(), mutant.caught_by.as_str()),
            ("A nack is Ok.", "test -p tidings")
        );
    }

    #[test]
    fn a_missing_line_of_a_header_is_named_in_the_error() {
        for (text, missing) in [
            ("diff --git a/x b/x\n", "# <what it does>"),
            ("# A.\n# caught by: test\n", "# breaks: <which promise>"),
            (
                "# A.\n# breaks: b\n",
                "# caught by: test <arguments of cargo test>",
            ),
            (
                "# A.\n# breaks: b\n# caught by: rm -r /\n",
                "# caught by: test <arguments of cargo test>",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err(), missing);
        }
    }
}
