//! The soak: faults drawn one after the other, for as long as is asked for.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::broker::{Ask, Kind, Stock};
use crate::child;
use crate::tool::CARGO;

/// How long beside its time a soak may take: a first build, and what it settles at its end.
const BESIDE: Duration = Duration::from_mins(30);

/// A soak that was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Soak {
    minutes: u64,
    ask: Ask,
    seed: Option<u64>,
}

impl Soak {
    // --minutes 30
    // --minutes 30 --broker 4 --seed 7
    pub(crate) fn parse(args: &[&str]) -> Result<Self, String> {
        let (mut minutes, mut ask, mut seed) = (None, None, None);
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
                "--broker" => ask = Some(Ask::parse(value)?),
                _ => {
                    return Err(format!(
                        "no option `{option}` of `soak`; there are `--minutes`, `--broker` and `--seed`"
                    ));
                }
            }
        }
        let ask = ask.unwrap_or_else(Ask::at_hand);
        if ask.kind() != Kind::RabbitMq {
            return Err("a soak runs on RabbitMQ; write a version, such as `--broker 4`".to_owned());
        }
        Ok(Self {
            minutes: minutes.ok_or("a soak needs a time; write `--minutes 30`")?,
            ask,
            seed,
        })
    }

    /// Runs it, its output passed on as it comes.
    pub(crate) fn run(&self, root: &Path) -> Result<(), String> {
        let broker = Stock::default().get(&self.ask)?;
        let mut command = CARGO.command();
        command
            .args(["run", "--quiet", "-p", "tidings-faults", "--bin", "soak", "--"])
            .args(["--minutes", &self.minutes.to_string()])
            .current_dir(root);
        if let Some(seed) = self.seed {
            command.args(["--seed", &seed.to_string()]);
        }
        broker.tell(&mut command);
        let deadline = Instant::now() + Duration::from_secs(self.minutes * 60) + BESIDE;
        let end = child::run(&mut command, deadline, |line| {
            print!("{}", String::from_utf8_lossy(line))
        })
        .map_err(|error| format!("cannot run the soak: {error}"))?;
        match end.fault() {
            None => Ok(()),
            Some(fault) => Err(format!("the soak {fault}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_soak_has_a_time_a_broker_and_a_seed() {
        let soak = Soak::parse(&["--minutes", "30", "--broker", "4", "--seed", "7"]).unwrap();
        assert_eq!((soak.minutes, soak.seed), (30, Some(7)));
        assert_eq!(soak.ask.to_string(), "RabbitMQ 4");
        assert_eq!(Soak::parse(&["--minutes", "1"]).unwrap().ask, Ask::at_hand());
    }

    #[test]
    fn what_is_missing_or_wrong_says_what_to_write() {
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
