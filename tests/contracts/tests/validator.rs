//! Compares a JSON Schema validator with serde on the same events.

use jsonschema::Validator;
use serde_json::Value;

use crate::tested_type::TestedType;

/// The results of a validator without knowledge of Rust, compared with serde.
#[derive(Debug, Default)]
pub(crate) struct ValidatorComparison {
    /// Events that the schema of their writer refuses.
    pub(crate) unfit: Vec<String>,
    /// The number of events on which the schema and serde agree.
    pub(crate) agreed: usize,
    /// Events that only serde reads.
    pub(crate) schema_refuses: Vec<String>,
    /// Events that only the schema accepts.
    pub(crate) serde_refuses: Vec<String>,
}

impl ValidatorComparison {
    /// Adds the events of each type of a type set, read by each of its types.
    pub(crate) fn add(&mut self, type_set: &[TestedType]) {
        let readers: Vec<Validator> = type_set
            .iter()
            .map(|reader| validator(&reader.contract.reader))
            .collect();
        for writer in type_set {
            let own = validator(&writer.contract.writer);
            for event in &writer.events {
                let value: Value = serde_json::from_str(event).expect("an event is JSON");
                if !is_stricter(writer) && !own.is_valid(&value) {
                    self.unfit
                        .push(format!("{event}\nwritten by\n{}\n", writer.source));
                }
                for (reader, schema) in type_set.iter().zip(&readers) {
                    let serde = reader.reads(event);
                    if schema.is_valid(&value) == serde {
                        self.agreed += 1;
                    } else {
                        let differing = if serde {
                            &mut self.schema_refuses
                        } else {
                            &mut self.serde_refuses
                        };
                        differing.push(format!("{event}\nread by\n{}\n", reader.source));
                    }
                }
            }
        }
    }
}

/// Tells whether the schema may refuse samples: it has an author's constraint that serde does not enforce.
fn is_stricter(writer: &TestedType) -> bool {
    // schemars also cannot tell the tag from the entries of a flattened map beside it.
    let tagged_map = ["tag = ", "#[serde(flatten)] more: BTreeMap<String, u32>"];
    tagged_map.iter().all(|word| writer.source.contains(word))
        || ["range(", "length(", "regex(", "email"]
            .iter()
            .any(|word| writer.source.contains(&format!("#[schemars({word}")))
}

fn validator(schema: &Value) -> Validator {
    jsonschema::validator_for(schema).unwrap_or_else(|cause| panic!("{cause}\n{schema:#}"))
}
