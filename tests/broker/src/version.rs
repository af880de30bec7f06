//! Versions of RabbitMQ.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// A version or its first numbers: `4`, `3.10`, `4.3.6`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(Vec<u32>);

impl Version {
    /// Whether `other` starts with this version: `4` covers `4.3.6`, and `4.3` does not cover `4`.
    pub fn covers(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }
}

impl FromStr for Version {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.split('.')
            .map(|number| number.parse().ok())
            .collect::<Option<_>>()
            .map(Self)
            .ok_or_else(|| Error::Install(format!("`{text}` is no version; write `4`, `3.10` or `4.3.6`")))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&numbers.join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn a_version_is_written_as_it_was_parsed() {
        for text in ["4", "3.10", "4.3.6"] {
            assert_eq!(version(text).to_string(), text);
        }
    }

    #[test]
    fn an_invalid_version_is_an_error_with_an_example() {
        for text in ["", "four", "4.", "3.10.8-1"] {
            let error = text.parse::<Version>().unwrap_err().to_string();
            assert_eq!(
                error,
                format!("`{text}` is no version; write `4`, `3.10` or `4.3.6`")
            );
        }
    }

    #[test]
    fn a_short_version_covers_the_versions_that_start_with_it() {
        assert!(version("4").covers(&version("4.3.6")));
        assert!(version("3.10").covers(&version("3.10")));
        assert!(!version("3.1").covers(&version("3.10.8")));
        assert!(!version("4.3").covers(&version("4")));
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(version("3.10") > version("3.9.5"));
    }
}
