//! The program that `cargo xtask soak --minutes 30` runs: `soak --minutes 30 --seed 7`.

use std::process::ExitCode;
use std::time::Duration;

use tidings_broker::Install;
use tidings_faults::{Form, Harness, Row, Times, child, soak};

fn main() -> ExitCode {
    if child::ran() {
        return ExitCode::SUCCESS;
    }
    let (minutes, seed) = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("soak: {error}");
            return ExitCode::from(2);
        }
    };
    let install = Install::find().expect("RabbitMQ is installed");
    println!("{minutes} minutes on RabbitMQ {}, seed {seed}", install.version);
    let harness = Harness::new(&install, Form::Full, "soak", Times { short: 1, full: 1 }, seed);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("the runtime starts");
    let table = runtime.block_on(soak::soak(&harness, Duration::from_secs(minutes * 60)));
    println!(
        "\n{minutes} minutes on RabbitMQ {}, seed {seed}\n\n{table}",
        install.version
    );
    if table.0.iter().all(Row::passed) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn arguments() -> Result<(u64, u64), String> {
    let (mut minutes, mut seed) = (None, fastrand::u64(..1_000_000));
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut number = || {
            let text = args.next().unwrap_or_default();
            text.parse()
                .map_err(|_| format!("no number after `{arg}`; write `{arg} 30`"))
        };
        match arg.as_str() {
            "--minutes" => minutes = Some(number()?),
            "--seed" => seed = number()?,
            _ => return Err(format!("no option `{arg}`; there are `--minutes` and `--seed`")),
        }
    }
    let minutes = minutes.ok_or("no duration; write `--minutes 30`")?;
    Ok((minutes, seed))
}
