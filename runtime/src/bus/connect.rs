//! From a URL or the environment to a connected bus.

use std::sync::Arc;

use crate::broker::memory::MemoryBroker;
use crate::bus::Bus;
use crate::bus::config::{BusBuilder, Config, Declare};
use crate::bus::url::redacted;
use crate::clock::Clock;
use crate::error::{ConfigError, Result};
use crate::topology::Plan;

/// The environment variable with the broker's URL.
const URL_VARIABLE: &str = "TIDINGS_URL";

impl BusBuilder {
    /// Connects to the broker that the environment variable `TIDINGS_URL` names.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) when the variable is not set or is not UTF-8. Otherwise the errors of
    /// [`connect`](Self::connect).
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

    /// Connects to the broker that the environment variable `TIDINGS_URL` names, or to `default` when it is not set.
    ///
    /// # Errors
    /// The errors of [`connect`](Self::connect).
    pub async fn from_env_or(self, default: &str) -> Result<Bus> {
        if std::env::var_os(URL_VARIABLE).is_some() {
            return self.from_env().await;
        }
        self.connect(default).await
    }

    /// Connects to the broker at `url`: `amqp://…`, `amqps://…`, several of those separated by commas, or `memory:`.
    ///
    /// A special character in a user, a password or a virtual host is percent-encoded: `%2F` for `/`, `%3F` for `?`, `%23`
    /// for `#`, `%40` for `@`, `%3A` for `:`, `%25` for `%`, `%5B` and `%5D` for `[` and `]`, `%2C` for `,`, `%20` for a
    /// space. No error and no log shows a password.
    ///
    /// # Errors
    /// - [`Error::Config`](crate::Error::Config) when this build does not support the URL, or when a TLS file cannot be
    ///   read.
    /// - [`Error::Connect`](crate::Error::Connect) when no broker answers in time, or the broker rejects the login.
    /// - [`Error::Declare`](crate::Error::Declare) when the exchange cannot be declared or verified.
    pub async fn connect(self, url: &str) -> Result<Bus> {
        match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("memory") => Ok(self.in_memory()),
            Some("amqp" | "amqps") => Bus::on_rabbitmq(self.config, url).await,
            _ => Err(ConfigError::new(format!(
                "`{}` names no broker; write amqp://user:password@host:5672/vhost, amqps://… or memory:",
                redacted(url)
            ))
            .into()),
        }
    }

    /// Creates a bus with a new in-memory broker in this process.
    pub fn in_memory(self) -> Bus {
        Bus::on_memory(self.config)
    }
}

impl Bus {
    pub(crate) fn on_memory(config: Config) -> Self {
        Self::on_memory_broker(config, Arc::new(MemoryBroker::new(Clock::real())))
    }

    pub(crate) fn on_memory_broker(config: Config, memory: Arc<MemoryBroker>) -> Self {
        if config.declare == Declare::Auto {
            memory.declare_first(&Plan::domain_exchange(&config.exchange));
        }
        Self::new(config, memory)
    }

    #[cfg(feature = "rabbitmq")]
    async fn on_rabbitmq(config: Config, url: &str) -> Result<Self> {
        // Boxed because it runs once: otherwise every future that connects would reserve room for the handshake.
        let broker = Box::pin(crate::broker::rabbitmq::RabbitBroker::connect(url, &config)).await?;
        let bus = Self::new(config, Arc::new(broker));
        bus.declare(&Plan::domain_exchange(&bus.config().exchange))
            .await?;
        Ok(bus)
    }

    #[cfg(not(feature = "rabbitmq"))]
    async fn on_rabbitmq(_: Config, url: &str) -> Result<Self> {
        Err(ConfigError::new(format!(
            "this build has no RabbitMQ, so `{}` cannot be reached; add the feature `rabbitmq` of `tidings`",
            redacted(url)
        ))
        .into())
    }
}

#[cfg(test)]
mod tests {
    use crate::bus::Bus;

    #[tokio::test]
    async fn a_url_that_names_no_broker_is_an_error_that_shows_a_valid_url() {
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
