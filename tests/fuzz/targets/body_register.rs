#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| duologue_fuzz::try_on("body_register", input));
