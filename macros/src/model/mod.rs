//! The models: what the user's tokens say, before anything is checked.

pub(crate) mod event;
pub(crate) mod event_options;
pub(crate) mod family;
pub(crate) mod field_path;
pub(crate) mod handler;
pub(crate) mod list;
pub(crate) mod options;
pub(crate) mod root;

use syn::{Data, DeriveInput};

use self::event::Event;
use self::family::Family;
use crate::errors::Errors;

/// The item under `#[derive(DomainEvent)]`.
pub(crate) enum Model {
    Event(Event),
    Family(Family),
}

impl Model {
    pub(crate) fn from_syn(item: &DeriveInput, errors: &mut Errors) -> Option<Self> {
        match &item.data {
            Data::Struct(data) => Event::from_syn(item, &data.fields, errors).map(Self::Event),
            Data::Enum(data) => Some(Self::Family(Family::from_syn(item, data, errors))),
            Data::Union(data) => {
                errors.at(
                    data.union_token.span,
                    "a union cannot be an event: it has no one shape to be written in; write a struct",
                );
                None
            }
        }
    }
}
