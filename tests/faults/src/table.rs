//! The table of all rows, as Markdown that is readable as plain text.

use std::fmt;

use crate::row::Row;

/// The rows of the table.
#[derive(Debug, Clone, Default)]
pub struct Table(pub Vec<Row>);

const HEAD: [&str; 10] = [
    "fault",
    "times",
    "published",
    "confirmed",
    "handled",
    "redelivered",
    "dead-lettered",
    "lost",
    "wrong `Ok`",
    "longest pause",
];

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<[String; 10]> = self.0.iter().map(cells).collect();
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].len());
            cells.chain([HEAD[column].len()]).max().unwrap_or_default()
        };
        let widths: [usize; 10] = std::array::from_fn(width);
        line(f, &HEAD.map(str::to_owned), &widths)?;
        f.write_str("|")?;
        for (column, width) in widths.iter().enumerate() {
            // Names are left-aligned, numbers are right-aligned.
            let end = if column == 0 { '-' } else { ':' };
            write!(f, "{}{end}|", "-".repeat(width + 1))?;
        }
        writeln!(f)?;
        rows.iter().try_for_each(|row| line(f, row, &widths))?;
        for row in &self.0 {
            for line in row.failures().iter().chain(&row.notes) {
                write!(f, "\n- {}: {line}", row.fault)?;
            }
        }
        Ok(())
    }
}

fn cells(row: &Row) -> [String; 10] {
    [
        row.fault.clone(),
        row.times.to_string(),
        row.published.to_string(),
        row.confirmed.to_string(),
        row.handled.to_string(),
        row.redelivered.to_string(),
        row.dead_lettered.to_string(),
        row.lost.to_string(),
        row.wrong_ok.to_string(),
        format!("{:.1} s", row.longest_pause.as_secs_f64()),
    ]
}

fn line(f: &mut fmt::Formatter<'_>, cells: &[String; 10], widths: &[usize; 10]) -> fmt::Result {
    f.write_str("|")?;
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        if column == 0 {
            write!(f, " {cell:width$} |")?;
        } else {
            write!(f, " {cell:>width$} |")?;
        }
    }
    writeln!(f)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_table_is_aligned_markdown_with_the_failures_below() {
        let row = Row {
            fault: "broker-killed".to_owned(),
            times: 20,
            published: 200_000,
            longest_pause: Duration::from_millis(3_140),
            lost: 2,
            ..Row::default()
        };
        assert_eq!(
            Table(vec![row]).to_string(),
            "| fault         | times | published | confirmed | handled | redelivered | dead-lettered | lost | wrong `Ok` | longest pause |\n\
             |---------------|------:|----------:|----------:|--------:|------------:|--------------:|-----:|-----------:|--------------:|\n\
             | broker-killed |    20 |    200000 |         0 |       0 |           0 |             0 |    2 |          0 |         3.1 s |\n\
             \n\
             - broker-killed: 2 events were lost"
        );
    }
}
