//! The grammar of event types, routing keys, patterns and queue names.

/// The maximum length of a key or pattern in bytes: AMQP 0-9-1 writes both as a *short string*.
const MAX_BYTES: usize = 255;

/// A word between two dots of a routing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    Text(String),
    /// `{field}`, or `{field.of.it}`.
    Field(String),
}

/// A routing key with `{field}`s that each event fills in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(pub(crate) Vec<Word>);

impl Template {
    // "order.created"  "order.created.{region}"  "order.{shop.id}.created"
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a routing key cannot be empty; write \"order.created\"".to_owned());
        }
        let template = Self(
            split(text)?
                .into_iter()
                .map(|word| read_word(word, text))
                .collect::<Result<_, _>>()?,
        );
        let fixed = template.pattern().len();
        if fixed > MAX_BYTES {
            return Err(format!(
                "a routing key has at most {MAX_BYTES} bytes, and this one has {fixed}; shorten it"
            ));
        }
        Ok(template)
    }

    /// The pattern that matches every key of this template.
    pub(crate) fn pattern(&self) -> String {
        let words: Vec<&str> = self
            .0
            .iter()
            .map(|word| match word {
                Word::Text(text) => text.as_str(),
                Word::Field(_) => "*",
            })
            .collect();
        words.join(".")
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|word| match word {
            Word::Text(_) => None,
            Word::Field(field) => Some(field.as_str()),
        })
    }
}

/// Splits at the dots outside of braces.
fn split(text: &str) -> Result<Vec<&str>, String> {
    let (mut words, mut start, mut open) = (Vec::new(), 0, None);
    for (at, c) in text.char_indices() {
        match (c, open) {
            ('{', None) => open = Some(at),
            ('{', Some(_)) => {
                return Err(format!(
                    "a `{{` stands inside another in \"{text}\"; write {{field}}"
                ));
            }
            ('}', Some(_)) => open = None,
            ('}', None) => {
                return Err(format!(
                    "a `}}` has no `{{` before it in \"{text}\"; write {{field}}"
                ));
            }
            ('.', None) => {
                words.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if let Some(at) = open {
        let field: String = text[at + 1..]
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        return Err(format!("a `{{` is not closed in \"{text}\"; write {{{field}}}"));
    }
    words.push(&text[start..]);
    Ok(words)
}

fn read_word(word: &str, text: &str) -> Result<Word, String> {
    let Some(open) = word.find('{') else {
        if let Some(wildcard) = word.chars().find(|c| matches!(c, '*' | '#')) {
            return Err(format!(
                "a routing key has no wildcards, and \"{text}\" holds `{wildcard}`; write {{field}} for a word that varies"
            ));
        }
        check_characters("a routing key", word, text)?;
        return Ok(Word::Text(word.to_owned()));
    };
    let close = word.find('}').unwrap_or(word.len());
    let field = &word[open + 1..close];
    if field.is_empty() {
        return Err("`{}` names no field; write {field}".to_owned());
    }
    if let Some((name, _)) = field.split_once(':') {
        return Err(format!(
            "`{{{field}}}` cannot be formatted in a routing key; write {{{name}}}"
        ));
    }
    if open > 0 || close + 1 < word.len() {
        return Err(format!(
            "`{{{field}}}` must stand alone between dots, and not in \"{word}\""
        ));
    }
    let is_path = field.split('.').all(|name| {
        let mut chars = name.chars();
        chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
            && chars.all(|c| c.is_alphanumeric() || c == '_')
    });
    if !is_path {
        return Err(format!(
            "`{{{field}}}` does not name a field; write {{region}}, or {{order.region}}"
        ));
    }
    Ok(Word::Field(field.to_owned()))
}

// "order.created"  "order.*"  "order.#"  "*.created"
pub(crate) fn check_pattern(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("a pattern cannot be empty; write \"#\" to match every routing key".to_owned());
    }
    if text.len() > MAX_BYTES {
        let bytes = text.len();
        return Err(format!(
            "a pattern has at most {MAX_BYTES} bytes, and this one has {bytes}; shorten it"
        ));
    }
    if text.contains(['{', '}']) {
        return Err("a pattern has no fields; write `*` for a word that varies".to_owned());
    }
    for word in text.split('.') {
        if let Some(at) = word.find(['*', '#'])
            && word.len() > 1
        {
            let wildcard = &word[at..=at];
            let better: Vec<&str> = text
                .split('.')
                .map(|other| if other == word { wildcard } else { other })
                .collect();
            return Err(format!(
                "a wildcard stands alone between dots; write \"{}\", not \"{text}\"",
                better.join(".")
            ));
        }
        check_characters("a pattern", word, text)?;
    }
    if text.split('.').filter(|word| *word == "#").count() > 2 {
        return Err(format!(
            "a pattern holds at most two `#`, since newer brokers refuse more; \"{text}\" holds {}, so leave one out",
            text.split('.').filter(|word| *word == "#").count()
        ));
    }
    Ok(())
}

// "order.created"  "order_line.added"  "shop.order.created"
pub(crate) fn check_type(text: &str) -> Result<(), String> {
    let lower = without_spaces(&text.to_lowercase());
    if text.is_empty() {
        return Err("a type cannot be empty; write \"order.created\"".to_owned());
    }
    if text.len() > MAX_BYTES {
        let bytes = text.len();
        return Err(format!(
            "a type has at most {MAX_BYTES} bytes, and this one has {bytes}; shorten it"
        ));
    }
    if text.contains(['*', '#']) {
        return Err("a type has no wildcards: it names one event; write \"order.created\"".to_owned());
    }
    if text.contains(['{', '}']) {
        return Err(
            "a type has no fields: it is the same for every event; put {field} into `routing_key`".to_owned(),
        );
    }
    if text.chars().any(char::is_whitespace) {
        return Err(format!("a type has no spaces; write \"{lower}\""));
    }
    if text.chars().any(char::is_uppercase) {
        return Err(format!("a type has no capital letters; write \"{lower}\""));
    }
    for word in text.split('.') {
        check_characters("a type", word, text)?;
        if let Some(other) = word
            .chars()
            .find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '_' | '-'))
        {
            return Err(format!(
                "a type is made of words of `a`-`z`, `0`-`9`, `_` and `-` with dots between them, and \"{text}\" holds `{other}`"
            ));
        }
    }
    Ok(())
}

/// Checks the name of a handler or a queue, which must not collide with the other queues of the service.
pub(crate) fn check_name(text: &str) -> Result<(), String> {
    const MAX_NAME_BYTES: usize = 100;
    if text.is_empty() {
        return Err("a name cannot be empty; leave the option out to have the usual one".to_owned());
    }
    if text.len() > MAX_NAME_BYTES {
        let bytes = text.len();
        return Err(format!(
            "a name has at most {MAX_NAME_BYTES} bytes, and this one has {bytes}; shorten it"
        ));
    }
    if let Some(other) = text
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-' | '.'))
    {
        let fault = format!(
            "a name is made of `a`-`z`, digits, `_`, `-` and dots, and \"{text}\" holds `{}`",
            other.escape_debug()
        );
        // For letters of other alphabets there is no good suggestion.
        return Err(if text.chars().any(|c| c.is_alphabetic() && !c.is_ascii()) {
            fault
        } else {
            let better: String = text
                .chars()
                .map(|c| {
                    if c.is_ascii_alphanumeric() || c == '.' || c == '-' {
                        c
                    } else {
                        '_'
                    }
                })
                .collect();
            format!("{fault}; write \"{better}\"")
        });
    }
    if text.split('.').any(str::is_empty) {
        let better: Vec<&str> = text.split('.').filter(|word| !word.is_empty()).collect();
        return Err(format!(
            "a dot stands between two words; write \"{}\", not \"{text}\"",
            better.join(".")
        ));
    }
    if text.to_ascii_lowercase().ends_with(".dlq") {
        return Err(format!(
            "\"{text}\" ends like the queue of dead letters that every handler has; write \"{}\"",
            &text[..text.len() - 4]
        ));
    }
    if text == "orphans" || text == "delay" || text.starts_with("delay.") {
        return Err(format!(
            "\"{text}\" is the name of a queue that the service itself has; write another, such as \"my_{text}\""
        ));
    }
    if let Some((queue, _)) = text.split_once(".delay.") {
        return Err(format!(
            "\"{text}\" is the name of a delay of the queue \"{queue}\"; write another, such as \"{}\"",
            text.replace(".delay.", "_delay.")
        ));
    }
    Ok(())
}

fn check_characters(what: &str, word: &str, text: &str) -> Result<(), String> {
    if word.is_empty() {
        let better: Vec<&str> = text.split('.').filter(|word| !word.is_empty()).collect();
        return Err(if better.is_empty() {
            format!("\"{text}\" has no words; write \"order.created\"")
        } else {
            format!("\"{text}\" has an empty word; write \"{}\"", better.join("."))
        });
    }
    match word.chars().find(|c| c.is_whitespace() || c.is_control()) {
        Some(' ') => Err(format!(
            "{what} has no spaces; write \"{}\"",
            without_spaces(text)
        )),
        Some(other) => Err(format!("{what} cannot hold `{}`", other.escape_debug())),
        None => Ok(()),
    }
}

fn without_spaces(text: &str) -> String {
    let words: Vec<String> = text
        .split('.')
        .map(|word| word.trim().replace(' ', "_"))
        .collect();
    words.join(".")
}

/// The words of a type name in lower case: `OrderCreated` has two, `HTTPRequestSent` has three.
pub(crate) fn words(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.chars().collect();
    let mut words: Vec<String> = Vec::new();
    for (at, &c) in chars.iter().enumerate() {
        if c == '_' {
            continue;
        }
        let before = at.checked_sub(1).map(|before| chars[before]);
        let starts = match before {
            None | Some('_') => true,
            // The last of several capitals starts the next word.
            Some(before) if c.is_uppercase() => {
                !before.is_uppercase() || chars.get(at + 1).is_some_and(|after| after.is_lowercase())
            }
            Some(_) => false,
        };
        if starts {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::{Template, Word, check_name, check_pattern, check_type, words};

    #[test]
    fn a_type_name_is_split_at_its_capitals() {
        for (name, expected) in [
            ("OrderCreated", vec!["order", "created"]),
            ("HTTPRequestSent", vec!["http", "request", "sent"]),
            ("OrderV2", vec!["order", "v2"]),
            ("Order_Created", vec!["order", "created"]),
            ("ping", vec!["ping"]),
            ("OrderHTTP", vec!["order", "http"]),
        ] {
            assert_eq!(words(name), expected, "{name}");
        }
    }

    #[test]
    fn a_field_of_a_key_becomes_a_star_of_the_pattern() {
        let template = Template::parse("order.{shop.id}.created.{region}").unwrap();
        assert_eq!(template.pattern(), "order.*.created.*");
        assert_eq!(template.fields().collect::<Vec<_>>(), ["shop.id", "region"]);
        assert_eq!(template.0[0], Word::Text("order".to_owned()));
    }

    #[test]
    fn the_error_of_a_malformed_key_says_why() {
        for (key, fault) in [
            ("", "a routing key cannot be empty; write \"order.created\""),
            (
                "order.{region",
                "a `{` is not closed in \"order.{region\"; write {region}",
            ),
            (
                "order.region}",
                "a `}` has no `{` before it in \"order.region}\"; write {field}",
            ),
            (
                "order.{a{b}}",
                "a `{` stands inside another in \"order.{a{b}}\"; write {field}",
            ),
            ("order.{}", "`{}` names no field; write {field}"),
            (
                "order.{id:?}",
                "`{id:?}` cannot be formatted in a routing key; write {id}",
            ),
            (
                "order.eu-{id}",
                "`{id}` must stand alone between dots, and not in \"eu-{id}\"",
            ),
            (
                "order.{a}{b}",
                "`{a}` must stand alone between dots, and not in \"{a}{b}\"",
            ),
            (
                "order.{0}",
                "`{0}` does not name a field; write {region}, or {order.region}",
            ),
            (
                "order.*",
                "a routing key has no wildcards, and \"order.*\" holds `*`; write {field} for a word that varies",
            ),
            (
                "order..created",
                "\"order..created\" has an empty word; write \"order.created\"",
            ),
            (
                "order created",
                "a routing key has no spaces; write \"order_created\"",
            ),
        ] {
            assert_eq!(Template::parse(key).unwrap_err(), fault, "{key}");
        }
        assert!(Template::parse(&"a".repeat(256)).is_err());
    }

    #[test]
    fn the_error_of_a_malformed_pattern_says_why() {
        for pattern in [
            "order.created",
            "order.*",
            "#",
            "#.created.#",
            "*.*",
            "Order.Created",
        ] {
            assert_eq!(check_pattern(pattern), Ok(()), "{pattern}");
        }
        assert_eq!(
            check_pattern("order.cre*").unwrap_err(),
            "a wildcard stands alone between dots; write \"order.*\", not \"order.cre*\""
        );
        for pattern in ["", "a..b", ".a", "a.", "##", "a.{b}", "#.a.#.b.#", "a b"] {
            assert!(check_pattern(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn a_type_is_lower_case_words_between_dots() {
        for name in [
            "order.created",
            "order_line.added",
            "ping",
            "shop-2.order.created",
        ] {
            assert_eq!(check_type(name), Ok(()), "{name}");
        }
        for name in [
            "",
            "Order.Created",
            "order created",
            "order.*",
            "order..created",
            "a/b",
            "é",
        ] {
            assert!(check_type(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_name_cannot_be_that_of_another_queue_of_the_service() {
        for name in [
            "take_payment",
            "v2.take-payment",
            "delayed",
            "a.delay",
            "a.delayed.b",
            "dlq",
        ] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in [
            "",
            "a b",
            "a/b",
            ".a",
            "a..b",
            "a.dlq",
            "orphans",
            "delay",
            "delay.1s",
            "a.delay.1s",
            "é",
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check_name(&"a".repeat(101)).is_err());
    }
}
