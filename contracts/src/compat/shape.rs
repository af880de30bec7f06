//! A shape: the values that a schema allows, as serde sees them, without titles and descriptions.

use std::collections::BTreeMap;

use serde_json::Value;

/// The index of a node in its [`Shapes`].
pub(crate) type Id = usize;

/// The shapes of one schema. The ids of a recursive type form a cycle.
#[derive(Debug)]
pub(crate) struct Shapes {
    pub(crate) nodes: Vec<Node>,
    pub(crate) root: Id,
    /// One shape per JSON type except `null`. Together they are any value.
    pub(crate) kinds_of_json: Vec<Id>,
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) nullable: bool,
    pub(crate) kind: Kind,
    /// Keywords that serde does not enforce: lengths, ranges and patterns.
    pub(crate) constraints: BTreeMap<String, Value>,
}

impl Node {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            nullable: false,
            kind,
            constraints: BTreeMap::new(),
        }
    }
}

/// The values of a shape except `null`.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// Every value, with `null`.
    Any,
    /// No value. A nullable one is serde's `()`.
    Nothing,
    Bool,
    Integer(Integer),
    Float {
        single: bool,
    },
    Text {
        format: Option<String>,
    },
    /// A list of values other than texts.
    Literals(Vec<Value>),
    /// Any number of values of one shape.
    List(Id),
    /// A fixed number of values, each with its own shape.
    Tuple(Vec<Id>),
    Object(Object),
    Enum(Enum),
    /// The first shape that fits: an untagged enum, or a type with several forms.
    Union(Vec<Id>),
    /// A reference to another shape.
    Same(Id),
    /// A schema that the check cannot decide.
    Unclear(Value),
}

/// The bounds of a Rust integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Integer {
    pub(crate) min: i128,
    pub(crate) max: i128,
    /// Whether zero is refused; `None` when the schema does not tell `NonZeroU32` from a range that begins at 1.
    pub(crate) nonzero: Option<bool>,
}

/// Represents the largest `u128`, which is beyond `i128`. The largest `i128` is one below it here.
pub(crate) const MAX_U128: i128 = i128::MAX;
pub(crate) const MAX_I128: i128 = i128::MAX - 1;

impl Integer {
    /// The bounds of a Rust type by schemars' format.
    pub(crate) fn of_format(format: &str) -> Option<Self> {
        let (min, max) = match format {
            "int8" => (i128::from(i8::MIN), i128::from(i8::MAX)),
            "int16" => (i128::from(i16::MIN), i128::from(i16::MAX)),
            "int32" => (i128::from(i32::MIN), i128::from(i32::MAX)),
            "int64" | "int" => (i128::from(i64::MIN), i128::from(i64::MAX)),
            "int128" => (i128::MIN, MAX_I128),
            "uint8" => (0, i128::from(u8::MAX)),
            "uint16" => (0, i128::from(u16::MAX)),
            "uint32" => (0, i128::from(u32::MAX)),
            "uint64" | "uint" => (0, i128::from(u64::MAX)),
            "uint128" => (0, MAX_U128),
            _ => return None,
        };
        Some(Self {
            min,
            max,
            nonzero: Some(false),
        })
    }

    /// Tells whether `other` contains every number of `self`, except zero.
    pub(crate) fn within(self, other: Self) -> bool {
        other.min <= self.min && self.max <= other.max
    }

    pub(crate) fn contains(self, number: i128) -> bool {
        self.min <= number && number <= self.max && (number != 0 || self.nonzero != Some(true))
    }

    /// Tells whether the value is a number within the bounds.
    pub(crate) fn accepts(self, value: &Value) -> bool {
        let number = value.as_i64().map(i128::from).or(value.as_u64().map(i128::from));
        number.is_some_and(|number| self.contains(number))
    }

    /// Tells whether zero is among the numbers, as far as known.
    pub(crate) fn has_zero(self) -> bool {
        self.min <= 0 && 0 <= self.max && self.nonzero == Some(false)
    }

    /// The Rust type with these bounds.
    pub(crate) fn name(self) -> String {
        let names = [
            ("u8", "uint8"),
            ("i8", "int8"),
            ("u16", "uint16"),
            ("i16", "int16"),
            ("u32", "uint32"),
            ("i32", "int32"),
            ("u64", "uint64"),
            ("i64", "int64"),
            ("u128", "uint128"),
            ("i128", "int128"),
        ];
        let fits =
            |format| Self::of_format(format).is_some_and(|it| it.min == self.min && it.max == self.max);
        let name = names.into_iter().find(|(_, format)| fits(format));
        match (name, self.nonzero) {
            (Some((name, _)), Some(true)) => format!("NonZero<{name}>"),
            (Some((name, _)), _) => name.to_owned(),
            (None, _) => format!("an integer from {} to {}", self.min, self.max),
        }
    }
}

/// An object: a struct, a map, or both.
#[derive(Debug, Clone, Default)]
pub(crate) struct Object {
    pub(crate) fields: BTreeMap<String, Field>,
    pub(crate) rest: Rest,
    /// The enums that are flattened into it.
    pub(crate) groups: Vec<Group>,
}

impl Object {
    /// Tells whether a writer writes no field.
    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.groups.is_empty() && !matches!(self.rest, Rest::Entries { .. })
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) shape: Id,
    pub(crate) required: bool,
    pub(crate) aliases: Vec<String>,
    pub(crate) default: Option<Value>,
}

/// How an object treats names that it does not list.
#[derive(Debug, Clone, Default)]
pub(crate) enum Rest {
    /// A reader ignores them; a writer writes none.
    #[default]
    Ignored,
    /// A reader refuses them.
    Denied,
    /// They are entries of a map.
    Entries { keys: Keys, value: Id },
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Keys {
    Any,
    /// Integers, written as texts.
    Integer(Integer),
    /// Texts of this shape.
    Shape(Id),
}

/// An enum that is flattened into an object: the object has the fields of one alternative.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) alternatives: Vec<Id>,
}

#[derive(Debug, Clone)]
pub(crate) struct Enum {
    pub(crate) tagging: Tagging,
    pub(crate) variants: Vec<Variant>,
    /// Whether the reader accepts unknown variants.
    pub(crate) other: bool,
    /// Each alternative as a plain shape, for comparisons with other kinds.
    pub(crate) alternatives: Vec<Id>,
}

/// How an enum marks its variants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tagging {
    /// `"Card"`, `{"Card": …}`.
    External,
    /// `{"kind": "Card", …}`.
    Internal { tag: String },
    /// `{"kind": "Card", "data": …}`. It is not `sure` when internally tagged variants with one field each look the
    /// same.
    Adjacent {
        tag: String,
        content: String,
        sure: bool,
    },
}

impl Tagging {
    /// Describes the tagging in the words of serde's attribute, in contrast to `other`.
    pub(crate) fn describe(&self, other: &Self) -> String {
        match self {
            Self::Adjacent { tag, content, .. } if self.tag() == other.tag() => {
                format!("by `tag = \"{tag}\", content = \"{content}\"`")
            }
            Self::External => "by the name around the content".to_owned(),
            Self::Internal { tag } | Self::Adjacent { tag, sure: false, .. } => {
                format!("by `tag = \"{tag}\"`")
            }
            Self::Adjacent { tag, content, .. } => format!("by `tag = \"{tag}\", content = \"{content}\"`"),
        }
    }

    /// The name of the tag's field.
    pub(crate) fn tag(&self) -> Option<&str> {
        match self {
            Self::External => None,
            Self::Internal { tag } | Self::Adjacent { tag, .. } => Some(tag),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) aliases: Vec<String>,
    /// The shape beside its name, or in the content field.
    pub(crate) payload: Option<Id>,
    /// The object without its tag, when the object holds the tag.
    pub(crate) object: Option<Id>,
}

impl Enum {
    /// The variant that has this name or alias.
    pub(crate) fn variant(&self, name: &str) -> Option<&Variant> {
        let by_name = self.variants.iter().find(|variant| variant.name == name);
        by_name.or_else(|| {
            self.variants
                .iter()
                .find(|variant| variant.aliases.iter().any(|alias| alias == name))
        })
    }

    /// Tells whether one enum is internally and the other adjacently tagged. An internally tagged enum whose variants
    /// have one field each only looks adjacently tagged.
    pub(crate) fn content_moved(&self, shapes: &Shapes, other: &Self, others: &Shapes) -> bool {
        let moved = |adjacent: &Self, plain: &Self, shapes: &Shapes| match &adjacent.tagging {
            Tagging::Adjacent { content, .. } if matches!(plain.tagging, Tagging::Internal { .. }) => {
                adjacent
                    .variants
                    .iter()
                    .filter(|variant| variant.payload.is_some())
                    .any(|variant| {
                        let object = plain.variant(&variant.name).and_then(|known| known.object);
                        match object.map(|id| shapes.resolve(id).kind) {
                            Some(Kind::Object(object)) => {
                                !object.is_empty() && !object.fields.contains_key(content)
                            }
                            _ => false,
                        }
                    })
            }
            _ => false,
        };
        moved(self, other, others) || moved(other, self, shapes)
    }

    /// Tells whether all its values are texts.
    pub(crate) fn is_plain(&self) -> bool {
        self.tagging == Tagging::External && self.variants.iter().all(|variant| variant.payload.is_none())
    }
}

/// A shape after following its references.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResolvedShape<'a> {
    pub(crate) id: Id,
    pub(crate) nullable: bool,
    pub(crate) kind: &'a Kind,
    pub(crate) constraints: &'a BTreeMap<String, Value>,
}

/// The schema of an unclear shape that a reader may refuse, but no writer writes.
pub(crate) const UNWRITTEN: Value = Value::Null;

impl Shapes {
    /// Follows all references from `id`.
    pub(crate) fn resolve(&self, id: Id) -> ResolvedShape<'_> {
        let (mut id, mut nullable) = (id, false);
        // Rust cannot express a cycle of references only (`type A = A`). The bound ends the loop anyway.
        for _ in 0..=self.nodes.len() {
            let node = &self.nodes[id];
            nullable |= node.nullable;
            match node.kind {
                Kind::Same(next) => id = next,
                ref kind => {
                    return ResolvedShape {
                        id,
                        nullable: nullable || matches!(kind, Kind::Any),
                        kind,
                        constraints: &node.constraints,
                    };
                }
            }
        }
        ResolvedShape {
            id,
            nullable,
            kind: &Kind::Nothing,
            constraints: &self.nodes[id].constraints,
        }
    }

    /// Tells whether `null` is a value of the shape.
    pub(crate) fn takes_null(&self, id: Id) -> bool {
        let seen = self.resolve(id);
        seen.nullable
            || matches!(seen.kind, Kind::Union(members) if members.iter().any(|member| self.takes_null(*member)))
    }

    /// Describes the shape, in Rust where possible.
    pub(crate) fn describe(&self, id: Id) -> String {
        self.describe_to(id, 3)
    }

    fn describe_to(&self, id: Id, depth: u8) -> String {
        let seen = self.resolve(id);
        if matches!(seen.kind, Kind::Nothing) {
            return if seen.nullable { "()" } else { "nothing" }.to_owned();
        }
        let Some(depth) = depth.checked_sub(1) else {
            return "…".to_owned();
        };
        let inner = self.describe_kind(seen.kind, depth);
        if seen.nullable && !matches!(seen.kind, Kind::Any) {
            format!("Option<{inner}>")
        } else {
            inner
        }
    }

    fn describe_kind(&self, kind: &Kind, depth: u8) -> String {
        let join = |ids: &[Id], between: &str| {
            let names: Vec<_> = ids.iter().map(|id| self.describe_to(*id, depth)).collect();
            names.join(between)
        };
        match kind {
            Kind::Any => "any value".to_owned(),
            Kind::Nothing => "nothing".to_owned(),
            Kind::Bool => "bool".to_owned(),
            Kind::Integer(integer) => integer.name(),
            Kind::Float { single } => if *single { "f32" } else { "f64" }.to_owned(),
            Kind::Text { format } => describe_format(format.as_deref()),
            Kind::Literals(values) => {
                let values: Vec<_> = values.iter().map(Value::to_string).collect();
                values.join(" or ")
            }
            Kind::List(item) => format!("Vec<{}>", self.describe_to(*item, depth)),
            Kind::Tuple(items) => format!("({})", join(items, ", ")),
            Kind::Object(object) => self.describe_object(object, depth),
            Kind::Enum(it) => {
                let names: Vec<_> = it.variants.iter().map(|variant| variant.name.as_str()).collect();
                format!("enum {{ {} }}", names.join(", "))
            }
            Kind::Union(members) => format!("untagged enum {{ {} }}", join(members, ", ")),
            Kind::Same(id) => self.describe_to(*id, depth),
            Kind::Unclear(_) => "a schema that cannot be decided".to_owned(),
        }
    }

    fn describe_object(&self, object: &Object, depth: u8) -> String {
        if let (true, Rest::Entries { value, .. }) = (object.fields.is_empty(), &object.rest) {
            return format!("map of {}", self.describe_to(*value, depth));
        }
        let names: Vec<_> = object.fields.keys().map(String::as_str).collect();
        format!("struct {{ {} }}", names.join(", "))
    }
}

/// The Rust type of a format, where there is only one.
fn describe_format(format: Option<&str>) -> String {
    match format {
        None => "String".to_owned(),
        Some("char") => "char".to_owned(),
        Some("uuid") => "Uuid".to_owned(),
        Some(format) => format!("String as {format}"),
    }
}
