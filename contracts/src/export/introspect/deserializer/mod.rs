//! A deserializer that observes a type. It feeds the type values that its schema allows, and records the names that the
//! type requests.

mod enumeration;
mod value;

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::de::value::Error as ValueError;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use self::enumeration::FedVariant;
use self::value::{KeyDeserializer, scalar};
use crate::export::introspect::key_type::{self, KeyTypes};
use crate::export::introspect::walk::{Input, Location, Property, Walk};

/// The results of one run of the deserializer.
#[derive(Debug, Default)]
pub(crate) struct Observations {
    /// The names of fields that a struct requests, by the pointer of the struct's schema.
    pub(crate) fields: BTreeMap<String, &'static [&'static str]>,
    /// The names of variants that an enum requests, by the pointer of the enum's schema.
    pub(crate) variants: BTreeMap<String, &'static [&'static str]>,
    pub(crate) keys: KeyTypes,
    /// Whether the type at a schema accepted its input. Types that serde reads from a buffer are missing.
    pub(crate) accepted: BTreeMap<String, bool>,
    /// The innermost property that the type refused.
    pub(crate) refused: Option<String>,
}

pub(crate) struct Run<'a> {
    pub(crate) walk: RefCell<Walk<'a>>,
    pub(crate) observed: RefCell<Observations>,
}

/// A deserializer for the value at one location.
#[derive(Clone)]
pub(crate) struct LocationDeserializer<'r, 'a> {
    pub(crate) run: &'r Run<'a>,
    pub(crate) location: Location,
}

const DEEPEST: usize = 96;

impl LocationDeserializer<'_, '_> {
    fn to(&self, location: Location) -> Self {
        Self {
            run: self.run,
            location,
        }
    }

    /// Computes the input at this location, and lets `feed` give it to the visitor.
    fn feed<T>(&self, feed: impl FnOnce(Input) -> Result<T, ValueError>) -> Result<T, ValueError> {
        let depth = self.run.walk.borrow().depth();
        if depth > DEEPEST {
            return Err(ValueError::custom("the type has no end"));
        }
        let input = self.run.walk.borrow_mut().input(&self.location);
        let result = feed(input);
        self.run.walk.borrow_mut().close(depth);
        result
    }

    /// Records whether the type at this location accepted its input.
    fn record_accepted<T>(&self, schemas: &[String], result: Result<T, ValueError>) -> Result<T, ValueError> {
        let mut observed = self.run.observed.borrow_mut();
        for part in schemas {
            observed.accepted.insert(part.clone(), result.is_ok());
        }
        result
    }

    fn schemas(&self) -> Vec<String> {
        let mut walk = self.run.walk.borrow_mut();
        walk.peek(|walk| walk.schemas(&self.location.pointer))
    }
}

impl<'de> Deserializer<'de> for LocationDeserializer<'_, '_> {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        self.feed(|input| match input {
            Input::Scalar(value) => scalar(value, visitor),
            Input::Array(items) => visitor.visit_seq(Items {
                at: &self,
                items: items.into_iter(),
            }),
            Input::Object(properties) => visitor.visit_map(Members::new(&self, properties)),
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        let schemas = self.schemas();
        let requested = schemas.iter().map(|part| (part.clone(), fields));
        self.run.observed.borrow_mut().fields.extend(requested);
        let result = self.clone().deserialize_any(visitor);
        self.record_accepted(&schemas, result)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        let schemas = self.schemas();
        let result = self.clone().deserialize_any(visitor);
        self.record_accepted(&schemas, result)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        let schemas = self.schemas();
        let requested = schemas.iter().map(|part| (part.clone(), variants));
        self.run.observed.borrow_mut().variants.extend(requested);
        let result = self.feed(|input| match input {
            Input::Object(properties) => {
                let mut members = Members::new(&self, properties);
                match members.left.next() {
                    Some((name, location)) => visitor.visit_enum(FedVariant {
                        name,
                        at: Some(self.to(location)),
                    }),
                    None => Err(ValueError::custom("an object without a variant")),
                }
            }
            Input::Scalar(Value::String(name)) => visitor.visit_enum(FedVariant { name, at: None }),
            Input::Scalar(value) => scalar(value, visitor),
            Input::Array(_) => Err(ValueError::custom("an array where a variant should be")),
        });
        self.record_accepted(&schemas, result)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        let mut walk = self.run.walk.borrow_mut();
        let input = walk.peek(|walk| walk.input(&self.location));
        drop(walk);
        match input {
            Input::Scalar(Value::Null) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct identifier
    }
}

struct Items<'i, 'r, 'a> {
    at: &'i LocationDeserializer<'r, 'a>,
    items: std::vec::IntoIter<String>,
}

impl<'de> SeqAccess<'de> for Items<'_, '_, '_> {
    type Error = ValueError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ValueError> {
        let Some(item) = self.items.next() else {
            return Ok(None);
        };
        seed.deserialize(self.at.to(self.at.location.at(item))).map(Some)
    }
}

struct Members<'i, 'r, 'a> {
    at: &'i LocationDeserializer<'r, 'a>,
    left: std::vec::IntoIter<(String, Location)>,
    value: Option<Location>,
}

impl<'i, 'r, 'a> Members<'i, 'r, 'a> {
    /// Lists the properties under the names that the plan asks for.
    fn new(at: &'i LocationDeserializer<'r, 'a>, properties: Vec<Property>) -> Self {
        let mut members = Vec::with_capacity(properties.len());
        let plan = at.run.walk.borrow().plan;
        for property in properties {
            let location = property.location();
            match plan
                .rename
                .as_ref()
                .filter(|rename| rename.property == property.pointer)
            {
                Some(rename) => {
                    if rename.keep_original {
                        members.push((property.name, location.clone()));
                    }
                    members.extend(rename.names.iter().map(|name| (name.clone(), location.clone())));
                }
                None => members.push((property.name, location)),
            }
        }
        Self {
            at,
            left: members.into_iter(),
            value: None,
        }
    }
}

impl<'de> MapAccess<'de> for Members<'_, '_, '_> {
    type Error = ValueError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ValueError> {
        let Some((name, location)) = self.left.next() else {
            return Ok(None);
        };
        self.value = Some(location.clone());
        let requested = RefCell::new(None);
        let result = seed.deserialize(KeyDeserializer {
            name,
            requested: &requested,
        });
        if let (Some(requested), Some(map)) = (requested.into_inner(), key_type::map_of(&location.pointer)) {
            self.at
                .run
                .observed
                .borrow_mut()
                .keys
                .insert(map.to_owned(), requested);
        }
        self.refused(&location, result).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ValueError> {
        let location = self.value.take().expect("serde asks for a key first");
        let result = seed.deserialize(self.at.to(location.clone()));
        self.refused(&location, result)
    }
}

impl Members<'_, '_, '_> {
    fn refused<T>(&self, location: &Location, result: Result<T, ValueError>) -> Result<T, ValueError> {
        if result.is_err() {
            let refused = &mut self.at.run.observed.borrow_mut().refused;
            refused.get_or_insert_with(|| location.pointer.clone());
        }
        result
    }
}
