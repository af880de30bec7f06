//! Deserializers for whole values and for keys.

use std::cell::RefCell;

use serde::de::value::{Error as ValueError, MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use crate::export::introspect::key_type::KeyType;

pub(crate) fn scalar<'de, V: Visitor<'de>>(value: Value, visitor: V) -> Result<V::Value, ValueError> {
    match value {
        Value::Null => visitor.visit_unit(),
        Value::Bool(value) => visitor.visit_bool(value),
        Value::String(text) => visitor.visit_string(text),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => visitor.visit_u64(number),
            (None, Some(number)) => visitor.visit_i64(number),
            (None, None) => visitor.visit_f64(number.as_f64().unwrap_or_default()),
        },
        // An example in the schema can be an array or an object.
        Value::Array(items) => {
            visitor.visit_seq(SeqDeserializer::new(items.into_iter().map(ValueDeserializer)))
        }
        Value::Object(members) => visitor.visit_map(MapDeserializer::new(
            members
                .into_iter()
                .map(|(name, value)| (name, ValueDeserializer(value))),
        )),
    }
}

struct ValueDeserializer(Value);

impl IntoDeserializer<'_, ValueError> for ValueDeserializer {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for ValueDeserializer {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        scalar(self.0, visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.0 {
            Value::Null => visitor.visit_none(),
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

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        match self.0 {
            Value::String(name) => visitor.visit_enum(name.into_deserializer()),
            value => scalar(value, visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

/// The key of a member: the name of a field, or a key of a map in its own type.
pub(crate) struct KeyDeserializer<'a> {
    pub(crate) name: String,
    /// The type that a map requests for the key; a struct requests none.
    pub(crate) requested: &'a RefCell<Option<KeyType>>,
}

impl KeyDeserializer<'_> {
    fn requested(&self, requested: KeyType) {
        *self.requested.borrow_mut() = Some(requested);
    }
}

macro_rules! integers {
    ($($method:ident $format:literal)+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
            self.requested(KeyType::Integer($format));
            match (self.name.parse::<u64>(), self.name.parse::<i64>()) {
                (Ok(number), _) => visitor.visit_u64(number),
                (_, Ok(number)) => visitor.visit_i64(number),
                _ => visitor.visit_string(self.name),
            }
        })+
    };
}

macro_rules! texts {
    ($($method:ident $requested:ident)+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
            self.requested(KeyType::$requested);
            visitor.visit_string(self.name)
        })+
    };
}

impl<'de> Deserializer<'de> for KeyDeserializer<'_> {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_string(self.name)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        self.requested(KeyType::Variant(variants));
        visitor.visit_enum(self.name.into_deserializer())
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        self.requested(KeyType::Bool);
        visitor.visit_bool(self.name == "true")
    }

    integers! {
        deserialize_i8 "int8" deserialize_i16 "int16" deserialize_i32 "int32" deserialize_i64 "int64"
        deserialize_i128 "int128" deserialize_u8 "uint8" deserialize_u16 "uint16" deserialize_u32 "uint32"
        deserialize_u64 "uint64" deserialize_u128 "uint128"
    }

    texts! { deserialize_char Char deserialize_str Text deserialize_string Text }

    forward_to_deserialize_any! {
        f32 f64 bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
