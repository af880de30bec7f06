//! The command that writes schemas for generators of types.

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

/// A folder of the test's own, gone with it.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        let place = Self(std::env::temp_dir().join(format!("tidings-schemas-{}", Uuid::now_v7())));
        Folder::write(place.0.join("contracts"), &contract()).unwrap();
        place
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidings-contracts"));
        command.current_dir(&self.0).args(arguments).output().unwrap()
    }

    fn schema(&self, file: &str) -> Value {
        serde_json::from_str(&fs::read_to_string(self.0.join(file)).unwrap()).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn contract() -> Contract {
    Contract::of(&EventDescriptor::of::<OrderCreated>())
}

#[test]
fn a_file_is_written_for_each_event_in_the_draft_and_from_the_side_that_is_asked_for() {
    let place = Place::new();
    let output = place.run(&["schemas", "contracts", "--out", "deep/written"]);
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("OrderCreatedV2.json\n"));
    let written = place.schema("deep/written/OrderCreatedV2.json");
    assert_eq!(written, contract().event_schema(Side::Writer));
    assert_eq!(
        written["$defs"]["OrderCreated"]["required"],
        serde_json::json!(["order_id", "place"])
    );

    let output = place.run(&[
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
    let read = place.schema("read/OrderCreatedV2.json");
    assert_eq!(read, contract().event_schema_draft7(Side::Reader));
    assert_eq!(read["$schema"], "http://json-schema.org/draft-07/schema#");
    assert_eq!(
        read["definitions"]["OrderCreated"]["required"],
        serde_json::json!(["order_id"])
    );
}

#[test]
fn what_is_wrong_is_said_with_what_to_write() {
    let place = Place::new();
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
        let output = place.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(text), "{arguments:?}: {said}");
    }
    let output = place.run(&["schemas", "--help"]);
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("--draft"));
}
