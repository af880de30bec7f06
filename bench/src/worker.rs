//! One measured run in a process of its own: it gets ready, waits for the word, does its job, and says what it took.

use std::process::ExitCode;

use crate::twins::{Job, Twin};

/// What a run is told.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) url: String,
    pub(crate) events: u64,
}

/// `worker <twin> <job> <url> <events>`
pub(crate) fn main(args: &[&str]) -> ExitCode {
    let parsed = match args {
        [twin, job, url, events] => Twin::parse(twin)
            .zip(Job::parse(job))
            .zip(events.parse().ok())
            .map(|(what, events)| {
                let url = (*url).to_owned();
                (what, Run { url, events })
            }),
        _ => None,
    };
    let Some(((twin, job), run)) = parsed else {
        eprintln!("bench: a worker takes <twin> <job> <url> <events>, and got {args:?}");
        return ExitCode::from(2);
    };
    let mut runtime = if job.is_on_one_core() {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    match runtime.enable_all().build() {
        Ok(runtime) => {
            runtime.block_on(twin.run(job, &run));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench: cannot start a runtime: {error}");
            ExitCode::FAILURE
        }
    }
}
