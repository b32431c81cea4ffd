//! The corpus of `fuzz/` for what other programs say, replayed: addresses, answers of receivers, frames of servers. Those of
//! strangers who call are replayed by `crewline-http`.

use std::path::Path;

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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/others");
    let (mut good, mut bad) = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let understood = others::others(&std::fs::read(&path).unwrap());
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with("good") {
            assert!(understood > 0, "{name} is not understood");
            good += 1;
        } else if name.starts_with("bad") {
            assert_eq!(understood, 0, "{name} is understood");
            bad += 1;
        }
    }
    assert!(good > 4 && bad > 4, "{good} good inputs, {bad} bad ones");
}
