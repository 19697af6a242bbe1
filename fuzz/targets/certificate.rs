#![no_main]
#[path = "../judge.rs"]
#[allow(dead_code)]
mod judge;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    judge::certificate(data);
});
