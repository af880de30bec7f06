//! `cargo xtask soak`: runs faults in a random order for a number of minutes.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::broker::{BrokerKind, Choice, Installs};
use crate::child;
use crate::obtain::Want;
use crate::step::BUILD_LIMIT;
use crate::tool::CARGO;

/// The extra time limit of a soak after its minutes, for its last events.
const MARGIN: Duration = Duration::from_mins(30);

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Soak {
    minutes: u64,
    broker: Choice,
    seed: Option<u64>,
}

impl Soak {
    // --minutes 30
    // --minutes 30 --broker 4 --seed 7
    pub(crate) fn parse(args: &[&str]) -> Result<Self, String> {
        let (mut minutes, mut broker, mut seed) = (None, None, None);
        let mut args = args.iter();
        while let Some(&option) = args.next() {
            let value = args.next().copied().unwrap_or_default();
            let number = || {
                value
                    .parse()
                    .map_err(|_| format!("no number after `{option}`; write `{option} 30`"))
            };
            match option {
                "--minutes" => minutes = Some(number()?),
                "--seed" => seed = Some(number()?),
                "--broker" => broker = Some(Choice::parse(value)?),
                _ => {
                    return Err(format!(
                        "no option `{option}` of `soak`; there are `--minutes`, `--broker` and `--seed`"
                    ));
                }
            }
        }
        let broker = broker.unwrap_or(Choice::RabbitMq(Want::Any));
        if broker.kind() != BrokerKind::RabbitMq {
            return Err("a soak runs on RabbitMQ; write a version, such as `--broker 4`".to_owned());
        }
        Ok(Self {
            minutes: minutes.ok_or("a soak needs a time; write `--minutes 30`")?,
            broker,
            seed,
        })
    }

    /// Builds and runs the soak, and passes its output on.
    pub(crate) fn run(&self, root: &Path) -> Result<(), String> {
        let broker = Installs::default().get(&self.broker)?;
        let cargo = |command: &str| {
            let mut cargo = CARGO.command();
            cargo
                .args([command, "--quiet", "-p", "tidings-faults", "--bin", "soak"])
                .current_dir(root);
            cargo
        };
        run(&mut cargo("build"), BUILD_LIMIT)?;
        let mut soak = cargo("run");
        soak.args(["--", "--minutes", &self.minutes.to_string()]);
        if let Some(seed) = self.seed {
            soak.args(["--seed", &seed.to_string()]);
        }
        broker.set(&mut soak);
        run(&mut soak, Duration::from_secs(self.minutes * 60) + MARGIN)
    }
}

fn run(command: &mut Command, time_limit: Duration) -> Result<(), String> {
    match child::run_and_print(command, time_limit) {
        None => Ok(()),
        Some(fault) => Err(format!("the soak {fault}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_soak_has_a_time_a_broker_and_a_seed() {
        let soak = Soak::parse(&["--minutes", "30", "--broker", "4", "--seed", "7"]).unwrap();
        assert_eq!((soak.minutes, soak.seed), (30, Some(7)));
        assert_eq!(soak.broker.to_string(), "RabbitMQ 4");
        assert_eq!(
            Soak::parse(&["--minutes", "1"]).unwrap().broker,
            Choice::RabbitMq(Want::Any)
        );
    }

    #[test]
    fn a_missing_or_wrong_option_is_an_error_that_says_what_to_write() {
        for (args, fault) in [
            (&[][..], "a soak needs a time; write `--minutes 30`"),
            (
                &["--minutes"],
                "no number after `--minutes`; write `--minutes 30`",
            ),
            (
                &["--minutes", "1", "--broker", "memory"],
                "a soak runs on RabbitMQ; write a version, such as `--broker 4`",
            ),
            (
                &["--hours", "1"],
                "no option `--hours` of `soak`; there are `--minutes`, `--broker` and `--seed`",
            ),
        ] {
            assert_eq!(Soak::parse(args).unwrap_err(), fault);
        }
    }
}
