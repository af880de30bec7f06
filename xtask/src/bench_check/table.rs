//! The table that compares the counts with the figures.

use std::fmt;

use super::MAX_RATIO;
use super::counter::Counter;
use super::figures::{Figures, grouped};

/// A path with its committed figure and its present count.
#[derive(Debug)]
pub(crate) struct Count {
    pub(crate) path: String,
    pub(crate) committed: Option<u64>,
    pub(crate) now: u64,
}

impl Count {
    fn ratio(&self) -> Option<f64> {
        ratio(self.committed, self.now)
    }

    fn is_within_limit(&self) -> bool {
        is_within_limit(self.committed, self.now)
    }
}

#[allow(clippy::cast_precision_loss)] // No path takes 2^53 instructions.
fn ratio(committed: Option<u64>, now: u64) -> Option<f64> {
    committed.map(|committed| now as f64 / committed.max(1) as f64)
}

/// A path without a figure is not within its limit.
pub(crate) fn is_within_limit(committed: Option<u64>, now: u64) -> bool {
    ratio(committed, now).is_some_and(|ratio| ratio <= MAX_RATIO)
}

#[derive(Debug)]
pub(crate) struct CountTable {
    pub(crate) rows: Vec<Count>,
    /// Paths that have a figure and do not exist any more.
    pub(crate) removed: Vec<String>,
}

impl CountTable {
    pub(crate) fn passed(&self) -> bool {
        !self.rows.is_empty() && self.removed.is_empty() && self.rows.iter().all(Count::is_within_limit)
    }

    pub(crate) fn figures(&self) -> Figures {
        Figures::new(self.rows.iter().map(|row| (row.path.clone(), row.now)).collect())
    }

    /// What is wrong, and what to do about it.
    pub(crate) fn fault(&self, counter: &Counter) -> Option<String> {
        if self.passed() {
            return None;
        }
        let over = self
            .rows
            .iter()
            .filter(|row| row.committed.is_some() && !row.is_within_limit());
        let mut faults: Vec<String> = over
            .map(|row| {
                format!(
                    "`{}` costs over a tenth more; see where with `callgrind_annotate {}`",
                    row.path,
                    counter.profile(&row.path).display()
                )
            })
            .collect();
        let unknown = self.rows.iter().filter(|row| row.committed.is_none());
        faults.extend(unknown.map(|row| format!("`{}` has no figure", row.path)));
        faults.extend(
            self.removed
                .iter()
                .map(|path| format!("`{path}` has a figure, but does not exist")),
        );
        faults.push(
            "if this is intended, update the figures with `cargo xtask bench-check --write`, and say why in the commit"
                .to_owned(),
        );
        Some(faults.join("\n"))
    }
}

impl fmt::Display for CountTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self
            .rows
            .iter()
            .map(|row| row.path.len())
            .max()
            .unwrap_or(0)
            .max(4);
        writeln!(
            f,
            "{:width$}  {:>12}  {:>12}  {:>6}   instructions per event",
            "path", "committed", "now", "ratio"
        )?;
        for row in &self.rows {
            let committed = row
                .committed
                .map_or_else(|| "-".to_owned(), |figure| grouped(figure, ','));
            let ratio = row
                .ratio()
                .map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}"));
            let mark = match row.ratio() {
                Some(ratio) if ratio > MAX_RATIO => "  too much",
                // With the old figure, the path could get slower again, and nobody would see it.
                Some(ratio) if ratio < 1.0 / MAX_RATIO => "  less: update the figures",
                _ => "",
            };
            let now = grouped(row.now, ',');
            writeln!(
                f,
                "{:width$}  {committed:>12}  {now:>12}  {ratio:>6}{mark}",
                row.path
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(&str, Option<u64>, u64)]) -> CountTable {
        let rows = rows.iter().map(|&(path, committed, now)| Count {
            path: path.to_owned(),
            committed,
            now,
        });
        CountTable {
            rows: rows.collect(),
            removed: Vec::new(),
        }
    }

    #[test]
    fn a_path_may_cost_at_most_a_tenth_more() {
        assert!(table(&[("publish", Some(1_000), 1_100), ("decode", Some(1_000), 10)]).passed());
        assert!(!table(&[("publish", Some(1_000), 1_101), ("decode", Some(1_000), 10)]).passed());
    }

    #[test]
    fn a_path_without_a_figure_and_a_figure_without_a_path_are_failures() {
        assert!(!table(&[("publish", None, 1)]).passed());
        assert!(!table(&[]).passed());
        let mut table = table(&[("publish", Some(1), 1)]);
        table.removed.push("walk".to_owned());
        assert!(!table.passed());
    }

    #[test]
    fn the_table_shows_which_path_is_too_expensive() {
        let table = table(&[("publish", Some(17_652), 20_000), ("topics", None, 12)]);
        assert_eq!(
            table.to_string(),
            "path        committed           now   ratio   instructions per event\n\
             publish        17,652        20,000   1.133  too much\n\
             topics              -            12       -\n"
        );
    }
}
