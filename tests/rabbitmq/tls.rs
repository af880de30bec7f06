//! TLS: trusted brokers, client certificates, and the errors of refused connections.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidings::{Bus, BusBuilder, Error};
use tidings_authority::{Authority, CertificateParams, server};
use tidings_broker::{Install, Node, Setup};

use tidings_test_support::error_text;
use tidings_test_support::wait::{DEADLINE, blocking};

use crate::fixture::{Happened, settings};

async fn node(
    authority: &Authority,
    certificate: &CertificateParams,
    configure: impl FnOnce(Setup) -> Setup,
    ask_client: bool,
) -> Arc<Node> {
    let certificate = authority.sign("server", certificate);
    let setup = Setup::new(&Install::find().unwrap()).tls(authority.tls(&certificate, ask_client));
    let setup = configure(setup);
    blocking(move || Arc::new(setup.start().unwrap())).await
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
        "the error is immediate: {error:?}"
    );
    assert!(matches!(error, Error::Connect(_)), "{error:?}");
    error_text(&error)
}

#[tokio::test]
async fn a_broker_is_trusted_by_its_authority_and_its_host_name() {
    let authority = Authority::new();
    let node = node(&authority, &server(), |setup| setup, false).await;
    let url = node.tls_url().unwrap();

    let bus = connected(trusting(&authority.ca()), &url).await;
    bus.publish(&Happened::new(1, "a")).await.unwrap();
    bus.close().await;

    let other = Authority::new();
    for settings in [settings(), trusting(&other.ca())] {
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
async fn a_client_certificate_authenticates_the_user() {
    let authority = Authority::new();
    let by_certificate = |setup: Setup| {
        setup
            .plugin("rabbitmq_auth_mechanism_ssl")
            .conf("auth_mechanisms.1 = EXTERNAL\nssl_cert_login_from = common_name")
    };
    let node = node(&authority, &server(), by_certificate, true).await;
    let admin = Arc::clone(&node);
    blocking(move || {
        admin.add_user("orders", "secret").unwrap();
        admin.permit("orders", "/", [".*", ".*", ".*"]).unwrap();
    })
    .await;
    let url = format!("amqps://localhost:{}", node.tls_port().unwrap());

    let orders = authority.sign_client("orders");
    let identified = || trusting(&authority.ca()).tls_client_identity(&orders.certificate, &orders.key);
    for url in [
        url.clone(),
        format!("{url}/%2f?auth_mechanism=external"),
        url.replace("//", "//nobody:password@") + "/?auth_mechanism=external",
    ] {
        let bus = connected(identified(), &url).await;
        bus.publish(&Happened::new(1, "a")).await.unwrap();
        bus.close().await;
    }

    let other = authority.sign_client("other");
    let other = trusting(&authority.ca()).tls_client_identity(&other.certificate, &other.key);
    let text = refused(other, &url).await;
    assert!(
        text.contains("ACCESS_REFUSED") && text.contains("client certificate"),
        "{text}"
    );

    let text = refused(trusting(&authority.ca()), &url).await;
    assert!(text.contains("by `tls_client_identity`"), "{text}");
}

#[tokio::test]
async fn the_error_for_an_invalid_file_names_it_without_its_contents() {
    let authority = Authority::new();
    let (orders, other) = (authority.sign_client("orders"), authority.sign_client("other"));
    let prose = authority.file("prose.pem", "s3cret prose");
    let broken = authority.file(
        "broken.pem",
        "-----BEGIN PRIVATE KEY-----\ns3cret!\n-----END PRIVATE KEY-----\n",
    );
    let missing = authority.ca().with_file_name("missing.pem");
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
        // The error comes before any connection attempt.
        let settings_text = format!("{settings:?}");
        let error = settings.connect("amqps://localhost:1").await.unwrap_err();
        assert!(matches!(error, Error::Config(_)), "{error:?}");
        let text = error_text(&error);
        assert!(text.contains(name), "{text}");
        let all_text = format!("{text} {error:?} {settings_text}");
        assert!(
            !all_text.contains("s3cret") && !all_text.contains("MIG"),
            "{all_text}"
        );
    }
}
