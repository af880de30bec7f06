//! TLS for `amqps://` URLs.
//!
//! An error names a file and never quotes its content.

use std::io;

#[cfg(any(feature = "rustls", feature = "native-tls"))]
use std::{fs, path::Path};

#[cfg(any(feature = "rustls", feature = "native-tls"))]
use futures_util::{AsyncRead, AsyncWrite};
#[cfg(any(feature = "rustls", feature = "native-tls"))]
use lapin::AsyncTcpStream;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use crate::bus::config::TlsFiles;
use crate::error::ConfigError;
#[cfg(all(feature = "native-tls", not(feature = "rustls")))]
use crate::handler::error::chain;

/// The certificate authorities to trust and the client certificate, as read from their files.
#[cfg(feature = "rustls")]
#[derive(Clone)]
pub(super) struct TlsConnector(lapin::tcp::RustlsConnector);

#[cfg(all(feature = "native-tls", not(feature = "rustls")))]
#[derive(Clone)]
pub(super) struct TlsConnector(lapin::tcp::OwnedTLSConfig);

/// No value exists, because this build has no TLS.
#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
#[derive(Clone)]
pub(super) enum TlsConnector {}

#[cfg(feature = "rustls")]
impl TlsConnector {
    /// # Errors
    /// When a file cannot be read, or is not a valid certificate or key.
    pub(super) fn load(files: &TlsFiles) -> Result<Self, ConfigError> {
        use lapin::tcp::RustlsConnectorConfig;

        // lapin's own constructor fails if the system has no certificates, even if a CA file is given.
        let system = RustlsConnectorConfig::new_with_native_certs();
        let roots = match &files.ca {
            Some(path) => system
                .unwrap_or_default()
                .with_parsable_certificates(certificates(path)?),
            None => system.map_err(|error| {
                ConfigError::new(format!(
                    "cannot read the certificates that the system trusts: {error}; install them, or name a file by \
                     `tls_ca_file`"
                ))
            })?,
        };
        let connector = match &files.identity {
            Some(identity) => roots
                .connector_with_single_cert(certificates(&identity.certificate)?, key(&identity.key)?)
                .map_err(|error| {
                    ConfigError::new(format!(
                        "cannot use the certificate in `{}` with the key in `{}`: {error}",
                        identity.certificate.display(),
                        identity.key.display()
                    ))
                })?,
            None => roots
                .connector_with_no_client_auth()
                .map_err(|error| ConfigError::new(format!("cannot set up TLS: {error}")))?,
        };
        Ok(Self(connector))
    }

    /// # Errors
    /// `InvalidData` when the client and the broker do not agree on TLS. A retry cannot change that.
    pub(super) async fn handshake<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
        &self,
        stream: AsyncTcpStream<S>,
        host: &str,
    ) -> io::Result<AsyncTcpStream<S>> {
        stream.into_rustls(&self.0, host).await
    }
}

#[cfg(all(feature = "native-tls", not(feature = "rustls")))]
impl TlsConnector {
    pub(super) fn load(files: &TlsFiles) -> Result<Self, ConfigError> {
        use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};

        let mut config = OwnedTLSConfig::default();
        if let Some(path) = &files.ca {
            certificates(path)?;
            let text = String::from_utf8(read(path)?).map_err(|_| not_pem(path, CERTIFICATE))?;
            config.cert_chain = Some(text);
        }
        if let Some(identity) = &files.identity {
            certificates(&identity.certificate)?;
            key(&identity.key)?;
            config.identity = Some(OwnedIdentity::PKCS8 {
                pem: read(&identity.certificate)?,
                key: read(&identity.key)?,
            });
        }
        Ok(Self(config))
    }

    pub(super) async fn handshake<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
        &self,
        stream: AsyncTcpStream<S>,
        host: &str,
    ) -> io::Result<AsyncTcpStream<S>> {
        let secured = stream.into_tls(host, self.0.as_ref()).await;
        secured.map_err(|error| {
            // native-tls reports every error as `Other`. Only a network error has an I/O error among its sources.
            let is_network_error = chain(&error).skip(1).any(|source| source.is::<io::Error>());
            if error.kind() == io::ErrorKind::Other && !is_network_error {
                io::Error::new(io::ErrorKind::InvalidData, error)
            } else {
                error
            }
        })
    }
}

#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
impl TlsConnector {
    /// # Errors
    /// Always. Without TLS, lapin would send the password in clear text to the TLS port.
    pub(super) fn load(_: &TlsFiles) -> Result<Self, ConfigError> {
        Err(ConfigError::new(
            "this build has no TLS, so an `amqps://` URL cannot be reached; add the feature `rustls` or `native-tls` of \
             `tidings`",
        ))
    }

    pub(super) async fn handshake<S>(&self, _: S, _: &str) -> io::Result<S> {
        match *self {}
    }
}

pub(super) fn has_client_certificate(files: &TlsFiles) -> bool {
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    let has_certificate = files.identity.is_some();
    #[cfg(not(any(feature = "rustls", feature = "native-tls")))]
    let TlsFiles {} = files;
    #[cfg(not(any(feature = "rustls", feature = "native-tls")))]
    let has_certificate = false;
    has_certificate
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
const CERTIFICATE: &str = "certificate in PEM, `-----BEGIN CERTIFICATE-----`";

#[cfg(any(feature = "rustls", feature = "native-tls"))]
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        // The parser's error may quote a line of the file.
        _ => Err(not_pem(path, CERTIFICATE)),
    }
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
fn key(path: &Path) -> Result<PrivateKeyDer<'static>, ConfigError> {
    let wanted = "private key in PEM that needs no password, `-----BEGIN PRIVATE KEY-----`";
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|_| not_pem(path, wanted))
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
fn read(path: &Path) -> Result<Vec<u8>, ConfigError> {
    fs::read(path).map_err(|error| ConfigError::new(format!("cannot read `{}`: {error}", path.display())))
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
fn not_pem(path: &Path, wanted: &str) -> ConfigError {
    ConfigError::new(format!("cannot use `{}`: it has no {wanted}", path.display()))
}

/// Whether the client and the broker do not agree on TLS.
pub(super) fn is_tls_error(error: &io::Error) -> bool {
    // The broker rejects our certificate after the handshake, where OpenSSL's errors have no kind of their own.
    error.kind() == io::ErrorKind::InvalidData || error.to_string().contains("SSL alert number")
}

/// The error text, with advice if the cause is known.
pub(super) fn with_advice(text: &str) -> String {
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
    let advice = if says(&["UnknownIssuer", "local issuer", "self-signed", "self signed"]) {
        "; name its certificate authority by `tls_ca_file`"
    } else if says(&["CertificateRequired", "certificate required"]) {
        "; send the broker a certificate by `tls_client_identity`"
    } else if says(&["InvalidContentType", "wrong version number"]) {
        "; this port speaks no TLS; write the TLS port, by default 5671, or amqp://"
    } else {
        ""
    };
    format!("TLS failed: {text}{advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tls_alert_is_a_tls_error_with_every_library_and_a_lost_connection_is_not() {
        let openssl = "error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:SSL alert number 116";
        for (error, expected) in [
            (
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    "received fatal alert: CertificateRequired",
                ),
                true,
            ),
            (io::Error::other(openssl), true),
            (io::Error::from(io::ErrorKind::UnexpectedEof), false),
            (io::Error::from(io::ErrorKind::ConnectionReset), false),
        ] {
            assert_eq!(is_tls_error(&error), expected, "{error}");
            let advised = with_advice(&error.to_string()).contains("`tls_client_identity`");
            assert_eq!(advised, expected, "{error}");
        }
    }
}
