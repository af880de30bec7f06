//! The error when no broker accepts a connection, with advice for the operator.

use super::error::RabbitError;
use super::url::Server;
use crate::bus::url::redacted;
use crate::error::ConnectError;
use crate::message::shown::shown;

pub(super) fn connect_error(url: &str, errors: &[(Server, RabbitError)]) -> ConnectError {
    let refused = errors.iter().find(|(_, error)| error.is_final());
    let source = match refused {
        Some((server, error)) => with_advice(server, error),
        None => reasons(errors),
    };
    ConnectError {
        url: redacted(url),
        source: source.into(),
    }
}

pub(super) fn reasons(errors: &[(Server, RabbitError)]) -> String {
    let each: Vec<String> = errors
        .iter()
        .map(|(server, error)| with_advice(server, error))
        .collect();
    each.join("; ")
}

fn with_advice(server: &Server, error: &RabbitError) -> String {
    if server.is_by_certificate() && error.is_hang_up() {
        return format!(
            "{server}: {error}; if the broker does not offer EXTERNAL, enable its plugin \
             `rabbitmq_auth_mechanism_ssl` and add EXTERNAL to `auth_mechanisms`"
        );
    }
    if error.is_incompatible() || !error.is_final() {
        return format!("{server}: {error}");
    }
    let (user, vhost) = (shown(server.user()), shown(server.vhost()));
    let advice = if error.is_forbidden() && server.is_by_certificate() {
        "check that the broker has a user with the name in the client certificate: the whole subject, or with \
         `ssl_cert_login_from = common_name` the common name"
            .to_owned()
    } else if server.is_by_certificate() {
        format!(
            "check that the virtual host `{vhost}` exists, and that the user of the client certificate has permissions \
             in it"
        )
    } else if error.is_forbidden() {
        format!("check the password of user `{user}`; a URL has %25 for a `%` in it")
    } else {
        format!(
            "check that the virtual host `{vhost}` exists, and grant access with rabbitmqctl set_permissions -p \
             '{vhost}' '{user}' '.*' '.*' '.*' or narrower patterns"
        )
    };
    format!("{server}: {error}; {advice}")
}
