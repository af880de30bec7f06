//! Points in time in UTC, as the metadata of events has them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::shown::shown;
use jiff::fmt::temporal::DateTimePrinter;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A point in time in UTC, with a precision of one millisecond.
///
/// The text form is RFC 3339 with three fractional digits and `Z`. Parsing accepts any offset and up to nine fractional
/// digits, and truncates to milliseconds.
///
/// ```
/// use tidings::Timestamp;
/// let at: Timestamp = "2026-11-23T11:00:00.1239+01:00".parse()?;
/// assert_eq!(at.to_string(), "2026-11-23T10:00:00.123Z");
/// # Ok::<(), tidings::InvalidTimestamp>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A string is not an RFC 3339 time, or the time is outside the years -9999 to 9999.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidTimestamp(String);

impl Timestamp {
    /// Returns the current time of the system clock.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// Creates the time that is `millis` milliseconds after 1970-01-01T00:00:00Z.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Returns the milliseconds since 1970-01-01T00:00:00Z.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Returns the time that passed since `earlier`, or zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Returns the time that is `by` later.
    pub fn plus(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// Writes the text form in half the time of [`Display`](fmt::Display), because it does not go through `fmt`.
    pub(crate) fn write(self, into: &mut Vec<u8>) {
        const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
        let printed =
            jiff::Timestamp::from_millisecond(self.0).and_then(|at| PRINTER.print_timestamp(&at, &mut *into));
        if printed.is_err() {
            into.extend_from_slice(self.to_string().as_bytes());
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => write!(f, "{at:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let at: jiff::Timestamp = text.parse().map_err(|_| InvalidTimestamp(text.to_owned()))?;
        // Rounds down instead of towards zero, so that a time before 1970 does not become later.
        Ok(Self(
            i64::try_from(at.as_nanosecond().div_euclid(1_000_000)).unwrap_or(i64::MAX),
        ))
    }
}

impl fmt::Display for InvalidTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start: String = self.0.chars().take(40).collect();
        write!(
            f,
            "`{}` is not an RFC 3339 time; write 2026-11-23T10:00:00.123Z",
            shown(&start)
        )
    }
}

impl std::error::Error for InvalidTimestamp {}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn any_offset_and_any_fraction_is_parsed() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T01:00:00+01:00", 0),
            ("1970-01-01T00:00:00.5Z", 500),
            ("1970-01-01T00:00:00.123456789Z", 123),
            ("1969-12-31T23:59:59.9999Z", -1),
        ] {
            assert_eq!(text.parse::<Timestamp>().unwrap().as_millis(), millis, "{text}");
        }
        for text in ["", "yesterday", "2026-11-23", "2026-11-23T10:00:00"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn three_digits_and_a_z_are_written() {
        assert_eq!(Timestamp::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            Timestamp::from_millis(1_763_892_000_120).to_string(),
            "2025-11-23T10:00:00.120Z"
        );
    }

    #[test]
    fn write_and_display_agree() {
        for millis in [0, -1, 1_763_892_000_120, -62_200_000_000_000, i64::MAX, i64::MIN] {
            let at = Timestamp::from_millis(millis);
            let mut bytes = Vec::new();
            at.write(&mut bytes);
            assert_eq!(String::from_utf8(bytes).unwrap(), at.to_string());
        }
    }
}
