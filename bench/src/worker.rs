//! A worker: one measured run in its own process. It sets up, prints that it is ready, waits for a line on its input,
//! does its job, and prints a report.

use std::process::ExitCode;

use crate::clients::{Client, Job, Run};

/// `worker <client> <job> <url> <events>`
pub(crate) fn main(args: &[&str]) -> ExitCode {
    let Some((client, job, run)) = parse(args) else {
        eprintln!("bench: a worker takes <client> <job> <url> <events>, and got {args:?}");
        return ExitCode::from(2);
    };
    let mut runtime = if job.is_on_one_core() {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    match runtime.enable_all().build() {
        Ok(runtime) => {
            runtime.block_on(client.run(job, &run));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench: cannot start a runtime: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(args: &[&str]) -> Option<(Client, Job, Run)> {
    let &[client, job, url, events] = args else {
        return None;
    };
    let (url, events) = (url.to_owned(), events.parse().ok()?);
    Some((Client::parse(client)?, Job::parse(job)?, Run { url, events }))
}
