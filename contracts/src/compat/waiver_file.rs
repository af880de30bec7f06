//! Reads the file of waivers in a folder of contracts.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::waiver::{Waiver, Waivers};
use crate::check::committed;
use crate::error::{Error, Result};

const FILE_NAME: &str = "waivers.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WaiverFile {
    #[serde(default)]
    waiver: Vec<Waiver>,
}

impl Waivers {
    /// Reads `waivers.toml` in the folder `path`. A missing file holds no waivers.
    ///
    /// # Errors
    /// When the file cannot be read, or when a waiver has no reason, no date, or an unknown rule.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path: PathBuf = path.as_ref().join(FILE_NAME);
        match committed::read(&path)? {
            Some(text) => Self::parse(&text).map_err(|reason| Error::MalformedWaivers { path, reason }),
            None => Ok(Self::default()),
        }
    }

    pub(crate) fn parse(text: &str) -> std::result::Result<Self, String> {
        let file: WaiverFile = toml::from_str(text).map_err(|error| error.to_string())?;
        Ok(Self { waivers: file.waiver })
    }
}
