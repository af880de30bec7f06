//! Every fault, one after the other, each a test; ends with the table. `TIDINGS_TEST_FAULTS=full` is the long form.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use libtest_mimic::{Arguments, Failed, Trial};
use tidings_broker::Install;
use tidings_faults::{Fault, Form, Row, Stage, Table, all};

fn main() -> ExitCode {
    if tidings_faults::child::ran() {
        return ExitCode::SUCCESS;
    }
    let mut arguments = Arguments::from_args();
    // They share the machine with the brokers that they do things to.
    arguments.test_threads = Some(1);
    let table = Arc::new(Mutex::new(Table::default()));
    let trials = all().into_iter().map(|fault| trial(fault, &table)).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    let table = table.lock().expect("no test runs any more");
    if !table.0.is_empty() {
        show(&table);
    }
    conclusion.exit_code()
}

fn trial(fault: Fault, table: &Arc<Mutex<Table>>) -> Trial {
    let table = Arc::clone(table);
    Trial::test(fault.name, move || {
        let started = Instant::now();
        let row = match catch_unwind(AssertUnwindSafe(|| run(&fault))) {
            Ok(row) => row,
            Err(panic) => Row {
                fault: fault.name.to_owned(),
                failed: vec![text(panic.as_ref())],
                ..Row::default()
            },
        };
        println!(
            "{}{}: {:.0?}",
            Table(vec![row.clone()]),
            fault.name,
            started.elapsed()
        );
        let faults = row.faults();
        table.lock().expect("one test at a time").0.push(row);
        if faults.is_empty() {
            return Ok(());
        }
        Err(Failed::from(faults.join("\n")))
    })
}

fn run(fault: &Fault) -> Row {
    let install = Install::find().expect("a RabbitMQ");
    let stage = Stage::new(
        &install,
        Form::asked(),
        fault.name,
        fault.times,
        fastrand::u64(..),
    );
    // Of its own: a bus does not outlive the runtime that it was made on.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on((fault.run)(&stage))
}

fn text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("it panicked: {}", text.unwrap_or_default())
}

/// Prints the table, and writes it where `cargo xtask` finds it.
fn show(table: &Table) {
    let version = Install::find().expect("a RabbitMQ").version;
    println!("\nRabbitMQ {version}\n\n{table}");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("faults-{version}.md"));
    std::fs::write(&path, format!("RabbitMQ {version}\n\n{table}")).expect("the table is written");
}
