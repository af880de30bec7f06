//! TLS: what an `amqps://` URL needs.
//!
//! What is said about it names files, and never what is in them.

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

/// The certificates to trust and to show, as read from their files.
#[cfg(feature = "rustls")]
#[derive(Clone)]
pub(super) struct Secure(lapin::tcp::RustlsConnector);

/// The certificates to trust and to show, as read from their files.
#[cfg(all(feature = "native-tls", not(feature = "rustls")))]
#[derive(Clone)]
pub(super) struct Secure(lapin::tcp::OwnedTLSConfig);

/// There is no TLS in this build.
#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
#[derive(Clone)]
pub(super) enum Secure {}

#[cfg(feature = "rustls")]
impl Secure {
    /// # Errors
    /// When a file cannot be read or does not hold what it should.
    pub(super) fn load(files: &TlsFiles) -> Result<Self, ConfigError> {
        use lapin::tcp::RustlsConnectorConfig;

        // Not the library's own way there: that fails where the system has no certificates, file or no file.
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
    /// `InvalidData` where the two do not agree, which trying again does not change.
    pub(super) async fn handshake<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
        &self,
        stream: AsyncTcpStream<S>,
        host: &str,
    ) -> io::Result<AsyncTcpStream<S>> {
        stream.into_rustls(&self.0, host).await
    }
}

#[cfg(all(feature = "native-tls", not(feature = "rustls")))]
impl Secure {
    /// # Errors
    /// When a file cannot be read or does not hold what it should.
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

    /// # Errors
    /// `InvalidData` where the two do not agree, which trying again does not change.
    pub(super) async fn handshake<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
        &self,
        stream: AsyncTcpStream<S>,
        host: &str,
    ) -> io::Result<AsyncTcpStream<S>> {
        let secured = stream.into_tls(host, self.0.as_ref()).await;
        secured.map_err(|error| {
            // All is `Other` there; what the network did has an error of the system's below.
            if error.kind() == io::ErrorKind::Other && !stems_from_the_network(&error) {
                io::Error::new(io::ErrorKind::InvalidData, error)
            } else {
                error
            }
        })
    }
}

#[cfg(all(feature = "native-tls", not(feature = "rustls")))]
fn stems_from_the_network(error: &io::Error) -> bool {
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        if cause.is::<io::Error>() {
            return true;
        }
        next = cause.source();
    }
    false
}

#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
impl Secure {
    /// # Errors
    /// Always: the client library would send the password in clear text to the port for TLS.
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

/// Whether there is a certificate that can say who connects.
pub(super) fn shows_a_certificate(files: &TlsFiles) -> bool {
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    let shows = files.identity.is_some();
    #[cfg(not(any(feature = "rustls", feature = "native-tls")))]
    let TlsFiles {} = files;
    #[cfg(not(any(feature = "rustls", feature = "native-tls")))]
    let shows = false;
    shows
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
const CERTIFICATE: &str = "certificate in PEM, `-----BEGIN CERTIFICATE-----`";

#[cfg(any(feature = "rustls", feature = "native-tls"))]
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        // The reader's own words may repeat a line of the file.
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
    ConfigError::new(format!("cannot use `{}`: it holds no {wanted}", path.display()))
}

/// Whether an error says that the two ends do not agree on TLS.
pub(super) fn is_at_odds(error: &io::Error) -> bool {
    // The broker's word on our certificate comes after the handshake, where OpenSSL's errors have no kind.
    error.kind() == io::ErrorKind::InvalidData || error.to_string().contains("SSL alert number")
}

/// What TLS says when it fails, and what to do about it where we know.
pub(super) fn explained(text: &str) -> String {
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let advice = if says(&["UnknownIssuer", "local issuer", "self-signed", "self signed"]) {
        "; name the authority that it comes from by `tls_ca_file`"
    } else if says(&["CertificateRequired", "certificate required"]) {
        "; show the broker a certificate by `tls_client_identity`"
    } else if says(&["InvalidContentType", "wrong version number"]) {
        "; this port speaks no TLS: write the one that does, which is 5671 unless set otherwise, or amqp://"
    } else {
        ""
    };
    format!("TLS failed: {text}{advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_final_whichever_library_tells_it_and_a_lost_connection_is_not() {
        let openssl = "error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:SSL alert number 116";
        for (error, at_odds) in [
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
            assert_eq!(is_at_odds(&error), at_odds, "{error}");
            let advised = explained(&error.to_string()).contains("`tls_client_identity`");
            assert_eq!(advised, at_odds, "{error}");
        }
    }
}
