//! The ClientHello that a connection begins with.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| causeway_fuzz_properties::client_hello(data));
