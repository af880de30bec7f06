//! What handlers finished: a file that outlives whoever writes it.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// A file in which a handler notes an event before it returns, and so before the event is acknowledged. Clones, and
/// other processes that open the same path, write into the same file, each line whole.
#[derive(Debug, Clone)]
pub struct HandlerLog(Arc<Open>);

#[derive(Debug)]
struct Open {
    path: PathBuf,
    file: File,
}

/// A aggregate: a handler finished an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The handler's name.
    pub handler: String,
    /// The event's number.
    pub number: u64,
    /// Its id.
    pub id: String,
    /// Its aggregate.
    pub aggregate: String,
    /// When, in microseconds since 1970.
    pub at: u64,
}

impl HandlerLog {
    /// Opens the file, or makes it.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub fn open(path: &Path) -> Self {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap_or_else(|error| panic!("cannot open {}: {error}", path.display()));
        Self(Arc::new(Open {
            path: path.to_owned(),
            file,
        }))
    }

    /// Where it is, for a process that is to write into it, too.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Notes that `handler` finished an event. It is the last thing a handler does.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn record(&self, handler: &str, number: u64, id: &str, aggregate: &str) {
        let text = format!("{handler} {number} {id} {aggregate} {}\n", now());
        // One write to the end of the file: the system keeps it whole, and keeps it when we are killed.
        let written = (&self.0.file)
            .write(text.as_bytes())
            .expect("the handler_log is written");
        assert_eq!(written, text.len(), "a line is written whole");
    }

    /// Reads it from its start on.
    pub fn reader(&self) -> HandlerLogReader {
        HandlerLogReader {
            path: self.0.path.clone(),
            read: 0,
            entries: Vec::new(),
        }
    }
}

/// Reads a handler_log as it grows.
#[derive(Debug)]
pub struct HandlerLogReader {
    path: PathBuf,
    read: u64,
    entries: Vec<LogEntry>,
}

impl HandlerLogReader {
    /// All entries, those that came since the last time among them.
    ///
    /// # Panics
    /// When the file cannot be read.
    pub fn entries(&mut self) -> &[LogEntry] {
        let mut text = String::new();
        let mut file = File::open(&self.path).expect("the handler_log is there");
        file.seek(SeekFrom::Start(self.read))
            .expect("the handler_log is sought in");
        file.read_to_string(&mut text).expect("the handler_log is read");
        // Up to the last end of a line; a system that writes in parts would show one without.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        self.entries.extend(text[..whole].lines().map(LogEntry::parse));
        self.read += whole as u64;
        &self.entries
    }

    /// How many entries there are.
    pub fn count(&mut self) -> usize {
        self.entries().len()
    }
}

impl LogEntry {
    // plain 17 0193… one-3 1790000000000000
    fn parse(text: &str) -> Self {
        let mut words = text.split(' ');
        let mut next = || {
            words
                .next()
                .unwrap_or_else(|| panic!("no line of a handler_log: {text}"))
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

/// How often each handler finished each event.
pub fn finished(entries: &[LogEntry]) -> HashMap<(&str, u64), u64> {
    let mut finished = HashMap::new();
    for line in entries {
        *finished.entry((line.handler.as_str(), line.number)).or_default() += 1;
    }
    finished
}

/// What is wrong with the order in which `handler` finished the events of each aggregate: the first completions are to
/// be in order, and a replay is to start at an event already seen and to skip none.
pub fn disorder(entries: &[LogEntry], handler: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut seen: HashMap<&str, AggregateProgress> = HashMap::new();
    for LogEntry {
        aggregate, number, ..
    } in entries.iter().filter(|entry| entry.handler == handler)
    {
        let seen = seen.entry(aggregate).or_default();
        if let Some(fault) = seen.finish(*number) {
            let before = &seen.all[seen.all.len().saturating_sub(12)..];
            faults.push(format!("{handler}: {aggregate}: {fault}: {before:?}"));
        }
    }
    faults
}

/// What was finished of one aggregate.
#[derive(Default)]
struct AggregateProgress {
    /// The place of each number in the order of first completions.
    places: HashMap<u64, usize>,
    /// The place of the one that was finished last.
    last: usize,
    newest: u64,
    all: Vec<u64>,
}

impl AggregateProgress {
    fn finish(&mut self, number: u64) -> Option<&'static str> {
        self.all.push(number);
        let next = self.last + 1;
        if let Some(&place) = self.places.get(&number) {
            self.last = place;
            // A replay goes back to any event already seen, and then goes on one by one.
            return (place > next).then_some("a replay skipped some");
        }
        let (is_first, is_older) = (self.places.is_empty(), self.newest > number);
        self.last = self.places.len();
        self.places.insert(number, self.last);
        self.newest = self.newest.max(number);
        if is_older {
            Some("an event was finished after a later one")
        } else {
            (!is_first && next != self.last).then_some("a replay did not come to where it had been")
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
    fn a_replay_that_skips_nothing_is_in_order() {
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
    fn what_comes_too_late_or_skips_is_told() {
        for numbers in [&[2, 1][..], &[1, 2, 3, 1, 3], &[1, 2, 3, 1, 4]] {
            assert_eq!(order(numbers).len(), 1, "{numbers:?}");
        }
    }
}
