//! The deserializer that watches: it feeds a type what its schema says, and hears for which names the type asks.

mod enumeration;
mod value;

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::de::value::Error as Refusal;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use self::enumeration::Variant;
use self::value::{Key, scalar};
use crate::export::introspect::key_type::{self, KeyTypes};
use crate::export::introspect::walk::{Place, Property, Shape, Walk};

/// What one run brought to light.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// The fields that a struct asks for, by the pointer where it was fed.
    pub(crate) fields: BTreeMap<String, &'static [&'static str]>,
    /// The variants that an enum asks for, likewise.
    pub(crate) variants: BTreeMap<String, &'static [&'static str]>,
    /// What the maps ask their keys to be, likewise.
    pub(crate) keys: KeyTypes,
    /// The schemas whose own types said yes or no to what they were fed, buffered values aside.
    pub(crate) answers: BTreeMap<String, bool>,
    /// The innermost property that was refused.
    pub(crate) refused: Option<String>,
}

/// A run: the walk, and what is heard on it.
pub(crate) struct Run<'a> {
    pub(crate) walk: RefCell<Walk<'a>>,
    pub(crate) heard: RefCell<Heard>,
}

/// A place in a run, as a deserializer.
#[derive(Clone)]
pub(crate) struct At<'r, 'a> {
    pub(crate) run: &'r Run<'a>,
    pub(crate) place: Place,
}

const DEEPEST: usize = 96;

impl At<'_, '_> {
    fn to(&self, place: Place) -> Self {
        Self { run: self.run, place }
    }

    /// Feeds `visitor` what `feed` makes of the shape here.
    fn feed<T>(&self, feed: impl FnOnce(Shape) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let depth = self.run.walk.borrow().depth();
        if depth > DEEPEST {
            return Err(Refusal::custom("the type has no end"));
        }
        let shape = self.run.walk.borrow_mut().shape(&self.place);
        let result = feed(shape);
        self.run.walk.borrow_mut().close(depth);
        result
    }

    /// Remembers whether the type of this very place took what it was fed.
    fn answered<T>(&self, parts: &[String], result: Result<T, Refusal>) -> Result<T, Refusal> {
        let mut heard = self.run.heard.borrow_mut();
        for part in parts {
            heard.answers.insert(part.clone(), result.is_ok());
        }
        result
    }

    /// The schemas that make up this place.
    fn parts(&self) -> Vec<String> {
        let mut walk = self.run.walk.borrow_mut();
        walk.peek(|walk| walk.parts(&self.place.pointer))
    }
}

impl<'de> Deserializer<'de> for At<'_, '_> {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.feed(|shape| match shape {
            Shape::Scalar(value) => scalar(value, visitor),
            Shape::Array(items) => visitor.visit_seq(Items {
                at: &self,
                items: items.into_iter(),
            }),
            Shape::Object(properties) => visitor.visit_map(Members::new(&self, properties)),
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        let parts = self.parts();
        let asked = parts.iter().map(|part| (part.clone(), fields));
        self.run.heard.borrow_mut().fields.extend(asked);
        let result = self.clone().deserialize_any(visitor);
        self.answered(&parts, result)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        let parts = self.parts();
        let result = self.clone().deserialize_any(visitor);
        self.answered(&parts, result)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        let parts = self.parts();
        let asked = parts.iter().map(|part| (part.clone(), variants));
        self.run.heard.borrow_mut().variants.extend(asked);
        let result = self.feed(|shape| match shape {
            Shape::Object(properties) => {
                let mut members = Members::new(&self, properties);
                match members.left.next() {
                    Some((name, place)) => visitor.visit_enum(Variant {
                        name,
                        at: Some(self.to(place)),
                    }),
                    None => Err(Refusal::custom("an object without a variant")),
                }
            }
            Shape::Scalar(Value::String(name)) => visitor.visit_enum(Variant { name, at: None }),
            Shape::Scalar(value) => scalar(value, visitor),
            Shape::Array(_) => Err(Refusal::custom("an array where a variant should be")),
        });
        self.answered(&parts, result)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        let mut walk = self.run.walk.borrow_mut();
        let shape = walk.peek(|walk| walk.shape(&self.place));
        drop(walk);
        match shape {
            Shape::Scalar(Value::Null) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct identifier
    }
}

struct Items<'i, 'r, 'a> {
    at: &'i At<'r, 'a>,
    items: std::vec::IntoIter<String>,
}

impl<'de> SeqAccess<'de> for Items<'_, '_, '_> {
    type Error = Refusal;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refusal> {
        let Some(item) = self.items.next() else {
            return Ok(None);
        };
        seed.deserialize(self.at.to(self.at.place.at(item))).map(Some)
    }
}

struct Members<'i, 'r, 'a> {
    at: &'i At<'r, 'a>,
    left: std::vec::IntoIter<(String, Place)>,
    value: Option<Place>,
}

impl<'i, 'r, 'a> Members<'i, 'r, 'a> {
    /// The properties under the names by which the plan has them fed.
    fn new(at: &'i At<'r, 'a>, properties: Vec<Property>) -> Self {
        let mut members = Vec::with_capacity(properties.len());
        let plan = at.run.walk.borrow().plan;
        for property in properties {
            let place = property.place();
            match plan
                .rename
                .as_ref()
                .filter(|rename| rename.property == property.pointer)
            {
                Some(rename) => {
                    if rename.beside {
                        members.push((property.name, place.clone()));
                    }
                    members.extend(rename.names.iter().map(|name| (name.clone(), place.clone())));
                }
                None => members.push((property.name, place)),
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
    type Error = Refusal;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refusal> {
        let Some((name, place)) = self.left.next() else {
            return Ok(None);
        };
        self.value = Some(place.clone());
        let asked = RefCell::new(None);
        let result = seed.deserialize(Key { name, asked: &asked });
        if let (Some(asked), Some(map)) = (asked.into_inner(), key_type::map_of(&place.pointer)) {
            self.at.run.heard.borrow_mut().keys.insert(map.to_owned(), asked);
        }
        self.refused(&place, result).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refusal> {
        let place = self.value.take().expect("serde asks for a key first");
        let result = seed.deserialize(self.at.to(place.clone()));
        self.refused(&place, result)
    }
}

impl Members<'_, '_, '_> {
    fn refused<T>(&self, place: &Place, result: Result<T, Refusal>) -> Result<T, Refusal> {
        if result.is_err() {
            let refused = &mut self.at.run.heard.borrow_mut().refused;
            refused.get_or_insert_with(|| place.pointer.clone());
        }
        result
    }
}
