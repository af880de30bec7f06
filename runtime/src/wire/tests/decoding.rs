//! Decoding data to the version of the event that a handler receives.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{message, read};
use crate::event::DomainEvent;
use crate::event::decode::{DecodeError, older};
use crate::event::derive::UpcastFrom as _;
use crate::event::descriptor::EventDescriptor;
use crate::message::routing_key::RoutingKeyError;
use crate::wire::error_text::chain;

/// Implements `DomainEvent` as the derive does.
macro_rules! event {
    ($name:ident, $version:literal $(, $older:ident)?) => {
        impl DomainEvent for $name {
            const TYPE: &'static str = "order.created";
            const VERSION: u32 = $version;
            const ROUTING_KEY: &'static str = "order.created";
            const KEY_PATTERN: &'static str = "order.created";
            const DESCRIPTION: Option<&'static str> = None;
            const DEPRECATED: Option<&'static str> = None;
            const RUST_TYPE: &'static str = stringify!($name);
            $(const OLDER: Option<&'static EventDescriptor> = Some(&EventDescriptor::of::<$older>());)?

            fn routing_key(&self) -> Result<Cow<'static, str>, RoutingKeyError> {
                Ok(Self::ROUTING_KEY.into())
            }

            fn aggregate_id(&self) -> String {
                String::new()
            }

            $(fn decode_older(version: u32, data: &str) -> Option<Result<Self, DecodeError>> {
                Some(Self::upcast(version, older::<$older>(version, data)))
            })?
        }
    };
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct OrderLine {
    price: u32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct V1 {
    lines: Vec<OrderLine>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct V2 {
    total: u32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct V3 {
    cents: u64,
}

/// A third version that is upcast from the first.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct V3FromV1 {
    cents: u64,
}

event!(V1, 1);
event!(V2, 2, V1);
event!(V3, 3, V2);
event!(V3FromV1, 3, V1);

impl TryFrom<V1> for V2 {
    type Error = &'static str;

    fn try_from(older: V1) -> Result<Self, Self::Error> {
        if older.lines.is_empty() {
            return Err("an order without lines");
        }
        let total = older.lines.iter().map(|line| line.price).sum();
        Ok(Self { total })
    }
}

impl From<V2> for V3 {
    fn from(older: V2) -> Self {
        Self {
            cents: u64::from(older.total) * 100,
        }
    }
}

impl From<V1> for V3FromV1 {
    fn from(_: V1) -> Self {
        Self { cents: 0 }
    }
}

fn decode<E: DomainEvent>(version: u32, data: &str) -> Result<E, DecodeError> {
    let body = format!(r#"{{"type":"order.created","version":{version},"data":{data}}}"#);
    read(&message(body)).decode::<E>()
}

const LINES: &str = r#"{"lines":[{"price":3},{"price":4}]}"#;

#[test]
fn the_current_version_is_decoded() {
    assert_eq!(decode::<V2>(2, r#"{"total":7}"#).unwrap(), V2 { total: 7 });
}

#[test]
fn an_older_version_is_upcast_step_by_step() {
    assert_eq!(decode::<V2>(1, LINES).unwrap(), V2 { total: 7 });
    assert_eq!(decode::<V3>(2, r#"{"total":7}"#).unwrap(), V3 { cents: 700 });
    assert_eq!(decode::<V3>(1, LINES).unwrap(), V3 { cents: 700 });
}

#[test]
fn the_error_of_a_newer_version_names_the_newest_known_version() {
    match decode::<V3>(4, "{}") {
        Err(DecodeError::NewerVersion { found: 4, known: 3 }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_undeclared_older_version_is_unknown_and_not_newer() {
    for decoded in [
        decode::<V1>(0, LINES).map(drop),
        decode::<V3>(0, LINES).map(drop),
        decode::<V3FromV1>(2, "{}").map(drop),
    ] {
        assert!(
            matches!(decoded, Err(DecodeError::UnknownVersion { .. })),
            "{decoded:?}"
        );
    }
}

#[test]
fn the_error_of_a_failed_upcast_names_the_version() {
    let error = decode::<V3>(1, r#"{"lines":[]}"#).unwrap_err();
    assert_eq!(
        chain(&error),
        "cannot upcast from version 1\nan order without lines"
    );
}

#[test]
fn the_error_of_wrong_data_names_its_path() {
    let error = decode::<V2>(1, r#"{"lines":[{"price":3},{"price":"4"}]}"#).unwrap_err();
    assert_eq!(
        chain(&error),
        "cannot decode `data.lines[1].price`\ninvalid type: string \"4\", expected u32 at line 1 column 34"
    );
    assert_eq!(
        chain(&decode::<V2>(2, "{}").unwrap_err()),
        "cannot decode `data`\nmissing field `total` at line 1 column 2"
    );
}

#[test]
fn a_number_that_is_too_large_is_an_error_only_where_it_is_decoded() {
    let data = r#"{"total":7,"huge":123456789012345678901234567890,"odd":1e999}"#;
    assert_eq!(decode::<V2>(2, data).unwrap(), V2 { total: 7 });
    let error = decode::<V2>(2, r#"{"total":1e999}"#).unwrap_err();
    assert_eq!(error.to_string(), "cannot decode `data.total`");
}

#[test]
fn the_error_of_a_wrong_event_type_names_the_type() {
    let event = read(&message(r#"{"type":"order.shipped","data":{}}"#));
    assert_eq!(
        event.decode::<V1>().unwrap_err().to_string(),
        "the event is a `order.shipped`"
    );
}
