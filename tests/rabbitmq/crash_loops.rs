//! Deliveries that returned from lost processes and connections.

use lapin::options::BasicGetOptions;
use tidings::health::HandlerState;
use tidings::{App, Bus, RunningApp, State, event_handler, handlers};
use tokio::sync::watch;

use tidings_test_support::foreign_client::ForeignClient;
use tidings_test_support::wait::{until, within};

use crate::fixture::{Count, Happened, Relay, bus, settings, vhost};

/// Counts its attempts, and completes once the gate is open.
#[event_handler("thing.happened.*")]
async fn wait(_event: Happened, State((count, gate)): State<(Count, watch::Receiver<bool>)>) {
    count.add();
    let _ = gate.clone().wait_for(|is_open| *is_open).await;
}

async fn start(bus: &Bus, state: &(Count, watch::Receiver<bool>)) -> RunningApp {
    let app = App::new("counter").state(state.clone()).handlers(handlers![wait]);
    app.start(bus).await.unwrap()
}

async fn publish(bus: &Bus, events: u64) {
    for number in 0..events {
        bus.publish(&Happened::new(number, "now")).await.unwrap();
    }
}

#[tokio::test]
async fn the_deliveries_of_two_lost_processes_run_side_by_side_with_new_events() {
    const EVENTS: usize = 40;
    let vhost = vhost().await;
    let bus = bus(&vhost.url()).await;
    let (open, gate) = watch::channel(false);
    let state = (Count::default(), gate);
    start(&bus, &state).await.shutdown().await.unwrap();
    publish(&bus, EVENTS as u64).await;
    let client = ForeignClient::connect(&vhost.url()).await;
    for _ in 0..2 {
        let process = client.connection().create_channel().await.unwrap();
        until("the process has every event", async || {
            let got = process.basic_get("counter.wait".into(), BasicGetOptions::default());
            got.await.unwrap().is_none() && client.depth("counter.wait").await == Some(0)
        })
        .await;
        process.close(200, "OK".into()).await.unwrap();
    }

    let app = start(&bus, &state).await;
    publish(&bus, 10).await;
    state.0.reaches(EVENTS + 10).await;
    open.send_replace(true);
    until("every event is handled", async || {
        app.health().handlers[0].handled == EVENTS as u64 + 10
    })
    .await;
    app.shutdown().await.unwrap();
    assert_eq!(client.depth("counter.wait.dlq").await, Some(0));
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_lost_again_and_again_make_no_event_a_crash_loop() {
    const LOSSES: usize = 14;
    let vhost = vhost().await;
    let relay = Relay::start(&vhost.url()).await;
    let (open, gate) = watch::channel(false);
    let state = (Count::default(), gate);
    let mut instances = Vec::new();
    for _ in 0..3 {
        let bus = settings().speed_up(1).connect(&relay.url).await.unwrap();
        instances.push((start(&bus, &state).await, bus));
    }
    publish(&instances[0].1, 12).await;
    let is_consuming = |(app, _): &(RunningApp, Bus)| app.health().handlers[0].state == HandlerState::Running;
    for _ in 0..LOSSES {
        until("every instance consumes", async || {
            instances.iter().all(is_consuming)
        })
        .await;
        relay.cut();
    }
    open.send_replace(true);
    for (app, bus) in instances {
        within("the shutdown", app.shutdown()).await.unwrap();
        bus.close().await;
    }
    // An instance that starts now handles what the others have returned.
    let bus = bus(&vhost.url()).await;
    let app = start(&bus, &state).await;
    let client = ForeignClient::connect(&vhost.url()).await;
    until("no event waits", async || {
        let mut waiting = 0;
        for queue in ["", ".delay.1s", ".delay.5s", ".delay.15s", ".delay.1m"] {
            let depth = client.depth(&format!("counter.wait{queue}")).await;
            waiting += depth.unwrap_or_default();
        }
        waiting == 0
    })
    .await;
    within("the shutdown", app.shutdown()).await.unwrap();
    assert_eq!(client.depth("counter.wait.dlq").await, Some(0));
    bus.close().await;
}
