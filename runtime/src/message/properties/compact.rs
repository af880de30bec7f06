//! The properties of a message in memory.

use std::fmt;

use super::Properties;

/// The properties of a message, with all strings in one buffer.
///
/// Every publish and every delivery creates one. An allocation per string would be most of the cost of a message.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct CompactProperties {
    /// The strings, concatenated in the order of [`TextProperty`].
    texts: Box<str>,
    /// The end of each string in `texts`.
    ends: [usize; TEXTS],
    /// Whether each string is present: an absent string differs from an empty one.
    present: [bool; TEXTS],
    persistent: bool,
    priority: Option<u8>,
    timestamp: Option<u64>,
}

/// Generates the items that list every property. [`Properties`] is written by hand, because its fields have docs.
macro_rules! text_properties {
    ($($text:ident),* $(,)?) => {
        #[derive(Clone, Copy)]
        #[allow(non_camel_case_types)] // The variants have the names of the fields.
        enum TextProperty {
            $($text),*
        }

        const TEXTS: usize = [$(TextProperty::$text),*].len();

        /// The properties of a message, with borrowed strings.
        #[derive(Clone, Copy, Default)]
        pub(crate) struct BorrowedProperties<'a> {
            $(pub(crate) $text: Option<&'a str>,)*
            pub(crate) persistent: bool,
            pub(crate) priority: Option<u8>,
            pub(crate) timestamp: Option<u64>,
        }

        impl CompactProperties {
            $(pub(crate) fn $text(&self) -> Option<&str> {
                self.text(TextProperty::$text)
            })*

            pub(crate) fn borrowed(&self) -> BorrowedProperties<'_> {
                BorrowedProperties {
                    $($text: self.$text(),)*
                    persistent: self.persistent,
                    priority: self.priority,
                    timestamp: self.timestamp,
                }
            }
        }

        impl From<BorrowedProperties<'_>> for CompactProperties {
            fn from(properties: BorrowedProperties<'_>) -> Self {
                let all = [$(properties.$text),*];
                let mut texts = String::with_capacity(all.iter().flatten().map(|text| text.len()).sum());
                let ends = all.map(|text| {
                    texts.push_str(text.unwrap_or_default());
                    texts.len()
                });
                Self {
                    texts: texts.into(),
                    ends,
                    present: all.map(|text| text.is_some()),
                    persistent: properties.persistent,
                    priority: properties.priority,
                    timestamp: properties.timestamp,
                }
            }
        }

        impl From<Properties> for CompactProperties {
            fn from(properties: Properties) -> Self {
                BorrowedProperties {
                    $($text: properties.$text.as_deref(),)*
                    persistent: properties.persistent,
                    priority: properties.priority,
                    timestamp: properties.timestamp,
                }
                .into()
            }
        }

        impl From<&CompactProperties> for Properties {
            fn from(properties: &CompactProperties) -> Self {
                Self {
                    $($text: properties.$text().map(ToOwned::to_owned),)*
                    persistent: properties.persistent,
                    priority: properties.priority,
                    timestamp: properties.timestamp,
                }
            }
        }

        #[cfg(test)]
        fn text_fields(properties: &mut Properties) -> [&mut Option<String>; TEXTS] {
            [$(&mut properties.$text),*]
        }
    };
}

text_properties! {
    content_type,
    content_encoding,
    correlation_id,
    reply_to,
    expiration,
    message_id,
    kind,
    user_id,
    app_id,
}

impl CompactProperties {
    pub(crate) fn persistent(&self) -> bool {
        self.persistent
    }

    pub(crate) fn priority(&self) -> Option<u8> {
        self.priority
    }

    pub(crate) fn timestamp(&self) -> Option<u64> {
        self.timestamp
    }

    fn text(&self, property: TextProperty) -> Option<&str> {
        let at = property as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        self.present[at].then(|| &self.texts[start..self.ends[at]])
    }

    #[cfg(test)]
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Properties)) {
        let mut properties = Properties::from(&*self);
        change(&mut properties);
        *self = properties.into();
    }
}

impl fmt::Debug for CompactProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Properties::from(self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_combination_is_converted_without_loss(
            texts in any::<[Option<String>; TEXTS]>(),
            persistent in any::<bool>(),
            priority in any::<Option<u8>>(),
            timestamp in any::<Option<u64>>(),
        ) {
            let mut properties = Properties { persistent, priority, timestamp, ..Properties::default() };
            for (field, text) in text_fields(&mut properties).into_iter().zip(texts) {
                *field = text;
            }
            let compact = CompactProperties::from(properties.clone());
            prop_assert_eq!(Properties::from(&compact), properties);
            prop_assert_eq!(CompactProperties::from(compact.borrowed()), compact);
        }
    }

    #[test]
    fn an_empty_string_differs_from_an_absent_one() {
        let empty = BorrowedProperties {
            kind: Some(""),
            ..BorrowedProperties::default()
        };
        let empty = CompactProperties::from(empty);
        assert_eq!((empty.kind(), empty.user_id()), (Some(""), None));
        assert_ne!(empty, CompactProperties::default());
    }

    #[test]
    fn no_properties_are_the_default() {
        let none = Properties::default();
        assert_eq!(CompactProperties::from(none), CompactProperties::default());
    }
}
