#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| agio_fuzz::run("commands", data));
