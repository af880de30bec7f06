//! Durations as texts: `250ms`, `30s`, `5m`, `1h`.

use std::time::Duration;

/// Reads a duration; the fault says what to write.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let fault = || {
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
        _ => return Err(fault()),
    };
    if number.is_empty() {
        return Err(fault());
    }
    // Digits alone fail to be a number only by being too many.
    let millis = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(millis_per_unit))
        .ok_or_else(|| format!("\"{text}\" is more than can be counted; write \"30s\""))?;
    Ok(Duration::from_millis(millis))
}

/// The duration as a user would write it.
pub(crate) fn show(duration: Duration) -> String {
    match duration.as_millis() {
        millis if millis % 3_600_000 == 0 => format!("{}h", millis / 3_600_000),
        millis if millis % 60_000 == 0 => format!("{}m", millis / 60_000),
        millis if millis % 1_000 == 0 => format!("{}s", millis / 1_000),
        millis => format!("{millis}ms"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{parse, show};

    #[test]
    fn each_unit_is_read_and_shown_again() {
        for (text, millis) in [
            ("250ms", 250),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)));
            assert_eq!(show(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn what_is_no_duration_is_told_what_one_is() {
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
