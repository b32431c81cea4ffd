//! The corpus of `fuzz/` for what other programs say, replayed: addresses, answers of receivers, frames of servers. Those of
//! strangers who call are replayed by `crewline-http`.

#[path = "../../../../fuzz/src/headers.rs"]
#[expect(
    dead_code,
    reason = "what is read of callers is replayed beside the code that reads it"
)]
mod headers;
#[path = "../../../../fuzz/src/others.rs"]
mod others;
#[path = "../../../../fuzz/src/wire.rs"]
#[expect(
    dead_code,
    reason = "what is read of callers is replayed beside the code that reads it"
)]
mod wire;

#[test]
fn what_other_programs_say_is_read_in_one_way_or_refused() {
    crewline_testkit::corpus::replay("others", others::others);
}
