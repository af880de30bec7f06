//! `cargo xtask messages`: a page with every compile error of the ui tests and the code that causes it.

use std::fmt::{self, Write as _};
use std::path::Path;
use std::{fs, io};

/// The folders of `tests/ui` with mistakes, and their titles on the page.
const CHAPTERS: &[(&str, &str)] = &[
    ("event", "Events"),
    ("family", "Families"),
    ("handler", "Handlers"),
    ("lists", "Lists"),
    ("state", "States and extractors"),
    ("publish", "Publishing"),
];

const HEAD: &str = "\
# Mistakes and their compile errors

Every mistake on this page is a test. The code is the mistake, and the text below it is the error of rustc: first what is
wrong, then what to write. If the code alone does not show the mistake, the line above it does.

`cargo xtask messages` makes this page from `tests/ui`.
";

struct Mistake {
    /// The file's name as words: `Type with capitals`.
    title: String,
    /// The comment at the top of the file.
    remark: String,
    /// The part of the code that the message is about.
    code: String,
    message: String,
}

/// Every mistake, by folder.
pub(crate) struct Page(Vec<(&'static str, Vec<Mistake>)>);

impl Page {
    /// Reads the ui tests of the workspace at `root`.
    ///
    /// # Errors
    /// When a file cannot be read, or its `.stderr` file is missing.
    pub(crate) fn read(root: &Path) -> io::Result<Self> {
        let chapters = CHAPTERS.iter().map(|(folder, title)| {
            let folder = root.join("tests/ui").join(folder);
            let mut files = fs::read_dir(&folder)
                .map_err(|error| at(&folder, &error))?
                .map(|entry| Ok(entry?.path()))
                .collect::<io::Result<Vec<_>>>()?;
            files.retain(|file| file.extension().is_some_and(|extension| extension == "rs"));
            files.sort();
            let mistakes = files.iter().map(|file| Mistake::read(file));
            Ok((*title, mistakes.collect::<io::Result<Vec<_>>>()?))
        });
        chapters.collect::<io::Result<_>>().map(Self)
    }

    /// Writes the page to a file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, file: &Path) -> io::Result<()> {
        fs::write(file, self.to_string()).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot write {}: {error}", file.display()))
        })
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEAD)?;
        for (title, mistakes) in &self.0 {
            write!(f, "\n## {title}\n")?;
            for mistake in mistakes {
                write!(f, "\n{mistake}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}\n", self.title)?;
        if !self.remark.is_empty() {
            writeln!(f, "{}\n", self.remark)?;
        }
        writeln!(f, "```rust\n{}\n```\n", self.code)?;
        writeln!(f, "```text\n{}\n```", self.message)
    }
}

impl Mistake {
    fn read(file: &Path) -> io::Result<Self> {
        let stderr = file.with_extension("stderr");
        let source = fs::read_to_string(file).map_err(|error| at(file, &error))?;
        let message = fs::read_to_string(&stderr).map_err(|error| at(&stderr, &error))?;
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let (remark, _) = split_remark(&source);
        let place = place(file);
        Ok(Self {
            title: title(&name),
            remark,
            code: excerpt(&source, &lines_of(&message, &place)),
            message: message
                .trim_end()
                .replace(&place, "src/main.rs")
                .replace("$WORKSPACE/runtime/", "tidings/")
                .replace("$DIR/", "")
                .replace("$CRATE", "shop"),
        })
    }
}

// The name of the file in rustc's messages: `event/union.rs`.
fn place(file: &Path) -> String {
    let parts: Vec<_> = file
        .components()
        .rev()
        .take(2)
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    parts.into_iter().rev().collect::<Vec<_>>().join("/")
}

fn title(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut chars = words.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}

// The comment at the top, and its number of lines.
fn split_remark(source: &str) -> (String, usize) {
    let lines: Vec<&str> = source
        .lines()
        .map_while(|line| line.strip_prefix("// "))
        .collect();
    (lines.join(" "), lines.len())
}

// The lines of the file that the message points at.
fn lines_of(message: &str, place: &str) -> Vec<usize> {
    let mut lines = Vec::new();
    let mut here = false;
    for line in message.lines() {
        let line = line.trim_start();
        if let Some(position) = line.strip_prefix("--> ").or_else(|| line.strip_prefix("::: ")) {
            let position = position.strip_prefix(place);
            here = position.is_some();
            let number = position.and_then(|rest| rest.trim_start_matches(':').split(':').next());
            lines.extend(number.and_then(|number| number.parse::<usize>().ok()));
        } else if here {
            // `8 |     the line itself`
            let number = line
                .split_once(" |")
                .and_then(|(number, _)| number.parse::<usize>().ok());
            lines.extend(number);
        }
    }
    lines
}

// The blocks of the source with one of `lines`. The other blocks only use the items.
fn excerpt(source: &str, lines: &[usize]) -> String {
    let (_, remark) = split_remark(source);
    let mut excerpt = String::new();
    let mut block = String::new();
    let mut wanted = false;
    let all: Vec<&str> = source.lines().collect();
    for (at, line) in all.iter().enumerate().skip(remark).chain([(all.len(), &"")]) {
        if line.is_empty() {
            if wanted {
                excerpt.push_str(&block);
                excerpt.push('\n');
            }
            block.clear();
            wanted = false;
        } else {
            wanted |= lines.contains(&(at + 1));
            // Writing to a string cannot fail.
            let _ = writeln!(block, "{line}");
        }
    }
    excerpt.trim_end().to_owned()
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot read {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    #[test]
    fn the_page_has_every_ui_test() {
        let page = Page::read(&root()).expect("the ui tests can be read");
        assert_eq!(page.0.len(), CHAPTERS.len());
        let text = page.to_string();
        for (title, mistakes) in &page.0 {
            assert!(!mistakes.is_empty(), "{title} has no mistake");
            for mistake in mistakes {
                assert!(text.contains(&mistake.to_string()), "{}", mistake.title);
            }
        }
    }

    #[test]
    fn one_mistake_is_one_error() {
        // One test has two mistakes. In the other three, rustc reports several errors for one mistake.
        let two = [
            "Two mistakes are both reported",
            "Event in handlers",
            "Module of the same name",
            "On an associated function",
        ];
        let page = Page::read(&root()).expect("the ui tests can be read");
        let mistakes = page.0.iter().flat_map(|(_, mistakes)| mistakes);
        for mistake in mistakes.filter(|mistake| !two.contains(&mistake.title.as_str())) {
            let errors = mistake
                .message
                .lines()
                .filter(|line| line.starts_with("error") || line.starts_with("warning"))
                .count();
            assert_eq!(errors, 1, "{}:\n{}", mistake.title, mistake.message);
            assert!(!mistake.code.is_empty(), "{}: no code", mistake.title);
            let first = mistake.message.lines().find(|line| line.contains("--> "));
            assert!(
                first.is_some_and(|line| line.contains("src/main.rs")),
                "{}: points elsewhere first",
                mistake.title
            );
        }
    }

    #[test]
    fn an_excerpt_has_the_blocks_that_the_message_points_at() {
        let source = "// Why.\nuse a;\n\n#[b]\nstruct C;\n\nfn main() {}\n";
        assert_eq!(excerpt(source, &[5]), "#[b]\nstruct C;");
        assert_eq!(split_remark(source), ("Why.".to_owned(), 1));
        let message = "error: no\n --> x/y.rs:4:1\n  |\n4 | #[b]\n  | ^^\n ::: lib.rs\n7 | fn\n";
        assert_eq!(lines_of(message, "x/y.rs"), [4, 4]);
        assert_eq!(title("type_with_capitals"), "Type with capitals");
    }
}
