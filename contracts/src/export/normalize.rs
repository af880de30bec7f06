//! Replaces the formats of schemars by keywords of the standard.
//!
//! A bound narrower than the integer type comes from the author, as in `#[schemars(range(max = 99))]`, and serde does
//! not enforce it. The format stays in that case, so that the schema says both.

use serde_json::{Map, Value, json};

use crate::keyword;

/// Adds the bounds of integers and the ends of tuples, and removes formats that add nothing to the bounds.
pub(crate) fn normalize(schema: &mut Value) {
    keyword::walk(schema, &mut |_, schema| {
        bound(schema);
        end_tuple(schema);
    });
}

/// Returns the bounds of a Rust integer. serde refuses values beyond them.
fn width(format: &str) -> Option<(Value, Value)> {
    // JSON cannot express the 128-bit bounds better than by the nearest float.
    #[allow(clippy::cast_precision_loss)]
    Some(match format {
        "int8" => (json!(i8::MIN), json!(i8::MAX)),
        "int16" => (json!(i16::MIN), json!(i16::MAX)),
        "int32" => (json!(i32::MIN), json!(i32::MAX)),
        // The width of the largest machine, so that the contract does not depend on the machine.
        "int64" | "int" => (json!(i64::MIN), json!(i64::MAX)),
        "int128" => (json!(i128::MIN as f64), json!(i128::MAX as f64)),
        "uint8" => (json!(0), json!(u8::MAX)),
        "uint16" => (json!(0), json!(u16::MAX)),
        "uint32" => (json!(0), json!(u32::MAX)),
        "uint64" | "uint" => (json!(0), json!(u64::MAX)),
        "uint128" => (json!(0), json!(u128::MAX as f64)),
        _ => return None,
    })
}

fn bound(schema: &mut Map<String, Value>) {
    let Some(format) = schema.get("format").and_then(Value::as_str) else {
        return;
    };
    if format == "double" {
        // An `f64` accepts every number. An `f32` refuses larger ones and keeps its format.
        schema.remove("format");
        return;
    }
    let Some((least, most)) = width(format) else {
        return;
    };
    let mut narrower = false;
    for (keyword, strict, bound) in [
        ("minimum", "exclusiveMinimum", least),
        ("maximum", "exclusiveMaximum", most),
    ] {
        if schema.contains_key(strict) {
            narrower = true;
        } else {
            let known = schema.entry(keyword).or_insert_with(|| bound.clone());
            narrower |= known.as_f64() != bound.as_f64();
        }
    }
    if !narrower {
        schema.remove("format");
    }
}

fn end_tuple(schema: &mut Map<String, Value>) {
    let length = schema
        .get("prefixItems")
        .and_then(Value::as_array)
        .map(|items| items.len() as u64);
    if length.is_some() && schema.get("maxItems").and_then(Value::as_u64) == length {
        schema.entry("items").or_insert(Value::Bool(false));
    }
}
