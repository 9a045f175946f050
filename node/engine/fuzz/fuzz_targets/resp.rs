//! Requests parse to the same arguments whether they come at once or byte by byte.
#![no_main]

use garrison_engine_core::resp::request::{Limits, Parsed, Parser};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { line_bytes_max: 256, bulk_bytes_max: 4096, args_max: 64, request_bytes_max: 16 * 1024 };

/// The first request in `bytes` when `step` more of them come each time.
fn parse(bytes: &[u8], step: usize) -> (Vec<Vec<u8>>, Parsed) {
    let mut parser = Parser::default();
    let mut end = 0;
    loop {
        end = bytes.len().min(end + step);
        match parser.parse(&bytes[..end], &LIMITS) {
            Parsed::Incomplete if end < bytes.len() => {}
            Parsed::Request(len) => {
                assert!(len <= end);
                let args = parser.args(&bytes[..end]).iter_from(0).map(<[u8]>::to_vec).collect();
                return (args, Parsed::Request(len));
            }
            other => return (Vec::new(), other),
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let at_once = parse(bytes, bytes.len().max(1));
    let slowly = parse(bytes, 1);
    match (&at_once.1, &slowly.1) {
        (Parsed::Invalid(_), Parsed::Invalid(_)) => {}
        _ => assert_eq!(at_once, slowly),
    }
    let mut rest = bytes;
    while let (_, Parsed::Request(len)) = parse(rest, rest.len().max(1)) {
        rest = &rest[len.max(1)..];
        if rest.is_empty() {
            break;
        }
    }
});
