//! Passwords, permissions and virtual hosts.

use std::time::Duration;

use tidings::Bus;
use tidings_broker::Vhost;
use tokio::time::Instant;

use super::operator::{CLOSE_ALL, eval, load, publish};
use crate::deleted_events::{DeletedEvents, DeletionWindow, PATIENCE};
use crate::handlers::HANDLERS;
use crate::harness::Harness;
use crate::recorder;
use crate::recovery::{health_reports, recovers};
use crate::row::Row;
use crate::soak::{PASSWORD, SoakTarget, USER, service};
use tidings_test_support::error_text;
use tidings_test_support::foreign_client::ForeignClient;
use tidings_test_support::wait::{until, within};

/// The permission pattern that matches everything.
const ALL: &str = ".*";

/// A user with permissions in one virtual host.
struct TestUser {
    vhost: Vhost<'static>,
    name: String,
}

impl TestUser {
    /// Adds a user with all permissions.
    async fn add(harness: &Harness) -> Self {
        let vhost = harness.vhost().await;
        let name = format!("user-{}", vhost.name());
        let added = format!(
            "ok = rabbit_auth_backend_internal:add_user(<<\"{name}\">>, <<\"secret\">>, <<\"tests\">>)"
        );
        let permitted = permit(&name, vhost.name(), [ALL; 3]);
        eval(vhost.node(), &[&added, &permitted]).await;
        Self { vhost, name }
    }

    fn url(&self) -> String {
        let node = self.vhost.node();
        node.url_of(&self.name, "secret", self.vhost.name())
    }

    /// Sets the permissions and closes the connections, since the broker checks permissions rarely.
    async fn set_permissions(&self, patterns: [&str; 3]) {
        let permitted = permit(&self.name, self.vhost.name(), patterns);
        eval(self.vhost.node(), &[&permitted, CLOSE_ALL]).await;
    }

    /// Sets the password and closes the connections, since the broker checks a password only when a client connects.
    async fn set_password(&self, password: &str) {
        let changed = set_password(&self.name, password);
        eval(self.vhost.node(), &[&changed, CLOSE_ALL]).await;
    }
}

/// Returns the Erlang code that sets the password of a user.
fn set_password(user: &str, password: &str) -> String {
    format!(
        "ok = rabbit_auth_backend_internal:change_password(<<\"{user}\">>, <<\"{password}\">>, <<\"tests\">>)"
    )
}

/// Returns the Erlang code that sets the permissions of a user.
fn permit(user: &str, vhost: &str, [configure, write, read]: [&str; 3]) -> String {
    format!(
        "ok = rabbit_auth_backend_internal:set_permissions(<<\"{user}\">>, <<\"{vhost}\">>, <<\"{configure}\">>, \
         <<\"{write}\">>, <<\"{read}\">>, <<\"tests\">>)"
    )
}

pub(super) async fn wrong_password(harness: &Harness) -> Row {
    let (vhost, mut row) = (harness.vhost().await, harness.row());
    let url = vhost.node().url_of("guest", "secret", vhost.name());
    for _ in 0..harness.times() {
        let began = Instant::now();
        let refused = within("the result of a connect", Bus::connect(&url)).await;
        let error = refused.map_or_else(|error| error_text(&error), |_| "Ok".to_owned());
        let texts = ["ACCESS_REFUSED", "check the password of user `guest`"];
        row.check(
            texts.iter().all(|text| error.contains(text)) && !error.contains("secret"),
            || format!("the error is {error}"),
        );
        let took = began.elapsed();
        row.check(took < Duration::from_secs(5), || {
            format!("the error came after {took:.1?}")
        });
    }
    row
}

pub(super) async fn password_changed(harness: &Harness) -> Row {
    let user = TestUser::add(harness).await;
    let load = load(harness, &user.url()).direct(&user.vhost.url());
    let (mut traffic, mut row) = (load.start(harness).await, harness.row());
    for _ in 0..harness.times() {
        traffic.flows(harness.pick(300, 3_000)).await;
        user.set_password("changed").await;
        let texts = ["ACCESS_REFUSED", "check the password of user `user-"];
        health_reports(&traffic, &mut row, &texts).await;
        user.set_password("secret").await;
        recovers(&mut traffic, &mut row, Duration::from_secs(30), HANDLERS).await;
    }
    traffic.finish().await.into_row(row)
}

pub(super) async fn vhost_deleted(harness: &Harness) -> Row {
    let vhost = harness.vhost().await;
    let load = load(harness, &vhost.url()).patience(PATIENCE).in_any_order();
    let (mut traffic, mut row, mut deleted) =
        (load.start(harness).await, harness.row(), DeletedEvents::default());
    for _ in 0..harness.times() {
        traffic.flows(harness.pick(300, 3_000)).await;
        let window = DeletionWindow::open(&mut traffic, HANDLERS);
        let name = vhost.name();
        eval(
            vhost.node(),
            &[&format!("rabbit_vhost:delete(<<\"{name}\">>, <<\"tests\">>)")],
        )
        .await;
        let advice = format!("check that the virtual host `{}` exists", vhost.name());
        health_reports(&traffic, &mut row, &["NOT_ALLOWED", &advice]).await;
        let added = format!("ok = rabbit_vhost:add(<<\"{name}\">>, <<\"tests\">>)");
        eval(vhost.node(), &[&added, &permit("guest", name, [ALL; 3])]).await;
        recovers(&mut traffic, &mut row, Duration::from_secs(30), HANDLERS).await;
        let client = ForeignClient::connect(&vhost.url()).await;
        recorder::bind_again(&client).await;
        window.close(&traffic, &mut deleted);
    }
    deleted.into_row(traffic.finish().await, row)
}

pub(super) async fn exchange_forbidden(harness: &Harness) -> Row {
    let user = TestUser::add(harness).await;
    let load = load(harness, &user.url())
        .direct(&user.vhost.url())
        .settings(|builder| builder.publish_timeout(Duration::from_secs(3)));
    let (mut traffic, mut row) = (load.start(harness).await, harness.row());
    for _ in 0..harness.times() {
        traffic.flows(harness.pick(300, 3_000)).await;
        user.set_permissions([ALL, "^faults[.].*$", ALL]).await;
        let texts = [
            "ACCESS_REFUSED",
            "grant the user the `write` permission on exchange `domain_events`",
        ];
        until("a publisher gets the error", async || {
            let error = publish(&traffic, 0).await;
            texts.iter().all(|text| error.contains(text))
        })
        .await;
        user.set_permissions([ALL; 3]).await;
        recovers(&mut traffic, &mut row, Duration::from_secs(15), HANDLERS).await;
    }
    traffic.finish().await.into_row(row)
}

pub(super) async fn queue_forbidden(harness: &Harness) -> Row {
    let user = TestUser::add(harness).await;
    let load = load(harness, &user.url()).direct(&user.vhost.url());
    let (mut traffic, mut row) = (load.start(harness).await, harness.row());
    for _ in 0..harness.times() {
        traffic.flows(harness.pick(300, 3_000)).await;
        user.set_permissions([ALL, ALL, "^(?!faults[.]plain$).*$"]).await;
        let texts = [
            "ACCESS_REFUSED",
            "grant the user the `read` permission on queue `faults.plain`",
        ];
        health_reports(&traffic, &mut row, &texts).await;
        // The other handlers continue.
        recovers(
            &mut traffic,
            &mut row,
            Duration::from_secs(15),
            &["faltering", "ordered"],
        )
        .await;
        user.set_permissions([ALL; 3]).await;
        recovers(&mut traffic, &mut row, Duration::from_secs(15), HANDLERS).await;
    }
    traffic.finish().await.into_row(row)
}

/// Changes the password of the soak user and restores it once the health reports the error.
pub(super) async fn change_password(target: &mut SoakTarget) {
    target.eval(&[&set_password(USER, "changed"), CLOSE_ALL]).await;
    health_reports(&target.traffic, &mut target.row, &["ACCESS_REFUSED"]).await;
    target.eval(&[&set_password(USER, PASSWORD), CLOSE_ALL]).await;
}

/// Deletes the virtual host of a soak with its contents and creates it again.
pub(super) async fn delete_vhost(target: &mut SoakTarget) {
    target.keep_dead_letters().await;
    let (name, window) = (
        target.virtual_host.vhost.clone(),
        target.window(service::HANDLERS),
    );
    let deleted = format!("rabbit_vhost:delete(<<\"{name}\">>, <<\"tests\">>)");
    target.eval(&[&deleted]).await;
    health_reports(&target.traffic, &mut target.row, &["NOT_ALLOWED"]).await;
    let added = format!("ok = rabbit_vhost:add(<<\"{name}\">>, <<\"tests\">>)");
    let permitted = ["guest", USER].map(|user| permit(user, &name, [ALL; 3]));
    target.eval(&[&added, &permitted[0], &permitted[1]]).await;
    target.recovers().await;
    recorder::bind_again(&target.client().await).await;
    target.close(window);
}

/// Removes the write permission of the soak user until a publisher gets the error.
pub(super) async fn forbid_exchange(target: &mut SoakTarget) {
    set_permissions(target, [ALL, "^faults[.].*$", ALL]).await;
    until("a publisher gets the error", async || {
        publish(&target.traffic, 0).await.contains("ACCESS_REFUSED")
    })
    .await;
    set_permissions(target, [ALL; 3]).await;
}

/// Removes the read permission of the soak user until the health reports it.
pub(super) async fn forbid_queue(target: &mut SoakTarget) {
    set_permissions(target, [ALL, ALL, "^(?!faults[.]plain$).*$"]).await;
    health_reports(&target.traffic, &mut target.row, &["ACCESS_REFUSED"]).await;
    set_permissions(target, [ALL; 3]).await;
}

/// Sets the permissions of the soak user and closes its connections.
async fn set_permissions(target: &SoakTarget, patterns: [&str; 3]) {
    let permitted = permit(USER, &target.virtual_host.vhost, patterns);
    target.eval(&[&permitted, CLOSE_ALL]).await;
}
