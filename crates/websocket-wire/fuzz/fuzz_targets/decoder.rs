#![no_main]

#[path = "../../tests/tungstenite/decoder_check.rs"]
mod decoder_check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| decoder_check::decoder(data));
