//! Finds the schemas within a schema by their pointers.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::contract::pointer::escaped;

/// Every schema within a schema, by its pointer. A walk looks up thousands of them.
#[derive(Debug)]
pub(crate) struct Index<'a>(HashMap<String, &'a Map<String, Value>>);

impl<'a> Index<'a> {
    pub(crate) fn of(root: &'a Value) -> Self {
        let mut index = Self(HashMap::new());
        index.add(String::new(), root);
        index
    }

    fn add(&mut self, pointer: String, value: &'a Value) {
        let at = |step: &str| format!("{pointer}/{}", escaped(step));
        match value {
            Value::Object(object) => {
                object.iter().for_each(|(name, value)| self.add(at(name), value));
                self.0.insert(pointer, object);
            }
            Value::Array(list) => {
                (0..)
                    .zip(list)
                    .for_each(|(step, value): (usize, _)| self.add(at(&step.to_string()), value));
            }
            _ => {}
        }
    }

    pub(crate) fn node(&self, pointer: &str) -> Option<&'a Map<String, Value>> {
        self.0.get(pointer).copied()
    }
}
