//! TLS: which brokers are trusted, and what is said where they are not.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tidings::{Bus, BusBuilder};
use tidings_authority::{Authority, CertificateParams, Signed, date_time_ymd, server};
use tidings_broker::Node;
use tokio::time::Instant;

use super::recovery::{recovers, text};
use crate::handlers::HANDLERS;
use crate::row::Row;
use crate::stage::Stage;
use crate::traffic::Load;
use crate::wait::{blocking, within};

/// Time to try again and again, were it of any use.
const PATIENCE: Duration = Duration::from_mins(1);

/// A node that shows a certificate, and takes those of clients for who connects.
async fn node(stage: &Stage, authority: &Authority) -> Arc<Node> {
    let shown = authority.sign("server", &server());
    let setup = stage
        .setup()
        .plugin("rabbitmq_auth_mechanism_ssl")
        .conf("auth_mechanisms.1 = EXTERNAL\nauth_mechanisms.2 = PLAIN\nssl_cert_login_from = common_name")
        .tls(authority.tls(&shown, true));
    let node = stage.node_of(setup).await;
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
        node.ctl(&args).expect("rabbitmqctl does it");
    })
    .await;
}

/// Trusts an authority, and shows a certificate.
fn by(ca: &Path, shown: &Signed) -> impl Fn(BusBuilder) -> BusBuilder + Send + Sync + 'static {
    let (ca, shown) = (ca.to_owned(), shown.clone());
    move |builder| {
        builder
            .tls_ca_file(&ca)
            .tls_client_identity(&shown.certificate, &shown.key)
    }
}

pub(super) async fn trusted(stage: &Stage) -> Row {
    let authority = Authority::new();
    let node = node(stage, &authority).await;
    let orders = authority.sign_client("orders");
    let port = node.tls_port().expect("a port for TLS");
    let load = Load::on(&format!("amqps://localhost:{port}"))
        .direct(&node.url())
        .per_second(stage.pick(400, 2_000))
        .settings(by(&authority.ca(), &orders));
    let (mut traffic, mut row) = (load.start(stage).await, stage.row());
    for _ in 0..stage.times() {
        traffic.flows(stage.pick(500, 3_000)).await;
        ctl(&node, &["close_all_connections", "by an operator"]).await;
        recovers(&mut traffic, &mut row, Duration::from_secs(5), HANDLERS).await;
    }
    traffic.settle().await.into_row(row)
}

/// Who connects, where to, and the words of the answer.
struct Case<'a> {
    what: &'a str,
    settings: BusBuilder,
    url: String,
    told: &'a [&'a str],
    /// How long it may take to connect: far more than it does, where the answer says that there is no use in trying.
    patience: Duration,
}

pub(super) async fn refused(stage: &Stage) -> Row {
    let (authority, strangers) = (Authority::new(), Authority::new());
    let node = node(stage, &authority).await;
    let (tls, plain) = (node.tls_port().expect("a port for TLS"), node.port());
    let at = |scheme: &str, user: &str, host: &str, port: u16| format!("{scheme}://{user}{host}:{port}/%2f");
    let mut row = stage.row();

    let (orders, nobody) = (authority.sign_client("orders"), authority.sign_client("nobody"));
    let mut of_client = old();
    of_client.extended_key_usages.clear();
    let expired = authority.sign("expired", &of_client);
    let foreign = strangers.sign_client("orders");
    let ca = authority.ca();
    let with = |ca: &Path, shown: &Signed| by(ca, shown)(Bus::builder());
    let cases = [
        Case {
            what: "a wrong host name",
            settings: with(&ca, &orders),
            url: at("amqps", "", "127.0.0.1", tls),
            told: &["not valid for name", "127.0.0.1"],
            patience: PATIENCE,
        },
        Case {
            what: "an unknown authority",
            settings: with(&strangers.ca(), &orders),
            url: at("amqps", "", "localhost", tls),
            told: &["UnknownIssuer", "by `tls_ca_file`"],
            patience: PATIENCE,
        },
        Case {
            what: "no certificate of the client",
            settings: Bus::builder().tls_ca_file(&ca),
            url: at("amqps", "guest:guest@", "localhost", tls),
            told: &["by `tls_client_identity`"],
            patience: PATIENCE,
        },
        Case {
            what: "an expired certificate of the client",
            settings: with(&ca, &expired),
            url: at("amqps", "", "localhost", tls),
            told: &["xpired"],
            patience: PATIENCE,
        },
        Case {
            what: "a client's certificate of an unknown authority",
            settings: with(&ca, &foreign),
            url: at("amqps", "", "localhost", tls),
            told: &["TLS failed", "UnknownCA"],
            patience: PATIENCE,
        },
        Case {
            what: "a client whom the broker does not know",
            settings: with(&ca, &nobody),
            url: at("amqps", "", "localhost", tls),
            told: &["ACCESS_REFUSED", "client certificate"],
            patience: PATIENCE,
        },
        Case {
            what: "TLS to a port without",
            settings: with(&ca, &orders),
            url: at("amqps", "", "localhost", plain),
            told: &["this port speaks no TLS"],
            patience: PATIENCE,
        },
        Case {
            what: "no TLS to a port with",
            settings: Bus::builder(),
            url: at("amqp", "guest:guest@", "localhost", tls),
            told: &["write amqps://"],
            patience: PATIENCE,
        },
    ];
    for case in cases {
        is_told(&mut row, case).await;
    }

    ctl(
        &node,
        &["eval", "application:set_env(rabbit, auth_mechanisms, ['PLAIN'])."],
    )
    .await;
    is_told(
        &mut row,
        Case {
            what: "EXTERNAL where it is not offered",
            settings: with(&ca, &orders),
            url: at("amqps", "", "localhost", tls),
            told: &["EXTERNAL", "rabbitmq_auth_mechanism_ssl"],
            // The broker hangs up without a word, as one does that goes down.
            patience: Duration::from_secs(5),
        },
    )
    .await;

    authority.sign("server", &old());
    ctl(&node, &["eval", "ssl:clear_pem_cache()."]).await;
    is_told(
        &mut row,
        Case {
            what: "an expired certificate of the broker",
            settings: with(&ca, &orders),
            url: at("amqps", "guest:guest@", "localhost", tls),
            told: &["expired"],
            patience: PATIENCE,
        },
    )
    .await;
    row
}

/// What a broker showed some years ago.
fn old() -> CertificateParams {
    let mut old = server();
    (old.not_before, old.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    old
}

async fn is_told(row: &mut Row, case: Case<'_>) {
    let began = Instant::now();
    let connecting = case.settings.connect_timeout(case.patience).connect(&case.url);
    let told = match within(case.what, connecting).await {
        Ok(_) => "Ok".to_owned(),
        Err(error) => text(&error),
    };
    let took = began.elapsed();
    row.check(case.told.iter().all(|word| told.contains(word)), || {
        format!("{} is told {told}", case.what)
    });
    // The broker itself waits a second before it refuses a user.
    row.check(took < Duration::from_secs(8), || {
        format!("{} is told after {took:.1?}", case.what)
    });
}
