//! The build time that the macros add: the CPU time of `cargo check` on crates that differ in the macros only.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use self::source::Layer;
use crate::number;

mod source;

#[derive(Debug)]
pub(crate) struct CompileBenchmark {
    rounds: usize,
    counts: Vec<usize>,
}

/// The minimum CPU seconds of each layer, with one row for each number of events.
#[derive(Debug)]
pub(crate) struct CompileTable {
    rounds: usize,
    rows: Vec<(usize, [f64; LAYERS])>,
}

const LAYERS: usize = Layer::ALL.len();

impl CompileBenchmark {
    pub(crate) fn parse(args: &[&str]) -> Result<Self, String> {
        let mut benchmark = Self {
            rounds: 5,
            counts: Vec::new(),
        };
        let mut args = args.iter();
        while let Some(&arg) = args.next() {
            if arg == "--rounds" {
                benchmark.rounds = number(args.next().ok_or("no number after `--rounds`")?)?;
            } else {
                benchmark.counts.push(number(arg)?);
            }
        }
        if benchmark.counts.is_empty() {
            benchmark.counts = vec![10, 100, 500];
        }
        Ok(benchmark)
    }

    pub(crate) fn run(self) -> Result<CompileTable, String> {
        let mut rows = Vec::new();
        for &count in &self.counts {
            let crates = Layer::ALL
                .iter()
                .map(|&layer| {
                    GeneratedCrate::write(layer, count)
                        .map_err(|error| format!("cannot write a crate: {error}"))
                })
                .collect::<Result<Vec<_>, _>>()?;
            // Builds the dependencies, which are not measured.
            crates[0].check()?;
            let mut minimum = [f64::INFINITY; LAYERS];
            // Each round runs all layers, so that a busy machine slows all of them. Other processes can only add time,
            // so the minimum counts.
            for round in 1..=self.rounds {
                eprintln!("{count} events and handlers, round {round} of {}", self.rounds);
                for (minimum, generated) in minimum.iter_mut().zip(&crates) {
                    *minimum = minimum.min(generated.check()?);
                }
            }
            rows.push((count, minimum));
        }
        Ok(CompileTable {
            rounds: self.rounds,
            rows,
        })
    }
}

struct GeneratedCrate {
    folder: PathBuf,
    target: PathBuf,
    source: String,
}

impl GeneratedCrate {
    fn write(layer: Layer, count: usize) -> io::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
        let target = root.join("target/bench/compile");
        let folder = target.join(format!("{}-{count}", layer.name()));
        fs::create_dir_all(folder.join("src"))?;
        fs::write(
            folder.join("Cargo.toml"),
            source::manifest(&root.display().to_string()),
        )?;
        // The workspace's versions, so that cargo downloads nothing.
        fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
        Ok(Self {
            folder,
            target: target.join("target"),
            source: source::source(layer, count),
        })
    }

    /// Runs `cargo check` after a change of this crate only, and returns its CPU seconds.
    fn check(&self) -> Result<f64, String> {
        let cannot = |error: &dyn fmt::Display| format!("cannot check {}: {error}", self.folder.display());
        // A new write makes the source newer than its last build.
        fs::write(self.folder.join("src/main.rs"), &self.source).map_err(|error| cannot(&error))?;
        // The shell's `time` includes child processes, on Linux and macOS.
        let output = Command::new("bash")
            .args(["-c", "TIMEFORMAT='%U %S'; time cargo check --quiet --offline"])
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", &self.target)
            // An incremental build would reuse the work that is measured.
            .env("CARGO_INCREMENTAL", "0")
            .env("LC_ALL", "C")
            .output()
            .map_err(|error| cannot(&error))?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(cannot(&stderr));
        }
        let times: Vec<f64> = stderr
            .lines()
            .last()
            .unwrap_or_default()
            .split(' ')
            .filter_map(|time| time.parse().ok())
            .collect();
        match times.as_slice() {
            [user, system] => Ok(user + system),
            _ => Err(cannot(&format!("no times in {stderr:?}"))),
        }
    }
}

impl CompileTable {
    /// The seconds that `to` takes more than `from`.
    fn between(row: &[f64; LAYERS], from: Layer, to: Layer) -> f64 {
        row[to as usize] - row[from as usize]
    }
}

impl fmt::Display for CompileTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\nCPU seconds (user and system) of `cargo check`, minimum of {} rounds; each column adds to the one before\n",
            self.rounds
        )?;
        writeln!(
            f,
            "{:>5}  {:>7}  {:>7}  {:>9}  {:>7}  {:>10}  {:>7}  {:>16}  {:>10}",
            "N",
            "plain",
            "+serde",
            "+schemars",
            "+derive",
            "+attribute",
            "+list",
            "derive+attribute",
            "ours/serde"
        )?;
        let mut first: Option<(f64, f64)> = None;
        let mut growth = String::new();
        for (count, row) in &self.rows {
            let serde = Self::between(row, Layer::Plain, Layer::Serde);
            let schemars = Self::between(row, Layer::Serde, Layer::Schemars);
            let derive = Self::between(row, Layer::Schemars, Layer::Derive);
            let attribute = Self::between(row, Layer::Derive, Layer::Attribute);
            let list = Self::between(row, Layer::Attribute, Layer::List);
            let ours = derive + attribute;
            writeln!(
                f,
                "{count:>5}  {:>7.2}  {serde:>7.2}  {schemars:>9.2}  {derive:>7.2}  {attribute:>10.2}  {list:>7.2}  {ours:>16.2}  {:>10.2}",
                row[0],
                ours / serde
            )?;
            #[allow(clippy::cast_precision_loss)] // There are fewer than 2^53 events.
            let each = (1000.0 * ours / *count as f64, 1000.0 * list / *count as f64);
            write!(growth, "\n{count:>5}  {:.2} ms and {:.2} ms", each.0, each.1)?;
            if let Some((ours, _)) = first {
                write!(growth, ", {:.2} times the first row", each.0 / ours)?;
            }
            first = first.or(Some(each));
        }
        writeln!(
            f,
            "\nan event with its handler, and its entry in the list:{growth}"
        )
    }
}
