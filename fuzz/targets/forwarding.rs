//! `x-forwarded-for` and authorities.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| causeway_fuzz_properties::forwarding(data));
