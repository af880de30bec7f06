//! The table of type sets: pairs, agreed, unknown, wrong.

use std::fmt;

use tidings_contract_tests::subject::TypeSet;

use crate::pair::Agreement;

/// The counts of one row or of all rows.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    agreed: usize,
    unknown: usize,
    wrong: usize,
}

impl Counts {
    fn add(&mut self, agreement: Agreement) {
        *match agreement {
            Agreement::Agreed => &mut self.agreed,
            Agreement::Unknown => &mut self.unknown,
            Agreement::Wrong => &mut self.wrong,
        } += 1;
    }

    fn pairs(self) -> usize {
        self.agreed + self.unknown + self.wrong
    }
}

/// The counts of every type set, in the order of the tests.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<(String, usize, Counts)>,
    all: Counts,
}

impl Table {
    pub(crate) fn count(&mut self, type_set: &TypeSet, agreement: Agreement) {
        let name = format!("{} in {}", type_set.theme, type_set.context);
        if self.rows.last().is_none_or(|(last, ..)| *last != name) {
            self.rows.push((name, type_set.subjects.len(), Counts::default()));
        }
        if let Some((.., counts)) = self.rows.last_mut() {
            counts.add(agreement);
        }
        self.all.add(agreement);
    }

    /// Tells whether the table has at least a thousand types, a hundred type sets and nine thousand pairs, so that a
    /// lost theme fails the test.
    pub(crate) fn is_complete(&self) -> bool {
        let types: usize = self.rows.iter().map(|(_, types, _)| types).sum();
        types >= 1_000 && self.rows.len() >= 100 && self.all.pairs() >= 9_000
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of some thousands")]
    pub(crate) fn unknown_share(&self) -> f64 {
        self.all.unknown as f64 / self.all.pairs() as f64
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self
            .rows
            .iter()
            .map(|(name, ..)| name.len())
            .max()
            .unwrap_or_default();
        writeln!(f, "{:width$}  types  pairs  agreed  unknown  wrong", "type set")?;
        let mut row = |name: &str, types: usize, counts: Counts| {
            let Counts {
                agreed,
                unknown,
                wrong,
            } = counts;
            let pairs = counts.pairs();
            writeln!(
                f,
                "{name:width$}  {types:5}  {pairs:5}  {agreed:6}  {unknown:7}  {wrong:5}"
            )
        };
        for (name, types, counts) in &self.rows {
            row(name, *types, *counts)?;
        }
        let types = self.rows.iter().map(|(_, types, _)| types).sum();
        row(&format!("all {}", self.rows.len()), types, self.all)
    }
}
