//! Feeds a variant of an enum.

use serde::de::value::{Error as ValueError, StringDeserializer};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer as _, VariantAccess,
    Visitor,
};

use super::LocationDeserializer;

pub(crate) struct FedVariant<'r, 'a> {
    pub(crate) name: String,
    pub(crate) at: Option<LocationDeserializer<'r, 'a>>,
}

impl<'de, 'r, 'a> EnumAccess<'de> for FedVariant<'r, 'a> {
    type Error = ValueError;
    type Variant = FedPayload<'r, 'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant), ValueError> {
        let name: StringDeserializer<ValueError> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, FedPayload(self.at)))
    }
}

pub(crate) struct FedPayload<'r, 'a>(Option<LocationDeserializer<'r, 'a>>);

impl<'r, 'a> FedPayload<'r, 'a> {
    fn at(self) -> Result<LocationDeserializer<'r, 'a>, ValueError> {
        self.0
            .ok_or_else(|| ValueError::custom("a variant without a payload"))
    }

    fn counted<'de, T>(
        at: &LocationDeserializer<'r, 'a>,
        take: impl FnOnce(LocationDeserializer<'r, 'a>) -> Result<T, ValueError>,
    ) -> Result<T, ValueError> {
        let result = take(at.clone());
        if result.is_err() {
            let refused = &mut at.run.observed.borrow_mut().refused;
            refused.get_or_insert_with(|| at.location.pointer.clone());
        }
        result
    }
}

impl<'de> VariantAccess<'de> for FedPayload<'_, '_> {
    type Error = ValueError;

    fn unit_variant(self) -> Result<(), ValueError> {
        // serde writes a unit variant of a flattened enum with null as its value.
        match self.0 {
            Some(at) => Deserialize::deserialize(at),
            None => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ValueError> {
        Self::counted(&self.at()?, |at| seed.deserialize(at))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ValueError> {
        Self::counted(&self.at()?, |at| at.deserialize_any(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        Self::counted(&self.at()?, |at| at.deserialize_struct("", fields, visitor))
    }
}
