//! The command that writes schemas for code generators.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tidings::{DomainEvent, EventDescriptor};
use tidings_contracts::{Contract, Folder, Side};
use uuid::Uuid;

/// A customer placed an order.
#[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.created", version = 2)]
struct OrderCreated {
    order_id: String,
    #[serde(default)]
    place: (f64, f64),
}

/// A folder that is deleted after the test.
struct TempFolder(PathBuf);

impl TempFolder {
    fn new() -> Self {
        let folder = Self(std::env::temp_dir().join(format!("tidings-schemas-{}", Uuid::now_v7())));
        Folder::write(folder.0.join("contracts"), &contract()).unwrap();
        folder
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidings-contracts"));
        command.current_dir(&self.0).args(arguments).output().unwrap()
    }

    fn schema(&self, file: &str) -> Value {
        serde_json::from_str(&fs::read_to_string(self.0.join(file)).unwrap()).unwrap()
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn contract() -> Contract {
    Contract::of(&EventDescriptor::of::<OrderCreated>())
}

#[test]
fn a_file_is_written_for_each_event_in_the_requested_draft_and_side() {
    let folder = TempFolder::new();
    let output = folder.run(&["schemas", "contracts", "--out", "deep/written"]);
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("OrderCreatedV2.json\n"));
    let written = folder.schema("deep/written/OrderCreatedV2.json");
    assert_eq!(written, contract().event_schema(Side::Writer));
    assert_eq!(
        written["$defs"]["OrderCreated"]["required"],
        serde_json::json!(["order_id", "place"])
    );

    let output = folder.run(&[
        "schemas",
        "contracts",
        "--out",
        "read",
        "--side",
        "reader",
        "--draft",
        "7",
    ]);
    assert!(output.status.success(), "{output:?}");
    let read = folder.schema("read/OrderCreatedV2.json");
    assert_eq!(read, contract().event_schema_draft7(Side::Reader));
    assert_eq!(read["$schema"], "http://json-schema.org/draft-07/schema#");
    assert_eq!(
        read["definitions"]["OrderCreated"]["required"],
        serde_json::json!(["order_id"])
    );
}

#[test]
fn a_wrong_argument_gives_an_error_with_a_hint() {
    let folder = TempFolder::new();
    for (arguments, text) in [
        (&["schemas"][..], "write `schemas contracts --out schemas`"),
        (&["schemas", "contracts"], "write `--out FOLDER`"),
        (
            &["schemas", "nowhere", "--out", "x"],
            "there is no folder `nowhere`",
        ),
        (&["schemas", ".", "--out", "x"], "there are no contracts in `.`"),
        (
            &["schemas", "contracts", "--out", "x", "--draft", "4"],
            "there are 7 and 2020",
        ),
        (
            &["schemas", "contracts", "--out", "x", "--side", "left"],
            "there are writer and reader",
        ),
    ] {
        let output = folder.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains(text), "{arguments:?}: {error}");
    }
    let output = folder.run(&["schemas", "--help"]);
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("--draft"));
}
