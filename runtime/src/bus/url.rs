//! Broker URLs: how a list is split, and how errors and logs show a URL, without its user and password.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::message::shown::shown;

/// The characters that have a meaning in a URL, and how to write them in a user, a password or a virtual host.
pub(crate) const ENCODING: &str = "in a user, a password and a virtual host write %25 for `%`, %2F for `/`, %3F for \
                                   `?`, %23 for `#`, %40 for `@`, %3A for `:`, %5B for `[`, %5D for `]`, %2C for `,` \
                                   and %20 for a space";

/// What is shown in place of text that can be a secret.
const HIDDEN: &str = "…";

/// Splits a list of URLs at the commas before a scheme. A comma elsewhere may be part of a password.
pub(crate) fn split(urls: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, _) in urls.match_indices(',') {
        let next = urls[at + 1..].trim_start();
        if next.starts_with("amqp://") || next.starts_with("amqps://") {
            parts.push(urls[start..at].trim_ascii());
            start = at + 1;
        }
    }
    parts.push(urls[start..].trim_ascii());
    parts
}

/// A URL, or several separated by commas, without anything that can be part of a password.
pub(crate) fn redacted(urls: &str) -> String {
    let each: Vec<String> = split(urls).into_iter().map(redacted_one).collect();
    shown(&each.join(",")).to_string()
}

fn redacted_one(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) else {
        return HIDDEN.to_owned();
    };
    // A password may contain an unescaped `@` or `/`, so nothing before the last `@` is shown.
    if let Some((_, host)) = rest.rsplit_once('@') {
        return format!("{scheme}://{host}");
    }
    let host = &rest[..host_end(rest)];
    let after = &rest[host.len()..];
    // Without `@`, a colon separates the host from the port, or, if the host was forgotten, the user from the password.
    if after.contains(':') && !is_address(host, after) {
        return format!("{scheme}://{host}:{HIDDEN}");
    }
    format!("{scheme}://{rest}")
}

/// The position after the host of a URL without a user.
fn host_end(rest: &str) -> usize {
    let in_brackets = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    match in_brackets {
        Some((address, _)) if address.parse::<Ipv6Addr>().is_ok() => address.len() + 2,
        _ => rest.find(':').unwrap_or(rest.len()),
    }
}

/// Whether `host` is certainly a host and not a user, and `after` starts with a port.
fn is_address(host: &str, after: &str) -> bool {
    let port = after.strip_prefix(':').unwrap_or_default();
    let port = port.split(['/', '?', '#']).next().unwrap_or_default();
    let is_host = host == "localhost" || host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok();
    port.parse::<u16>().is_ok() && (is_host || port == "5672" || port == "5671")
}

/// Only a known scheme is shown. Other text before `://` may be a user whose password starts with `//`.
fn is_scheme(text: &str) -> bool {
    ["amqp", "amqps", "http", "https"].contains(&text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::redacted;

    #[test]
    fn a_redacted_url_shows_the_broker_and_no_secret() {
        for (url, shown) in [
            ("amqp://user:secret@host:5672/vhost", "amqp://host:5672/vhost"),
            ("amqp://user:se@secret@host", "amqp://host"),
            ("amqp://user:se/secret@host/vhost", "amqp://host/vhost"),
            ("amqp://user:se,secret@host/vhost", "amqp://host/vhost"),
            (
                "amqp://user:secret@a:1, amqps://user:secret@b:2/v",
                "amqp://a:1,amqps://b:2/v",
            ),
            ("amqp://user:secret@", "amqp://"),
            ("amqp://user:secret", "amqp://user:…"),
            ("amqp://user:5secret/v", "amqp://user:…"),
            ("amqp://user,user:secret", "amqp://user,user:…"),
            ("amqp://[user:secret", "amqp://[user:…"),
            ("user:secret@host", "…"),
            ("user:secret", "…"),
            ("secret", "…"),
            ("user:secret://x", "…"),
            ("user://secret", "…"),
            ("amqp:user:secret@host", "…"),
            ("user:secret@host,amqp://b", "…,amqp://b"),
            ("http://user:secret@host", "http://host"),
            ("amqp://host/vhost", "amqp://host/vhost"),
            ("amqp://rabbit:5672/vhost", "amqp://rabbit:5672/vhost"),
            ("amqp://localhost:1234", "amqp://localhost:1234"),
            ("amqp://127.0.0.1:1234/v", "amqp://127.0.0.1:1234/v"),
            ("amqp://[::1]:1234", "amqp://[::1]:1234"),
            ("", "…"),
        ] {
            assert_eq!(redacted(url), shown, "{url}");
        }
    }

    /// URLs with a host, whose password may contain `@`, and URLs without one or without a scheme.
    const WITH_HOST: [&str; 4] = [
        "amqp://orders:PASSWORD@host/prod",
        "amqps://orders:PASSWORD@host:1/prod?heartbeat=1",
        "amqp://a:PASSWORD@a,amqp://b:PASSWORD@b",
        "amqp://PASSWORD@host",
    ];
    const WITHOUT_HOST: [&str; 4] = [
        "amqp://orders:PASSWORD",
        "orders:PASSWORD",
        "orders:PASSWORD@host",
        "PASSWORD",
    ];

    fn shows_nothing_of(password: &str, url: &str) {
        let (with, without) = (url.replace("PASSWORD", password), url.replace("PASSWORD", "p"));
        assert_eq!(redacted(&with), redacted(&without), "{with:?}");
    }

    proptest! {
        #[test]
        fn a_redacted_url_is_the_same_with_every_password(password in any::<String>()) {
            WITH_HOST.iter().for_each(|url| shows_nothing_of(&password, url));
            // After an `@`, the rest of such a password cannot be told from a host.
            let password = password.replace('@', "");
            WITHOUT_HOST.iter().for_each(|url| shows_nothing_of(&password, url));
        }
    }
}
