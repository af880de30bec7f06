//! Versions of RabbitMQ.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// A version as far as it is told: `4`, `3.10`, `4.3.6`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(Vec<u32>);

impl Version {
    /// Whether `other` is one of the versions that this one names: `4` covers `4.3.6`, and `4.3` does not cover `4`.
    pub fn covers(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    /// The first number.
    pub fn major(&self) -> u32 {
        self.0[0]
    }
}

impl FromStr for Version {
    type Err = Error;

    // 4
    // 3.10
    // 4.3.6
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
        for (place, number) in self.0.iter().enumerate() {
            let dot = if place > 0 { "." } else { "" };
            write!(f, "{dot}{number}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn a_version_reads_as_it_was_written() {
        for text in ["4", "3.10", "4.3.6"] {
            assert_eq!(version(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_version_says_how_to_write_one() {
        for text in ["", "four", "4.", "3.10.8-1"] {
            let fault = text.parse::<Version>().unwrap_err().to_string();
            assert_eq!(
                fault,
                format!("`{text}` is no version; write `4`, `3.10` or `4.3.6`")
            );
        }
    }

    #[test]
    fn a_short_version_covers_the_longer_ones_that_begin_with_it() {
        assert!(version("4").covers(&version("4.3.6")));
        assert!(version("3.10").covers(&version("3.10")));
        assert!(!version("3.1").covers(&version("3.10.8")));
        assert!(!version("4.3").covers(&version("4")));
    }

    #[test]
    fn the_tenth_comes_after_the_ninth() {
        assert!(version("3.10") > version("3.9.5"));
    }
}
