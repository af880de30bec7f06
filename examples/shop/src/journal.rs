//! A journal: a service records its state of each order here before it acts on it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

/// The entries of a journal, by order.
pub type Entries<E> = BTreeMap<Uuid, E>;

/// One entry per order, in memory or in a file of JSON lines. The last line of an order counts.
///
/// The file remains when the process ends, and several instances of a service can share it. A clone is cheap.
#[derive(Debug)]
pub struct Journal<E>(Arc<Mutex<Pages<E>>>);

#[derive(Debug)]
struct Pages<E> {
    entries: Entries<E>,
    file: Option<File>,
    /// The number of bytes of the file that `entries` covers.
    read: u64,
}

impl<E: Clone + Serialize + DeserializeOwned> Journal<E> {
    /// Creates a journal that ends with the process.
    pub fn in_memory() -> Self {
        Self::of(None)
    }

    /// Opens the journal in the file `name` of `folder`, or creates one in memory when there is no folder.
    ///
    /// # Errors
    /// When the file cannot be opened, or has other content.
    pub fn open(folder: Option<&Path>, name: &str) -> io::Result<Self> {
        let Some(folder) = folder else {
            return Ok(Self::in_memory());
        };
        std::fs::create_dir_all(folder)?;
        let path = folder.join(name).with_extension("jsonl");
        let journal = Self::of(Some(
            OpenOptions::new()
                .read(true)
                .append(true)
                .create(true)
                .open(path)?,
        ));
        journal.entries()?;
        Ok(journal)
    }

    fn of(file: Option<File>) -> Self {
        Self(Arc::new(Mutex::new(Pages {
            entries: Entries::new(),
            file,
            read: 0,
        })))
    }

    /// All entries.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn entries(&self) -> io::Result<Entries<E>> {
        self.pages().locked(|pages| Ok(pages.entries.clone()))
    }

    /// Calls `decide` with all entries, and writes the entry that it returns for the order, under one lock.
    ///
    /// # Errors
    /// The error of `decide` or of the file. On an error nothing is written.
    pub fn write<F, X>(&self, order_id: Uuid, decide: F) -> Result<(), X>
    where
        F: FnOnce(&Entries<E>) -> Result<Option<E>, X>,
        X: From<io::Error>,
    {
        self.pages().locked(|pages| match decide(&pages.entries)? {
            Some(entry) => Ok(pages.append(order_id, entry)?),
            None => Ok(()),
        })
    }

    fn pages(&self) -> MutexGuard<'_, Pages<E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: Serialize + DeserializeOwned> Pages<E> {
    /// Locks the file against other processes, reads their new lines, and then does `work`.
    fn locked<T, X: From<io::Error>>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, X>,
    ) -> Result<T, X> {
        // The operating system also releases the lock of a killed process.
        if let Some(file) = &self.file {
            file.lock()?;
        }
        let done = self.catch_up().map_err(X::from).and_then(|()| work(self));
        if let Some(file) = &self.file {
            file.unlock()?;
        }
        done
    }

    fn catch_up(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        file.seek(SeekFrom::Start(self.read))?;
        let mut lines = BufReader::new(&mut *file);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            let (order_id, entry) = serde_json::from_slice(&line)?;
            self.entries.insert(order_id, entry);
            self.read += line.len() as u64;
            line.clear();
        }
        // A line without an end comes from a process that was killed before it could act on the line.
        if !line.is_empty() {
            file.set_len(self.read)?;
        }
        Ok(())
    }

    fn append(&mut self, order_id: Uuid, entry: E) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            let mut line = serde_json::to_string(&(order_id, &entry))?;
            line.push('\n');
            // No `fsync`: the file has to survive a crash of the process, not of the machine.
            file.write_all(line.as_bytes())?;
            self.read += line.len() as u64;
        }
        self.entries.insert(order_id, entry);
        Ok(())
    }
}

impl<E> Clone for Journal<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
