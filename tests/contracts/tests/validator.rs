//! A second opinion: a JSON Schema validator on the same events.

use jsonschema::Validator;
use serde_json::Value;

use crate::tried::Tried;

/// What a validator that knows nothing of Rust says to the schemas of a family.
#[derive(Debug, Default)]
pub(crate) struct SecondOpinion {
    /// Events that the schema of their own writer refuses.
    pub(crate) unfit: Vec<String>,
    /// Events that schema and serde agree on.
    pub(crate) agreed: usize,
    /// Events that only serde reads.
    pub(crate) schema_refuses: Vec<String>,
    /// Events that only the schema takes.
    pub(crate) serde_refuses: Vec<String>,
}

impl SecondOpinion {
    /// Adds what it says to the events of `writer`, read by each of `readers`.
    pub(crate) fn hear(&mut self, family: &[Tried]) {
        let readers: Vec<Validator> = family
            .iter()
            .map(|tried| validator(&tried.contract.reader))
            .collect();
        for writer in family {
            let own = validator(&writer.contract.writer);
            for event in &writer.events {
                let value: Value = serde_json::from_str(event).expect("an event is JSON");
                if !promises(writer) && !own.is_valid(&value) {
                    self.unfit
                        .push(format!("{event}\nwritten by\n{}\n", writer.source));
                }
                for (reader, schema) in family.iter().zip(&readers) {
                    let serde = reader.reads(event);
                    if schema.is_valid(&value) == serde {
                        self.agreed += 1;
                    } else {
                        let odd = if serde {
                            &mut self.schema_refuses
                        } else {
                            &mut self.serde_refuses
                        };
                        odd.push(format!("{event}\nread by\n{}\n", reader.source));
                    }
                }
            }
        }
    }
}

/// Whether the schema says more of the type than its samples keep to: an author's word, which serde does not ask for.
fn promises(writer: &Tried) -> bool {
    // Nor does schemars tell the tag from the entries of a map that is flattened beside it.
    let tagged_map = ["tag = ", "#[serde(flatten)] more: BTreeMap<String, u32>"];
    tagged_map.iter().all(|word| writer.source.contains(word))
        || ["range(", "length(", "regex(", "email"]
            .iter()
            .any(|word| writer.source.contains(&format!("#[schemars({word}")))
}

fn validator(schema: &Value) -> Validator {
    jsonschema::validator_for(schema).unwrap_or_else(|cause| panic!("{cause}\n{schema:#}"))
}
