//! What a command line asks for, and its rounds.

use std::fs;
use std::path::Path;

use tidings_broker::{Node, Version};

use crate::broker;
use crate::machine;
use crate::page::Page;
use crate::round::{self, Stage};
use crate::scenario::{self, Queue, Scenario};

/// What to measure, and on what.
#[derive(Debug)]
pub(crate) struct Order {
    scenarios: Vec<&'static Scenario>,
    broker: Option<Version>,
    queue: &'static str,
    rounds: usize,
    events: Option<u64>,
}

impl Order {
    pub(crate) fn parse(args: &[&str]) -> Result<Self, String> {
        let mut order = Self {
            scenarios: Vec::new(),
            broker: None,
            queue: "quorum",
            rounds: 10,
            events: None,
        };
        let mut args = args.iter();
        while let Some(&arg) = args.next() {
            let mut value = || {
                args.next()
                    .copied()
                    .ok_or_else(|| format!("no value after `{arg}`"))
            };
            match arg {
                "--broker" => order.broker = Some(value()?.parse().map_err(|fault| format!("{fault}"))?),
                "--queue" => {
                    order.queue = match value()? {
                        "classic" => "classic",
                        "quorum" => "quorum",
                        other => {
                            return Err(format!(
                                "no queue type `{other}`; there are `classic` and `quorum`"
                            ));
                        }
                    }
                }
                "--rounds" => order.rounds = number(value()?)?,
                "--events" => order.events = Some(number(value()?)?),
                "all" => order.scenarios.extend(scenario::ALL),
                name => match scenario::ALL.iter().find(|scenario| scenario.job.name() == name) {
                    Some(scenario) => order.scenarios.push(scenario),
                    None => return Err(format!("no benchmark or option `{name}`")),
                },
            }
        }
        if order.scenarios.is_empty() {
            return Err("no benchmark given".to_owned());
        }
        Ok(order)
    }

    pub(crate) fn run(self) -> Result<(), String> {
        let needs_broker = self
            .scenarios
            .iter()
            .any(|scenario| scenario.queue != Queue::None);
        let (node, version) = if needs_broker {
            broker::start(self.broker.as_ref()).map(|(node, version)| (Some(node), version))?
        } else {
            (None, "no broker".to_owned())
        };
        let stage = Stage {
            url: node.as_ref().map_or_else(|| "memory:".to_owned(), Node::url),
            pid: node.as_ref().and_then(Node::pid),
            queue: self.queue,
        };
        for scenario in &self.scenarios {
            let measured = round::rounds(scenario, &stage, self.rounds, self.events)?;
            let page = Page {
                scenario,
                broker: &version,
                queue: self.queue,
                machine: machine::describe(),
                measured,
            };
            save(&page)?;
            // As it comes: all of them take a while.
            print!("{page}");
        }
        Ok(())
    }
}

fn number<T: std::str::FromStr + PartialOrd + From<u8>>(text: &str) -> Result<T, String> {
    match text.parse::<T>() {
        Ok(number) if number >= T::from(1) => Ok(number),
        _ => Err(format!("`{text}` is not a number from 1 up")),
    }
}

fn save(page: &Page<'_>) -> Result<(), String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    let file = folder.join(page.file_name());
    let json = serde_json::to_string_pretty(&page.json()).unwrap_or_default();
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&file, json + "\n"))
        .map_err(|error| format!("cannot write {}: {error}", file.display()))
}
