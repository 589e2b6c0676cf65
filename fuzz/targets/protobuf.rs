//! A configuration in protobuf's wire format, all the way to the model.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| causeway_fuzz_properties::protobuf(data));
