#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| swarm::fuzzing::decoder(data));
