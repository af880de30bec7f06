//! Durations as users write them: `250ms`, `30s`, `5m`, `1h`.

use std::time::Duration;

/// Parses a duration. The error says what to write.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let error = || {
        let hint = if number == text && !text.is_empty() {
            format!("\"{text}s\"")
        } else {
            "\"250ms\", \"30s\", \"5m\" or \"1h\"".to_owned()
        };
        format!("\"{text}\" is not a duration; write {hint}")
    };
    let millis_per_unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(error()),
    };
    if number.is_empty() {
        return Err(error());
    }
    // Digits can only fail to parse because there are too many of them.
    let millis = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(millis_per_unit))
        .ok_or_else(|| format!("\"{text}\" is more than can be counted; write \"30s\""))?;
    Ok(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::parse;
    use crate::grammar::rungs::duration_text;

    #[test]
    fn each_unit_is_parsed_and_written_again() {
        for (text, millis) in [
            ("250ms", 250),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)));
            assert_eq!(duration_text(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn the_error_of_a_malformed_duration_says_what_to_write() {
        assert_eq!(
            parse("30").unwrap_err(),
            "\"30\" is not a duration; write \"30s\""
        );
        for text in ["", "s", "30 s", "1.5s", "30sec", "-1s", "1d", "s30"] {
            assert_eq!(
                parse(text).unwrap_err(),
                format!("\"{text}\" is not a duration; write \"250ms\", \"30s\", \"5m\" or \"1h\"")
            );
        }
        assert_eq!(
            parse("99999999999999999h").unwrap_err(),
            "\"99999999999999999h\" is more than can be counted; write \"30s\""
        );
    }
}
