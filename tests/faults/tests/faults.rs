//! Runs every fault as a test and prints the table. `TIDINGS_TEST_FAULTS=full` selects the full form.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use libtest_mimic::{Arguments, Failed, Trial};
use tidings_broker::Install;
use tidings_faults::{Fault, Form, Row, Table, all, groups, own_process};

fn main() -> ExitCode {
    if tidings_faults::child::ran() {
        return ExitCode::SUCCESS;
    }
    let mut arguments = Arguments::from_args();
    let (table, started) = (Arc::new(Mutex::new(Table::default())), Instant::now());
    let mut trials = Vec::new();
    for group in groups() {
        let turn = Arc::new(Mutex::new(()));
        trials.extend(group.into_iter().map(|fault| trial(fault, &turn, &table)));
    }
    // Groups run in parallel, because a fault mostly waits. Faults of one group run one after the other.
    arguments.test_threads = Some(trials.len());
    let conclusion = libtest_mimic::run(&arguments, trials);
    let mut table = table.lock().expect("no test is running");
    if !table.0.is_empty() {
        let position = |row: &Row| all().iter().position(|fault| fault.name == row.fault);
        table.0.sort_by_key(position);
        report(&table, started);
    }
    conclusion.exit_code()
}

fn trial(fault: Fault, turn: &Arc<Mutex<()>>, table: &Arc<Mutex<Table>>) -> Trial {
    let (turn, table) = (Arc::clone(turn), Arc::clone(table));
    Trial::test(fault.name, move || {
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let started = Instant::now();
        let row = match catch_unwind(AssertUnwindSafe(|| own_process::run(&fault))) {
            Ok(row) => row,
            Err(panic) => Row {
                fault: fault.name.to_owned(),
                failed: vec![text(panic.as_ref())],
                ..Row::default()
            },
        };
        println!(
            "\n{}\n{}: {:.0?}",
            Table(vec![row.clone()]),
            fault.name,
            started.elapsed()
        );
        let failures = row.failures();
        table
            .lock()
            .expect("no test panics while it holds the lock")
            .0
            .push(row);
        if failures.is_empty() {
            return Ok(());
        }
        Err(Failed::from(failures.join("\n")))
    })
}

fn text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the fault panicked: {}", text.unwrap_or_default())
}

/// Prints the table and writes it to a file for the documentation.
fn report(table: &Table, started: Instant) {
    let version = Install::find().expect("RabbitMQ is installed").version;
    let form = match Form::selected() {
        Form::Short => "short",
        Form::Full => "full",
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let seconds = started.elapsed().as_secs();
    let text = format!("RabbitMQ {version}, the {form} form, {cores} cores, {seconds} s:\n\n{table}\n");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("faults-{version}-{form}.md"));
    std::fs::write(&path, &text).expect("the table is written");
    println!("\n{text}\n(also in {})", path.display());
}
