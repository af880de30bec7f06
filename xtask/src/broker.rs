//! The brokers that suites run on.

use std::fmt;
use std::process::Command;

use tidings_broker::{BROKER, Install, PLACE};

use crate::obtain::{Want, obtain};

/// What a suite can run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It needs no broker.
    None,
    /// The in-memory broker.
    Memory,
    /// RabbitMQ.
    RabbitMq,
}

/// What a suite is to run on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    /// It needs no broker.
    None,
    /// The in-memory broker.
    Memory,
    /// A RabbitMQ that has to be got first.
    RabbitMq(Want),
}

/// What carries the events while a suite runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Broker {
    /// The suite needs no broker.
    None,
    /// The in-memory broker; nothing to start.
    Memory,
    /// A RabbitMQ, of which the tests start nodes of their own.
    RabbitMq(Install),
}

/// What was got, and what could not be: each is asked for once in a run.
#[derive(Debug, Default)]
pub(crate) struct Stock(Vec<(Want, Result<Install, String>)>);

impl Ask {
    /// What every suite runs on that can, unless the command line says otherwise.
    pub(crate) fn usual() -> Vec<Self> {
        // Written here, so it reads.
        let newest = "4".parse().map_or(Want::AtHand, Want::Version);
        vec![Self::Memory, Self::RabbitMq(Want::AtHand), Self::RabbitMq(newest)]
    }

    /// The RabbitMQ at hand.
    pub(crate) fn at_hand() -> Self {
        Self::RabbitMq(Want::AtHand)
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

    /// What it is one of.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::None => Kind::None,
            Self::Memory => Kind::Memory,
            Self::RabbitMq(_) => Kind::RabbitMq,
        }
    }
}

impl Kind {
    /// Its name in the help.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "-",
            Self::Memory => "memory",
            Self::RabbitMq => "RabbitMQ",
        }
    }
}

impl Stock {
    /// The broker asked for.
    pub(crate) fn get(&mut self, ask: &Ask) -> Result<Broker, String> {
        let want = match ask {
            Ask::None => return Ok(Broker::None),
            Ask::Memory => return Ok(Broker::Memory),
            Ask::RabbitMq(want) => want,
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
    /// Tells a command which broker its tests run on.
    pub(crate) fn tell(&self, command: &mut Command) {
        // Whatever broker the caller's shell points at, no test may run against it.
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
            }
        }
    }
}

impl fmt::Display for Ask {
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
            Self::None => f.write_str(Kind::None.name()),
            Self::Memory => f.write_str(Kind::Memory.name()),
            Self::RabbitMq(install) => install.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use tidings_broker::Place;

    use super::*;

    fn told(broker: &Broker) -> Vec<(String, Option<String>)> {
        let mut command = Command::new("x");
        broker.tell(&mut command);
        let text = |text: &OsStr| text.to_string_lossy().into_owned();
        command
            .get_envs()
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
    fn a_command_is_told_its_broker_and_nothing_of_the_shells() {
        assert_eq!(told(&Broker::None), variables(None, None));
        assert_eq!(told(&Broker::Memory), variables(Some("memory"), None));
        let install = Install {
            place: Place::Docker("rabbitmq:4".to_owned()),
            version: "4.1.2".parse().unwrap(),
        };
        assert_eq!(
            told(&Broker::RabbitMq(install)),
            variables(Some("4.1.2"), Some("docker:rabbitmq:4"))
        );
    }

    #[test]
    fn the_usual_brokers_are_three() {
        let usual: Vec<String> = Ask::usual().iter().map(Ask::to_string).collect();
        assert_eq!(usual, ["memory", "RabbitMQ", "RabbitMQ 4"]);
    }

    #[test]
    fn a_broker_is_asked_for_by_its_version() {
        assert_eq!(Ask::parse("memory"), Ok(Ask::Memory));
        assert_eq!(Ask::parse("3.10").unwrap().to_string(), "RabbitMQ 3.10");
        assert_eq!(
            Ask::parse("kafka").unwrap_err(),
            "no broker `kafka`; there is `memory`, or a version of RabbitMQ: `4`, `3.10`, `4.3.6`"
        );
    }
}
