//! The settings of a bus.

use std::fmt;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Rewrites the text of an error before it is written to a header or a log.
pub(crate) type RedactHook = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// For tests: the handler and the routing key of each event that a handler ignored.
pub(crate) type Ignored = Arc<Mutex<Vec<(&'static str, String)>>>;

#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) service: Option<Arc<str>>,
    pub(crate) exchange: Arc<str>,
    pub(crate) publish_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) max_body_bytes: usize,
    pub(crate) declare: Declare,
    pub(crate) redact: Option<RedactHook>,
    pub(crate) speed_up: u32,
    pub(crate) hold_limit: Duration,
    pub(crate) ignored: Option<Ignored>,
    pub(crate) tls: TlsFiles,
}

/// The TLS files that the user configured. A build without TLS has none.
#[derive(Debug, Clone, Default)]
pub(crate) struct TlsFiles {
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    pub(crate) ca: Option<PathBuf>,
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    pub(crate) identity: Option<IdentityFiles>,
}

/// A client certificate, followed by the chain up to its authority, and its private key.
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
            // Half of RabbitMQ's default `consumer_timeout` (30 minutes), after which the broker closes the channel.
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
    /// Creates what is missing. The start fails when something exists with other arguments.
    ///
    /// The queue of a retry delay is created when a retry first needs it.
    #[default]
    Auto,
    /// Creates nothing. The start fails when something is missing or has other arguments.
    ///
    /// [`App::declare`](crate::App::declare) creates everything beforehand, including the queue of each retry delay.
    Verify,
    /// Neither creates nor verifies anything.
    Off,
}

/// Builds a [`Bus`](crate::Bus) whose settings differ from the defaults.
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
    /// Sets the name of the service that publishes: the `source` of its events, and the AMQP property `app_id`.
    ///
    /// Events that the handlers of an [`App`](crate::App) publish carry the name of the app instead.
    pub fn service(mut self, name: impl AsRef<str>) -> Self {
        self.config.service = Some(name.as_ref().into());
        self
    }

    /// Sets the topic exchange that events are published to. The default is `domain_events`.
    pub fn exchange(mut self, name: impl AsRef<str>) -> Self {
        self.config.exchange = name.as_ref().into();
        self
    }

    /// Sets how long a publish may wait for the broker's confirm. The default is 30 seconds;
    /// [`Duration::MAX`] is no limit.
    pub fn publish_timeout(mut self, timeout: Duration) -> Self {
        self.config.publish_timeout = timeout;
        self
    }

    /// Sets how long connecting may take, including the handshake. The default is 10 seconds;
    /// [`Duration::MAX`] is no limit.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.config.connect_timeout = timeout;
        self
    }

    /// Sets the largest body, in bytes, that the bus publishes and its handlers read. The default is 1 MiB.
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.config.max_body_bytes = bytes;
        self
    }

    /// Sets whether exchanges, queues and bindings are created. The default is [`Declare::Auto`].
    pub fn declare(mut self, declare: Declare) -> Self {
        self.config.declare = declare;
        self
    }

    /// Sets a function that removes secrets from error texts.
    ///
    /// The runtime calls it before it logs the error of a failed attempt, and before it writes the error to the headers
    /// of a retry or a dead letter.
    pub fn redact(mut self, rewrite: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        self.config.redact = Some(Arc::new(rewrite));
        self
    }

    /// Divides every retry delay by `factor`, for demonstrations and tests. With 20, one second becomes 50 ms.
    ///
    /// Delay queues are named after the shortened delay, so services with different factors can share a broker.
    pub fn speed_up(mut self, factor: u32) -> Self {
        self.config.speed_up = factor.max(1);
        self
    }

    /// Sets how long a delivery may stay unsettled before its consumer subscribes again. For the runtime's own tests.
    #[doc(hidden)]
    pub fn hold_limit(mut self, limit: Duration) -> Self {
        self.config.hold_limit = limit.max(Duration::from_millis(1));
        self
    }

    /// Trusts the certificate authorities in this PEM file, in addition to those that the system trusts.
    ///
    /// Applies to `amqps://` URLs, and needs the feature `rustls` or `native-tls`. The file is read again for each new
    /// connection, so a renewed file takes effect when a lost connection is re-established.
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

    /// Authenticates with a client certificate.
    ///
    /// `certificate` is a PEM file with the certificate, followed by those that lead to its authority. `key` is a PEM
    /// file with the private key, without a password. Applies to `amqps://` URLs, and needs the feature `rustls` or
    /// `native-tls`. The files are read again for each new connection.
    ///
    /// When the URL has no password, the certificate also identifies the user: the SASL mechanism is then `EXTERNAL`,
    /// as with `?auth_mechanism=external` in the URL. Write `?auth_mechanism=plain` to prevent this.
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
