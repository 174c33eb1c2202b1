//! What the fuzz targets share: how memory is measured, and how a target is found by its name.

mod measure;

/// Has the target `name` try `input`. Panics if something is wrong, which ends the fuzzer.
pub fn try_on(name: &str, input: &[u8]) {
    duologue::fuzz::target(name).try_on(input, measure::peak);
}
