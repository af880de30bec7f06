//! The properties as a message holds them on its way through this process.

use std::fmt;

use super::Properties;

/// The properties of a message, all their texts in one buffer: a message is made for every publish and every delivery,
/// and an allocation for each text would be most of what it costs.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct CompactProperties {
    /// The texts, one behind the other in the order of [`Text`].
    texts: Box<str>,
    /// Where each text ends, and the next one begins.
    ends: [usize; TEXTS],
    /// Which texts there are: one that is absent is none the same as an empty one.
    present: [bool; TEXTS],
    persistent: bool,
    priority: Option<u8>,
    timestamp: Option<u64>,
}

/// The properties of a message, their texts someone else's.
#[derive(Clone, Copy, Default)]
pub(crate) struct BorrowedProperties<'a> {
    pub(crate) content_type: Option<&'a str>,
    pub(crate) content_encoding: Option<&'a str>,
    pub(crate) persistent: bool,
    pub(crate) priority: Option<u8>,
    pub(crate) correlation_id: Option<&'a str>,
    pub(crate) reply_to: Option<&'a str>,
    pub(crate) expiration: Option<&'a str>,
    pub(crate) message_id: Option<&'a str>,
    pub(crate) timestamp: Option<u64>,
    pub(crate) kind: Option<&'a str>,
    pub(crate) user_id: Option<&'a str>,
    pub(crate) app_id: Option<&'a str>,
}

/// The properties that are texts.
#[derive(Clone, Copy)]
enum Text {
    ContentType,
    ContentEncoding,
    CorrelationId,
    ReplyTo,
    Expiration,
    MessageId,
    Kind,
    UserId,
    AppId,
}

const TEXTS: usize = Text::AppId as usize + 1;

impl BorrowedProperties<'_> {
    /// The texts in the order of [`Text`].
    fn texts(&self) -> [Option<&str>; TEXTS] {
        [
            self.content_type,
            self.content_encoding,
            self.correlation_id,
            self.reply_to,
            self.expiration,
            self.message_id,
            self.kind,
            self.user_id,
            self.app_id,
        ]
    }
}

impl CompactProperties {
    pub(crate) fn content_type(&self) -> Option<&str> {
        self.text(Text::ContentType)
    }

    pub(crate) fn content_encoding(&self) -> Option<&str> {
        self.text(Text::ContentEncoding)
    }

    pub(crate) fn persistent(&self) -> bool {
        self.persistent
    }

    pub(crate) fn priority(&self) -> Option<u8> {
        self.priority
    }

    pub(crate) fn correlation_id(&self) -> Option<&str> {
        self.text(Text::CorrelationId)
    }

    pub(crate) fn reply_to(&self) -> Option<&str> {
        self.text(Text::ReplyTo)
    }

    pub(crate) fn expiration(&self) -> Option<&str> {
        self.text(Text::Expiration)
    }

    pub(crate) fn message_id(&self) -> Option<&str> {
        self.text(Text::MessageId)
    }

    pub(crate) fn timestamp(&self) -> Option<u64> {
        self.timestamp
    }

    pub(crate) fn kind(&self) -> Option<&str> {
        self.text(Text::Kind)
    }

    pub(crate) fn user_id(&self) -> Option<&str> {
        self.text(Text::UserId)
    }

    pub(crate) fn app_id(&self) -> Option<&str> {
        self.text(Text::AppId)
    }

    fn text(&self, text: Text) -> Option<&str> {
        let at = text as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        self.present[at].then(|| &self.texts[start..self.ends[at]])
    }

    /// All of them, to make others of.
    pub(crate) fn borrowed(&self) -> BorrowedProperties<'_> {
        BorrowedProperties {
            content_type: self.content_type(),
            content_encoding: self.content_encoding(),
            persistent: self.persistent(),
            priority: self.priority(),
            correlation_id: self.correlation_id(),
            reply_to: self.reply_to(),
            expiration: self.expiration(),
            message_id: self.message_id(),
            timestamp: self.timestamp(),
            kind: self.kind(),
            user_id: self.user_id(),
            app_id: self.app_id(),
        }
    }

    /// Changes them in their public form, for tests.
    #[cfg(test)]
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Properties)) {
        let mut properties = Properties::from(&*self);
        change(&mut properties);
        *self = properties.into();
    }
}

impl From<BorrowedProperties<'_>> for CompactProperties {
    fn from(properties: BorrowedProperties<'_>) -> Self {
        let all = properties.texts();
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
            content_type: properties.content_type.as_deref(),
            content_encoding: properties.content_encoding.as_deref(),
            persistent: properties.persistent,
            priority: properties.priority,
            correlation_id: properties.correlation_id.as_deref(),
            reply_to: properties.reply_to.as_deref(),
            expiration: properties.expiration.as_deref(),
            message_id: properties.message_id.as_deref(),
            timestamp: properties.timestamp,
            kind: properties.kind.as_deref(),
            user_id: properties.user_id.as_deref(),
            app_id: properties.app_id.as_deref(),
        }
        .into()
    }
}

impl From<&CompactProperties> for Properties {
    fn from(properties: &CompactProperties) -> Self {
        let owned = |text: Option<&str>| text.map(ToOwned::to_owned);
        Self {
            content_type: owned(properties.content_type()),
            content_encoding: owned(properties.content_encoding()),
            persistent: properties.persistent(),
            priority: properties.priority(),
            correlation_id: owned(properties.correlation_id()),
            reply_to: owned(properties.reply_to()),
            expiration: owned(properties.expiration()),
            message_id: owned(properties.message_id()),
            timestamp: properties.timestamp(),
            kind: owned(properties.kind()),
            user_id: owned(properties.user_id()),
            app_id: owned(properties.app_id()),
        }
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

    fn any_properties() -> impl Strategy<Value = Properties> {
        let text = || any::<Option<String>>();
        let numbers = (any::<bool>(), any::<Option<u8>>(), any::<Option<u64>>());
        let bodys = (text(), text());
        let ids = (text(), text(), text());
        let others = (text(), text(), text(), text());
        (numbers, bodys, ids, others).prop_map(|(numbers, bodys, ids, others)| {
            let (persistent, priority, timestamp) = numbers;
            let (content_type, content_encoding) = bodys;
            let (correlation_id, message_id, user_id) = ids;
            let (reply_to, expiration, kind, app_id) = others;
            Properties {
                content_type,
                content_encoding,
                persistent,
                priority,
                correlation_id,
                reply_to,
                expiration,
                message_id,
                timestamp,
                kind,
                user_id,
                app_id,
            }
        })
    }

    proptest! {
        #[test]
        fn every_combination_comes_back_as_it_was(properties in any_properties()) {
            let compact = CompactProperties::from(properties.clone());
            prop_assert_eq!(Properties::from(&compact), properties);
            prop_assert_eq!(CompactProperties::from(compact.borrowed()), compact);
        }
    }

    #[test]
    fn an_empty_text_is_another_than_none_at_all() {
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
