//! TLS: trusted brokers and clients, and the errors for all others.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tidings::{Bus, BusBuilder};
use tidings_authority::{Authority, CertificateParams, Signed, date_time_ymd, server};
use tidings_broker::Node;
use tokio::time::Instant;

use crate::handlers::HANDLERS;
use crate::harness::Harness;
use crate::recovery::recovers;
use crate::row::Row;
use crate::traffic::Load;
use tidings_test_support::error_text;
use tidings_test_support::wait::{blocking, within};

/// A connect timeout with time for several attempts. A permanent error must end the connect earlier.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Starts a node that authenticates clients by their TLS certificate.
async fn node(harness: &Harness, authority: &Authority) -> Arc<Node> {
    let identity = authority.sign("server", &server());
    let setup = harness
        .setup()
        .plugin("rabbitmq_auth_mechanism_ssl")
        .conf("auth_mechanisms.1 = EXTERNAL\nauth_mechanisms.2 = PLAIN\nssl_cert_login_from = common_name")
        .tls(authority.tls(&identity, true));
    let node = harness.node_of(setup).await;
    ctl(&node, &["add_user", "orders", "secret"]).await;
    ctl(&node, &["set_permissions", "orders", ".*", ".*", ".*"]).await;
    node
}

async fn ctl(node: &Arc<Node>, args: &[&str]) {
    let (node, args) = (
        Arc::clone(node),
        args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>(),
    );
    blocking(move || {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        node.ctl(&args).expect("rabbitmqctl succeeds");
    })
    .await;
}

/// Settings that trust an authority and present a certificate.
fn tls_settings(ca: &Path, identity: &Signed) -> impl Fn(BusBuilder) -> BusBuilder + Send + Sync + 'static {
    let (ca, identity) = (ca.to_owned(), identity.clone());
    move |builder| {
        builder
            .tls_ca_file(&ca)
            .tls_client_identity(&identity.certificate, &identity.key)
    }
}

pub(super) async fn trusted(harness: &Harness) -> Row {
    let authority = Authority::new();
    let node = node(harness, &authority).await;
    let orders = authority.sign_client("orders");
    let port = node.tls_port().expect("a port for TLS");
    let load = Load::on(&format!("amqps://localhost:{port}"))
        .direct(&node.url())
        .per_second(harness.pick(400, 2_000))
        .settings(tls_settings(&authority.ca(), &orders));
    let (mut traffic, mut row) = (load.start(harness).await, harness.row());
    for _ in 0..harness.times() {
        traffic.flows(harness.pick(500, 3_000)).await;
        ctl(&node, &["close_all_connections", "by an operator"]).await;
        recovers(&mut traffic, &mut row, Duration::from_secs(15), HANDLERS).await;
    }
    traffic.finish().await.into_row(row)
}

/// A connection attempt and the expected error.
struct Case<'a> {
    what: &'a str,
    settings: BusBuilder,
    url: String,
    expected: &'a [&'a str],
    timeout: Duration,
}

fn case<'a>(what: &'a str, settings: BusBuilder, url: String, expected: &'a [&'a str]) -> Case<'a> {
    Case {
        what,
        settings,
        url,
        expected,
        timeout: TIMEOUT,
    }
}

fn builder(ca: &Path, identity: &Signed) -> BusBuilder {
    tls_settings(ca, identity)(Bus::builder())
}

/// Brokers that a client must not trust.
fn broker_cases(authority: &Authority, tls: u16, plain: u16) -> Vec<Case<'static>> {
    let (ca, orders, other_authority) = (authority.ca(), authority.sign_client("orders"), Authority::new());
    // Dropping the other authority deletes its folder, so its certificate is copied.
    let unknown = authority.file(
        "other_authority.pem",
        &std::fs::read_to_string(other_authority.ca()).expect("a certificate"),
    );
    vec![
        case(
            "a wrong host name",
            builder(&ca, &orders),
            format!("amqps://127.0.0.1:{tls}"),
            &["not valid for name", "127.0.0.1"],
        ),
        case(
            "an unknown authority",
            builder(&unknown, &orders),
            format!("amqps://localhost:{tls}"),
            &["UnknownIssuer", "by `tls_ca_file`"],
        ),
        case(
            "TLS to a port without TLS",
            builder(&ca, &orders),
            format!("amqps://localhost:{plain}"),
            &["this port speaks no TLS"],
        ),
        case(
            "no TLS to a port with TLS",
            Bus::builder(),
            format!("amqp://guest:guest@localhost:{tls}"),
            &["write amqps://"],
        ),
    ]
}

/// Clients that the broker rejects.
fn client_cases(authority: &Authority, tls: u16) -> Vec<Case<'static>> {
    let (ca, nobody, other_authority) = (authority.ca(), authority.sign_client("nobody"), Authority::new());
    let foreign = other_authority.sign_client("orders");
    let read = |path: &Path| std::fs::read_to_string(path).expect("a certificate or a key");
    let foreign = Signed {
        certificate: authority.file("foreign.pem", &read(&foreign.certificate)),
        key: authority.file("foreign.key", &read(&foreign.key)),
    };
    let mut of_client = expired_certificate();
    of_client.extended_key_usages.clear();
    let expired = authority.sign("expired", &of_client);
    let url = || format!("amqps://localhost:{tls}");
    vec![
        case(
            "no certificate of the client",
            Bus::builder().tls_ca_file(&ca),
            format!("amqps://guest:guest@localhost:{tls}"),
            &["by `tls_client_identity`"],
        ),
        case(
            "an expired certificate of the client",
            builder(&ca, &expired),
            url(),
            &["xpired"],
        ),
        case(
            "a client's certificate of an unknown authority",
            builder(&ca, &foreign),
            url(),
            &["TLS failed", "UnknownCA"],
        ),
        case(
            "a client that the broker does not know",
            builder(&ca, &nobody),
            url(),
            &["ACCESS_REFUSED", "client certificate"],
        ),
    ]
}

pub(super) async fn refused(harness: &Harness) -> Row {
    let authority = Authority::new();
    let node = node(harness, &authority).await;
    let (tls, plain) = (node.tls_port().expect("a port for TLS"), node.port());
    let mut row = harness.row();
    let cases = broker_cases(&authority, tls, plain).into_iter();
    for case in cases.chain(client_cases(&authority, tls)) {
        check_refused(&mut row, case).await;
    }

    let settings = || builder(&authority.ca(), &authority.sign_client("orders"));
    ctl(
        &node,
        &["eval", "application:set_env(rabbit, auth_mechanisms, ['PLAIN'])."],
    )
    .await;
    let not_offered = Case {
        // The broker closes the connection without an error, as it does when it stops.
        timeout: Duration::from_secs(5),
        ..case(
            "EXTERNAL to a broker that does not offer it",
            settings(),
            format!("amqps://localhost:{tls}"),
            &["EXTERNAL", "rabbitmq_auth_mechanism_ssl"],
        )
    };
    check_refused(&mut row, not_offered).await;

    authority.sign("server", &expired_certificate());
    ctl(&node, &["eval", "ssl:clear_pem_cache()."]).await;
    let expired = case(
        "an expired certificate of the broker",
        settings(),
        format!("amqps://guest:guest@localhost:{tls}"),
        &["expired"],
    );
    check_refused(&mut row, expired).await;
    row
}

fn expired_certificate() -> CertificateParams {
    let mut params = server();
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    params
}

async fn check_refused(row: &mut Row, case: Case<'_>) {
    let began = Instant::now();
    let connecting = case.settings.connect_timeout(case.timeout).connect(&case.url);
    let error = match within(case.what, connecting).await {
        Ok(_) => "Ok".to_owned(),
        Err(error) => error_text(&error),
    };
    let took = began.elapsed();
    row.check(case.expected.iter().all(|text| error.contains(text)), || {
        format!("{} got: {error}", case.what)
    });
    // The broker waits some seconds before it refuses a user.
    row.check(took < Duration::from_secs(15), || {
        format!("{} got its error after {took:.1?}", case.what)
    });
}
