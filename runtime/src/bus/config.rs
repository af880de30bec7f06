//! The settings of a bus, and where they come from.

use std::fmt;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::bus::Bus;
use crate::error::{ConfigError, Result};

/// The environment variable that says which broker to connect to.
pub(crate) const URL_VARIABLE: &str = "TIDINGS_URL";

/// Rewrites the text of an error before it is kept in a message's headers.
pub(crate) type Redact = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// Where a test sees the handlers and keys of the events that were ignored.
pub(crate) type Ignored = Arc<Mutex<Vec<(&'static str, String)>>>;

/// The settings of a bus.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) service: Option<Arc<str>>,
    pub(crate) exchange: Arc<str>,
    pub(crate) publish_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) max_body_bytes: usize,
    pub(crate) declare: Declare,
    pub(crate) redact: Option<Redact>,
    pub(crate) speed_up: u32,
    pub(crate) hold_limit: Duration,
    pub(crate) ignored: Option<Ignored>,
    pub(crate) tls: TlsFiles,
}

/// The files that TLS needs beyond the system's; none in a build without TLS.
#[derive(Debug, Clone, Default)]
pub(crate) struct TlsFiles {
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    pub(crate) ca: Option<PathBuf>,
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    pub(crate) identity: Option<IdentityFiles>,
}

/// A certificate to show, with the chain up to its authority, and its key.
#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[derive(Debug, Clone)]
pub(crate) struct IdentityFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            service: None,
            exchange: "domain_events".into(),
            publish_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            max_body_bytes: 1024 * 1024,
            declare: Declare::Auto,
            redact: None,
            speed_up: 1,
            // Half the time that RabbitMQ gives a consumer before it takes a delivery away (30 minutes).
            hold_limit: Duration::from_mins(15),
            ignored: None,
            tls: TlsFiles::default(),
        }
    }
}

/// What a service does about its exchanges, queues and bindings when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Declare {
    /// Makes what is missing, and fails when something is there with other arguments. The queue of a retry delay is made
    /// when a retry first needs it.
    #[default]
    Auto,
    /// Makes nothing, and fails when something is missing or has other arguments: [`App::declare`](crate::App::declare)
    /// makes all, the queue of each delay of each handler included.
    Verify,
    /// Neither makes nor looks.
    Off,
}

/// Builds a [`Bus`] with settings of one's own.
///
/// ```
/// # async fn example() -> tidings::Result<()> {
/// use std::time::Duration;
/// use tidings::Bus;
///
/// let bus = Bus::builder()
///     .service("orders")
///     .publish_timeout(Duration::from_secs(5))
///     .redact(|text| text.replace("4111", "****"))
///     .in_memory();
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
pub struct BusBuilder {
    pub(crate) config: Config,
}

impl BusBuilder {
    /// The service that publishes: the `source` of its events, and their `app_id`. An [`App`](crate::App) gives its
    /// own name to what its handlers publish.
    pub fn service(mut self, name: impl AsRef<str>) -> Self {
        self.config.service = Some(name.as_ref().into());
        self
    }

    /// The topic exchange that events are published to; `domain_events` unless said otherwise.
    pub fn exchange(mut self, name: impl AsRef<str>) -> Self {
        self.config.exchange = name.as_ref().into();
        self
    }

    /// How long a publish may wait for the broker's confirm; 30 seconds unless said otherwise.
    pub fn publish_timeout(mut self, timeout: Duration) -> Self {
        self.config.publish_timeout = timeout;
        self
    }

    /// How long connecting may take, the handshake included; 10 seconds unless said otherwise.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.config.connect_timeout = timeout;
        self
    }

    /// The largest body that is published or read, in bytes; 1 MiB unless said otherwise.
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.config.max_body_bytes = bytes;
        self
    }

    /// What is done about exchanges, queues and bindings; [`Declare::Auto`] unless said otherwise.
    pub fn declare(mut self, declare: Declare) -> Self {
        self.config.declare = declare;
        self
    }

    /// Rewrites the text of every error before it is kept in the headers of a retry or a dead letter, so that no
    /// secret stays on the broker.
    pub fn redact(mut self, rewrite: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        self.config.redact = Some(Arc::new(rewrite));
        self
    }

    /// Divides every retry delay by `factor`, for demonstrations and tests: with 20 the rung of a second waits 50 ms.
    /// The delay queues are named for what they wait, so services with other factors can share a broker.
    pub fn speed_up(mut self, factor: u32) -> Self {
        self.config.speed_up = factor.max(1);
        self
    }

    /// How long a delivery may stay unsettled before its consumer starts over; for the runtime's own tests.
    #[doc(hidden)]
    pub fn hold_limit(mut self, limit: Duration) -> Self {
        self.config.hold_limit = limit;
        self
    }

    /// Trusts the authorities whose certificates are in this file, in PEM, besides those that the system trusts. With
    /// one of the features `rustls` and `native-tls`; for `amqps://` URLs.
    ///
    /// The file is read again whenever a lost connection is made anew, so one that was renewed is taken then.
    ///
    /// ```no_run
    /// # async fn example() -> tidings::Result<()> {
    /// let bus = tidings::Bus::builder()
    ///     .tls_ca_file("/etc/tidings/ca.pem")
    ///     .connect("amqps://orders:password@rabbit.example.com")
    ///     .await?;
    /// # Ok(()) }
    /// ```
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    pub fn tls_ca_file(mut self, path: impl AsRef<Path>) -> Self {
        self.config.tls.ca = Some(path.as_ref().to_owned());
        self
    }

    /// Shows the broker the certificate in one file, followed by those that lead to its authority, with the key in the
    /// other: both in PEM, the key without a password. With one of the features `rustls` and `native-tls`; for `amqps://`
    /// URLs.
    ///
    /// Where the URL holds no password, the certificate says who connects: the SASL mechanism is then `EXTERNAL`, as
    /// with `?auth_mechanism=external` in the URL, and `?auth_mechanism=plain` says otherwise. The files are read
    /// again whenever a lost connection is made anew.
    ///
    /// ```no_run
    /// # async fn example() -> tidings::Result<()> {
    /// let bus = tidings::Bus::builder()
    ///     .tls_client_identity("/etc/tidings/orders.pem", "/etc/tidings/orders.key")
    ///     .connect("amqps://rabbit.example.com/shop")
    ///     .await?;
    /// # Ok(()) }
    /// ```
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    pub fn tls_client_identity(mut self, certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        self.config.tls.identity = Some(IdentityFiles {
            certificate: certificate.as_ref().to_owned(),
            key: key.as_ref().to_owned(),
        });
        self
    }

    /// Connects to the broker that the environment variable `TIDINGS_URL` names.
    ///
    /// # Errors
    /// When the variable is not set, and as [`connect`](Self::connect).
    pub async fn from_env(self) -> Result<Bus> {
        match std::env::var(URL_VARIABLE) {
            Ok(url) => self.connect(&url).await,
            Err(std::env::VarError::NotPresent) => Err(ConfigError::new(
                "`TIDINGS_URL` is not set; set it to amqp://user:password@host:5672/vhost, or to memory: for the \
                 in-memory broker",
            )
            .into()),
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(ConfigError::new("`TIDINGS_URL` is not UTF-8; set it to amqp://… or memory:").into())
            }
        }
    }

    /// Connects to the broker that `TIDINGS_URL` names, or to `default` when it is not set.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn from_env_or(self, default: &str) -> Result<Bus> {
        if std::env::var_os(URL_VARIABLE).is_some() {
            return self.from_env().await;
        }
        self.connect(default).await
    }

    /// Connects to the broker at `url`: `amqp://…`, `amqps://…`, several of those with commas between, or `memory:`.
    ///
    /// # Errors
    /// When the URL names no broker that this build knows, when a file for TLS cannot be read, when none answers in
    /// time, and when it does not let us in.
    pub async fn connect(self, url: &str) -> Result<Bus> {
        match scheme(url) {
            Some("memory") => Ok(self.in_memory()),
            Some("amqp" | "amqps") => self.rabbitmq(url).await,
            _ => Err(ConfigError::new(format!(
                "`{}` names no broker; write amqp://user:password@host:5672/vhost, amqps://… or memory:",
                redacted(url)
            ))
            .into()),
        }
    }

    #[cfg(feature = "rabbitmq")]
    async fn rabbitmq(self, url: &str) -> Result<Bus> {
        Bus::on_rabbitmq(self.config, url).await
    }

    #[cfg(not(feature = "rabbitmq"))]
    async fn rabbitmq(self, url: &str) -> Result<Bus> {
        Err(ConfigError::new(format!(
            "this build has no RabbitMQ, so `{}` cannot be reached; add the feature `rabbitmq` of `tidings`",
            redacted(url)
        ))
        .into())
    }

    /// A bus on a new in-memory broker of its own, in this process.
    pub fn in_memory(self) -> Bus {
        Bus::on_memory(self.config)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("service", &self.service)
            .field("exchange", &self.exchange)
            .field("publish_timeout", &self.publish_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("max_body_bytes", &self.max_body_bytes)
            .field("declare", &self.declare)
            .field("speed_up", &self.speed_up)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

fn scheme(url: &str) -> Option<&str> {
    url.split_once(':').map(|(scheme, _)| scheme)
}

/// The URL without what stands between `://` and `@`: user and password are nobody's to see.
pub(crate) fn redacted(url: &str) -> String {
    url.split(',')
        .map(|one| match one.split_once("://") {
            // The last `@` before the path ends the user's part, for a password may hold one that is not escaped.
            Some((scheme, rest)) => {
                let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
                let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
                // A password with a slash in it moves its `@` into the path.
                let path = path.rsplit_once('@').map_or(path, |(_, rest)| rest);
                format!("{scheme}://{host}{path}")
            }
            None if one.contains('@') => "…".to_owned(),
            None => one.to_owned(),
        })
        .collect::<Vec<_>>()
        .join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_never_shows() {
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

    #[tokio::test]
    async fn a_url_that_names_no_broker_says_what_to_write() {
        for url in [
            "",
            "localhost",
            "http://user:secret@host",
            "memory",
            "user:secret@host",
        ] {
            let error = Bus::builder().connect(url).await.unwrap_err().to_string();
            assert!(error.contains("write amqp://"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
