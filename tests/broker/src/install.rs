//! Where a RabbitMQ is.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{env, fmt, fs};

use crate::error::Error;
use crate::version::Version;

/// Tells the tests their broker: `memory`, or the version of the RabbitMQ that [`PLACE`] points at.
pub const BROKER: &str = "TIDINGS_TEST_BROKER";
/// Tells the tests where their RabbitMQ is, as [`Place`] writes it.
pub const PLACE: &str = "TIDINGS_TEST_RABBITMQ";

/// The folder of Debian's and Ubuntu's package; what they put into the path switches to another user.
const PACKAGED: &str = "/usr/lib/rabbitmq/bin";

/// How a RabbitMQ is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Installed on this machine; the folder of its scripts.
    Installed(PathBuf),
    /// An image for Docker.
    Docker(String),
    /// A Debian unpacked into this folder, RabbitMQ in it; only root can enter it.
    Root(PathBuf),
}

/// A RabbitMQ of a known version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Install {
    /// How to reach it.
    pub place: Place,
    /// Its version, in full.
    pub version: Version,
}

/// What a test is to run on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// The in-memory broker.
    Memory,
    /// This RabbitMQ.
    RabbitMq(Install),
}

/// The broker that the environment chooses; the in-memory one where it is silent.
///
/// # Errors
/// When [`BROKER`] or [`PLACE`] cannot be read, or there is no RabbitMQ of the version asked for.
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
        "no RabbitMQ on this machine; install `rabbitmq-server`, or run the tests by `cargo xtask test`, which \
         gets one"
            .to_owned(),
    )
}

impl Install {
    /// The RabbitMQ that the environment chooses, else the one installed on this machine.
    ///
    /// # Errors
    /// When there is none, or what the environment says cannot be read.
    pub fn find() -> Result<Self, Error> {
        match chosen()? {
            Chosen::RabbitMq(install) => Ok(install),
            Chosen::Memory => Self::on_this_machine()?.ok_or_else(missing),
        }
    }

    /// The RabbitMQ installed on this machine, if there is one.
    ///
    /// # Errors
    /// When its version cannot be told.
    pub fn on_this_machine() -> Result<Option<Self>, Error> {
        let Some(bin) = scripts(env::var_os("PATH").as_deref()) else {
            return Ok(None);
        };
        let version = version_of(&bin).ok_or_else(|| {
            Error::Install(format!(
                "cannot tell the version of the RabbitMQ in {}; it has no plugin `rabbit`",
                bin.display()
            ))
        })?;
        Ok(Some(Self {
            place: Place::Installed(bin),
            version,
        }))
    }

    /// The RabbitMQ in an unpacked Debian, if there is one.
    pub fn in_root(root: &Path) -> Option<Self> {
        Some(Self {
            version: version_of(&root.join("usr/lib/rabbitmq/bin"))?,
            place: Place::Root(root.to_owned()),
        })
    }
}

/// The version of the RabbitMQ whose scripts are in this folder, by the name of its first plugin, which is itself.
///
/// `rabbitmqctl version` would say it, too, and leave a port mapper of Erlang's running.
fn version_of(bin: &Path) -> Option<Version> {
    let server = fs::canonicalize(bin.join("rabbitmq-server")).ok()?;
    let plugins = server.parent()?.parent()?.join("plugins");
    fs::read_dir(plugins).ok()?.find_map(|entry| {
        let name = entry.ok()?.file_name();
        let version = name.to_str()?.strip_prefix("rabbit-")?;
        version.strip_suffix(".ez").unwrap_or(version).parse().ok()
    })
}

/// The folder of the scripts of an installed RabbitMQ.
fn scripts(path: Option<&OsStr>) -> Option<PathBuf> {
    let packaged = Path::new(PACKAGED);
    if packaged.join("rabbitmq-server").exists() {
        return Some(packaged.to_owned());
    }
    env::split_paths(path?).find_map(|folder| {
        // A link into the folder where its neighbours are, at Homebrew's.
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
    fn a_place_is_read_as_it_is_written() {
        for text in [
            "installed:/usr/lib/rabbitmq/bin",
            "docker:rabbitmq:4",
            "root:/a b/sid",
        ] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_unknown_place_says_how_to_write_one() {
        let fault = "podman:x".parse::<Place>().unwrap_err().to_string();
        assert!(
            fault.starts_with("TIDINGS_TEST_RABBITMQ is `podman:x`; write "),
            "{fault}"
        );
    }

    #[test]
    fn without_a_word_the_broker_is_the_in_memory_one() {
        for broker in [None, Some(""), Some("memory")] {
            assert_eq!(choose(broker, None).unwrap(), Chosen::Memory);
        }
    }

    #[test]
    fn a_version_and_a_place_choose_a_rabbitmq() {
        assert_eq!(
            choose(Some("4.3.6"), Some("root:/sid")).unwrap(),
            Chosen::RabbitMq(Install {
                place: Place::Root("/sid".into()),
                version: "4.3.6".parse().unwrap(),
            })
        );
    }

    #[test]
    fn a_stray_broker_is_an_error() {
        let fault = choose(Some("kafka"), None).unwrap_err().to_string();
        assert!(fault.starts_with("`kafka` is no version; "), "{fault}");
    }

    #[test]
    fn an_empty_folder_is_no_root() {
        assert_eq!(Install::in_root(Path::new("/no/such/folder")), None);
    }
}
