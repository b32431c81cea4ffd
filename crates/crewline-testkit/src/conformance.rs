//! The conformance suite: what the port promises, one named case each.
//!
//! A case gets a function that makes empty stores. It panics where the store breaks its promise.

mod audit;
mod batch;
mod cases;
mod directory;
mod group;
mod keep;
mod node;
mod page;
mod push;
mod reminder;
mod same;
mod search;
mod sent;
mod watcher;
mod webhook;

use crate::{Desk, Fixture};

/// Makes an empty store.
pub type Make<'a> = &'a dyn Fn() -> Fixture;

/// A desk at a new store, and what must live as long.
fn desk(make: Make<'_>) -> (Desk, Box<dyn std::any::Any>) {
    let Fixture { opened, guard } = make();
    (Desk::new(opened), guard)
}

macro_rules! cases {
    // `$d` is a dollar sign, for the macro that this one makes.
    ($d:tt $($module:ident :: $name:ident;)+) => {
        /// Every case, by name.
        pub const CASES: &[(&str, fn(Make<'_>))] = &[$((stringify!($name), $module::$name),)+];

        /// Makes one test of each case, on the stores that its argument makes: a function that returns a [`crate::Fixture`].
        #[macro_export]
        macro_rules! store_conformance {
            ($d make:expr) => {
                $(
                    #[test]
                    fn $name() {
                        $crate::conformance::run(stringify!($name), &$d make);
                    }
                )+
            };
        }
    };
}

cases! {
    $
    cases::what_was_committed_is_read_back_whole;
    batch::what_was_aborted_left_no_trace;
    cases::a_log_pages_forward_by_kind_and_has_no_gap;
    node::the_ends_of_many_logs_are_read_at_once;
    cases::a_log_of_one_kind_passes_what_it_skipped;
    cases::unread_is_what_was_neither_read_nor_sent;
    cases::history_pages_backwards;
    page::a_page_of_a_chat_ends_before_its_limit_where_it_would_be_very_large;
    cases::chats_come_newest_activity_first_and_page;
    cases::a_message_is_seen_by_its_sender_and_its_recipients_only;
    cases::members_are_told_of_a_chat_and_of_a_message;
    batch::whatever_is_done_instead_of_a_batch_that_was_announced_is_done;
    cases::the_first_fact_of_a_device_counts;
    cases::payloads_come_back_byte_for_byte;
    cases::a_key_is_unique_for_its_sender;
    cases::rows_of_earlier_batches_are_not_loaded_over_newer_ones;
    cases::ids_are_compared_byte_by_byte;
    cases::a_chat_of_a_thousand_long_ids_works;
    batch::readers_see_whole_batches_while_the_writer_writes;
    audit::an_act_and_its_row_are_written_together_or_not_at_all;
    audit::the_audit_is_asked_for_by_who_about_what_and_when;
    sent::sends_stand_in_the_audit_without_a_row_of_it;
    sent::sends_are_asked_for_by_who_and_by_message;
    sent::pages_of_rows_and_sends_are_the_whole_in_one_order;
    audit::a_session_or_a_device_is_signed_out_by_itself;
    audit::users_and_externals_are_found_also_those_who_are_shut_out;
    search::a_search_finds_the_same_as_in_memory;
    search::a_watcher_finds_what_the_watched_may_read_and_nobody_else_does;
    search::the_story_of_a_message_names_each_device_and_both_clocks;
    directory::users_are_added_changed_and_listed;
    directory::an_import_is_all_or_nothing;
    directory::sessions_open_end_and_are_closed;
    directory::tokens_belong_to_users_externals_or_administration;
    directory::the_writer_is_told_when_the_directory_changed;
    directory::people_are_found_by_id_and_name;
    keep::what_is_old_goes_and_the_last_row_of_each_log_stays;
    keep::a_cursor_holds_what_it_has_not_passed_and_nobody_elses;
    keep::a_cursor_that_is_behind_too_long_is_released_and_holds_again_when_put;
    keep::the_text_of_an_emergency_stays_until_everybody_has_acknowledged_it;
    keep::receipts_payloads_and_keys_outlive_the_text;
    keep::small_steps_remove_the_same_as_large_ones;
    same::operations_and_retention_say_the_same_as_the_store_in_memory;
    directory::the_version_moves_with_users_and_tokens_and_when_a_session_is_closed;
    watcher::watchers_are_made_listed_and_ended;
    watcher::who_is_covered_by_a_prefix_is_watched_before_it_acts;
    watcher::several_who_look_together_see_what_each_of_them_sees;
    watcher::the_version_moves_with_watchers_roles_and_signing_out;
    watcher::a_role_is_changed_and_nobody_is_signed_out_by_it;
    watcher::signing_out_everywhere_ends_sessions_and_where_asked_for_tokens;
    webhook::webhooks_are_added_changed_and_removed_and_their_cursor_with_them;
    webhook::a_webhook_of_nobody_or_beyond_the_log_is_refused;
    webhook::a_webhook_is_paused_resumed_and_sent_back;
    webhook::parked_events_are_listed_asked_for_again_and_bounded;
    webhook::a_webhook_holds_its_log_like_every_cursor_until_it_is_removed;
    push::the_first_key_of_push_stays_and_a_new_one_removes_every_subscription;
    push::a_session_has_one_push_subscription_that_ends_with_it;
    push::what_a_device_has_stored_is_told_from_what_its_user_has_seen;
    group::groups_are_put_listed_in_pages_and_removed;
    group::groups_are_put_all_or_none;
    group::duty_says_since_when_and_who_said_so;
    group::a_group_is_resolved_as_it_is_when_a_message_is_stored;
    group::who_is_in_a_group_is_read_with_duty_and_the_shut_out_among_them;
    group::the_last_contact_is_that_of_any_device;
    group::what_the_organisation_keeps_is_changed_by_who_has_read_it;
    node::a_lease_is_held_by_one_until_its_time_is_over;
    node::what_is_written_with_an_old_token_is_refused;
    node::who_is_present_counts_for_as_long_as_the_node_is_heard_of;
    reminder::reminders_are_told_and_kept_with_their_message;
    reminder::the_number_of_a_reminder_is_unique;
    same::random_operations_say_the_same_as_the_store_in_memory;
    same::batches_say_the_same_as_the_store_in_memory;
}

/// Runs a case by name.
///
/// # Panics
/// When the store breaks a promise, or there is no such case.
pub fn run(name: &str, make: Make<'_>) {
    let (_, case) = CASES
        .iter()
        .find(|(case, _)| *case == name)
        .expect("the case is in the list");
    case(make);
}
