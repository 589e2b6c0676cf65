//! The path of a request.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| causeway_fuzz_properties::path(data));
