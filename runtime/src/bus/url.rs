//! Broker URLs as errors and logs show them: without user and password.

/// Removes the user and the password from a broker URL, or from several separated by commas.
pub(crate) fn redacted(urls: &str) -> String {
    urls.split(',')
        .map(|url| match url.split_once("://") {
            // The last `@` before the path ends the user part: a password may contain an unescaped `@`.
            Some((scheme, rest)) => {
                let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
                let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
                // When the password contains a slash, the `@` after it is in the path.
                let path = path.rsplit_once('@').map_or(path, |(_, rest)| rest);
                format!("{scheme}://{host}{path}")
            }
            None if url.contains('@') => "…".to_owned(),
            None => url.to_owned(),
        })
        .collect::<Vec<_>>()
        .join(",")
}

#[cfg(test)]
mod tests {
    use super::redacted;

    #[test]
    fn a_redacted_url_shows_no_password() {
        for url in [
            "amqp://user:secret@host:5672/vhost",
            "amqp://user:se@cret@host",
            "amqp://user:se/secret@host/vhost",
            "amqp://user:secret@a:1,amqps://user:secret@b:2/v",
            "user:secret@host",
            "user:secret@host,amqp://b",
        ] {
            assert!(!redacted(url).contains("secret"), "{url} -> {}", redacted(url));
        }
        assert_eq!(
            redacted("amqp://user:secret@host:5672/vhost"),
            "amqp://host:5672/vhost"
        );
    }
}
