//! Finds RabbitMQ.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{env, fmt, fs};

use crate::error::Error;
use crate::version::Version;

/// The variable that selects the broker of the tests: `memory`, or the version of the RabbitMQ in [`PLACE`].
pub const BROKER: &str = "TIDINGS_TEST_BROKER";
/// The variable that locates RabbitMQ, in the format of [`Place`].
pub const PLACE: &str = "TIDINGS_TEST_RABBITMQ";

/// The folder of the Debian and Ubuntu packages. Their scripts in `PATH` switch to another user.
const PACKAGED: &str = "/usr/lib/rabbitmq/bin";

/// Where RabbitMQ is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On this machine, with the folder of its scripts.
    Installed(PathBuf),
    /// In a Docker image.
    Docker(String),
    /// In a Debian that is unpacked in this folder. It needs root.
    Root(PathBuf),
}

/// A RabbitMQ of a known version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Install {
    /// Where it is.
    pub place: Place,
    /// Its full version.
    pub version: Version,
}

/// The broker of a test run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// The in-memory broker.
    Memory,
    /// RabbitMQ.
    RabbitMq(Install),
}

/// Returns the broker that the variables select. The default is the in-memory broker.
///
/// # Errors
/// When [`BROKER`] or [`PLACE`] cannot be parsed, or there is no RabbitMQ of that version.
pub fn chosen() -> Result<Chosen, Error> {
    choose(env::var(BROKER).ok().as_deref(), env::var(PLACE).ok().as_deref())
}

// TIDINGS_TEST_BROKER=memory
// TIDINGS_TEST_BROKER=4.3.6 TIDINGS_TEST_RABBITMQ=root:/var/cache/sid
// TIDINGS_TEST_BROKER=3.10
fn choose(broker: Option<&str>, place: Option<&str>) -> Result<Chosen, Error> {
    let version: Version = match broker {
        None | Some("" | "memory") => return Ok(Chosen::Memory),
        Some(version) => version.parse()?,
    };
    if let Some(place) = place {
        let place = place.parse()?;
        return Ok(Chosen::RabbitMq(Install { place, version }));
    }
    match Install::on_this_machine()? {
        Some(install) if version.covers(&install.version) => Ok(Chosen::RabbitMq(install)),
        Some(install) => Err(Error::Install(format!(
            "{BROKER} asks for RabbitMQ {version} and {} is installed; run `cargo xtask test --broker {version}`",
            install.version
        ))),
        None => Err(missing()),
    }
}

fn missing() -> Error {
    Error::Install(
        "there is no RabbitMQ on this machine; install `rabbitmq-server`, or run `cargo xtask test`, which \
         downloads one"
            .to_owned(),
    )
}

impl Install {
    /// Returns the RabbitMQ that the variables select, else the one that is installed on this machine.
    ///
    /// # Errors
    /// When there is none, or a variable cannot be parsed.
    pub fn find() -> Result<Self, Error> {
        match chosen()? {
            Chosen::RabbitMq(install) => Ok(install),
            Chosen::Memory => Self::on_this_machine()?.ok_or_else(missing),
        }
    }

    /// Returns the RabbitMQ that is installed on this machine, if any.
    ///
    /// # Errors
    /// When its version cannot be found.
    pub fn on_this_machine() -> Result<Option<Self>, Error> {
        let Some(bin) = scripts(env::var_os("PATH").as_deref()) else {
            return Ok(None);
        };
        let version = version_of(&bin).ok_or_else(|| {
            Error::Install(format!(
                "cannot find the version of the RabbitMQ in {}: there is no plugin `rabbit`",
                bin.display()
            ))
        })?;
        Ok(Some(Self {
            place: Place::Installed(bin),
            version,
        }))
    }

    /// Returns the RabbitMQ of an unpacked Debian, if any.
    pub fn in_root(root: &Path) -> Option<Self> {
        Some(Self {
            version: version_of(&root.join("usr/lib/rabbitmq/bin"))?,
            place: Place::Root(root.to_owned()),
        })
    }
}

/// Reads the version from the name of the plugin `rabbit`, which is the broker itself.
///
/// `rabbitmqctl version` would print it as well, but it leaves a port mapper running.
fn version_of(bin: &Path) -> Option<Version> {
    let server = fs::canonicalize(bin.join("rabbitmq-server")).ok()?;
    let plugins = server.parent()?.parent()?.join("plugins");
    fs::read_dir(plugins).ok()?.find_map(|entry| {
        let name = entry.ok()?.file_name();
        let version = name.to_str()?.strip_prefix("rabbit-")?;
        version.strip_suffix(".ez").unwrap_or(version).parse().ok()
    })
}

/// Finds the folder with the scripts of an installed RabbitMQ.
fn scripts(path: Option<&OsStr>) -> Option<PathBuf> {
    let packaged = Path::new(PACKAGED);
    if packaged.join("rabbitmq-server").exists() {
        return Some(packaged.to_owned());
    }
    env::split_paths(path?).find_map(|folder| {
        // With Homebrew this is a link into the folder of the scripts.
        let server = fs::canonicalize(folder.join("rabbitmq-server")).ok()?;
        let folder = server.parent()?;
        folder.join("rabbitmqctl").exists().then(|| folder.to_owned())
    })
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Installed(bin) => write!(f, "installed:{}", bin.display()),
            Self::Docker(image) => write!(f, "docker:{image}"),
            Self::Root(root) => write!(f, "root:{}", root.display()),
        }
    }
}

impl FromStr for Place {
    type Err = Error;

    // installed:/usr/lib/rabbitmq/bin
    // docker:rabbitmq:4
    // root:/home/me/.cache/tidings/sid
    fn from_str(text: &str) -> Result<Self, Error> {
        match text.split_once(':') {
            Some(("installed", bin)) => Ok(Self::Installed(bin.into())),
            Some(("docker", image)) => Ok(Self::Docker(image.to_owned())),
            Some(("root", root)) => Ok(Self::Root(root.into())),
            _ => Err(Error::Install(format!(
                "{PLACE} is `{text}`; write `installed:<folder>`, `docker:<image>` or `root:<folder>`"
            ))),
        }
    }
}

impl fmt::Display for Install {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RabbitMQ {}", self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_it_was_parsed() {
        for text in [
            "installed:/usr/lib/rabbitmq/bin",
            "docker:rabbitmq:4",
            "root:/a b/sid",
        ] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_unknown_place_is_an_error_with_the_valid_forms() {
        let error = "podman:x".parse::<Place>().unwrap_err().to_string();
        assert!(
            error.starts_with("TIDINGS_TEST_RABBITMQ is `podman:x`; write "),
            "{error}"
        );
    }

    #[test]
    fn the_default_broker_is_the_in_memory_one() {
        for broker in [None, Some(""), Some("memory")] {
            assert_eq!(choose(broker, None).unwrap(), Chosen::Memory);
        }
    }

    #[test]
    fn a_version_and_a_place_select_a_rabbitmq() {
        assert_eq!(
            choose(Some("4.3.6"), Some("root:/sid")).unwrap(),
            Chosen::RabbitMq(Install {
                place: Place::Root("/sid".into()),
                version: "4.3.6".parse().unwrap(),
            })
        );
    }

    #[test]
    fn an_unknown_broker_is_an_error() {
        let error = choose(Some("kafka"), None).unwrap_err().to_string();
        assert!(error.starts_with("`kafka` is no version; "), "{error}");
    }

    #[test]
    fn a_missing_folder_is_not_a_root() {
        assert_eq!(Install::in_root(Path::new("/no/such/folder")), None);
    }
}
