//! TLS: what an `amqps://` URL needs.

use lapin::tcp::OwnedTLSConfig;

use super::url::Server;
use crate::error::ConfigError;

/// The certificates to trust and to show.
///
/// # Errors
/// When the build has no TLS: the client library would send the password in clear text to the port for TLS.
pub(super) fn config(server: &Server) -> Result<OwnedTLSConfig, ConfigError> {
    if server.is_tls() && !cfg!(any(feature = "rustls", feature = "native-tls")) {
        return Err(ConfigError::new(format!(
            "this build has no TLS, so `{server}` cannot be reached; add the feature `rustls` or `native-tls` of \
             `tidings`"
        )));
    }
    Ok(OwnedTLSConfig::default())
}
