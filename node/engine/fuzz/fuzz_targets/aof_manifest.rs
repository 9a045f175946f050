//! A manifest is refused, or renders to text that parses to the same.
#![no_main]

use garrison_engine_core::formats::aof::{BaseForm, Manifest};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| match Manifest::parse(bytes) {
    Ok(manifest) => {
        let text = manifest.render();
        // Escapes may make a line longer than a reader takes.
        if text.lines().all(|line| line.len() < 1024) {
            assert_eq!(Manifest::parse(text.as_bytes()), Ok(manifest.clone()));
        }
        let increment = manifest.next_increment("appendonly.aof");
        let base = manifest.next_base("appendonly.aof", BaseForm::Rdb);
        for next in [increment, base] {
            assert!(manifest.parts().all(|part| part.name != next.name));
        }
    }
    Err(error) => assert!(error.line > 0 && !error.to_string().is_empty()),
});
