//! Certificates for the tests of Tidings: an authority of their own, and what it signs.
//!
//! ```no_run
//! use tidings_authority::{Authority, server};
//! use tidings_broker::{Install, Setup};
//!
//! let authority = Authority::new();
//! let shown = authority.sign("server", &server());
//! let setup = Setup::new(&Install::find().unwrap()).tls(authority.tls(&shown, false));
//! let node = setup.start().unwrap();
//! println!("{} is to be trusted by {}", node.tls_url().unwrap(), authority.ca().display());
//! ```

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
pub use rcgen::{CertificateParams, date_time_ymd};
use tidings_broker::Tls;

/// A folder with an authority and what it signed, gone with the value.
#[derive(Debug)]
pub struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
#[derive(Debug, Clone)]
pub struct Signed {
    /// The certificate, in PEM.
    pub certificate: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
}

impl Authority {
    /// An authority that nobody knows yet.
    ///
    /// # Panics
    /// When its files cannot be written.
    #[allow(clippy::new_without_default)] // Each is another one.
    pub fn new() -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        // Under the machine's temporary folder: the node may see no other.
        let folder = std::env::temp_dir().join(format!("tidings-tls-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder is made");
        let mut params = params(&[], &format!("Authority {number}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key is made");
        let certificate = params.self_signed(&key).expect("a certificate is made");
        fs::write(folder.join("ca.pem"), certificate.pem()).expect("a certificate is written");
        Self {
            folder,
            issuer: Issuer::new(params, key),
        }
    }

    /// Its certificate.
    pub fn ca(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// A certificate of these particulars; one that was signed under the same name before is no more.
    ///
    /// # Panics
    /// When it cannot be made or written.
    pub fn sign(&self, name: &str, params: &CertificateParams) -> Signed {
        let key = KeyPair::generate().expect("a key is made");
        let certificate = params
            .signed_by(&key, &self.issuer)
            .expect("a certificate is signed");
        Signed {
            certificate: self.file(&format!("{name}.pem"), &certificate.pem()),
            key: self.file(&format!("{name}.key"), &key.serialize_pem()),
        }
    }

    /// A client's certificate, with its name as the common name.
    ///
    /// # Panics
    /// When it cannot be made or written.
    pub fn sign_client(&self, name: &str) -> Signed {
        let mut params = params(&[], name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(name, &params)
    }

    /// A file beside its own.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, text).expect("a file is written");
        path
    }

    /// What a node needs that shows this certificate, and trusts clients of this authority.
    pub fn tls(&self, shown: &Signed, ask_client: bool) -> Tls {
        Tls {
            ca: self.ca(),
            certificate: shown.certificate.clone(),
            key: shown.key.clone(),
            ask_client,
        }
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What a node at `localhost` shows.
pub fn server() -> CertificateParams {
    let mut params = params(&["localhost"], "rabbit");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn params(names: &[&str], common_name: &str) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names of hosts");
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}
