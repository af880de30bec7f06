//! The time of a contract check: reading the files, exporting the types, comparing them.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{env, fs, process};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{DomainEvent, EventDescriptor};
use tidings_contracts::{Contract, Folder, Level, compare};

use crate::number;

#[derive(Debug)]
pub(crate) struct ContractsBenchmark {
    count: usize,
}

/// The time of each step, for all contracts together.
#[derive(Debug)]
pub(crate) struct ContractsTable {
    count: usize,
    steps: Vec<(&'static str, Duration)>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Line {
    #[serde(alias = "article")]
    item: String,
    quantity: u32,
    price: Price,
    note: Option<String>,
    gift: bool,
}

#[derive(Serialize, Deserialize, JsonSchema)]
enum Price {
    Free,
    Cents(u32),
    Rebated { cents: u32, rebate: u32 },
}

macro_rules! order_placed {
    ($name:ident { $($more:tt)* }) => {
        /// Fifty fields, with those of its `Line`.
        #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
        #[event(type = "order.placed", aggregate_id = order_id)]
        struct $name {
            order_id: String,
            a01: String, a02: String, a03: u32, a04: u32, a05: bool, a06: Option<String>, a07: Option<u32>, a08: f64,
            a09: Vec<String>, a10: i64, b01: String, b02: String, b03: u32, b04: u32, b05: bool, b06: Option<String>,
            b07: Option<u32>, b08: f64, b09: Vec<String>, b10: i32, c01: String, c02: String, c03: u32, c04: u32,
            c05: bool, c06: Option<String>, c07: Option<u32>, c08: f64, c09: Vec<String>, c10: i16, d01: String,
            d02: String, d03: u32, d04: u32, d05: bool, d06: Option<String>, d07: Option<u32>, d08: f64,
            first: Line, lines: Vec<Line>,
            $($more)*
        }
    };
}

order_placed!(OrderPlaced {});
order_placed!(OrderPlacedWithANote { note: Option<String>, });

impl ContractsBenchmark {
    pub(crate) fn parse(args: &[&str]) -> Result<Self, String> {
        match args {
            [] => Ok(Self { count: 1000 }),
            [count] => Ok(Self {
                count: number(count)?,
            }),
            _ => Err("more than one number".to_owned()),
        }
    }

    pub(crate) fn run(self) -> Result<ContractsTable, String> {
        let folder = TemporaryFolder(env::temp_dir().join(format!("tidings-bench-{}", process::id())));
        let (before, after) = (
            EventDescriptor::of::<OrderPlaced>(),
            EventDescriptor::of::<OrderPlacedWithANote>(),
        );
        let mut table = ContractsTable {
            count: self.count,
            steps: Vec::new(),
        };
        let contract = Contract::of(&before);
        for number in 0..self.count {
            let mut contract = contract.clone();
            contract.event_type = format!("order{number}.placed");
            Folder::write(&folder.0, &contract).map_err(|error| format!("{error:?}"))?;
        }
        let committed = table
            .step("read the files", || Folder::read(&folder.0))
            .map_err(|error| format!("{error:?}"))?;
        let exported: Vec<Contract> = table.step("export the types", || {
            committed
                .iter()
                .map(|known| Contract::of_successor(&after, [known]))
                .collect()
        });
        let changed = table.step("compare the texts", || {
            let pairs = committed.iter().zip(&exported);
            pairs
                .filter(|(known, now)| known.to_json() != now.to_json())
                .count()
        });
        let findings: usize = table.step("check compatibility", || {
            let pairs = committed.iter().zip(&exported);
            pairs
                .map(|(known, now)| compare(known, now, Level::Full).len())
                .sum()
        });
        if changed != self.count || findings < self.count {
            return Err(format!(
                "{changed} of {} contracts changed, with {findings} findings",
                self.count
            ));
        }
        Ok(table)
    }
}

impl ContractsTable {
    fn step<T>(&mut self, name: &'static str, run: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = run();
        self.steps.push((name, started.elapsed()));
        result
    }
}

impl fmt::Display for ContractsTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} contracts of 50 fields, each with one field more than the committed contract",
            self.count
        )?;
        let total: Duration = self.steps.iter().map(|(_, took)| *took).sum();
        for (name, took) in self.steps.iter().chain([&("total", total)]) {
            writeln!(f, "  {name:35} {:7.3} s", took.as_secs_f64())?;
        }
        Ok(())
    }
}

/// The folder is deleted on drop.
struct TemporaryFolder(PathBuf);

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
