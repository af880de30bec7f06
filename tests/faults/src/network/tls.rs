//! TLS: which brokers are trusted, and the errors for the others.

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

/// A connect timeout with time for several attempts. A permanent error must come earlier.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Starts a node with TLS that authenticates clients by their certificate.
async fn node(harness: &Harness, authority: &Authority) -> Arc<Node> {
    let shown = authority.sign("server", &server());
    let setup = harness
        .setup()
        .plugin("rabbitmq_auth_mechanism_ssl")
        .conf("auth_mechanisms.1 = EXTERNAL\nauth_mechanisms.2 = PLAIN\nssl_cert_login_from = common_name")
        .tls(authority.tls(&shown, true));
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
fn by(ca: &Path, shown: &Signed) -> impl Fn(BusBuilder) -> BusBuilder + Send + Sync + 'static {
    let (ca, shown) = (ca.to_owned(), shown.clone());
    move |builder| {
        builder
            .tls_ca_file(&ca)
            .tls_client_identity(&shown.certificate, &shown.key)
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
        .settings(by(&authority.ca(), &orders));
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
    /// The connect timeout.
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

fn with(ca: &Path, shown: &Signed) -> BusBuilder {
    by(ca, shown)(Bus::builder())
}

/// Brokers that a client must not trust.
fn of_brokers(authority: &Authority, tls: u16, plain: u16) -> Vec<Case<'static>> {
    let (ca, orders, other_authority) = (authority.ca(), authority.sign_client("orders"), Authority::new());
    // The folder of the other authority is deleted when it is dropped, so its certificate is copied.
    let unknown = authority.file(
        "other_authority.pem",
        &std::fs::read_to_string(other_authority.ca()).expect("a certificate"),
    );
    vec![
        case(
            "a wrong host name",
            with(&ca, &orders),
            format!("amqps://127.0.0.1:{tls}"),
            &["not valid for name", "127.0.0.1"],
        ),
        case(
            "an unknown authority",
            with(&unknown, &orders),
            format!("amqps://localhost:{tls}"),
            &["UnknownIssuer", "by `tls_ca_file`"],
        ),
        case(
            "TLS to a port without",
            with(&ca, &orders),
            format!("amqps://localhost:{plain}"),
            &["this port speaks no TLS"],
        ),
        case(
            "no TLS to a port with",
            Bus::builder(),
            format!("amqp://guest:guest@localhost:{tls}"),
            &["write amqps://"],
        ),
    ]
}

/// Clients that the broker rejects.
fn of_clients(authority: &Authority, tls: u16) -> Vec<Case<'static>> {
    let (ca, nobody, other_authority) = (authority.ca(), authority.sign_client("nobody"), Authority::new());
    let foreign = other_authority.sign_client("orders");
    let read = |path: &Path| std::fs::read_to_string(path).expect("a certificate or a key");
    let foreign = Signed {
        certificate: authority.file("foreign.pem", &read(&foreign.certificate)),
        key: authority.file("foreign.key", &read(&foreign.key)),
    };
    let mut of_client = old();
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
            with(&ca, &expired),
            url(),
            &["xpired"],
        ),
        case(
            "a client's certificate of an unknown authority",
            with(&ca, &foreign),
            url(),
            &["TLS failed", "UnknownCA"],
        ),
        case(
            "a client that the broker does not know",
            with(&ca, &nobody),
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
    let cases = of_brokers(&authority, tls, plain).into_iter();
    for case in cases.chain(of_clients(&authority, tls)) {
        check_refused(&mut row, case).await;
    }

    let settings = || with(&authority.ca(), &authority.sign_client("orders"));
    ctl(
        &node,
        &["eval", "application:set_env(rabbit, auth_mechanisms, ['PLAIN'])."],
    )
    .await;
    let not_offered = Case {
        // The broker closes the connection without an error, like one that stops.
        timeout: Duration::from_secs(5),
        ..case(
            "EXTERNAL where it is not offered",
            settings(),
            format!("amqps://localhost:{tls}"),
            &["EXTERNAL", "rabbitmq_auth_mechanism_ssl"],
        )
    };
    check_refused(&mut row, not_offered).await;

    authority.sign("server", &old());
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

/// A certificate that has expired.
fn old() -> CertificateParams {
    let mut old = server();
    (old.not_before, old.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    old
}

async fn check_refused(row: &mut Row, case: Case<'_>) {
    let began = Instant::now();
    let connecting = case.settings.connect_timeout(case.timeout).connect(&case.url);
    let error = match within(case.what, connecting).await {
        Ok(_) => "Ok".to_owned(),
        Err(error) => error_text(&error),
    };
    let took = began.elapsed();
    row.check(case.expected.iter().all(|word| error.contains(word)), || {
        format!("{} got: {error}", case.what)
    });
    // The broker waits some seconds before it refuses a user.
    row.check(took < Duration::from_secs(15), || {
        format!("{} got its error after {took:.1?}", case.what)
    });
}
