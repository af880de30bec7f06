//! What a command line asks for, and its rounds.

use std::fs;
use std::path::{Path, PathBuf};

use tidings_broker::{Node, Version};

use crate::broker;
use crate::machine;
use crate::results::{Page, Pages};
use crate::rounds::{self, Extent, Stage};
use crate::runtime_cost;
use crate::scenario::{self, On, Scenario};

/// What to measure, and on what.
#[derive(Debug)]
pub(crate) struct Order {
    scenarios: Vec<&'static Scenario>,
    broker: Option<Version>,
    queues: Vec<&'static str>,
    rounds: Option<usize>,
    events: Option<u64>,
    quick: bool,
    out: Option<PathBuf>,
    /// What is measured without a broker and without twins.
    alone: &'static [&'static str],
}

const TYPES: [&str; 2] = ["classic", "quorum"];

impl Order {
    pub(crate) fn parse(args: &[&str]) -> Result<Self, String> {
        let mut order = Self {
            scenarios: Vec::new(),
            broker: None,
            queues: Vec::new(),
            rounds: None,
            events: None,
            quick: false,
            out: None,
            alone: &[],
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
                "--queue" => order.queues.extend(queues(value()?)?),
                "--rounds" => order.rounds = Some(number(value()?)?),
                "--events" => order.events = Some(number(value()?)?),
                "--quick" => order.quick = true,
                "--out" => order.out = Some(value()?.into()),
                "all" => {
                    order.alone = &["overhead", "dispatch"];
                    order.scenarios.extend(scenario::ALL);
                }
                name => match scenario::ALL.iter().find(|scenario| scenario.name == name) {
                    Some(scenario) => order.scenarios.push(scenario),
                    None => return Err(format!("no benchmark or option `{name}`")),
                },
            }
        }
        if order.scenarios.is_empty() {
            return Err("no benchmark given".to_owned());
        }
        if order.queues.is_empty() {
            order.queues.extend(if order.alone.is_empty() {
                &TYPES[1..]
            } else {
                &TYPES[..]
            });
        }
        Ok(order)
    }

    pub(crate) fn run(self) -> Result<(), String> {
        let needs_broker = self.scenarios.iter().any(|scenario| scenario.on != On::Memory);
        let (node, version) = if needs_broker {
            broker::start(self.broker.as_ref()).map(|(node, version)| (Some(node), version))?
        } else {
            (None, "no broker".to_owned())
        };
        let stage = Stage {
            url: node.as_ref().map_or_else(|| "memory:".to_owned(), Node::url),
            pid: node.as_ref().and_then(Node::pid),
        };
        let mut pages = Pages {
            broker: version,
            machine: machine::describe(),
            all: Vec::new(),
            alone: Vec::new(),
        };
        for scenario in &self.scenarios {
            let queues = match scenario.on {
                On::Memory => &["memory"],
                On::OwnQueues => &TYPES[1..],
                On::Queues => self.queues.as_slice(),
            };
            let extent = Extent {
                queues,
                rounds: self
                    .rounds
                    .unwrap_or(if self.quick { 2 } else { scenario.rounds }),
                events: self.events,
                quick: self.quick,
            };
            let rounds = rounds::rounds(scenario, &stage, &extent);
            for queue in queues {
                let page = Page::new(scenario, queue, &rounds);
                // As it comes: all of them take a while.
                print!("{page}");
                pages.all.push(page);
            }
            // And what is there is kept, should the machine go away.
            self.save(&pages)?;
        }
        for name in self.alone {
            let rounds = if self.quick { &["--rounds", "2"][..] } else { &[] };
            let table = runtime_cost::Order::parse(name, rounds)?.run()?;
            print!("{table}");
            pages.alone.push(table);
            self.save(&pages)?;
        }
        print!("{}", pages.verdicts());
        Ok(())
    }

    fn save(&self, pages: &Pages) -> Result<(), String> {
        let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench/results");
        let folder = self.out.as_deref().unwrap_or(&usual);
        let name = match self.scenarios.as_slice() {
            [one] => one.name,
            _ => "all",
        };
        let name = format!("{name}-{}", pages.broker.replace(' ', "-"));
        let write = |ending: &str, text: String| {
            let file = folder.join(format!("{name}.{ending}"));
            fs::write(&file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))
        };
        fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        write("json", pages.json())?;
        write("md", pages.markdown())
    }
}

fn queues(text: &str) -> Result<Vec<&'static str>, String> {
    if text == "both" {
        return Ok(TYPES.to_vec());
    }
    let found = TYPES.iter().find(|queue| **queue == text);
    found
        .map(|queue| vec![*queue])
        .ok_or_else(|| format!("no queue type `{text}`; there are `classic`, `quorum` and `both`"))
}

fn number<T: std::str::FromStr + PartialOrd + From<u8>>(text: &str) -> Result<T, String> {
    match text.parse::<T>() {
        Ok(number) if number >= T::from(1) => Ok(number),
        _ => Err(format!("`{text}` is not a number from 1 up")),
    }
}
