//! Runs the scenarios of the command line, and saves the results.

use std::fs;
use std::path::{Path, PathBuf};

use tidings_broker::{Node, Version};

use crate::broker;
use crate::machine;
use crate::number;
use crate::results::{Results, ScenarioResult};
use crate::rounds::{self, Broker, Options};
use crate::runtime_cost::RuntimeCost;
use crate::scenario::{self, On, Scenario};

#[derive(Debug)]
pub(crate) struct Comparison {
    scenarios: Vec<&'static Scenario>,
    broker: Option<Version>,
    queues: Vec<&'static str>,
    rounds: Option<usize>,
    events: Option<u64>,
    quick: bool,
    out: Option<PathBuf>,
    /// The benchmarks that need no broker and no other client: `overhead` and `dispatch`.
    runtime_costs: &'static [&'static str],
}

const TYPES: [&str; 2] = ["classic", "quorum"];

impl Comparison {
    pub(crate) fn parse(args: &[&str]) -> Result<Self, String> {
        let mut comparison = Self {
            scenarios: Vec::new(),
            broker: None,
            queues: Vec::new(),
            rounds: None,
            events: None,
            quick: false,
            out: None,
            runtime_costs: &[],
        };
        let mut args = args.iter();
        while let Some(&arg) = args.next() {
            let mut value = || {
                args.next()
                    .copied()
                    .ok_or_else(|| format!("no value after `{arg}`"))
            };
            match arg {
                "--broker" => comparison.broker = Some(value()?.parse().map_err(|error| format!("{error}"))?),
                "--queue" => comparison.queues.extend(queues(value()?)?),
                "--rounds" => comparison.rounds = Some(number(value()?)?),
                "--events" => comparison.events = Some(number(value()?)?),
                "--quick" => comparison.quick = true,
                "--out" => comparison.out = Some(value()?.into()),
                "all" => {
                    comparison.runtime_costs = &["overhead", "dispatch"];
                    comparison.scenarios.extend(scenario::ALL);
                }
                name => match scenario::ALL.iter().find(|scenario| scenario.name == name) {
                    Some(scenario) => comparison.scenarios.push(scenario),
                    None => return Err(format!("no benchmark or option `{name}`")),
                },
            }
        }
        if comparison.scenarios.is_empty() {
            return Err("no benchmark given".to_owned());
        }
        if comparison.queues.is_empty() {
            let all = !comparison.runtime_costs.is_empty();
            comparison
                .queues
                .extend(if all { &TYPES[..] } else { &TYPES[1..] });
        }
        Ok(comparison)
    }

    pub(crate) fn run(self) -> Result<(), String> {
        let needs_broker = self.scenarios.iter().any(|scenario| scenario.on != On::Memory);
        let (node, version) = if needs_broker {
            broker::start(self.broker.as_ref()).map(|(node, version)| (Some(node), version))?
        } else {
            (None, "no broker".to_owned())
        };
        let broker = Broker {
            url: node.as_ref().map_or_else(|| "memory:".to_owned(), Node::url),
            pid: node.as_ref().and_then(Node::pid),
        };
        let mut results = Results {
            broker: version,
            machine: machine::describe(),
            scenarios: Vec::new(),
            runtime_costs: Vec::new(),
        };
        for scenario in &self.scenarios {
            let queues = match scenario.on {
                On::Memory => &["memory"],
                On::OwnQueues => &TYPES[1..],
                On::Queues => self.queues.as_slice(),
            };
            let options = Options {
                queues,
                rounds: self
                    .rounds
                    .unwrap_or(if self.quick { 2 } else { scenario.rounds }),
                events: self.events,
                quick: self.quick,
            };
            let rounds = rounds::run(scenario, &broker, &options);
            for queue in queues {
                let result = ScenarioResult::new(scenario, queue, &rounds);
                print!("{result}");
                results.scenarios.push(result);
            }
            // All scenarios take an hour. Save after each, so that a crash does not lose the others.
            self.save(&results)?;
        }
        for name in self.runtime_costs {
            let rounds = if self.quick { &["--rounds", "2"][..] } else { &[] };
            let table = RuntimeCost::parse(name, rounds)?.run()?;
            print!("{table}");
            results.runtime_costs.push(table);
            self.save(&results)?;
        }
        print!("{}", results.targets());
        Ok(())
    }

    fn save(&self, results: &Results) -> Result<(), String> {
        let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench/results");
        let folder = self.out.as_deref().unwrap_or(&default);
        let name = match self.scenarios.as_slice() {
            [one] => one.name,
            _ => "all",
        };
        let name = format!("{name}-{}", results.broker.replace(' ', "-"));
        let write = |extension: &str, text: String| {
            let file = folder.join(format!("{name}.{extension}"));
            fs::write(&file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))
        };
        fs::create_dir_all(folder).map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
        write("json", results.json())?;
        write("md", results.markdown())
    }
}

fn queues(text: &str) -> Result<Vec<&'static str>, String> {
    if text == "both" {
        return Ok(TYPES.to_vec());
    }
    let found = TYPES.iter().find(|queue| **queue == text);
    found
        .map(|queue| vec![*queue])
        .ok_or_else(|| format!("no queue type `{text}`; write `classic`, `quorum` or `both`"))
}
