//! The corpus of `fuzz/`, replayed: what must hold for whatever strangers send holds for each input that was ever of
//! interest.

use std::path::Path;

/// Replays the inputs of a target. `understood` says how many took an input for what it says to be. An input whose name
/// begins with `good` is understood by somebody, one that begins with `bad` by nobody.
///
/// # Panics
/// When it is not so, or when there are too few inputs to mean anything.
pub fn replay(target: &str, understood: fn(&[u8]) -> usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(target);
    let mut inputs: Vec<_> = std::fs::read_dir(&folder)
        .expect("the corpus is there")
        .map(|entry| entry.expect("the corpus can be read").path())
        .collect();
    inputs.sort();
    let (mut good, mut bad) = (0, 0);
    for input in inputs {
        let count = understood(&std::fs::read(&input).expect("an input can be read"));
        let name = input.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("good") {
            assert!(count > 0, "{} is not understood", input.display());
            good += 1;
        } else if name.starts_with("bad") {
            assert_eq!(count, 0, "{} is understood", input.display());
            bad += 1;
        }
    }
    assert!(
        good > 4 && bad > 4,
        "{target}: {good} good inputs, {bad} bad ones"
    );
}
