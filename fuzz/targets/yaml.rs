//! A configuration as text, all the way to the model.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| causeway_fuzz_properties::yaml(data));
