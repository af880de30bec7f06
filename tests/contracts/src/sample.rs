//! Sample values to write as events. Each type has a few, unusual ones among them.
//!
//! A finding that no sample confirms counts as a bug. So the samples cover both ends of an integer, a fraction, absent
//! and empty values, each variant, and the names that a struct may request. They have no floats that JSON cannot write:
//! `serde_json` writes those as null, and no float type reads null.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::num::{NonZeroI32, NonZeroU8, NonZeroU32, NonZeroU64};

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

/// The depth to which collections and boxes are filled. It ends recursive types.
pub const DEPTH: usize = 5;

/// A type with sample values.
pub trait Sample: Clone {
    /// Returns the values, the most ordinary first. Empty when a value would be deeper than `depth`.
    fn samples(depth: usize) -> Vec<Self>;
}

/// Combines the samples of fields. The first plan has the first sample of each field. The next plans change one field
/// each, and the last plan has the last samples. This is enough, since serde reads each field by itself.
#[must_use]
pub fn plans(counts: &[usize]) -> Vec<Vec<usize>> {
    if counts.contains(&0) {
        return Vec::new();
    }
    let first = vec![0; counts.len()];
    let mut plans = vec![first.clone()];
    for (field, &count) in counts.iter().enumerate() {
        plans.extend((1..count).map(|sample| {
            let mut plan = first.clone();
            plan[field] = sample;
            plan
        }));
    }
    if counts.len() > 1 {
        plans.push(counts.iter().map(|count| count - 1).collect());
    }
    plans
}

/// Keys of the sample maps: among them are the fields and tags of the themes, which a struct may request.
const KEYS: &[&str] = &[
    "key", "", "id", "note", "kind", "body", "Held", "value", "7", "Red", "true", "k",
];

macro_rules! samples {
    ($($type:ty: [$($value:expr),+ $(,)?];)+) => {$(
        impl Sample for $type {
            fn samples(_: usize) -> Vec<Self> {
                vec![$($value),+]
            }
        }
    )+};
}

macro_rules! integers {
    ($($type:ty)+) => { samples! { $($type: [7, 0, <$type>::MIN, <$type>::MAX, <$type>::MAX / 2 + 1];)+ } };
}

integers! { u8 u16 u32 u64 usize i8 i16 i32 i64 isize u128 i128 }

samples! {
    (): [()];
    bool: [true, false];
    f32: [0.5, 0.0, -1.0, 1e10, f32::MAX];
    f64: [0.5, 0.0, -1.0, 1e10, f64::MAX];
    char: ['x', '🦀', '\n'];
    String: ["text".into(), String::new(), "ünï 🦀".into(), "7".into(), "Red".into(), "l".repeat(300)];
    Box<str>: ["text".into(), "".into()];
    std::borrow::Cow<'static, str>: ["text".into(), "".into()];
    Uuid: [Uuid::from_u128(7), Uuid::nil(), Uuid::max()];
    NonZeroU8: [NonZeroU8::MIN, NonZeroU8::MAX];
    NonZeroU32: [NonZeroU32::MIN, NonZeroU32::MAX];
    NonZeroU64: [NonZeroU64::MIN, NonZeroU64::MAX];
    NonZeroI32: [NonZeroI32::MIN, NonZeroI32::MAX];
    NaiveDate: [NaiveDate::default(), NaiveDate::from_ymd_opt(2026, 11, 23).expect("a date")];
    NaiveTime: [NaiveTime::default(), NaiveTime::from_hms_milli_opt(23, 59, 59, 123).expect("a time")];
    NaiveDateTime: [NaiveDateTime::default()];
    DateTime<Utc>: [DateTime::default(), DateTime::from_timestamp_millis(1_763_900_000_123).expect("a time")];
    std::net::Ipv4Addr: [std::net::Ipv4Addr::LOCALHOST];
    std::net::IpAddr: [std::net::Ipv4Addr::LOCALHOST.into(), std::net::Ipv6Addr::LOCALHOST.into()];
    std::time::Duration: [std::time::Duration::from_millis(1_500), std::time::Duration::ZERO];
    Value: [
        json!({"key": 1}), json!(null), json!(true), json!(7), json!(-1), json!(0.5), json!("text"), json!(""),
        json!([]), json!([1, "a", null]), json!({}), json!({"id": "text", "note": 1, "kind": null, "value": []}),
        json!(u64::MAX), json!(i64::MIN),
    ];
    serde_json::Map<String, Value>: [
        keyed("key", json!(1)), serde_json::Map::new(), keyed("id", json!("text")), keyed("id", json!(null)),
        keyed("note", json!(1)), keyed("kind", json!(true)), keyed("value", json!([])),
    ];
}

fn keyed(key: &str, value: Value) -> serde_json::Map<String, Value> {
    [(key.to_owned(), value)].into_iter().collect()
}

/// A type of map keys.
pub trait Key: Sample {
    /// Returns the keys, the most ordinary first.
    fn keys(depth: usize) -> Vec<Self> {
        Self::samples(depth)
    }
}

impl Key for String {
    fn keys(_: usize) -> Vec<Self> {
        KEYS.iter().map(|&key| key.to_owned()).collect()
    }
}

impl Key for u8 {}
impl Key for u16 {}
impl Key for usize {}
impl Key for i8 {}
impl Key for u32 {}
impl Key for i32 {}
impl Key for u64 {}
impl Key for i64 {}
impl Key for bool {}
impl Key for char {}
impl Key for Uuid {}
impl Key for NaiveDate {}

/// Returns sample lists of `T`: each sample alone, no samples, two samples, and all samples.
fn lists<T: Sample>(depth: usize) -> Vec<Vec<T>> {
    let Some(depth) = depth.checked_sub(1) else {
        return vec![Vec::new()];
    };
    let items = T::samples(depth);
    let mut lists: Vec<Vec<T>> = items.iter().map(|item| vec![item.clone()]).collect();
    lists.push(Vec::new());
    lists.push(items.iter().cycle().take(2).cloned().collect());
    lists.push(items);
    lists
}

impl<T: Sample> Sample for Vec<T> {
    fn samples(depth: usize) -> Vec<Self> {
        lists(depth)
    }
}

impl<T: Sample> Sample for VecDeque<T> {
    fn samples(depth: usize) -> Vec<Self> {
        lists(depth).into_iter().map(Self::from).collect()
    }
}

#[expect(clippy::implicit_hasher, reason = "no theme has another")]
impl<T: Sample + Eq + Hash> Sample for HashSet<T> {
    fn samples(depth: usize) -> Vec<Self> {
        lists(depth).into_iter().map(Self::from_iter).collect()
    }
}

impl<T: Sample + Ord> Sample for BTreeSet<T> {
    fn samples(depth: usize) -> Vec<Self> {
        lists(depth).into_iter().map(Self::from_iter).collect()
    }
}

impl<T: Sample, const N: usize> Sample for [T; N] {
    fn samples(depth: usize) -> Vec<Self> {
        let items = T::samples(depth);
        (0..items.len().max(1))
            .filter_map(|start| {
                let mut items = items.iter().cycle().skip(start).cloned();
                let array: Vec<T> = items.by_ref().take(N).collect();
                array.try_into().ok()
            })
            .collect()
    }
}

impl<T: Sample> Sample for Option<T> {
    fn samples(depth: usize) -> Vec<Self> {
        let some = depth.checked_sub(1).map(T::samples).unwrap_or_default();
        some.into_iter().map(Some).chain([None]).collect()
    }
}

impl<T: Sample> Sample for Box<T> {
    fn samples(depth: usize) -> Vec<Self> {
        let values = depth.checked_sub(1).map(T::samples).unwrap_or_default();
        values.into_iter().map(Self::new).collect()
    }
}

/// Returns sample entries of a map: each value alone, each key alone, none, and one under every key.
fn entries<K: Key, V: Sample>(depth: usize) -> Vec<Vec<(K, V)>> {
    let values = depth.checked_sub(1).map(V::samples).unwrap_or_default();
    let keys = K::keys(depth);
    let mut maps = Vec::new();
    if let (Some(key), Some(value)) = (keys.first(), values.first()) {
        maps.extend(values.iter().map(|value| vec![(key.clone(), value.clone())]));
        maps.extend(keys[1..].iter().map(|key| vec![(key.clone(), value.clone())]));
        maps.push(keys.iter().map(|key| (key.clone(), value.clone())).collect());
    }
    maps.push(Vec::new());
    maps
}

impl<K: Key + Ord, V: Sample> Sample for BTreeMap<K, V> {
    fn samples(depth: usize) -> Vec<Self> {
        entries(depth).into_iter().map(Self::from_iter).collect()
    }
}

#[expect(clippy::implicit_hasher, reason = "no theme has another")]
impl<K: Key + Eq + Hash, V: Sample> Sample for HashMap<K, V> {
    fn samples(depth: usize) -> Vec<Self> {
        // At most one entry: the order of more is random.
        let mut maps = entries(depth);
        maps.retain(|entries| entries.len() < 2);
        maps.into_iter().map(Self::from_iter).collect()
    }
}

macro_rules! tuples {
    ($($name:ident $index:tt),+) => {
        impl<$($name: Sample),+> Sample for ($($name,)+) {
            fn samples(depth: usize) -> Vec<Self> {
                let fields = ($($name::samples(depth),)+);
                plans(&[$(fields.$index.len()),+])
                    .into_iter()
                    .map(|plan| ($(fields.$index[plan[$index]].clone(),)+))
                    .collect()
            }
        }
    };
}

tuples! { A 0 }
tuples! { A 0, B 1 }
tuples! { A 0, B 1, C 2 }
