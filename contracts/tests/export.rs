//! The contract of each kind of Rust type, as a reviewed snapshot.
//!
//! After a change, `INSTA_UPDATE=always cargo test -p tidings-contracts --test export` writes the snapshots. Review
//! the diff.

use std::collections::{BTreeMap, HashMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{DomainEvent, EventDescriptor};
use tidings_contracts::Contract;
use uuid::Uuid;

/// Compares the contract of `E` with its snapshot, and checks that it is the same after writing and reading.
fn assert_reviewed<E: DomainEvent>(name: &str) -> Contract {
    let contract = Contract::of(&EventDescriptor::of::<E>());
    let text = contract.to_json();
    let read = Contract::from_json(&text).expect("what was written can be read");
    assert_eq!(read.to_json(), text);
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
    assert!(!contract.examples.is_empty(), "the contract has no example");
    contract
}

#[test]
fn fields_with_their_docs_options_and_defaults() {
    /// A customer placed an order.
    ///
    /// It is not paid yet.
    #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    #[serde(rename_all = "camelCase")]
    struct OrderCreated {
        /// The order.
        order_id: Uuid,
        zip_code: String,
        /// Absent, or null.
        note: Option<String>,
        #[serde(default)]
        gift: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        coupon: Option<String>,
        #[serde(default = "euro")]
        currency: String,
        #[serde(skip)]
        #[allow(dead_code)]
        cached: u8,
        #[serde(alias = "customer", alias = "client")]
        buyer: String,
    }
    fn euro() -> String {
        "EUR".to_owned()
    }
    assert_reviewed::<OrderCreated>("fields");
}

#[allow(deprecated)] // The code that schemars derives names the struct.
#[test]
fn deprecated_events_and_routing_keys_with_fields() {
    #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    #[event(type = "order.created", version = 3, routing_key = "order.created.{region}")]
    #[deprecated(note = "use order.placed")]
    #[serde(deny_unknown_fields)]
    struct Order {
        order_id: u32,
        region: String,
    }
    assert_reviewed::<Order>("deprecated");
}

#[test]
fn numbers_have_the_bounds_of_their_types() {
    #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    struct NumbersCounted {
        id: u64,
        a: i8,
        b: i16,
        c: i32,
        d: i64,
        e: u8,
        f: u16,
        g: u32,
        h: usize,
        i: isize,
        j: i128,
        k: u128,
        l: f32,
        m: f64,
        n: Option<i32>,
        o: std::num::NonZeroU8,
        p: std::num::NonZeroI32,
        #[schemars(range(min = 1, max = 99))]
        q: u8,
    }
    assert_reviewed::<NumbersCounted>("numbers");
}

#[test]
fn the_order_of_fields_and_definitions_changes_nothing() {
    mod one {
        use super::*;
        #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
        pub(super) struct OrderCreated {
            order_id: u32,
            address: billing::Address,
            #[serde(alias = "b", alias = "a")]
            card: Card,
            customer: String,
        }
    }
    mod other {
        use super::*;
        #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
        pub(super) struct OrderCreated {
            customer: String,
            #[serde(alias = "a", alias = "b")]
            card: Card,
            address: billing::Address,
            order_id: u32,
        }
    }
    let [one, other] = [
        EventDescriptor::of::<one::OrderCreated>(),
        EventDescriptor::of::<other::OrderCreated>(),
    ];
    assert_eq!(Contract::of(&one).to_json(), Contract::of(&other).to_json());
}

#[test]
fn the_example_in_the_attribute_is_the_example_of_the_contract() {
    #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    #[event(example = Self { order_id: 7, customer: "Ada".to_owned() })]
    struct OrderCreated {
        order_id: u32,
        customer: String,
    }
    let contract = Contract::of(&EventDescriptor::of::<OrderCreated>());
    assert_eq!(
        contract.examples,
        [serde_json::json!({"order_id": 7, "customer": "Ada"})]
    );
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Card {
    number: String,
    #[serde(alias = "cvc")]
    code: u16,
}

#[test]
fn every_tagging_of_an_enum() {
    #[derive(Serialize, Deserialize, JsonSchema)]
    enum Plain {
        #[serde(alias = "Neu")]
        New,
        Old,
    }
    #[derive(Serialize, Deserialize, JsonSchema)]
    enum External {
        Cash,
        #[serde(alias = "Plastic")]
        Card(Card),
        Voucher {
            code: String,
        },
        Both(u8, String),
    }
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    enum Internal {
        Cash,
        #[serde(alias = "plastic")]
        Card(Card),
        Voucher {
            voucher_code: String,
        },
    }
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(tag = "kind", content = "of")]
    enum Adjacent {
        Cash,
        #[serde(alias = "Plastic")]
        Card(Card),
        Voucher {
            code: String,
        },
    }
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(untagged)]
    enum Untagged {
        Card(Card),
        Code { voucher_code: String },
        Amount(u32),
    }
    #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    struct PaymentMade {
        id: u32,
        plain: Plain,
        external: External,
        internal: Internal,
        adjacent: Adjacent,
        untagged: Untagged,
    }
    assert_reviewed::<PaymentMade>("taggings");
}

#[test]
fn an_enum_that_accepts_unknown_variants() {
    #[derive(Serialize, Deserialize, JsonSchema)]
    enum Plain {
        New,
        #[serde(other)]
        Unknown,
    }
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(tag = "kind")]
    enum Internal {
        Cash {
            amount: u8,
        },
        #[serde(other)]
        Unknown,
    }
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(tag = "kind", content = "of")]
    enum Adjacent {
        Cash(u8),
        #[serde(other)]
        Unknown,
    }
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Nested {
        maybe: Option<Plain>,
        many: Vec<Internal>,
    }
    #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    struct PaymentMade {
        id: u32,
        plain: Plain,
        internal: Internal,
        adjacent: Adjacent,
        nested: Nested,
    }
    assert_reviewed::<PaymentMade>("other");
}

#[test]
fn flattened_fields_are_fields_of_the_event() {
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Address {
        street: String,
        #[serde(alias = "zipCode")]
        zip_code: String,
    }
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(tag = "kind")]
    enum Kind {
        Home,
        Office { company: String },
    }
    #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    struct CustomerMoved {
        customer_id: Uuid,
        #[serde(flatten)]
        address: Address,
        #[serde(flatten)]
        kind: Kind,
        #[serde(flatten)]
        rest: BTreeMap<String, serde_json::Value>,
    }
    assert_reviewed::<CustomerMoved>("flatten");
}

#[test]
fn newtypes_maps_and_tuples() {
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Cents(u32);
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(transparent)]
    struct Name {
        text: String,
    }
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Point(i32, i32);
    #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    struct ShapesMade {
        id: u32,
        cents: Cents,
        name: Name,
        point: Point,
        pair: (String, bool),
        array: [u8; 2],
        list: Vec<Point>,
        by_name: BTreeMap<String, Cents>,
        by_number: HashMap<u16, Cents>,
        anything: serde_json::Value,
        letter: char,
    }
    assert_reviewed::<ShapesMade>("shapes");
}

/// A category that holds others.
#[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
struct CategoryMoved {
    id: u32,
    parent: Option<Box<CategoryMoved>>,
    children: Vec<Tree>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
enum Tree {
    Leaf(#[serde(default)] u8),
    Node {
        #[serde(alias = "lhs")]
        left: Box<Tree>,
        right: Box<Tree>,
    },
}

#[test]
fn maps_with_typed_keys() {
    #[derive(Serialize, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
    enum Colour {
        #[serde(alias = "Rouge")]
        Red,
        Green,
    }
    #[derive(Serialize, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
    enum Size {
        Large,
        #[serde(other)]
        Any,
    }
    #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    struct StockCounted {
        #[serde(skip)]
        id: u8,
        by_number: BTreeMap<u8, u32>,
        by_id: Vec<BTreeMap<Uuid, u32>>,
        by_letter: BTreeMap<char, u32>,
        by_name: BTreeMap<String, u32>,
        by_colour: BTreeMap<Colour, u32>,
        by_size: BTreeMap<Size, u32>,
    }
    let Contract { writer, reader, .. } = Contract::of(&EventDescriptor::of::<StockCounted>());
    for schema in [&writer, &reader] {
        let fields = &schema["properties"];
        let keys = |field: &str| &fields[field]["x-tidings-keys"];
        assert_eq!(keys("by_number")["format"], "uint8");
        assert_eq!(fields["by_id"]["items"]["x-tidings-keys"]["format"], "uuid");
        assert_eq!(keys("by_letter")["maxLength"], 1);
        assert!(
            keys("by_name").is_null(),
            "keys of any text have a schema: {schema:#}"
        );
    }
    let colours = &reader["properties"]["by_colour"]["properties"];
    assert_eq!(colours["Rouge"], colours["Red"]);
    assert!(writer["properties"]["by_colour"]["properties"]["Rouge"].is_null());
    assert!(reader["properties"]["by_size"]["additionalProperties"].is_object());
}

#[test]
fn recursive_types() {
    assert_reviewed::<CategoryMoved>("recursion");
}

mod billing {
    #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
    pub(crate) struct Address {
        iban: String,
    }
}

mod shipping {
    #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
    pub(crate) struct Address {
        street: String,
    }
}

#[test]
fn generic_types_are_named_by_their_parameters_and_others_by_their_modules() {
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Page<T> {
        items: Vec<T>,
    }
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Line {
        text: String,
    }
    #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    struct PagesPrinted {
        id: u32,
        lines: Page<Line>,
        numbers: Page<u8>,
        pages: Option<Page<Page<Line>>>,
        pays: billing::Address,
        lives: shipping::Address,
    }
    assert_reviewed::<PagesPrinted>("generics");
}

#[test]
fn times_and_dates_keep_their_formats() {
    #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    struct TimesTold {
        id: Uuid,
        ours: tidings::Timestamp,
        jiff_timestamp: jiff_0_2::Timestamp,
        jiff_date: jiff_0_2::civil::Date,
        jiff_datetime: jiff_0_2::civil::DateTime,
        jiff_time: jiff_0_2::civil::Time,
        jiff_duration: jiff_0_2::SignedDuration,
        chrono_utc: chrono::DateTime<chrono::Utc>,
        chrono_date: chrono::NaiveDate,
        chrono_naive: chrono::NaiveDateTime,
        chrono_time: chrono::NaiveTime,
        std_duration: std::time::Duration,
    }
    assert_reviewed::<TimesTold>("times");
}
