#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| crewline_fuzz::lists(data));
