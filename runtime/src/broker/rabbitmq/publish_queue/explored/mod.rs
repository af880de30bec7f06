//! Every order in which publishes come, leave, are answered, lost and given up, held against a broker that keeps count.
//!
//! The outbox, its ledger and both ends of each confirm are the real ones; the driver, the broker and the callers are
//! stand-ins. What the client library does to returns and confirms is tried in the ledger's own tests: here a confirm
//! is seen when it comes.

mod model;

use self::model::{Kind, Publishing, Room};
use crate::state_explorer::exhaust;

const QUIET: Room = Room {
    cuts: 0,
    nacks: 0,
    give_ups: 0,
    blocks: 0,
    closes: false,
    window: 3,
};

#[test]
fn every_caller_gets_the_answer_to_its_own_event_through_two_cuts() {
    let room = Room {
        cuts: 2,
        nacks: 1,
        ..QUIET
    };
    for kinds in [
        [Kind::Plain, Kind::Mandatory, Kind::Plain],
        [Kind::Mandatory, Kind::Plain, Kind::Mandatory],
        [Kind::Mandatory, Kind::Mandatory, Kind::Plain],
    ] {
        exhaust(1_000, || Publishing::new(&kinds, room));
    }
}

#[test]
fn a_caller_who_gave_up_is_told_the_truth_and_nothing_leaves_behind_its_back() {
    let room = Room {
        cuts: 2,
        give_ups: 2,
        blocks: 1,
        ..QUIET
    };
    exhaust(1_000, || Publishing::new(&[Kind::Plain, Kind::Mandatory], room));
    let room = Room {
        cuts: 1,
        give_ups: 2,
        ..QUIET
    };
    exhaust(1_000, || {
        Publishing::new(&[Kind::Plain, Kind::Plain, Kind::Mandatory], room)
    });
}

#[test]
fn a_message_that_costs_the_channel_is_found_out_and_takes_no_other_with_it() {
    let room = Room {
        cuts: 2,
        nacks: 1,
        ..QUIET
    };
    for kinds in [
        [Kind::Poison, Kind::Plain, Kind::Plain],
        [Kind::Plain, Kind::Poison, Kind::Plain],
        [Kind::Plain, Kind::Plain, Kind::Poison],
        [Kind::Poison, Kind::Plain, Kind::Poison],
    ] {
        exhaust(500, || Publishing::new(&kinds, room));
    }
}

#[test]
fn an_exchange_that_goes_away_is_told_to_those_who_publish_to_it() {
    let room = Room {
        cuts: 1,
        give_ups: 1,
        ..QUIET
    };
    for kinds in [
        [Kind::ToGoing, Kind::Plain, Kind::ToGoing],
        [Kind::ToGoing, Kind::ToGoing, Kind::Poison],
    ] {
        exhaust(1_000, || Publishing::new(&kinds, room));
    }
}

#[test]
fn a_bus_that_closes_answers_everyone_and_the_window_bounds_what_it_holds() {
    let room = Room {
        cuts: 1,
        give_ups: 2,
        blocks: 1,
        closes: true,
        window: 2,
        ..QUIET
    };
    exhaust(1_000, || {
        Publishing::new(&[Kind::Plain, Kind::Mandatory, Kind::Plain], room)
    });
}

#[test]
fn those_published_together_get_an_answer_each_and_give_back_a_place_each() {
    let room = Room {
        cuts: 1,
        nacks: 1,
        give_ups: 1,
        ..QUIET
    };
    for lots in [
        [&[Kind::Plain, Kind::Plain][..], &[Kind::Mandatory]],
        [&[Kind::Plain], &[Kind::Plain, Kind::Plain]],
        [&[Kind::Plain, Kind::Poison], &[Kind::Plain]],
        [&[Kind::ToGoing, Kind::Plain], &[Kind::Plain]],
    ] {
        exhaust(500, || Publishing::in_lots(&lots, room));
    }
    let room = Room {
        cuts: 1,
        give_ups: 1,
        blocks: 1,
        closes: true,
        window: 2,
        ..QUIET
    };
    exhaust(500, || {
        Publishing::in_lots(&[&[Kind::Plain, Kind::Plain], &[Kind::Plain]], room)
    });
}
