//! The file of waivers in a folder of contracts.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::waiver::{Waiver, Waivers};
use crate::error::{Error, Result};

const FILE_NAME: &str = "waivers.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WaiverFile {
    #[serde(default)]
    waiver: Vec<Waiver>,
}

impl Waivers {
    /// Reads `waivers.toml` in the folder `path`; where it is not there, nothing is waived.
    ///
    /// # Errors
    /// When it cannot be read, or a waiver lacks its reason or its day, or names a rule that is none.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path: PathBuf = path.as_ref().join(FILE_NAME);
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text).map_err(|reason| Error::MalformedWaivers { path, reason }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    /// Reads the text of such a file.
    pub(crate) fn parse(text: &str) -> std::result::Result<Self, String> {
        let file: WaiverFile = toml::from_str(text).map_err(|error| error.to_string())?;
        Ok(Self { waivers: file.waiver })
    }
}
