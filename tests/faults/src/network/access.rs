//! Who may enter, and who may not any more.

use std::time::Duration;

use tidings::Bus;
use tidings_broker::Vhost;
use tokio::time::Instant;

use super::operator::{CLOSE_ALL, eval, load, publish};
use crate::gone::{Gone, PATIENCE, Window};
use crate::handlers::HANDLERS;
use crate::recovery::{recovers, says, text};
use crate::row::Row;
use crate::soak::{CLERK, Field, PASSWORD, service};
use crate::stage::Stage;
use crate::stranger::{QUORUM, Stranger, table};
use crate::wait::{until, within};
use crate::witness;

/// All that there is.
const ALL: &str = ".*";

/// A user of one virtual host.
struct Clerk {
    vhost: Vhost<'static>,
    name: String,
}

impl Clerk {
    /// A user who may do everything there.
    async fn hire(stage: &Stage) -> Self {
        let vhost = stage.vhost().await;
        let name = format!("clerk-{}", vhost.name());
        let hired = format!(
            "ok = rabbit_auth_backend_internal:add_user(<<\"{name}\">>, <<\"secret\">>, <<\"tests\">>)"
        );
        let permitted = permit(&name, vhost.name(), [ALL; 3]);
        eval(vhost.node(), &[&hired, &permitted]).await;
        Self { vhost, name }
    }

    fn url(&self) -> String {
        let node = self.vhost.node();
        node.url_of(&self.name, "secret", self.vhost.name())
    }

    /// Lets it configure, write and read what these match, and closes its connections: the broker asks no more often.
    async fn may(&self, patterns: [&str; 3]) {
        let permitted = permit(&self.name, self.vhost.name(), patterns);
        eval(self.vhost.node(), &[&permitted, CLOSE_ALL]).await;
    }

    /// Changes its password, and closes its connections: the broker asks no more often.
    async fn has_password(&self, password: &str) {
        let name = &self.name;
        let changed = format!(
            "ok = rabbit_auth_backend_internal:change_password(<<\"{name}\">>, <<\"{password}\">>, <<\"tests\">>)"
        );
        eval(self.vhost.node(), &[&changed, CLOSE_ALL]).await;
    }
}

/// What lets a user configure, write and read what these match, in Erlang.
fn permit(user: &str, vhost: &str, [configure, write, read]: [&str; 3]) -> String {
    format!(
        "ok = rabbit_auth_backend_internal:set_permissions(<<\"{user}\">>, <<\"{vhost}\">>, <<\"{configure}\">>, \
         <<\"{write}\">>, <<\"{read}\">>, <<\"tests\">>)"
    )
}

pub(super) async fn wrong_password(stage: &Stage) -> Row {
    let (vhost, mut row) = (stage.vhost().await, stage.row());
    let url = vhost.node().url_of("guest", "secret", vhost.name());
    for _ in 0..stage.times() {
        let began = Instant::now();
        let refused = within("an answer", Bus::connect(&url)).await;
        let told = refused.map_or_else(|error| text(&error), |_| "Ok".to_owned());
        let words = ["ACCESS_REFUSED", "check the password of user `guest`"];
        row.check(
            words.iter().all(|word| told.contains(word)) && !told.contains("secret"),
            || format!("it is told {told}"),
        );
        let took = began.elapsed();
        row.check(took < Duration::from_secs(5), || {
            format!("it is told after {took:.1?}")
        });
    }
    row
}

pub(super) async fn password_changed(stage: &Stage) -> Row {
    let clerk = Clerk::hire(stage).await;
    let load = load(stage, &clerk.url()).direct(&clerk.vhost.url());
    let (mut traffic, mut row) = (load.start(stage).await, stage.row());
    for _ in 0..stage.times() {
        traffic.flows(stage.pick(300, 3_000)).await;
        clerk.has_password("changed").await;
        let words = ["ACCESS_REFUSED", "check the password of user `clerk-"];
        says(&traffic, &mut row, &words).await;
        clerk.has_password("secret").await;
        recovers(&mut traffic, &mut row, Duration::from_secs(30), HANDLERS).await;
    }
    traffic.settle().await.into_row(row)
}

pub(super) async fn vhost_deleted(stage: &Stage) -> Row {
    let vhost = stage.vhost().await;
    let load = load(stage, &vhost.url()).patience(PATIENCE).in_any_order();
    let (mut traffic, mut row, mut gone) = (load.start(stage).await, stage.row(), Gone::default());
    for _ in 0..stage.times() {
        traffic.flows(stage.pick(300, 3_000)).await;
        let window = Window::open(&mut traffic, HANDLERS);
        let name = vhost.name();
        eval(
            vhost.node(),
            &[&format!("rabbit_vhost:delete(<<\"{name}\">>, <<\"tests\">>)")],
        )
        .await;
        let there = format!("check that the virtual host `{}` exists", vhost.name());
        says(&traffic, &mut row, &["NOT_ALLOWED", &there]).await;
        let added = format!("ok = rabbit_vhost:add(<<\"{name}\">>, <<\"tests\">>)");
        eval(vhost.node(), &[&added, &permit("guest", name, [ALL; 3])]).await;
        recovers(&mut traffic, &mut row, Duration::from_secs(30), HANDLERS).await;
        let stranger = Stranger::connect(&vhost.url()).await;
        until("the witness has its queue again", async || {
            stranger.bind(witness::QUEUE, "#", table(QUORUM)).await.is_ok()
        })
        .await;
        window.close(&traffic, &mut gone);
    }
    gone.into_row(traffic.settle().await, row)
}

pub(super) async fn exchange_forbidden(stage: &Stage) -> Row {
    let clerk = Clerk::hire(stage).await;
    let load = load(stage, &clerk.url())
        .direct(&clerk.vhost.url())
        .settings(|builder| builder.publish_timeout(Duration::from_secs(3)));
    let (mut traffic, mut row) = (load.start(stage).await, stage.row());
    for _ in 0..stage.times() {
        traffic.flows(stage.pick(300, 3_000)).await;
        clerk.may([ALL, "^faults[.].*$", ALL]).await;
        let words = [
            "ACCESS_REFUSED",
            "grant its user the `write` permission on exchange `domain_events`",
        ];
        until("a publisher is told what it lacks", async || {
            let told = publish(&traffic, 0).await;
            words.iter().all(|word| told.contains(word))
        })
        .await;
        clerk.may([ALL; 3]).await;
        recovers(&mut traffic, &mut row, Duration::from_secs(15), HANDLERS).await;
    }
    traffic.settle().await.into_row(row)
}

pub(super) async fn queue_forbidden(stage: &Stage) -> Row {
    let clerk = Clerk::hire(stage).await;
    let load = load(stage, &clerk.url()).direct(&clerk.vhost.url());
    let (mut traffic, mut row) = (load.start(stage).await, stage.row());
    for _ in 0..stage.times() {
        traffic.flows(stage.pick(300, 3_000)).await;
        clerk.may([ALL, ALL, "^(?!faults[.]plain$).*$"]).await;
        let words = [
            "ACCESS_REFUSED",
            "grant its user the `read` permission on queue `faults.plain`",
        ];
        says(&traffic, &mut row, &words).await;
        // The others are none the worse.
        recovers(
            &mut traffic,
            &mut row,
            Duration::from_secs(15),
            &["faltering", "ordered"],
        )
        .await;
        clerk.may([ALL; 3]).await;
        recovers(&mut traffic, &mut row, Duration::from_secs(15), HANDLERS).await;
    }
    traffic.settle().await.into_row(row)
}

/// Changes the password of a soak's user, and after a while back.
pub(super) async fn change_password(field: &mut Field) {
    let to = |password: &str| {
        format!(
            "ok = rabbit_auth_backend_internal:change_password(<<\"{CLERK}\">>, <<\"{password}\">>, <<\"tests\">>)"
        )
    };
    field.eval(&[&to("changed"), CLOSE_ALL]).await;
    says(&field.traffic, &mut field.row, &["ACCESS_REFUSED"]).await;
    field.eval(&[&to(PASSWORD), CLOSE_ALL]).await;
}

/// Deletes the virtual host of a soak with all that is in it, and makes it again.
pub(super) async fn delete_vhost(field: &mut Field) {
    field.keep_dead_letters().await;
    let (name, window) = (field.room.vhost.clone(), field.window(service::HANDLERS));
    let deleted = format!("rabbit_vhost:delete(<<\"{name}\">>, <<\"tests\">>)");
    field.eval(&[&deleted]).await;
    says(&field.traffic, &mut field.row, &["NOT_ALLOWED"]).await;
    let added = format!("ok = rabbit_vhost:add(<<\"{name}\">>, <<\"tests\">>)");
    let permitted = ["guest", CLERK].map(|user| permit(user, &name, [ALL; 3]));
    field.eval(&[&added, &permitted[0], &permitted[1]]).await;
    field.recovers().await;
    field.bind_witness().await;
    field.close(window);
}

/// Takes from a soak's user what it needs to publish, until a publisher is told so.
pub(super) async fn forbid_exchange(field: &mut Field) {
    may(field, [ALL, "^faults[.].*$", ALL]).await;
    until("a publisher is told what it lacks", async || {
        publish(&field.traffic, 0).await.contains("ACCESS_REFUSED")
    })
    .await;
    may(field, [ALL; 3]).await;
}

/// Takes from a soak's user what it needs to take from a queue, until health says so.
pub(super) async fn forbid_queue(field: &mut Field) {
    may(field, [ALL, ALL, "^(?!faults[.]plain$).*$"]).await;
    says(&field.traffic, &mut field.row, &["ACCESS_REFUSED"]).await;
    may(field, [ALL; 3]).await;
}

/// Lets a soak's user configure, write and read what these match, and closes its connections.
async fn may(field: &Field, patterns: [&str; 3]) {
    let permitted = permit(CLERK, &field.room.vhost, patterns);
    field.eval(&[&permitted, CLOSE_ALL]).await;
}
