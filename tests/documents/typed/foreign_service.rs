//! A service in another language, driven by commands.

use std::path::Path;

use serde_json::{Value, json};
use tidings_test_support::program::Program;
use uuid::Uuid;

use crate::language::Language;

#[derive(Debug)]
pub(crate) struct ForeignService(Program<Value>);

impl ForeignService {
    /// Starts the service in `folder` and waits until it is connected.
    pub(crate) async fn start(language: Language, folder: &Path, url: &str) -> Self {
        let mut command = language.command(folder);
        command.arg(url);
        Self(Program::start(language.name(), command).await)
    }

    /// Sends a command about an order and waits until it is executed.
    pub(crate) async fn execute(&mut self, command: &str, order_id: Uuid) {
        let command = json!({"do": command, "orderId": order_id});
        self.0.execute(command).await;
    }

    /// Waits for the next payment that the service read.
    pub(crate) async fn payment(&mut self) -> Value {
        self.0.receive("a payment", |_| true).await
    }

    /// Ends the service. It must not have read other payments.
    pub(crate) async fn end(self) {
        self.0.end().await;
    }
}
