//! Every rule, shown by two Rust types with the schemas of schemars.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "only schemars reads the types"
)]

use std::collections::{BTreeMap, HashSet};

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use schemars::transform::RemoveRefSiblings;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tidings_contracts::{Contract, Direction, Finding, Level, Severity, compare};
use uuid::Uuid;

fn writer<T: JsonSchema>() -> Value {
    schema::<T>(SchemaSettings::draft2020_12().for_serialize())
}

fn reader<T: JsonSchema>() -> Value {
    schema::<T>(SchemaSettings::draft2020_12().for_deserialize())
}

fn schema<T: JsonSchema>(settings: SchemaSettings) -> Value {
    let generator = settings
        .with_transform(RemoveRefSiblings::default())
        .into_generator();
    generator.into_root_schema_for::<T>().to_value()
}

fn contract<T: JsonSchema>() -> Contract {
    Contract::new("order.created", 1, writer::<T>(), reader::<T>())
}

/// Returns the finding of the rule backward and forward, and all other findings that are not `ok`.
fn findings_of(
    older: &Contract,
    newer: &Contract,
    rule: &str,
) -> (Option<Finding>, Option<Finding>, Vec<String>) {
    let findings = compare(older, newer, Level::Full);
    let of = |direction| {
        let mut found = findings
            .iter()
            .filter(|finding| finding.direction == direction && finding.rule.id() == rule);
        found.next().cloned()
    };
    let others = findings.iter().filter(|finding| finding.rule.id() != rule);
    let others = others
        .filter(|finding| finding.severity != Severity::Ok)
        .map(Finding::to_string);
    (of(Direction::Backward), of(Direction::Forward), others.collect())
}

#[track_caller]
fn expect_contracts(
    older: &Contract,
    newer: &Contract,
    rule: &str,
    path: &str,
    backward: Severity,
    forward: Severity,
) {
    let (found_backward, found_forward, others) = findings_of(older, newer, rule);
    let all = compare(older, newer, Level::Full);
    let text = all
        .iter()
        .map(|finding| format!("{} {finding}", finding.rule))
        .collect::<Vec<_>>()
        .join("\n");
    let of = |finding: &Option<Finding>| {
        finding
            .as_ref()
            .map(|finding| (finding.path.clone(), finding.severity))
    };
    assert_eq!(
        of(&found_backward),
        Some((path.to_owned(), backward)),
        "backward:\n{text}"
    );
    assert_eq!(
        of(&found_forward),
        Some((path.to_owned(), forward)),
        "forward:\n{text}"
    );
    assert_eq!(others, Vec::<String>::new());
    for finding in [found_backward, found_forward].into_iter().flatten() {
        assert!(
            finding.severity == Severity::Ok || !finding.hint.is_empty(),
            "no hint: {finding}"
        );
    }
}

#[track_caller]
fn expect<Old: JsonSchema, New: JsonSchema>(rule: &str, path: &str, backward: Severity, forward: Severity) {
    expect_contracts(
        &contract::<Old>(),
        &contract::<New>(),
        rule,
        path,
        backward,
        forward,
    );
}

const OK: Severity = Severity::Ok;
const WARNING: Severity = Severity::Warning;
const BREAK: Severity = Severity::Break;
const UNKNOWN: Severity = Severity::Unknown;

/// One test: its name, the two types, then rule, path, and the severity backward and forward.
macro_rules! rules {
    ($($name:ident { $($old:item)+ } { $($new:item)+ } $rule:literal $path:literal $backward:ident $forward:ident)+) => {
        $(
            #[test]
            fn $name() {
                mod old { use super::*; $(#[derive(Serialize, Deserialize, JsonSchema)] $old)+ }
                mod new { use super::*; $(#[derive(Serialize, Deserialize, JsonSchema)] $new)+ }
                expect::<old::E, new::E>($rule, $path, $backward, $forward);
            }
        )+
    };
}

rules! {
    an_optional_field_may_be_added
        { pub struct E { a: u32 } }
        { pub struct E { a: u32, b: Option<String> } }
        "field-added-optional" "data.b" OK OK

    a_field_with_a_default_may_be_added
        { pub struct E { a: u32 } }
        { pub struct E { a: u32, #[serde(default)] b: String } }
        "field-added-optional" "data.b" OK OK

    a_required_field_breaks_new_consumers
        { pub struct E { a: u32 } }
        { pub struct E { a: u32, b: String } }
        "field-added-required" "data.b" BREAK OK

    an_addition_breaks_old_consumers_that_deny_it
        { #[serde(deny_unknown_fields)] pub struct E { a: u32 } }
        { #[serde(deny_unknown_fields)] pub struct E { a: u32, b: Option<String> } }
        "field-added-optional" "data.b" OK BREAK

    a_removed_required_field_breaks_old_consumers
        { pub struct E { a: u32, b: String } }
        { pub struct E { a: u32 } }
        "field-removed-required" "data.b" OK BREAK

    a_removed_optional_field_breaks_nobody
        { pub struct E { a: u32, b: Option<String> } }
        { pub struct E { a: u32 } }
        "field-removed-optional" "data.b" OK OK

    a_removal_breaks_new_consumers_that_deny_it
        { #[serde(deny_unknown_fields)] pub struct E { a: u32, b: String } }
        { #[serde(deny_unknown_fields)] pub struct E { a: u32 } }
        "field-removed-required" "data.b" BREAK BREAK

    a_renamed_field_breaks_both
        { pub struct E { a: u32, customer: String } }
        { pub struct E { a: u32, client: String } }
        "field-renamed" "data.customer" BREAK BREAK

    a_renamed_optional_field_loses_its_value
        { pub struct E { a: u32, customer: Option<String> } }
        { pub struct E { a: u32, client: Option<String> } }
        "field-renamed" "data.customer" WARNING WARNING

    a_field_that_became_nullable_breaks_old_consumers
        { pub struct E { a: u32 } }
        { pub struct E { a: Option<u32> } }
        "became-nullable" "data.a" OK BREAK

    a_field_that_became_non_null_breaks_new_consumers
        { pub struct E { a: Option<u32> } }
        { pub struct E { a: u32 } }
        "became-non-null" "data.a" BREAK OK

    a_default_does_not_cover_null
        { pub struct E { a: Option<u32> } }
        { pub struct E { #[serde(default)] a: u32 } }
        "became-non-null" "data.a" BREAK OK

    a_field_may_get_a_default
        { pub struct E { a: u32 } }
        { pub struct E { #[serde(default)] a: u32 } }
        "became-default" "data.a" OK OK

    a_field_may_lose_its_default_while_writers_always_write_it
        { pub struct E { #[serde(default)] a: u32 } }
        { pub struct E { a: u32 } }
        "became-required" "data.a" OK OK

    a_skipped_field_breaks_old_consumers_that_require_it
        { pub struct E { a: Vec<u32> } }
        { pub struct E { #[serde(default, skip_serializing_if = "Vec::is_empty")] a: Vec<u32> } }
        "writer-may-skip" "data.a" OK BREAK

    unknown_fields_that_are_denied_are_a_warning
        { pub struct E { a: u32 } }
        { #[serde(deny_unknown_fields)] pub struct E { a: u32 } }
        "unknown-denied" "data" WARNING OK

    unknown_fields_may_be_allowed
        { #[serde(deny_unknown_fields)] pub struct E { a: u32 } }
        { pub struct E { a: u32 } }
        "unknown-allowed" "data" OK OK

    a_wider_integer_breaks_old_consumers
        { pub struct E { a: u32 } }
        { pub struct E { a: u64 } }
        "int-widened" "data.a" OK BREAK

    a_narrower_integer_breaks_new_consumers
        { pub struct E { a: i64 } }
        { pub struct E { a: i32 } }
        "int-narrowed" "data.a" BREAK OK

    a_float_reads_an_integer
        { pub struct E { a: u32 } }
        { pub struct E { a: f64 } }
        "int-to-float" "data.a" OK BREAK

    an_integer_reads_no_float
        { pub struct E { a: f64 } }
        { pub struct E { a: i64 } }
        "float-to-int" "data.a" BREAK WARNING

    an_added_format_breaks_new_consumers
        { pub struct E { a: String } }
        { pub struct E { a: Uuid } }
        "format-added" "data.a" BREAK OK

    a_removed_format_breaks_old_consumers
        { pub struct E { a: Uuid } }
        { pub struct E { a: String } }
        "format-removed" "data.a" OK BREAK

    another_format_breaks_both
        { pub struct E { a: Uuid } }
        { pub struct E { a: std::net::Ipv4Addr } }
        "format-changed" "data.a" BREAK BREAK

    a_char_reads_no_text
        { pub struct E { a: String } }
        { pub struct E { a: char } }
        "format-added" "data.a" BREAK OK

    another_type_breaks_both
        { pub struct E { a: String } }
        { pub struct E { a: u32 } }
        "type-changed" "data.a" BREAK BREAK

    a_list_of_a_type_is_another_type
        { pub struct E { a: u32 } }
        { pub struct E { a: Vec<u32> } }
        "type-changed" "data.a" BREAK BREAK

    a_tuple_of_another_length_is_another_type
        { pub struct E { a: (u32, u32) } }
        { pub struct E { a: (u32, u32, u32) } }
        "type-changed" "data.a" BREAK BREAK

    an_array_of_another_length_is_another_type
        { pub struct E { a: [u8; 4] } }
        { pub struct E { a: [u8; 3] } }
        "type-changed" "data.a" BREAK BREAK

    a_map_is_no_struct
        { pub struct E { a: BTreeMap<String, u32> } }
        { pub struct E { a: S } pub struct S { x: String } }
        "type-changed" "data.a" BREAK BREAK

    a_narrower_range_is_a_warning
        { pub struct E { #[schemars(range(max = 100))] a: u32 } }
        { pub struct E { #[schemars(range(max = 10))] a: u32 } }
        "constraint-tightened" "data.a" WARNING OK

    a_wider_length_is_a_warning
        { pub struct E { #[schemars(length(max = 10))] a: String } }
        { pub struct E { #[schemars(length(max = 100))] a: String } }
        "constraint-loosened" "data.a" OK WARNING

    a_set_reads_what_a_list_wrote
        { pub struct E { a: Vec<u32> } }
        { pub struct E { a: HashSet<u32> } }
        "constraint-tightened" "data.a" WARNING OK

    a_new_variant_breaks_old_consumers
        { pub struct E { a: K } pub enum K { X } }
        { pub struct E { a: K } pub enum K { X, Y } }
        "variant-added" "data.a(Y)" OK BREAK

    a_removed_variant_breaks_new_consumers
        { #[serde(tag = "t")] pub enum E { X { a: u32 }, Y { b: u32 } } }
        { #[serde(tag = "t")] pub enum E { X { a: u32 } } }
        "variant-removed" "data(Y)" BREAK OK

    an_added_payload_breaks_both
        { pub enum E { X, Y } }
        { pub enum E { X(u32), Y } }
        "variant-payload" "data(X)" BREAK BREAK

    another_tag_breaks_both
        { pub enum E { X { a: u32 }, Y { b: u32 } } }
        { #[serde(tag = "t")] pub enum E { X { a: u32 }, Y { b: u32 } } }
        "tagging-changed" "data" BREAK BREAK

    a_removed_tag_breaks_both
        { pub enum E { X { a: u32 }, Y { b: u32 } } }
        { #[serde(untagged)] pub enum E { X { a: u32 }, Y { b: u32 } } }
        "tagging-changed" "data" BREAK BREAK

    a_new_untagged_variant_may_shadow
        { #[serde(untagged)] pub enum E { X(u32), Y(String) } }
        { #[serde(untagged)] pub enum E { X(u32), Y(String), Z(Vec<u32>) } }
        "untagged-variant-added" "data" WARNING BREAK

    another_order_of_untagged_variants_may_shadow
        { #[serde(untagged)] pub enum E { X(u32), Y(f64) } }
        { #[serde(untagged)] pub enum E { Y(f64), X(u32) } }
        "untagged-reordered" "data" WARNING WARNING
}

rules! {
    documented_variants_are_the_same
        { pub struct E { a: K } pub enum K { X, Y } }
        { pub struct E { a: K } pub enum K { /** One. */ X, /** Two. */ Y } }
        "shape-only" "data" OK OK

    a_newtype_is_the_same_as_its_field
        { pub struct E { a: u32 } }
        { pub struct E { a: N } pub struct N(u32); }
        "shape-only" "data" OK OK
}

/// Expects no findings in both directions.
#[track_caller]
fn expect_nothing<Old: JsonSchema, New: JsonSchema>() {
    assert_eq!(compare(&contract::<Old>(), &contract::<New>(), Level::Full), []);
}

#[test]
fn a_flattened_struct_is_the_same_as_its_fields() {
    mod old {
        use super::*;
        #[derive(Serialize, Deserialize, JsonSchema)]
        #[schemars(rename = "E")]
        pub struct E {
            a: u32,
            #[serde(flatten)]
            i: I,
        }
        #[derive(Serialize, Deserialize, JsonSchema)]
        pub struct I {
            b: String,
        }
    }
    #[derive(Serialize, Deserialize, JsonSchema)]
    pub struct E {
        a: u32,
        b: String,
    }
    expect_nothing::<old::E, E>();
}

/// A contract whose reader schema has one more keyword at `pointer`.
fn with_fact<T: JsonSchema>(pointer: &str, keyword: &str, value: Value) -> Contract {
    let mut contract = contract::<T>();
    contract
        .reader
        .pointer_mut(pointer)
        .expect("there is such a schema")[keyword] = value;
    contract
}

#[test]
fn an_alias_may_be_added() {
    #[derive(JsonSchema)]
    struct E {
        a: u32,
    }
    let aliased = with_fact::<E>("", "x-tidings-aliases", json!({"a": ["b"]}));
    expect_contracts(&contract::<E>(), &aliased, "alias-added", "data.a", OK, OK);
    expect_contracts(&aliased, &contract::<E>(), "alias-removed", "data.a", BREAK, OK);
}

#[test]
fn a_field_renamed_with_an_alias_breaks_old_consumers_only() {
    mod old {
        #[derive(schemars::JsonSchema)]
        pub struct E {
            a: u32,
        }
    }
    #[derive(JsonSchema)]
    struct E {
        b: u32,
    }
    let new = with_fact::<E>("", "x-tidings-aliases", json!({"b": ["a"]}));
    expect_contracts(&contract::<old::E>(), &new, "field-renamed", "data.a", OK, BREAK);
}

#[test]
fn a_reader_with_an_other_variant_accepts_a_new_variant() {
    mod old {
        #[derive(schemars::JsonSchema)]
        #[serde(tag = "t")]
        pub enum E {
            X { a: u32 },
            Unknown,
        }
    }
    #[derive(JsonSchema)]
    #[serde(tag = "t")]
    enum E {
        X { a: u32 },
        Y { b: u32 },
        Unknown,
    }
    let old = with_fact::<old::E>("", "x-tidings-other", json!(true));
    let new = with_fact::<E>("", "x-tidings-other", json!(true));
    expect_contracts(&old, &new, "variant-added", "data(Y)", OK, WARNING);
    expect_contracts(&new, &old, "variant-removed", "data(Y)", WARNING, OK);
}

#[test]
fn another_routing_key_is_another_event() {
    #[derive(JsonSchema)]
    struct E {
        a: u32,
    }
    let mut moved = contract::<E>();
    "orders.created".clone_into(&mut moved.routing_key);
    expect_contracts(
        &contract::<E>(),
        &moved,
        "event-type-changed",
        "routingKey",
        BREAK,
        BREAK,
    );
}

#[test]
fn a_changed_exclusion_is_undecidable_and_an_unchanged_one_is_not() {
    #[derive(JsonSchema)]
    struct E {
        a: u32,
    }
    let old = with_fact::<E>("/properties/a", "not", json!({"const": 13}));
    let new = with_fact::<E>("/properties/a", "not", json!({"const": 14}));
    let both = |mut contract: Contract| {
        contract.writer = contract.reader.clone();
        contract
    };
    let (old, new) = (both(old), both(new));
    expect_contracts(&old, &new, "undecidable", "data.a", UNKNOWN, UNKNOWN);
    assert_eq!(compare(&old, &old, Level::Full), []);
}

#[test]
fn a_changed_default_changes_the_meaning() {
    mod old {
        use super::*;
        #[derive(Serialize, Deserialize, JsonSchema)]
        pub struct E {
            #[serde(default = "one")]
            a: u32,
        }
        fn one() -> u32 {
            1
        }
    }
    mod new {
        use super::*;
        #[derive(Serialize, Deserialize, JsonSchema)]
        pub struct E {
            #[serde(default)]
            a: u32,
        }
    }
    expect::<old::E, new::E>("default-changed", "data.a", WARNING, WARNING);
}
