//! Certificates for the tests of Tidings, each signed by an authority of its test.
//!
//! ```no_run
//! use tidings_authority::{Authority, server};
//! use tidings_broker::{Install, Setup};
//!
//! let authority = Authority::new();
//! let certificate = authority.sign("server", &server());
//! let setup = Setup::new(&Install::find().unwrap()).tls(authority.tls(&certificate, false));
//! let node = setup.start().unwrap();
//! println!("{} is trusted with {}", node.tls_url().unwrap(), authority.ca().display());
//! ```

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
pub use rcgen::{CertificateParams, date_time_ymd};
use tidings_broker::Tls;

/// An authority and the folder of its files. The folder is deleted when the authority is dropped.
#[derive(Debug)]
pub struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

/// The files of a certificate and its key, in PEM.
#[derive(Debug, Clone)]
pub struct Signed {
    /// The certificate.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl Authority {
    /// Creates a new authority.
    ///
    /// # Panics
    /// When a file cannot be written.
    #[allow(clippy::new_without_default)] // Each call creates another authority.
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // This folder is below the temporary folder, because a node may see no other.
        let folder = std::env::temp_dir().join(format!("tidings-tls-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder can be created");
        let mut params = params(&[], &format!("Authority {number}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key can be generated");
        let certificate = params.self_signed(&key).expect("a certificate can be signed");
        fs::write(folder.join("ca.pem"), certificate.pem()).expect("a certificate can be written");
        Self {
            folder,
            issuer: Issuer::new(params, key),
        }
    }

    /// The certificate of the authority.
    pub fn ca(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Signs a certificate. It replaces an earlier one of the same name.
    ///
    /// # Panics
    /// When the certificate cannot be created or written.
    pub fn sign(&self, name: &str, params: &CertificateParams) -> Signed {
        let key = KeyPair::generate().expect("a key can be generated");
        let certificate = params
            .signed_by(&key, &self.issuer)
            .expect("a certificate can be signed");
        Signed {
            certificate: self.file(&format!("{name}.pem"), &certificate.pem()),
            key: self.file(&format!("{name}.key"), &key.serialize_pem()),
        }
    }

    /// Signs a client certificate with this common name.
    ///
    /// # Panics
    /// When the certificate cannot be created or written.
    pub fn sign_client(&self, name: &str) -> Signed {
        let mut params = params(&[], name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(name, &params)
    }

    /// Writes a file into the folder of the authority.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, text).expect("a file can be written");
        path
    }

    /// The TLS files of a node with this certificate, which trusts the clients of this authority.
    pub fn tls(&self, signed: &Signed, ask_client: bool) -> Tls {
        Tls {
            ca: self.ca(),
            certificate: signed.certificate.clone(),
            key: signed.key.clone(),
            ask_client,
        }
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The parameters of a server certificate for `localhost`.
pub fn server() -> CertificateParams {
    let mut params = params(&["localhost"], "rabbit");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn params(names: &[&str], common_name: &str) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("the names are valid");
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}
