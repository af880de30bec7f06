//! The promises that Tidings keeps on every broker. The suite runs on the broker that `TIDINGS_TEST_BROKER` names; the
//! default is `memory`.
//!
//! A test sees only what services see: the calls of handlers, the dead letters and the health. To show that nothing
//! more arrives, a test publishes a later event and waits for it.

mod amqp;
mod broker;
mod handlers;
mod harness;
mod rabbitmq;

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

use broker::{MemoryBroker, TestBroker};
use harness::Harness;
use rabbitmq::RabbitMqBroker;
use tidings_broker::Chosen;

/// Defines a test for each function, on the broker that the environment selects.
macro_rules! suite {
    ($($module:ident: $($test:ident),* ;)*) => {
        mod on_broker { $(mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                match crate::broker() {
                    crate::Chosen::Memory => crate::$module::$test(crate::harness::<crate::MemoryBroker>().await).await,
                    crate::Chosen::RabbitMq(_) => {
                        crate::$module::$test(crate::harness::<crate::RabbitMqBroker>().await).await;
                    }
                }
            })*
        })* }
    };
}

fn broker() -> Chosen {
    tidings_broker::chosen().expect("the environment selects a broker")
}

async fn harness<B: TestBroker>() -> Harness<B> {
    Harness::new().await
}

suite! {
    settling:
        a_handled_event_is_not_redelivered,
        an_unacked_event_is_redelivered_after_the_app_was_dropped,
        an_event_that_crashes_its_process_is_dead_lettered_and_others_are_handled;
    outcomes:
        a_handler_is_done_once_its_returned_events_are_published,
        an_unpublishable_returned_event_dead_letters_its_cause,
        a_too_large_returned_event_dead_letters_its_cause,
        a_failing_event_is_retried_on_each_rung_and_then_dead_lettered,
        an_event_that_fails_twice_is_handled_at_the_third_attempt,
        a_panic_is_retried_and_then_dead_lettered_with_its_text,
        a_handler_that_times_out_is_retried_and_then_dead_lettered,
        retry_after_is_rounded_up_to_a_rung,
        a_rejected_event_is_dead_lettered_at_once,
        reject_on_matches_an_error_anywhere_in_the_chain,
        a_rejection_is_found_below_other_errors,
        an_extractor_rejection_is_dead_lettered_at_once_unless_it_asks_for_a_retry,
        a_malformed_body_is_dead_lettered_at_once,
        a_body_that_is_too_large_is_dead_lettered_at_once,
        an_undeclared_type_that_matches_a_wildcard_is_ignored,
        a_key_bound_by_another_version_is_retried_and_then_dead_lettered_as_not_ours,
        an_event_of_another_type_on_a_declared_key_is_dead_lettered,
        the_headers_and_the_id_of_a_publish_reach_the_handler;
    versions:
        an_older_version_is_upcast_through_the_whole_chain,
        a_failed_upcast_is_dead_lettered,
        a_newer_version_is_retried_before_it_is_dead_lettered,
        an_undeclared_older_version_is_dead_lettered_at_once;
    routing:
        a_star_matches_exactly_one_word,
        a_hash_matches_any_number_of_words,
        a_key_with_fields_reaches_the_handler_of_its_event,
        an_event_that_arrives_by_a_cc_key_is_handled_and_retried,
        an_event_that_arrives_by_a_bcc_key_is_dead_lettered_with_the_advice,
        a_family_takes_each_of_its_events_and_ignores_others,
        any_event_receives_events_of_every_type,
        each_event_of_a_shared_queue_goes_to_the_handler_of_its_type,
        every_handler_of_an_event_receives_it;
    ordering:
        first_completions_of_an_aggregate_are_in_order,
        aggregates_are_handled_concurrently,
        a_retry_delays_only_its_own_aggregate,
        an_aggregate_continues_after_a_dead_letter,
        on_dead_letter_pause_pauses_the_handler_until_it_is_resumed,
        a_replay_starts_at_an_event_already_seen_and_skips_none,
        the_order_survives_any_number_of_redeliveries,
        only_the_ordered_event_that_crashes_its_process_is_dead_lettered,
        a_lost_connection_cancels_the_running_ordered_event_and_resumes_with_it,
        the_second_instance_of_a_single_active_handler_takes_over_in_order;
    flow:
        the_concurrency_is_reached_and_never_exceeded,
        the_prefetch_limits_the_deliveries_of_an_instance,
        two_instances_share_the_work,
        a_slow_event_does_not_block_later_events,
        an_open_breaker_counts_no_attempts_and_closes_after_a_success,
        a_paused_handler_receives_nothing_until_it_is_resumed,
        a_pause_finishes_running_events_and_requeues_the_rest;
    shutdown:
        a_shutdown_finishes_running_events_and_requeues_the_rest,
        a_shutdown_of_an_ordered_handler_requeues_only_after_the_running_event,
        a_shutdown_past_its_deadline_names_unfinished_handlers_and_requeues_their_events,
        a_handler_is_notified_of_the_shutdown,
        an_abort_requeues_everything_at_once;
    publishing:
        an_app_without_handlers_publishes_until_it_is_shut_down,
        an_unroutable_mandatory_event_is_an_error,
        an_event_over_the_limits_is_an_error_and_never_sent,
        publish_all_keeps_the_order_and_returns_a_result_for_each_event,
        publish_all_may_take_longer_than_the_timeout_of_one_event,
        an_event_without_a_cause_correlates_with_itself;
    returning:
        a_handler_that_runs_twice_returns_events_with_the_same_ids,
        two_causes_with_one_id_and_two_sources_return_events_with_two_ids,
        a_returned_event_names_its_cause_and_keeps_the_correlation,
        a_publish_inside_a_handler_inherits_cause_and_correlation,
        failed_attempts_publish_no_returned_events;
    headers:
        a_retry_keeps_the_body_and_every_foreign_header,
        properties_that_the_broker_acts_on_are_kept_as_headers_only,
        a_forged_attempt_header_is_ignored,
        a_shovelled_dead_letter_starts_at_attempt_one_under_its_original_key,
        an_event_published_directly_to_a_queue_is_handled;
    retired:
        a_retired_queue_is_unbound_and_drained_to_the_orphans_queue,
        a_retry_of_a_retired_queue_goes_to_the_orphans_queue,
        an_event_that_still_reaches_a_retired_queue_goes_to_the_orphans_queue,
        a_drain_survives_a_lost_connection,
        a_missing_retired_queue_is_not_an_error,
        a_retired_pattern_is_unbound_from_a_queue_in_use;
    ephemeral:
        every_instance_receives_every_event,
        retries_wait_in_place_and_dead_letters_are_counted;
    loss:
        a_run_that_completes_after_a_lost_connection_is_not_repeated,
        a_failure_after_a_lost_connection_is_settled_once,
        events_published_while_the_connection_is_lost_arrive,
        a_queue_deleted_in_use_is_declared_and_consumed_again,
        an_ephemeral_handler_subscribes_again_after_a_lost_connection,
        redelivered_events_that_fail_together_do_not_open_the_breaker;
}
