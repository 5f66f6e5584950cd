#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| scenario::fuzzing::file(data));
