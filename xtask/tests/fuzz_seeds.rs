//! Runs the checks of the fuzz targets on their seeds, and on every prefix of each, without
//! libFuzzer. The long search is `cargo xtask lab fuzz`.

// Always true here; it tells clippy that all of this is a test.
#![cfg(test)]

#[path = "../../fuzz/src/envelope.rs"]
mod envelope;
#[path = "../../fuzz/src/framing.rs"]
mod framing;

use std::path::Path;

fn on_seeds(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
    let mut seeds = 0;
    for entry in folder.read_dir().expect("the seeds") {
        let seed = std::fs::read(entry.expect("a seed").path()).expect("a seed");
        (0..=seed.len()).for_each(|length| check(&seed[..length]));
        seeds += 1;
    }
    assert!(seeds > 0, "{target} has no seeds");
}

#[test]
fn envelopes() {
    on_seeds("envelope", envelope::run);
}

#[test]
fn framings() {
    on_seeds("framing", framing::run);
}
