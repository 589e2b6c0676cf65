//! The fields of a request by HTTP/2.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| causeway_fuzz_properties::http2_request(data));
