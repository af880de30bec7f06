//! Parses the URLs of the brokers.
//!
//! Accepted forms:
//! - `amqp://user:password@host:5672/vhost?heartbeat=30&frame_max=65536`. Only the scheme and the host are required.
//! - `amqps://…`, with a TLS feature.
//! - A list of URLs, separated by commas and tried in turn. Write a comma in a password as `%2C`.

use std::fmt;
use std::ops::RangeInclusive;

use lapin::uri::{AMQPScheme, AMQPUri, SASLMechanism};

use crate::bus::url::{ENCODING, redacted, split};
use crate::error::ConfigError;

/// The default heartbeat in seconds. A dead peer is noticed after twice this time.
const HEARTBEAT: u16 = 10;

/// The largest frame that is agreed on by default, which is also RabbitMQ's default. lapin allocates 64 frames for each
/// connection, so the broker's proposal must not decide alone: without a limit on the broker, that is 256 GiB.
pub(super) const FRAME_MAX: u32 = 131_072;

/// The limits of `frame_max` in a URL. lapin accepts no smaller frame.
const FRAME_RANGE: RangeInclusive<u32> = 8_192..=1_048_576;

/// AMQP 0-9-1 stores the length of the name in one byte. lapin panics on a longer name.
const LONGEST_VHOST: usize = 255;

/// One broker. Its `Debug` and `Display` texts contain no password.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) uri: AMQPUri,
    has_password: bool,
    shown: String,
}

impl Server {
    pub(super) fn is_tls(&self) -> bool {
        self.uri.scheme == AMQPScheme::AMQPS
    }

    /// Authenticates by the client certificate, unless the URL contains a password or an `auth_mechanism`.
    pub(super) fn use_certificate(&mut self) {
        if self.is_tls() && !self.has_password {
            self.uri
                .query
                .auth_mechanism
                .get_or_insert(SASLMechanism::External);
        }
    }

    pub(super) fn is_by_certificate(&self) -> bool {
        self.uri.query.auth_mechanism == Some(SASLMechanism::External)
    }

    pub(super) fn user(&self) -> &str {
        &self.uri.authority.userinfo.username
    }

    pub(super) fn vhost(&self) -> &str {
        &self.uri.vhost
    }

    fn parse(url: &str) -> Result<Self, ConfigError> {
        let shown = redacted(url);
        // The parser's error may quote the URL with its password.
        let mut uri: AMQPUri = url
            .parse()
            .map_err(|_: String| ConfigError::new(not_a_url(&shown)))?;
        if let Some(host) = ip6_host(url) {
            // The parser does not support IPv6 addresses and falls back to `localhost`.
            host.clone_into(&mut uri.authority.host);
        }
        if uri.authority.host.is_empty() || uri.authority.host.contains(',') || has_stray_at(url) {
            return Err(ConfigError::new(not_a_url(&shown)));
        }
        if uri.vhost.is_empty() {
            // `amqp://host/` names a virtual host with an empty name, which no broker has.
            uri.vhost.push('/');
        }
        if uri.vhost.len() > LONGEST_VHOST {
            return Err(ConfigError::new(format!(
                "the virtual host in `{shown}` is longer than {LONGEST_VHOST} bytes"
            )));
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        // 0 means no limit.
        let frame_max = uri.query.frame_max.filter(|&bytes| bytes > 0);
        let frame_max = frame_max.unwrap_or(FRAME_MAX);
        uri.query.frame_max = Some(frame_max.clamp(*FRAME_RANGE.start(), *FRAME_RANGE.end()));
        Ok(Self {
            uri,
            has_password: has_password(url),
            shown,
        })
    }
}

// amqps://user:password@host:5672/vhost
fn authority(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap_or_default();
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

fn has_password(url: &str) -> bool {
    let user = authority(url).rsplit_once('@').map(|(user, _)| user);
    user.is_some_and(|user| user.contains(':'))
}

/// Whether an `@` follows the authority. A password with an unescaped `/`, `?` or `#` looks like that, and the parser
/// then takes the user for the host.
fn has_stray_at(url: &str) -> bool {
    url.matches('@').count() > authority(url).matches('@').count()
}

/// Parses a list of URLs.
///
/// # Errors
/// When a URL is invalid. The error text contains no password.
pub(super) fn servers(url: &str) -> Result<Vec<Server>, ConfigError> {
    let parts = split(url).into_iter();
    parts
        .map(|one| {
            if one.starts_with("amqp://") || one.starts_with("amqps://") {
                Server::parse(one)
            } else {
                Err(ConfigError::new(not_a_url(&redacted(one))))
            }
        })
        .collect()
}

fn not_a_url(shown: &str) -> String {
    format!(
        "`{shown}` names no broker; write amqp://user:password@host:5672/vhost, and several of those separated by \
         commas; {ENCODING}"
    )
}

fn ip6_host(url: &str) -> Option<&str> {
    let host = authority(url).rsplit('@').next()?;
    let (address, _) = host.strip_prefix('[')?.split_once(']')?;
    Some(address)
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").field(&self.shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(url: &str) -> AMQPUri {
        servers(url).unwrap().remove(0).uri
    }

    #[test]
    fn omitted_components_have_defaults() {
        let uri = one("amqp://host");
        assert_eq!(
            (
                uri.authority.host.as_str(),
                uri.authority.port,
                uri.vhost.as_str()
            ),
            ("host", 5672, "/")
        );
        assert_eq!(uri.authority.userinfo.username, "guest");
        assert_eq!(uri.query.heartbeat, Some(HEARTBEAT));
        assert_eq!(one("amqps://host").authority.port, 5671);
        assert_eq!(one("amqp://host/").vhost, "/");
    }

    #[test]
    fn components_of_the_url_are_kept() {
        let uri = one("amqp://us%40er:pa%2Css@host:1234/my%2Fhost?heartbeat=60");
        assert_eq!(uri.authority.userinfo.username, "us@er");
        assert_eq!(uri.authority.userinfo.password, "pa,ss");
        assert_eq!((uri.authority.port, uri.vhost.as_str()), (1234, "my/host"));
        assert_eq!(uri.query.heartbeat, Some(60));
        assert_eq!(one("amqp://host?heartbeat=0").query.heartbeat, Some(0));
    }

    #[test]
    fn a_frame_always_has_a_limit() {
        let frame_max = |query| one(&format!("amqp://host{query}")).query.frame_max;
        for (query, bytes) in [
            ("", 131_072),
            ("?frame_max=0", 131_072),
            ("?frame_max=4096", 8_192),
            ("?frame_max=262144", 262_144),
            ("?frame_max=4294967295", 1_048_576),
        ] {
            assert_eq!(frame_max(query), Some(bytes), "{query}");
        }
    }

    #[test]
    fn ipv4_and_ipv6_addresses_are_hosts() {
        assert_eq!(one("amqp://127.0.0.1:1/v").authority.host, "127.0.0.1");
        let uri = one("amqp://user:secret@[::1]:5673/v");
        assert_eq!((uri.authority.host.as_str(), uri.authority.port), ("::1", 5673));
    }

    #[test]
    fn a_client_certificate_authenticates_unless_the_url_has_credentials() {
        for (url, by_certificate) in [
            ("amqps://host", true),
            ("amqps://[::1]:5671/v", true),
            ("amqps://orders@host/a:b%40c", true),
            ("amqps://user:secret@host", false),
            ("amqps://host?auth_mechanism=plain", false),
            ("amqps://user:secret@host?auth_mechanism=external", true),
            ("amqp://host", false),
        ] {
            let mut server = servers(url).unwrap().remove(0);
            server.use_certificate();
            assert_eq!(server.is_by_certificate(), by_certificate, "{url}");
        }
    }

    #[test]
    fn an_error_says_how_to_write_each_special_character() {
        for url in [
            "amqp://orders:12/secret@host/prod",
            "amqp://orders:1/secret@host/prod",
            "amqp://orders:1?secret@host",
            "amqp://orders:1#secret@host",
            "amqp://a,b",
        ] {
            let error = servers(url).unwrap_err().to_string();
            assert!(
                error.contains("%2F for `/`") && error.contains("%3F for `?`"),
                "{error}"
            );
            assert!(!error.contains("secret") && !error.contains("orders"), "{error}");
        }
    }

    /// Writes a text as the error text says.
    fn encoded(text: &str) -> String {
        let rules = ENCODING.split_once("write ").unwrap().1;
        let rules = rules.replace("a space", "` `").replace(" and ", ", ");
        text.chars()
            .map(|c| {
                let code = rules.split(", %").find(|rule| rule.ends_with(&format!("`{c}`")));
                code.map_or(c.to_string(), |rule| {
                    format!("%{}", &rule.trim_start_matches('%')[..2])
                })
            })
            .collect()
    }

    proptest! {
        /// The parser ignores some control characters, and resolves a path of dots.
        #[test]
        fn a_text_that_is_written_as_the_error_says_is_read_as_it_was(
            user in "\\P{Cc}{1,20}",
            password in "\\P{Cc}{1,20}",
            vhost in "[\\P{Cc}&&[^.]]{1,20}",
        ) {
            let url = format!("amqp://{}:{}@host/{}", encoded(&user), encoded(&password), encoded(&vhost));
            let uri = one(&format!("{url},{url}"));
            let authority = uri.authority;
            prop_assert_eq!((&authority.userinfo.username, &authority.userinfo.password), (&user, &password));
            prop_assert_eq!((authority.host.as_str(), &uri.vhost), ("host", &vhost));
        }
    }

    #[test]
    fn servers_keep_their_order() {
        let all = servers("amqp://a, amqps://b:1/v,amqp://c").unwrap();
        let hosts: Vec<_> = all
            .iter()
            .map(|server| server.uri.authority.host.as_str())
            .collect();
        assert_eq!(hosts, ["a", "b", "c"]);
    }

    #[test]
    fn no_text_contains_a_password() {
        for url in [
            "amqp://user:secret@host/v",
            "amqp://user:secret@host:port/v",
            "amqp://user:secret@",
            "amqp://a,user:secret@host",
            "amqp://user:secret@host?heartbeat=often",
            "amqp://user:1/secret@host/v",
            "amqp://user:1#secret@host/v",
            "amqp://user:secret",
            "user:secret",
            "amqp://user:secret@a,b",
        ] {
            let shown = match servers(url) {
                Ok(servers) => format!("{servers:?} {}", servers[0]),
                Err(error) => format!("{error} {error:?}"),
            };
            assert!(!shown.contains("secret"), "{url}: {shown}");
        }
    }
}
