//! Exports the contract of an event type.

mod definition_names;
mod example;
pub(crate) mod introspect;
mod normalize;
pub(crate) mod sample;

use std::collections::BTreeSet;

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RemoveRefSiblings;
use serde_json::Value;
use tidings::__private::document;
use tidings::EventDescriptor;

use crate::contract::Contract;
use crate::keyword;

impl Contract {
    /// Exports the contract of an event type.
    ///
    /// ```
    /// # use schemars::JsonSchema; use serde::{Deserialize, Serialize}; use tidings::{DomainEvent, EventDescriptor};
    /// use tidings_contracts::Contract;
    ///
    /// /// A customer placed an order.
    /// #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    /// struct OrderCreated { order_id: String }
    ///
    /// let contract = Contract::of(&EventDescriptor::of::<OrderCreated>());
    /// assert_eq!(contract.file_name(), "order.created.v1.json");
    /// assert_eq!(contract.writer["required"][0], "order_id");
    /// ```
    pub fn of(event: &EventDescriptor) -> Self {
        Self::of_successor(event, [])
    }

    /// Exports the contract of an event type that has older contracts.
    ///
    /// serde does not list the names that flattened, internally tagged and untagged types accept. The export tries the
    /// names of the `older` contracts there, because an alias is usually the former name of a field.
    pub fn of_successor<'a>(event: &EventDescriptor, older: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut writer = root(event, SchemaSettings::draft2020_12().for_serialize());
        let mut reader = root(event, SchemaSettings::draft2020_12().for_deserialize());
        let mut names = BTreeSet::new();
        for older in older {
            collect_names(&older.writer, &mut names);
            collect_names(&older.reader, &mut names);
        }
        introspect::complete(&mut writer, &mut reader, event.introspect(), &names);
        let example = example::of(event, &writer);
        Self {
            routing_key: event.routing_key().to_owned(),
            description: event.description().map(str::to_owned),
            deprecated: event.deprecated().map(str::to_owned),
            examples: example.into_iter().collect(),
            ..Self::new(event.event_type(), event.version(), writer, reader)
        }
    }
}

fn root(event: &EventDescriptor, settings: SchemaSettings) -> Value {
    let meta_schema = settings.meta_schema.clone().unwrap_or_default();
    let mut generator = settings
        .with_transform(RemoveRefSiblings::default())
        .into_generator();
    let mut root = event.schema(&mut generator).to_value();
    let definitions = generator.take_definitions(true);
    let names = definition_names::names(&generator);
    let definitions = definition_names::rename(&names, &mut root, definitions);
    let root = Schema::try_from(root).expect("a schema is renamed into a schema");
    let mut root = document(root, definitions).to_value();
    normalize::normalize(&mut root);
    if let Value::Object(root) = &mut root {
        root.insert("$schema".to_owned(), meta_schema.into_owned().into());
    }
    root
}

/// Collects the names and aliases of all properties.
fn collect_names(schema: &Value, names: &mut BTreeSet<String>) {
    let mut schema = schema.clone();
    keyword::walk(&mut schema, &mut |_, schema| {
        for keyword in ["properties", keyword::ALIASES] {
            if let Some(Value::Object(properties)) = schema.get(keyword) {
                names.extend(properties.keys().cloned());
                let aliases = properties.values().filter_map(Value::as_array).flatten();
                names.extend(aliases.filter_map(Value::as_str).map(str::to_owned));
            }
        }
    });
}
