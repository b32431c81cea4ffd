//! The corpus of `fuzz/`, replayed: what must hold for whatever strangers send holds for each input that was ever of
//! interest. An input whose name begins with `good` is understood by somebody, one that begins with `bad` by nobody.

use std::path::Path;

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

fn replay(target: &str, check: fn(&[u8]) -> usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(target);
    let mut inputs: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    inputs.sort();
    let (mut good, mut bad) = (0, 0);
    for input in inputs {
        let understood = check(&std::fs::read(&input).unwrap());
        let name = input.file_name().unwrap().to_str().unwrap();
        if name.starts_with("good") {
            assert!(understood > 0, "{} is not understood", input.display());
            good += 1;
        } else if name.starts_with("bad") {
            assert_eq!(understood, 0, "{} is understood", input.display());
            bad += 1;
        }
    }
    assert!(
        good > 4 && bad > 4,
        "{target}: {good} good inputs, {bad} bad ones"
    );
}

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
