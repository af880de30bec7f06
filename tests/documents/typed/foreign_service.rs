//! A service in another language as a process: told what to do by lines of JSON, heard by lines of JSON.

use std::collections::VecDeque;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::timeout;
use uuid::Uuid;

use crate::install;
use crate::language::{Language, Workshop};

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits for a thing that is bound to come.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("{what} did not come within {PATIENCE:?}"))
}

/// A service that runs. What it writes to its log is the test's.
#[derive(Debug)]
pub(crate) struct Service {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    payments: VecDeque<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Done(String),
    Payment(Value),
}

impl Service {
    /// Starts the service and waits until it is connected.
    pub(crate) async fn start(language: Language, workshop: &Workshop, url: &str) -> Self {
        let mut child = language
            .command(workshop)
            .arg(url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| install::cannot_run(language.name(), &error));
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let mut service = Self {
            child,
            input: input.expect("it is piped"),
            output: BufReader::new(output.expect("it is piped")).lines(),
            payments: VecDeque::new(),
        };
        service.done("connect").await;
        service
    }

    /// Tells it what to do about an order, and waits until that is done.
    pub(crate) async fn tell(&mut self, what: &str, order_id: Uuid) {
        let line = format!("{}\n", json!({"do": what, "orderId": order_id}));
        let told = soon("room for a command", self.input.write_all(line.as_bytes())).await;
        told.expect("the service listens");
        self.done(what).await;
    }

    /// The next payment that it read.
    pub(crate) async fn payment(&mut self) -> Value {
        loop {
            if let Some(payment) = self.payments.pop_front() {
                return payment;
            }
            let done = self.hear("a payment").await;
            assert_eq!(done, None, "nothing was asked for");
        }
    }

    /// Ends it, and waits until it has ended.
    pub(crate) async fn end(mut self) {
        drop(self.input);
        let status = soon("the end of the service", self.child.wait()).await;
        assert!(status.expect("it can be waited for").success());
        assert!(self.payments.is_empty(), "{:?}", self.payments);
    }

    async fn done(&mut self, what: &str) {
        loop {
            if let Some(done) = self.hear(what).await {
                assert_eq!(done, what);
                return;
            }
        }
    }

    /// Takes one line: a payment is kept, the end of a command given back.
    async fn hear(&mut self, what: &str) -> Option<String> {
        let line = soon(what, self.output.next_line()).await;
        let line = line.expect("the service writes UTF-8");
        let line =
            line.unwrap_or_else(|| panic!("the service ended while {what} was awaited; its log is above"));
        match serde_json::from_str(&line).unwrap_or_else(|error| panic!("the service says {line}: {error}")) {
            Line::Done(done) => Some(done),
            Line::Payment(payment) => {
                self.payments.push_back(payment);
                None
            }
        }
    }
}
