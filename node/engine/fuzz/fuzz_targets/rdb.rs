//! An RDB stream gives the same items however it is cut, and never more memory than it has bytes.
#![no_main]

use garrison_engine_core::snapshot::{RdbItem, RdbOptions, RdbReader};
use libfuzzer_sys::fuzz_target;

/// How many entries came, and the sentence at the end.
fn read(bytes: &[u8], chunk_len: usize) -> (usize, Option<String>) {
    // Without the checksum, or hardly any change of a seed would get past it.
    let mut reader = RdbReader::new(RdbOptions { checksum: false, ..RdbOptions::default() });
    let mut entries = 0;
    for chunk in bytes.chunks(chunk_len) {
        reader.feed(chunk);
        loop {
            match reader.next_item() {
                Ok(Some(RdbItem::Entry(_))) => entries += 1,
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => return (entries, Some(error.to_string())),
            }
        }
    }
    (entries, reader.finish().err().map(|error| error.to_string()))
}

fuzz_target!(|bytes: &[u8]| {
    let Some((chunk_len, bytes)) = bytes.split_first() else { return };
    assert_eq!(read(bytes, usize::from(*chunk_len).max(1)), read(bytes, usize::MAX));
});
