//! The brokers that suites run on.

use std::num::NonZero;
use std::process::Command;
use std::{env, fmt, thread};

use tidings_broker::{BROKER, Install, PLACE};

use crate::obtain::{Want, obtain};

/// The variable of libtest for how many tests run at a time.
const THREADS: &str = "RUST_TEST_THREADS";
/// Tests on RabbitMQ mostly wait, so more of them than cores can run at a time. On two cores, six instead of two save a
/// quarter of the time, and ten save no more.
const MIN_THREADS: usize = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BrokerKind {
    /// The suite needs no broker.
    None,
    Memory,
    RabbitMq,
}

/// A broker that the command line selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choice {
    None,
    Memory,
    /// A RabbitMQ that may still have to be installed.
    RabbitMq(Want),
}

/// A broker that is ready to be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Broker {
    None,
    Memory,
    /// An installed RabbitMQ. The tests start their own nodes of it.
    RabbitMq(Install),
}

/// The versions of RabbitMQ that this run has looked for, found or not. No version is looked for twice.
#[derive(Debug, Default)]
pub(crate) struct Installs(Vec<(Want, Result<Install, String>)>);

impl Choice {
    /// The brokers of a run for which the command line selects none.
    pub(crate) fn usual() -> Vec<Self> {
        let newest = "4".parse().map_or(Want::Any, Want::Version);
        vec![Self::Memory, Self::RabbitMq(Want::Any), Self::RabbitMq(newest)]
    }

    // memory
    // 4
    // 3.10
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "memory" => Ok(Self::Memory),
            _ => text
                .parse()
                .map(|version| Self::RabbitMq(Want::Version(version)))
                .map_err(|_| {
                    format!(
                        "no broker `{text}`; there is `memory`, or a version of RabbitMQ: `4`, `3.10`, `4.3.6`"
                    )
                }),
        }
    }

    pub(crate) fn kind(&self) -> BrokerKind {
        match self {
            Self::None => BrokerKind::None,
            Self::Memory => BrokerKind::Memory,
            Self::RabbitMq(_) => BrokerKind::RabbitMq,
        }
    }
}

impl BrokerKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "-",
            Self::Memory => "memory",
            Self::RabbitMq => "RabbitMQ",
        }
    }
}

impl Installs {
    pub(crate) fn get(&mut self, choice: &Choice) -> Result<Broker, String> {
        let want = match choice {
            Choice::None => return Ok(Broker::None),
            Choice::Memory => return Ok(Broker::Memory),
            Choice::RabbitMq(want) => want,
        };
        let known = self.0.iter().find(|(other, _)| other == want);
        let got = if let Some((_, got)) = known {
            got.clone()
        } else {
            let got = obtain(want);
            self.0.push((want.clone(), got.clone()));
            got
        };
        got.map(Broker::RabbitMq)
    }
}

impl Broker {
    /// Passes the broker on to a command that runs tests.
    pub(crate) fn set(&self, command: &mut Command) {
        // A test must not use a broker that the caller's environment names.
        command
            .env_remove("TIDINGS_URL")
            .env_remove(BROKER)
            .env_remove(PLACE);
        match self {
            Self::None => {}
            Self::Memory => {
                command.env(BROKER, "memory");
            }
            Self::RabbitMq(install) => {
                command.env(BROKER, install.version.to_string());
                command.env(PLACE, install.place.to_string());
                if env::var_os(THREADS).is_none() {
                    let cores = thread::available_parallelism().map_or(1, NonZero::get);
                    command.env(THREADS, cores.max(MIN_THREADS).to_string());
                }
            }
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RabbitMq(want) => want.fmt(f),
            Self::None | Self::Memory => f.write_str(self.kind().name()),
        }
    }
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str(BrokerKind::None.name()),
            Self::Memory => f.write_str(BrokerKind::Memory.name()),
            Self::RabbitMq(install) => install.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use tidings_broker::Place;

    use super::*;

    fn environment(broker: &Broker) -> Vec<(String, Option<String>)> {
        let mut command = Command::new("x");
        broker.set(&mut command);
        let text = |text: &OsStr| text.to_string_lossy().into_owned();
        command
            .get_envs()
            .filter(|(name, _)| *name != THREADS)
            .map(|(name, value)| (text(name), value.map(text)))
            .collect()
    }

    fn variables(broker: Option<&str>, place: Option<&str>) -> Vec<(String, Option<String>)> {
        vec![
            (BROKER.to_owned(), broker.map(str::to_owned)),
            (PLACE.to_owned(), place.map(str::to_owned)),
            ("TIDINGS_URL".to_owned(), None),
        ]
    }

    #[test]
    fn a_command_gets_its_own_broker_and_not_the_callers() {
        assert_eq!(environment(&Broker::None), variables(None, None));
        assert_eq!(environment(&Broker::Memory), variables(Some("memory"), None));
        let install = Install {
            place: Place::Docker("rabbitmq:4".to_owned()),
            version: "4.1.2".parse().unwrap(),
        };
        assert_eq!(
            environment(&Broker::RabbitMq(install)),
            variables(Some("4.1.2"), Some("docker:rabbitmq:4"))
        );
    }

    #[test]
    fn the_usual_brokers_are_three() {
        let usual: Vec<String> = Choice::usual().iter().map(Choice::to_string).collect();
        assert_eq!(usual, ["memory", "RabbitMQ", "RabbitMQ 4"]);
    }

    #[test]
    fn a_broker_is_selected_by_its_version() {
        assert_eq!(Choice::parse("memory"), Ok(Choice::Memory));
        assert_eq!(Choice::parse("3.10").unwrap().to_string(), "RabbitMQ 3.10");
        assert_eq!(
            Choice::parse("kafka").unwrap_err(),
            "no broker `kafka`; there is `memory`, or a version of RabbitMQ: `4`, `3.10`, `4.3.6`"
        );
    }
}
