//! The rules of findings, each with a hint.

use std::fmt;
use std::str::FromStr;

macro_rules! rules {
    ($(#[doc = $doc:literal] $name:ident = $id:literal, $hint:literal;)+) => {
        /// The kind of change of a finding.
        ///
        /// Its `Display` is the name in reports and waivers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Rule {
            $(#[doc = $doc] $name,)+
        }

        impl Rule {
            /// All rules.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The name, such as `field-added-required`.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)+ }
            }

            /// A description, in one sentence.
            pub fn about(self) -> &'static str {
                match self { $(Self::$name => $doc.trim_ascii(),)+ }
            }

            /// What to do; empty when it depends on the finding.
            pub(crate) const fn hint(self) -> &'static str {
                match self { $(Self::$name => $hint,)+ }
            }
        }
    };
}

rules! {
    /// A field was added that readers do not require.
    FieldAddedOptional = "field-added-optional", "";
    /// A field was added that readers require.
    FieldAddedRequired = "field-added-required", "make it `Option` or #[serde(default)], or publish a new version with upcast_from";
    /// A field was removed that older readers require.
    FieldRemovedRequired = "field-removed-required", "keep writing it; make it optional everywhere first";
    /// A field was removed that older readers do not require.
    FieldRemovedOptional = "field-removed-optional", "";
    /// A field has another name.
    FieldRenamed = "field-renamed", "read the old name with #[serde(alias = \"…\")], and keep writing it until consumers moved";
    /// Readers accept one more name for a field.
    AliasAdded = "alias-added", "";
    /// Readers accept one name less for a field.
    AliasRemoved = "alias-removed", "keep the alias as long as events with that name may arrive";
    /// `T` became `Option<T>`.
    BecameNullable = "became-nullable", "let consumers read `Option` first, then write null";
    /// `Option<T>` became `T`.
    BecameNonNull = "became-non-null", "a default does not cover null; read it with deserialize_with, or publish a new version with upcast_from";
    /// Readers do not require a field any more.
    BecameDefault = "became-default", "";
    /// Readers require a field that was optional.
    BecameRequired = "became-required", "keep #[serde(default)]";
    /// Writers may leave a field out.
    WriterMaySkip = "writer-may-skip", "give readers #[serde(default)] first";
    /// An absent field stands for another value.
    DefaultChanged = "default-changed", "the meaning of events that lack it changes";
    /// Readers refuse unknown fields.
    UnknownDenied = "unknown-denied", "leave deny_unknown_fields out: it blocks every later addition";
    /// Readers ignore unknown fields.
    UnknownAllowed = "unknown-allowed", "";
    /// An integer has a wider range.
    IntWidened = "int-widened", "widen it in consumers first, or add a new field";
    /// An integer has a narrower range.
    IntNarrowed = "int-narrowed", "keep the wider type, or publish a new version with upcast_from";
    /// An integer became a float.
    IntToFloat = "int-to-float", "read a float in consumers first; beyond 2^53 digits are lost";
    /// A float became an integer.
    FloatToInt = "float-to-int", "keep the float, or add a new field";
    /// A float lost digits.
    FloatNarrowed = "float-narrowed", "digits are lost; keep the wider type";
    /// A text must have a format.
    FormatAdded = "format-added", "keep the text and check it in the handler, or publish a new version with upcast_from";
    /// A text has no format any more.
    FormatRemoved = "format-removed", "let consumers read any text first";
    /// A text must have another format.
    FormatChanged = "format-changed", "add a new field, or publish a new version with upcast_from";
    /// A value has another type.
    TypeChanged = "type-changed", "add a new field, or publish a new version with upcast_from";
    /// A length, a range or a pattern is narrower.
    ConstraintTightened = "constraint-tightened", "serde does not enforce it; older events may not keep it";
    /// A length, a range or a pattern is wider.
    ConstraintLoosened = "constraint-loosened", "serde does not enforce it; older consumers may rely on it";
    /// An enum has a new variant.
    VariantAdded = "variant-added", "give consumers a variant with #[serde(other)] first";
    /// An enum has lost a variant.
    VariantRemoved = "variant-removed", "keep it and deprecate it";
    /// A variant has gained or lost its payload.
    VariantPayload = "variant-payload", "add a new variant, or publish a new version with upcast_from";
    /// An enum is tagged in another way.
    TaggingChanged = "tagging-changed", "publish a new version with upcast_from";
    /// An untagged enum has a new variant.
    UntaggedVariantAdded = "untagged-variant-added", "serde takes the first variant that fits: put the new variant last, and update the consumers first";
    /// An untagged enum has its variants in another order.
    UntaggedReordered = "untagged-reordered", "serde takes the first variant that fits: an event may be read as a different variant";
    /// The schema changed without any effect.
    ShapeOnly = "shape-only", "";
    /// An event was removed.
    EventRemoved = "event-removed", "deprecate it, with a date, and publish it until then";
    /// An event has another type or routing key.
    EventTypeChanged = "event-type-changed", "publish both for a while";
    /// A version has a breaking change, or cannot be read any more.
    VersionRule = "version-rule", "raise `version`, keep the contract of the old one, and add upcast_from";
    /// An event of the past is no longer readable.
    GoldenEvent = "golden-event", "read it as it was, or publish a new version with upcast_from";
    /// An integer may be beyond 2^53.
    BigInteger = "big-integer", "JavaScript rounds it; write it as a text, or bound it with #[schemars(range(..))]";
    /// A schema has a keyword that the check cannot decide.
    Undecidable = "undecidable", "waive it with a reason and a date, or let schemars derive the schema";
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().copied().find(|rule| rule.id() == text);
        known.ok_or_else(|| format!("there is no rule `{text}`"))
    }
}
