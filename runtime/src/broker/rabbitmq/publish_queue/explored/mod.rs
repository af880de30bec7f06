//! Tests every order in which publishes are queued, sent, confirmed, lost and abandoned.
//!
//! The queue, its confirm tracker and both ends of each confirm are real. The publisher task, the broker and the
//! callers are fakes. The tests of the confirm tracker cover the order in which lapin delivers returns and confirms.

mod model;

use self::model::PublishKind::{ClosesChannel, Mandatory, Plain, ToMissingExchange};
use self::model::{FaultBudget, PublishModel};
use crate::state_explorer::exhaust;

const NO_FAULTS: FaultBudget = FaultBudget {
    cuts: 0,
    nacks: 0,
    abandons: 0,
    blocks: 0,
    closes: false,
    window: 3,
};

#[test]
fn every_caller_gets_the_answer_to_its_own_event_after_two_cuts() {
    let faults = FaultBudget {
        cuts: 2,
        nacks: 1,
        ..NO_FAULTS
    };
    for kinds in [
        [Plain, Mandatory, Plain],
        [Mandatory, Plain, Mandatory],
        [Mandatory, Mandatory, Plain],
    ] {
        exhaust(1_000, || PublishModel::new(&kinds, faults));
    }
}

#[test]
fn a_caller_that_abandons_a_publish_gets_a_true_answer() {
    let faults = FaultBudget {
        cuts: 2,
        abandons: 2,
        blocks: 1,
        ..NO_FAULTS
    };
    exhaust(1_000, || PublishModel::new(&[Plain, Mandatory], faults));
    let faults = FaultBudget {
        cuts: 1,
        abandons: 2,
        ..NO_FAULTS
    };
    exhaust(1_000, || PublishModel::new(&[Plain, Plain, Mandatory], faults));
}

#[test]
fn a_message_that_closes_the_channel_is_refused_and_no_other_is() {
    let faults = FaultBudget {
        cuts: 2,
        nacks: 1,
        ..NO_FAULTS
    };
    for kinds in [
        [ClosesChannel, Plain, Plain],
        [Plain, ClosesChannel, Plain],
        [Plain, Plain, ClosesChannel],
        [ClosesChannel, Plain, ClosesChannel],
    ] {
        exhaust(500, || PublishModel::new(&kinds, faults));
    }
}

#[test]
fn a_missing_exchange_is_reported_only_to_its_publishers() {
    let faults = FaultBudget {
        cuts: 1,
        abandons: 1,
        ..NO_FAULTS
    };
    for kinds in [
        [ToMissingExchange, Plain, ToMissingExchange],
        [ToMissingExchange, ToMissingExchange, ClosesChannel],
    ] {
        exhaust(1_000, || PublishModel::new(&kinds, faults));
    }
}

#[test]
fn a_closing_bus_answers_every_caller_and_the_window_limits_the_queue() {
    let faults = FaultBudget {
        cuts: 1,
        abandons: 2,
        blocks: 1,
        closes: true,
        window: 2,
        ..NO_FAULTS
    };
    exhaust(1_000, || PublishModel::new(&[Plain, Mandatory, Plain], faults));
}

#[test]
fn each_publish_of_a_batch_gets_its_own_answer_and_frees_its_slot() {
    let faults = FaultBudget {
        cuts: 1,
        nacks: 1,
        abandons: 1,
        ..NO_FAULTS
    };
    for batches in [
        [&[Plain, Plain][..], &[Mandatory]],
        [&[Plain], &[Plain, Plain]],
        [&[Plain, ClosesChannel], &[Plain]],
        [&[ToMissingExchange, Plain], &[Plain]],
    ] {
        exhaust(500, || PublishModel::in_batches(&batches, faults));
    }
    let faults = FaultBudget {
        cuts: 1,
        abandons: 1,
        blocks: 1,
        closes: true,
        window: 2,
        ..NO_FAULTS
    };
    exhaust(500, || {
        PublishModel::in_batches(&[&[Plain, Plain], &[Plain]], faults)
    });
}
