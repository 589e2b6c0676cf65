//! What a client sends.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| causeway_fuzz_properties::http1_request(data));
