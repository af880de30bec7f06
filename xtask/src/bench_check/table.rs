//! The table, and what it comes to.

use std::fmt;

use super::MOST;
use super::counter::Counter;
use super::figures::{Figures, grouped};

/// A path, what it may cost and what it costs.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) path: String,
    pub(crate) kept: Option<u64>,
    pub(crate) now: u64,
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        ratio(self.kept, self.now)
    }

    fn holds(&self) -> bool {
        holds(self.kept, self.now)
    }
}

#[allow(clippy::cast_precision_loss)] // No path takes 2^53 instructions.
fn ratio(kept: Option<u64>, now: u64) -> Option<f64> {
    kept.map(|kept| now as f64 / kept.max(1) as f64)
}

/// Whether a path that has a figure costs no more than it may.
pub(crate) fn holds(kept: Option<u64>, now: u64) -> bool {
    ratio(kept, now).is_some_and(|ratio| ratio <= MOST)
}

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) rows: Vec<Row>,
    /// Figures of paths that are no more.
    pub(crate) gone: Vec<String>,
}

impl Table {
    pub(crate) fn holds(&self) -> bool {
        !self.rows.is_empty() && self.gone.is_empty() && self.rows.iter().all(Row::holds)
    }

    pub(crate) fn figures(&self) -> Figures {
        Figures::new(self.rows.iter().map(|row| (row.path.clone(), row.now)).collect())
    }

    /// What is wrong, and what to do about it.
    pub(crate) fn fault(&self, counter: &Counter) -> Option<String> {
        if self.holds() {
            return None;
        }
        let over = self.rows.iter().filter(|row| row.kept.is_some() && !row.holds());
        let mut faults: Vec<String> = over
            .map(|row| {
                format!(
                    "`{}` costs over a tenth more; see where with `callgrind_annotate {}`",
                    row.path,
                    counter.profile(&row.path).display()
                )
            })
            .collect();
        let unknown = self.rows.iter().filter(|row| row.kept.is_none());
        faults.extend(unknown.map(|row| format!("`{}` has no figure", row.path)));
        faults.extend(
            self.gone
                .iter()
                .map(|path| format!("`{path}` has a figure, and is no path")),
        );
        faults.push(
            "if it is meant to, write the figures anew with `cargo xtask bench-check --write`, and say why in the commit"
                .to_owned(),
        );
        Some(faults.join("\n"))
    }
}

impl fmt::Display for Table {
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
            "{:width$}  {:>12}  {:>12}  {:>6}   instructions an event",
            "path", "committed", "now", "ratio"
        )?;
        for row in &self.rows {
            let kept = row.kept.map_or_else(|| "-".to_owned(), |kept| grouped(kept, ','));
            let ratio = row
                .ratio()
                .map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}"));
            let mark = match row.ratio() {
                Some(ratio) if ratio > MOST => "  too much",
                // Else the path could grow by what was just saved, unseen.
                Some(ratio) if ratio < 1.0 / MOST => "  less: write the figures anew",
                _ => "",
            };
            let now = grouped(row.now, ',');
            writeln!(f, "{:width$}  {kept:>12}  {now:>12}  {ratio:>6}{mark}", row.path)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(&str, Option<u64>, u64)]) -> Table {
        let rows = rows.iter().map(|&(path, kept, now)| Row {
            path: path.to_owned(),
            kept,
            now,
        });
        Table {
            rows: rows.collect(),
            gone: Vec::new(),
        }
    }

    #[test]
    fn a_path_may_cost_a_tenth_more_and_no_further() {
        assert!(table(&[("publish", Some(1_000), 1_100), ("decode", Some(1_000), 10)]).holds());
        assert!(!table(&[("publish", Some(1_000), 1_101), ("decode", Some(1_000), 10)]).holds());
    }

    #[test]
    fn a_path_without_a_figure_does_not_hold_nor_does_a_figure_without_a_path() {
        assert!(!table(&[("publish", None, 1)]).holds());
        assert!(!table(&[]).holds());
        let mut gone = table(&[("publish", Some(1), 1)]);
        gone.gone.push("walk".to_owned());
        assert!(!gone.holds());
    }

    #[test]
    fn the_table_shows_what_is_too_much() {
        let table = table(&[("publish", Some(17_652), 20_000), ("topics", None, 12)]);
        assert_eq!(
            table.to_string(),
            "path        committed           now   ratio   instructions an event\n\
             publish        17,652        20,000   1.133  too much\n\
             topics              -            12       -\n"
        );
    }
}
