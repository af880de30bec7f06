//! The committed figures: one path and its instructions per line.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::table::Count;

/// The instructions per event of each path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Figures(Vec<(String, u64)>);

const HEAD: &str = "\
# Instructions per event, counted by callgrind on x86-64 Linux. `cargo xtask bench-check` fails if a path takes over a
# tenth more; `cargo xtask bench-check --write` rewrites this file. The paths are in `bench/paths/src/path.rs`.
";

fn file(root: &Path) -> PathBuf {
    root.join("bench/instructions.toml")
}

impl Figures {
    pub(crate) fn new(figures: Vec<(String, u64)>) -> Self {
        Self(figures)
    }

    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let file = file(root);
        let text = fs::read_to_string(&file).map_err(|error| {
            format!(
                "cannot read {} ({error}); write it with `cargo xtask bench-check --write`",
                file.display()
            )
        })?;
        Self::parse(&text)
    }

    // # A comment.
    // publish-all = 23_185
    fn parse(text: &str) -> Result<Self, String> {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let figures = lines.map(|line| {
            let (path, figure) = line.split_once('=')?;
            let figure = figure.trim().replace('_', "").parse().ok()?;
            Some((path.trim().to_owned(), figure))
        });
        figures
            .collect::<Option<_>>()
            .map(Self)
            .ok_or_else(|| "a line of bench/instructions.toml is not `path = instructions`".to_owned())
    }

    pub(crate) fn write(&self, root: &Path) -> Result<(), String> {
        let file = file(root);
        fs::write(&file, self.text()).map_err(|error| format!("cannot write {}: {error}", file.display()))
    }

    fn text(&self) -> String {
        self.0.iter().fold(HEAD.to_owned(), |mut text, (path, figure)| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{path} = {}", grouped(*figure, '_'));
            text
        })
    }

    pub(crate) fn of(&self, path: &str) -> Option<u64> {
        self.0
            .iter()
            .find(|(known, _)| known == path)
            .map(|(_, figure)| *figure)
    }

    /// The paths that have a figure and were not counted.
    pub(crate) fn without(&self, rows: &[Count]) -> Vec<String> {
        let paths = self.0.iter().map(|(path, _)| path);
        paths
            .filter(|path| rows.iter().all(|row| row.path != **path))
            .cloned()
            .collect()
    }
}

/// A number in groups of three digits.
pub(crate) fn grouped(number: u64, separator: char) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_figures_can_be_read() {
        let figures = Figures::new(vec![
            ("publish".to_owned(), 17_652),
            ("encode-64kb".to_owned(), 1_176_014),
        ]);
        assert!(
            figures.text().ends_with("encode-64kb = 1_176_014\n"),
            "{}",
            figures.text()
        );
        assert_eq!(Figures::parse(&figures.text()), Ok(figures));
    }

    #[test]
    fn a_line_that_is_no_figure_is_an_error() {
        assert!(Figures::parse("publish: 5\n").is_err());
        assert!(Figures::parse("publish = many\n").is_err());
    }

    #[test]
    fn the_committed_figures_can_be_read() {
        let figures = Figures::read(&crate::root()).expect("the file can be read");
        assert!(figures.of("publish").is_some_and(|figure| figure > 0));
    }

    #[test]
    fn digits_are_in_groups_of_three() {
        assert_eq!(grouped(7, ','), "7");
        assert_eq!(grouped(1_736, ','), "1,736");
        assert_eq!(grouped(695_128, ','), "695,128");
    }
}
