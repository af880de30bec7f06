//! TLS: which brokers are trusted, who a client's certificate says connects, and what is said when they do not agree.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tidings::{Bus, BusBuilder, Error};
use tidings_broker::{Install, Node, Setup, Tls};

use crate::place::{DEADLINE, Happened, blocking, settings, text};

/// A folder with an authority and what it signed, gone with the value.
struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
struct Signed {
    certificate: PathBuf,
    key: PathBuf,
}

impl Authority {
    fn new() -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        // Under the machine's temporary folder: the node may see no other.
        let folder = std::env::temp_dir().join(format!("tidings-tls-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut params = params(&[], &format!("Authority {number}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        fs::write(folder.join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self {
            folder,
            issuer: Issuer::new(params, key),
        }
    }

    fn ca(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    fn sign(&self, name: &str, params: &CertificateParams) -> Signed {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Signed {
            certificate: self.file(&format!("{name}.pem"), &certificate.pem()),
            key: self.file(&format!("{name}.key"), &key.serialize_pem()),
        }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn sign_client(&self, name: &str) -> Signed {
        let mut params = params(&[], name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(name, &params)
    }

    /// A node that shows this certificate.
    async fn node(&self, server: Signed, made: impl FnOnce(Setup) -> Setup, ask_client: bool) -> Arc<Node> {
        let setup = made(Setup::new(&Install::find().unwrap()).tls(Tls {
            ca: self.ca(),
            certificate: server.certificate,
            key: server.key,
            ask_client,
        }));
        blocking(move || Arc::new(setup.start().unwrap())).await
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn params(names: &[&str], common_name: &str) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

/// What a node at `localhost` shows.
fn server() -> CertificateParams {
    let mut params = params(&["localhost"], "rabbit");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn trusting(ca: &Path) -> BusBuilder {
    settings().tls_ca_file(ca)
}

async fn connected(settings: BusBuilder, url: &str) -> Bus {
    tokio::time::timeout(DEADLINE, settings.connect(url))
        .await
        .unwrap()
        .unwrap()
}

async fn refused(settings: BusBuilder, url: &str) -> String {
    let started = Instant::now();
    let error = settings
        .connect_timeout(Duration::from_mins(1))
        .connect(url)
        .await
        .unwrap_err();
    assert!(
        started.elapsed() < Duration::from_secs(30),
        "it is told at once: {error:?}"
    );
    assert!(matches!(error, Error::Connect(_)), "{error:?}");
    text(&error)
}

#[tokio::test]
async fn a_broker_is_trusted_by_its_authority_and_its_name() {
    let authority = Authority::new();
    let node = authority
        .node(authority.sign("server", &server()), |setup| setup, false)
        .await;
    let url = node.tls_url().unwrap();

    let bus = connected(trusting(&authority.ca()), &url).await;
    bus.publish(&Happened::new(1, "a")).await.unwrap();
    bus.close().await;

    let stranger = Authority::new();
    for settings in [settings(), trusting(&stranger.ca())] {
        let text = refused(settings, &url).await;
        assert!(
            text.contains("localhost") && text.contains("UnknownIssuer") && text.contains("by `tls_ca_file`"),
            "{text}"
        );
    }

    let url = url.replace("localhost", "127.0.0.1");
    let text = refused(trusting(&authority.ca()), &url).await;
    assert!(
        text.contains("not valid for name") && text.contains("127.0.0.1"),
        "{text}"
    );
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_told_at_once() {
    let authority = Authority::new();
    let mut expired = server();
    expired.not_before = date_time_ymd(2020, 1, 1);
    expired.not_after = date_time_ymd(2021, 1, 1);
    let node = authority
        .node(authority.sign("server", &expired), |setup| setup, false)
        .await;
    let text = refused(trusting(&authority.ca()), &node.tls_url().unwrap()).await;
    assert!(text.contains("expired"), "{text}");
}

#[tokio::test]
async fn the_wrong_scheme_for_a_port_is_told_at_once() {
    let authority = Authority::new();
    let node = authority
        .node(authority.sign("server", &server()), |setup| setup, false)
        .await;
    let url = format!("amqps://guest:secret@localhost:{}/%2f", node.port());
    let told = refused(trusting(&authority.ca()), &url).await;
    assert!(
        told.contains("this port speaks no TLS") && !told.contains("secret"),
        "{told}"
    );

    let url = format!("amqp://guest:secret@localhost:{}/%2f", node.tls_port().unwrap());
    let told = refused(settings(), &url).await;
    assert!(
        told.contains("write amqps://") && !told.contains("secret"),
        "{told}"
    );
}

#[tokio::test]
async fn a_client_certificate_says_who_connects() {
    let authority = Authority::new();
    let by_certificate = |setup: Setup| {
        setup
            .plugin("rabbitmq_auth_mechanism_ssl")
            .conf("auth_mechanisms.1 = EXTERNAL\nssl_cert_login_from = common_name")
    };
    let node = authority
        .node(authority.sign("server", &server()), by_certificate, true)
        .await;
    let at = Arc::clone(&node);
    blocking(move || {
        at.add_user("orders", "secret").unwrap();
        at.permit("orders", "/", [".*", ".*", ".*"]).unwrap();
    })
    .await;
    let url = format!("amqps://localhost:{}", node.tls_port().unwrap());

    let orders = authority.sign_client("orders");
    let known = || trusting(&authority.ca()).tls_client_identity(&orders.certificate, &orders.key);
    for url in [
        url.clone(),
        format!("{url}/%2f?auth_mechanism=external"),
        url.replace("//", "//nobody:password@") + "/?auth_mechanism=external",
    ] {
        let bus = connected(known(), &url).await;
        bus.publish(&Happened::new(1, "a")).await.unwrap();
        bus.close().await;
    }

    let stranger = authority.sign_client("stranger");
    let stranger = trusting(&authority.ca()).tls_client_identity(&stranger.certificate, &stranger.key);
    let text = refused(stranger, &url).await;
    assert!(
        text.contains("ACCESS_REFUSED") && text.contains("client certificate"),
        "{text}"
    );

    let text = refused(trusting(&authority.ca()), &url).await;
    assert!(text.contains("by `tls_client_identity`"), "{text}");
}

#[tokio::test]
async fn a_file_that_does_not_serve_is_named_and_not_shown() {
    let authority = Authority::new();
    let (orders, other) = (authority.sign_client("orders"), authority.sign_client("other"));
    let prose = authority.file("prose.pem", "s3cret prose");
    let broken = authority.file(
        "broken.pem",
        "-----BEGIN PRIVATE KEY-----\ns3cret!\n-----END PRIVATE KEY-----\n",
    );
    let missing = authority.folder.join("missing.pem");
    for (settings, name) in [
        (settings().tls_ca_file(&missing), "missing.pem"),
        (settings().tls_ca_file(&prose), "prose.pem"),
        (settings().tls_ca_file(&orders.key), "orders.key"),
        (settings().tls_client_identity(&prose, &orders.key), "prose.pem"),
        (
            settings().tls_client_identity(&orders.certificate, &broken),
            "broken.pem",
        ),
        (
            settings().tls_client_identity(&orders.certificate, &orders.certificate),
            "orders.pem",
        ),
        (
            settings().tls_client_identity(&orders.certificate, &other.key),
            "other.key",
        ),
    ] {
        // Nobody is there, and nobody is called.
        let shown = format!("{settings:?}");
        let error = settings.connect("amqps://localhost:1").await.unwrap_err();
        assert!(matches!(error, Error::Config(_)), "{error:?}");
        let text = text(&error);
        assert!(text.contains(name), "{text}");
        let told = format!("{text} {error:?} {shown}");
        assert!(!told.contains("s3cret") && !told.contains("MIG"), "{told}");
    }
}
