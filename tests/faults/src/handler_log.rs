//! A file in which handlers record the events that they finished.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// A file in which a handler records an event before it returns, and so before the event is acked. Clones, and other
/// processes that open the same path, append whole lines to the same file.
#[derive(Debug, Clone)]
pub struct HandlerLog(Arc<LogFile>);

#[derive(Debug)]
struct LogFile {
    path: PathBuf,
    file: File,
}

/// One line of the file: a handler finished an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The name of the handler.
    pub handler: String,
    /// The number of the event.
    pub number: u64,
    /// The id of the event.
    pub id: String,
    /// The aggregate of the event.
    pub aggregate: String,
    /// The time, in microseconds since 1970.
    pub at: u64,
}

impl HandlerLog {
    /// Opens the file, or creates it.
    ///
    /// # Panics
    /// When the file cannot be opened.
    pub fn open(path: &Path) -> Self {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap_or_else(|error| panic!("cannot open {}: {error}", path.display()));
        Self(Arc::new(LogFile {
            path: path.to_owned(),
            file,
        }))
    }

    /// The path of the file, for other processes that append to it.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Records that `handler` finished an event. A handler calls this last.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn record(&self, handler: &str, number: u64, id: &str, aggregate: &str) {
        let text = format!("{handler} {number} {id} {aggregate} {}\n", now());
        // The system completes a single append even if this process is killed right after.
        let written = (&self.0.file)
            .write(text.as_bytes())
            .expect("the handler log can be written");
        assert_eq!(written, text.len(), "the line is written whole");
    }

    /// Returns a reader that starts at the beginning.
    pub fn reader(&self) -> HandlerLogReader {
        HandlerLogReader {
            path: self.0.path.clone(),
            read: 0,
            entries: Vec::new(),
        }
    }
}

/// Reads the file while it grows.
#[derive(Debug)]
pub struct HandlerLogReader {
    path: PathBuf,
    read: u64,
    entries: Vec<LogEntry>,
}

impl HandlerLogReader {
    /// Reads new entries and returns all entries.
    ///
    /// # Panics
    /// When the file cannot be read.
    pub fn entries(&mut self) -> &[LogEntry] {
        let mut text = String::new();
        let mut file = File::open(&self.path).expect("the handler log exists");
        file.seek(SeekFrom::Start(self.read))
            .expect("the handler log is seekable");
        file.read_to_string(&mut text)
            .expect("the handler log can be read");
        // Only whole lines are read, because the last line may be incomplete.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        self.entries.extend(text[..whole].lines().map(LogEntry::parse));
        self.read += whole as u64;
        &self.entries
    }
}

impl LogEntry {
    // plain 17 0193… one-3 1790000000000000
    fn parse(text: &str) -> Self {
        let mut words = text.split(' ');
        let mut next = || {
            words
                .next()
                .unwrap_or_else(|| panic!("invalid line of a handler log: {text}"))
        };
        Self {
            handler: next().to_owned(),
            number: next().parse().expect("a number"),
            id: next().to_owned(),
            aggregate: next().to_owned(),
            at: next().parse().expect("a time"),
        }
    }
}

/// Returns how often each handler finished each event.
pub fn finished(entries: &[LogEntry]) -> HashMap<(&str, u64), u64> {
    let mut finished = HashMap::new();
    for entry in entries {
        *finished
            .entry((entry.handler.as_str(), entry.number))
            .or_default() += 1;
    }
    finished
}

/// Returns the violations of the order in which `handler` finished the events of each aggregate. First completions must
/// be in order. A replay must start at an event that was already seen and skip none.
pub fn disorder(entries: &[LogEntry], handler: &str) -> Vec<String> {
    let mut violations = Vec::new();
    let mut aggregates: HashMap<&str, AggregateProgress> = HashMap::new();
    for LogEntry {
        aggregate, number, ..
    } in entries.iter().filter(|entry| entry.handler == handler)
    {
        let progress = aggregates.entry(aggregate).or_default();
        if let Some(violation) = progress.finish(*number) {
            let before = &progress.all[progress.all.len().saturating_sub(12)..];
            violations.push(format!("{handler}: {aggregate}: {violation}: {before:?}"));
        }
    }
    violations
}

/// The finished events of one aggregate.
#[derive(Default)]
struct AggregateProgress {
    /// The position of each number in the order of first completions.
    positions: HashMap<u64, usize>,
    /// The position of the event that was finished last.
    last: usize,
    newest: u64,
    all: Vec<u64>,
}

impl AggregateProgress {
    fn finish(&mut self, number: u64) -> Option<&'static str> {
        self.all.push(number);
        let next = self.last + 1;
        if let Some(&position) = self.positions.get(&number) {
            self.last = position;
            // A replay may start at any event already seen. It must then continue with every following event.
            return (position > next).then_some("a replay skipped events");
        }
        let (is_first, is_older) = (self.positions.is_empty(), self.newest > number);
        self.last = self.positions.len();
        self.positions.insert(number, self.last);
        self.newest = self.newest.max(number);
        if is_older {
            Some("an event was finished after a later one")
        } else {
            (!is_first && next != self.last).then_some("a replay stopped before the last event already seen")
        }
    }
}

/// Microseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(numbers: &[u64]) -> Vec<String> {
        let entries: Vec<LogEntry> = numbers
            .iter()
            .map(|number| LogEntry::parse(&format!("h {number} id a 0")))
            .collect();
        disorder(&entries, "h")
    }

    #[test]
    fn a_complete_replay_is_in_order() {
        for numbers in [
            &[1, 2, 5][..],
            &[1, 2, 3, 2, 3, 4],
            &[1, 1, 1, 2],
            &[1, 2, 3, 1, 2, 1, 2, 3, 4],
        ] {
            assert_eq!(order(numbers), Vec::<String>::new(), "{numbers:?}");
        }
    }

    #[test]
    fn late_and_skipped_events_are_reported() {
        for numbers in [&[2, 1][..], &[1, 2, 3, 1, 3], &[1, 2, 3, 1, 4]] {
            assert_eq!(order(numbers).len(), 1, "{numbers:?}");
        }
    }
}
