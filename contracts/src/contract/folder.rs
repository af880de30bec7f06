//! A folder of contract files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::check::committed;
use crate::contract::Contract;
use crate::error::{Error, Result};

/// The contracts of a folder, by event type and version.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Folder {
    contracts: BTreeMap<(String, u32), Contract>,
}

impl Folder {
    /// Reads every `<type>.v<N>.json` in `path` without its subfolders. A missing folder holds no contracts.
    ///
    /// # Errors
    /// When a file cannot be read, is not a contract, or has the name of another event.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(unreadable(path, source)),
        };
        let mut folder = Self::default();
        for entry in entries {
            let file = entry.map_err(|source| unreadable(path, source))?.path();
            let name = file
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            if !Self::is_contract(name) {
                continue;
            }
            let text = fs::read_to_string(&file).map_err(|source| unreadable(&file, source))?;
            let malformed = |reason| Error::MalformedFile {
                path: file.clone(),
                reason,
            };
            let contract = Contract::read(&text).map_err(malformed)?;
            if contract.file_name() != name {
                return Err(malformed(format!(
                    "it holds `{}`, whose file name is `{}`",
                    contract.event_type,
                    contract.file_name()
                )));
            }
            folder.insert(contract);
        }
        Ok(folder)
    }

    /// Writes `contract` into the folder `path`, creates the folder if needed, and returns the path of the file.
    ///
    /// # Errors
    /// When the folder cannot be created or the file cannot be written.
    pub fn write(path: impl AsRef<Path>, contract: &Contract) -> Result<PathBuf> {
        let file = path.as_ref().join(contract.file_name());
        committed::write(&file, &contract.to_json())?;
        Ok(file)
    }

    /// Tells whether a file has the name of a contract: `<type>.v<N>.json`.
    pub(crate) fn is_contract(name: &str) -> bool {
        name.strip_suffix(".json")
            .and_then(|name| name.rsplit_once(".v"))
            .is_some_and(|(_, version)| version.parse::<u32>().is_ok())
    }

    /// Adds a contract. It replaces the contract of the same type and version.
    pub fn insert(&mut self, contract: Contract) {
        let key = (contract.event_type.clone(), contract.version);
        self.contracts.insert(key, contract);
    }

    /// The contract of one version of an event type.
    pub fn get(&self, event_type: &str, version: u32) -> Option<&Contract> {
        self.contracts.get(&(event_type.to_owned(), version))
    }

    /// All contracts, by event type, the oldest version first.
    pub fn iter(&self) -> impl Iterator<Item = &Contract> {
        self.contracts.values()
    }

    /// All versions of an event type, the oldest first.
    pub fn versions(&self, event_type: &str) -> impl Iterator<Item = &Contract> {
        self.contracts
            .range((event_type.to_owned(), 0)..=(event_type.to_owned(), u32::MAX))
            .map(|(_, contract)| contract)
    }

    /// The number of contracts.
    pub fn len(&self) -> usize {
        self.contracts.len()
    }

    /// Whether the folder holds no contracts.
    pub fn is_empty(&self) -> bool {
        self.contracts.is_empty()
    }
}

impl FromIterator<Contract> for Folder {
    fn from_iter<I: IntoIterator<Item = Contract>>(contracts: I) -> Self {
        let mut folder = Self::default();
        contracts.into_iter().for_each(|contract| folder.insert(contract));
        folder
    }
}

fn unreadable(path: &Path, source: std::io::Error) -> Error {
    Error::Read {
        path: path.to_owned(),
        source,
    }
}
