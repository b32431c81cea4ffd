//! The corpus of `fuzz/`, replayed on what this crate reads.

use crewline_testkit::corpus::replay;

#[path = "../../../../fuzz/src/administration.rs"]
mod administration;
#[path = "../../../../fuzz/src/head.rs"]
mod head;
#[path = "../../../../fuzz/src/headers.rs"]
mod headers;
#[path = "../../../../fuzz/src/moving.rs"]
mod moving;
#[path = "../../../../fuzz/src/names.rs"]
mod names;
#[path = "../../../../fuzz/src/stored.rs"]
mod stored;
#[path = "../../../../fuzz/src/wire.rs"]
mod wire;

#[test]
fn bodies_mean_the_same_when_written_again_or_are_refused_by_field() {
    replay("body", wire::body);
}

#[test]
fn frames_mean_the_same_when_written_again_or_are_refused_with_a_reason() {
    replay("frame", wire::frame);
}

#[test]
fn queries_mean_the_same_when_written_again_or_are_refused_by_parameter() {
    replay("query", headers::query);
}

#[test]
fn a_secret_is_found_or_missed_and_strangers_are_not_believed() {
    replay("credentials", headers::credentials);
}

#[test]
fn words_with_a_form_are_said_as_they_were_read() {
    replay("names", names::names);
}

#[test]
fn bodies_of_administration_are_understood_or_refused_by_field() {
    replay("administration", administration::administration);
}

#[test]
fn places_between_pages_and_headers_of_browsers_are_read_or_refused() {
    replay("head", head::head);
}

#[test]
fn damaged_bytes_of_a_store_and_of_other_nodes_are_told_as_such() {
    replay("stored", stored::stored);
}

#[test]
fn an_original_is_taken_whole_or_left_by_name_and_nothing_twice() {
    replay("moving", moving::moving);
}
