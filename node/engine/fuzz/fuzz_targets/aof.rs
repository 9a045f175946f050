//! A file of commands gives the same items however it is cut, and may be cut at its safe offset.
#![no_main]

use garrison_engine_core::formats::aof::AofReader;
use libfuzzer_sys::fuzz_target;

/// The items, the offsets at the end, and the sentence that stopped the reader.
fn read(bytes: &[u8], chunk_len: usize) -> (Vec<String>, u64, u64, Option<String>) {
    let mut reader = AofReader::new(4096);
    let mut items = Vec::new();
    let mut error = None;
    'file: for chunk in bytes.chunks(chunk_len) {
        reader.feed(chunk);
        loop {
            match reader.next_item() {
                Ok(Some(item)) => items.push(format!("{item:?}")),
                Ok(None) => break,
                Err(wrong) => {
                    error = Some(wrong.to_string());
                    break 'file;
                }
            }
        }
    }
    if error.is_none() {
        assert_eq!(reader.offset() + reader.rest().len() as u64, bytes.len() as u64);
        if let Some(offset) = reader.command_in_tail() {
            assert!(offset > reader.offset() && offset < bytes.len() as u64);
        }
    }
    (items, reader.offset(), reader.safe_offset(), error)
}

fuzz_target!(|bytes: &[u8]| {
    let Some((chunk_len, bytes)) = bytes.split_first() else { return };
    let whole = read(bytes, usize::MAX);
    assert_eq!(read(bytes, usize::from(*chunk_len).max(1)), whole);
    let (items, _, safe_offset, _) = whole;
    let (kept, offset, safe, error) = read(&bytes[..safe_offset as usize], usize::MAX);
    assert!(items.starts_with(&kept));
    assert_eq!((offset, safe, error), (safe_offset, safe_offset, None));
});
