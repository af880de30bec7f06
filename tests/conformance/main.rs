//! The promises that every broker keeps: one suite, run on whichever `TIDINGS_TEST_BROKER` names, `memory` by default.
//!
//! A test sees only what a service and its neighbours see: its handlers' calls, the dead letters, the health. That
//! nothing more comes it knows by a later event that comes instead, not by waiting.

mod amqp;
mod cast;
mod fixture;
mod rabbitmq;
mod stage;

mod ephemeral;
mod flow;
mod headers;
mod loss;
mod ordering;
mod outcomes;
mod publishing;
mod retired;
mod returning;
mod routing;
mod settling;
mod shutdown;
mod versions;

use fixture::{Fixture, Memory};
use rabbitmq::RabbitMq;
use stage::Stage;
use tidings_broker::Chosen;

/// Every test of the suite, run on the broker that the environment names.
macro_rules! suite {
    ($($module:ident: $($test:ident),* ;)*) => {
        mod on_broker { $(mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                match crate::broker() {
                    crate::Chosen::Memory => crate::$module::$test(crate::stage::<crate::Memory>().await).await,
                    crate::Chosen::RabbitMq(_) => {
                        crate::$module::$test(crate::stage::<crate::RabbitMq>().await).await;
                    }
                }
            })*
        })* }
    };
}

fn broker() -> Chosen {
    tidings_broker::chosen().expect("the environment names a broker")
}

async fn stage<F: Fixture>() -> Stage<F> {
    Stage::new().await
}

suite! {
    settling:
        an_event_that_was_handled_does_not_come_again,
        an_event_whose_app_was_dropped_while_handling_it_comes_again,
        an_event_that_ends_its_process_is_dead_lettered_and_its_neighbours_are_handled;
    outcomes:
        a_handler_that_returned_is_done_once_its_events_are_published,
        a_returned_event_that_can_never_be_published_dead_letters_its_cause,
        a_returned_event_that_is_too_large_dead_letters_its_cause,
        an_error_climbs_the_rungs_and_is_dead_lettered_after_the_last_attempt,
        a_handler_that_fails_twice_is_done_at_its_third_attempt,
        a_panic_is_retried_and_then_dead_lettered_with_its_text,
        a_handler_that_takes_too_long_is_retried_and_then_dead_lettered,
        a_delay_that_was_asked_for_is_rounded_up_to_a_rung,
        a_rejected_event_is_dead_lettered_at_once,
        an_error_that_is_rejected_on_is_found_in_the_whole_chain,
        a_rejection_carried_under_another_error_is_found,
        an_extractor_rejects_at_once_unless_it_says_retry,
        a_body_that_is_no_event_is_dead_lettered_at_once,
        a_body_that_is_too_large_is_dead_lettered_at_once,
        a_type_that_only_a_wildcard_caught_is_ignored,
        a_key_that_another_version_bound_climbs_the_ladder_and_is_then_not_ours,
        a_declared_events_key_with_another_type_in_it_is_dead_lettered,
        an_events_own_headers_reach_its_handler;
    versions:
        an_older_version_is_upcast_through_the_whole_chain,
        a_failing_upcast_is_a_dead_letter,
        a_newer_version_climbs_the_ladder_before_it_is_dead_lettered,
        an_older_version_that_no_one_declared_is_dead_lettered_at_once;
    routing:
        a_star_is_exactly_one_word,
        a_hash_is_any_number_of_words,
        a_key_with_fields_reaches_the_handler_of_its_event,
        a_family_takes_each_of_its_events_and_ignores_others,
        any_event_is_taken_whatever_its_type,
        a_shared_queue_gives_each_event_to_the_handler_that_takes_it,
        two_handlers_of_one_event_each_get_it;
    ordering:
        first_completions_of_an_aggregate_are_in_order,
        aggregates_are_handled_side_by_side,
        a_retry_holds_back_its_own_aggregate_only,
        a_dead_letter_lets_its_aggregate_go_on,
        a_dead_letter_pauses_a_handler_that_asks_for_it_until_it_is_resumed,
        a_replay_starts_at_an_event_already_seen_and_skips_none,
        the_order_outlives_any_number_of_returns,
        an_ordered_event_that_ends_its_process_is_dead_lettered_and_no_other,
        a_lost_connection_cancels_the_event_that_runs_and_goes_on_from_it,
        of_two_instances_with_a_single_active_one_the_other_takes_over_in_order;
    flow:
        the_concurrency_is_reached_and_never_exceeded,
        the_prefetch_bounds_what_an_instance_holds,
        two_instances_share_the_work,
        one_slow_event_does_not_hold_back_its_neighbours,
        a_breaker_opens_counts_no_attempt_and_closes_at_the_first_success,
        a_paused_handler_takes_nothing_until_it_is_resumed,
        a_pause_lets_what_runs_finish_and_others_have_the_rest;
    shutdown:
        a_shutdown_finishes_what_runs_and_returns_the_rest,
        a_shutdown_of_an_ordered_handler_starts_nothing_before_what_runs_is_finished,
        a_shutdown_past_its_deadline_names_what_still_ran_and_returns_it,
        a_handler_learns_that_the_app_shuts_down,
        an_abort_returns_everything_at_once;
    publishing:
        a_mandatory_event_that_no_queue_takes_is_an_error,
        an_event_over_the_limits_is_an_error_and_never_sent,
        several_events_go_in_order_and_each_has_its_result,
        an_event_of_no_cause_is_its_own_correlation;
    returning:
        a_handler_that_runs_twice_publishes_the_same_facts_twice,
        a_returned_event_names_its_cause_and_keeps_the_correlation,
        a_publish_deep_in_a_handler_inherits_cause_and_correlation,
        events_are_returned_once_however_often_the_handler_failed_before;
    headers:
        a_retry_keeps_the_body_and_every_foreign_header,
        what_the_broker_would_act_on_again_is_carried_and_not_set,
        a_forged_attempt_is_not_believed,
        a_shovelled_dead_letter_starts_anew_and_is_judged_by_its_own_key,
        an_event_put_straight_into_a_queue_is_its_handlers;
    retired:
        a_retired_queue_is_unbound_and_drained_to_the_orphans,
        a_retry_of_a_retired_queue_ends_in_the_orphans,
        what_still_reaches_a_retired_queue_goes_to_the_orphans,
        a_drain_outlives_a_lost_connection,
        a_retired_queue_that_is_gone_is_no_fault,
        a_retired_pattern_is_unbound_from_its_living_queue;
    ephemeral:
        every_instance_gets_every_event,
        retries_wait_in_place_and_what_is_given_up_on_is_counted;
    loss:
        an_unordered_handler_runs_to_its_end_and_its_event_comes_again,
        an_attempt_that_fails_after_the_connection_was_lost_leaves_no_second_copy,
        events_published_while_the_connection_is_lost_arrive,
        a_queue_that_is_deleted_in_use_is_declared_and_taken_from_again,
        an_ephemeral_handler_subscribes_again_after_a_loss,
        events_that_fail_as_they_come_back_together_open_no_breaker;
}
