//! Manifests as Redis writes them, damaged ones, and any names there and back.

use super::*;
use proptest::prelude::*;

fn part(name: &str, seq: u64) -> Part {
    Part { name: name.into(), seq }
}

#[test]
fn manifest_of_redis_is_read_and_rendered_alike() {
    let text = "file a.aof.2.base.rdb seq 2 type b\nfile a.aof.1.base.rdb seq 1 type h\n\
                file a.aof.6.incr.aof seq 6 type h\n\
                file \"a b.aof.7.incr.aof\" seq 7 type i\nfile a.aof.8.incr.aof seq 8 type i\n";
    let manifest = Manifest::parse(text.as_bytes()).unwrap();
    assert_eq!(manifest.base, Some(part("a.aof.2.base.rdb", 2)));
    assert_eq!(manifest.history, [part("a.aof.1.base.rdb", 1), part("a.aof.6.incr.aof", 6)]);
    assert_eq!(manifest.increments, [part("a b.aof.7.incr.aof", 7), part("a.aof.8.incr.aof", 8)]);
    let rendered = manifest.render();
    assert_eq!(rendered, format!("{text}# crc64 {:016x}\n", crc64(text.as_bytes())));
    assert_eq!(Manifest::parse(rendered.as_bytes()), Ok(manifest));
}

#[test]
fn comments_blank_lines_and_unknown_words_are_skipped() {
    let text = b"# ours\n\r\n  \nseq 1 new word type i FILE x\r\n";
    assert_eq!(Manifest::parse(text).unwrap().increments, [part("x", 1)]);
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let long = format!("file {} seq 1 type i\n", "x".repeat(LINE_BYTES_MAX));
    for (text, line, words) in [
        ("", 1, "names no file"),
        ("# nothing\n\n", 2, "names no file"),
        ("file a seq 1 type i", 1, "does not end"),
        ("file a seq 1 type\n", 1, "no value"),
        ("\nfile \"a seq 1 type i\n", 2, "quotes"),
        ("seq 1 type i\n", 1, "'file' is missing"),
        ("file a type i\n", 1, "'seq' is missing"),
        ("file a seq 1\n", 1, "'type' is missing"),
        ("file a seq -1 type i\n", 1, "seq -1 is not"),
        ("file a seq +1 type i\n", 1, "seq +1 is not"),
        ("file a seq 9223372036854775807 type i\n", 1, "is not a number up to"),
        ("file a seq 1 type x\n", 1, "type x does not exist"),
        ("file ../a seq 1 type i\n", 1, "without a path"),
        ("file .. seq 1 type i\n", 1, "without a path"),
        ("file \"\" seq 1 type i\n", 1, "without a path"),
        ("file \"a\\x00\" seq 1 type i\n", 1, "without a path"),
        ("file \"\\xff\" seq 1 type i\n", 1, "UTF-8"),
        ("file a seq 1 type i\nfile a seq 1 type h\n", 2, "named before"),
        ("file a seq 1 type b\nfile b seq 2 type b\n", 2, "second base"),
        ("file a seq 2 type i\nfile b seq 2 type i\n", 2, "number 2 behind number 2"),
        ("file a seq 1 type i\n# crc64 0123456789abcdef\n", 2, "checksum 0123456789abcdef"),
        ("file a.1.base.rdb seq 1 type b\nfile a.1.incr.aof seq 1 type h\n", 2, "its type is i"),
        (
            "file a.2.base.rdb seq 2 type b\nfile a.3.incr.aof seq 3 type h\nfile a.4.incr.aof seq 4 type i\n",
            3,
            "no later base",
        ),
        (&long, 1, "a line of"),
    ] {
        let error = Manifest::parse(text.as_bytes()).unwrap_err();
        assert_eq!(error.line, line, "{text:?}: {error}");
        assert!(error.to_string().contains(words), "{text:?}: {error}");
    }
}

/// The files that count, and whether history names one of them.
fn meaning(manifest: &Manifest) -> Vec<String> {
    manifest.live_parts().map(|part| part.name.clone()).collect()
}

#[test]
fn every_wrong_bit_of_our_manifest_is_seen_or_changes_nothing() {
    let manifest = Manifest {
        base: Some(part("a.aof.1.base.rdb", 1)),
        increments: vec![part("a.aof.1.incr.aof", 1), part("a.aof.2.incr.aof", 2)],
        history: Vec::new(),
    };
    let text = manifest.render().into_bytes();
    for bit in 0..text.len() * 8 {
        let mut damaged = text.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        if let Ok(found) = Manifest::parse(&damaged) {
            assert_eq!(meaning(&found), meaning(&manifest), "bit {bit}");
            assert!(found.history.is_empty(), "bit {bit}");
        }
    }
}

#[test]
fn next_names_pass_over_those_in_use() {
    let manifest = Manifest {
        base: Some(part("a.aof.1.base.rdb", 1)),
        increments: vec![part("a.aof.3.incr.aof", 3)],
        history: vec![part("a.aof.2.base.aof", 2), part("a.aof.4.incr.aof", 4)],
    };
    assert_eq!(manifest.next_base("a.aof", BaseForm::Rdb), part("a.aof.2.base.rdb", 2));
    assert_eq!(manifest.next_base("a.aof", BaseForm::Commands), part("a.aof.3.base.aof", 3));
    assert_eq!(manifest.next_increment("a.aof"), part("a.aof.5.incr.aof", 5));
    assert_eq!(Manifest::default().next_increment("a.aof"), part("a.aof.1.incr.aof", 1));
    assert_eq!(manifest_name("a.aof"), "a.aof.manifest");
}

prop_compose! {
    fn any_manifest()(
        names in prop::collection::hash_set("[^/\\x00]{1,40}", 1..8),
        base: bool,
        history in 0usize..3,
        step in 1u64..1000,
    ) -> Manifest {
        let names = names.into_iter().filter(|name| name != "." && name != "..").chain(["a".repeat(41)]);
        let parts = names.enumerate().map(|(n, name)| Part { name, seq: n as u64 * step });
        let mut parts: Vec<Part> = parts.collect();
        let base = if base { parts.pop() } else { None };
        let history = parts.split_off(parts.len() - history.min(parts.len()));
        let empty = base.is_none() && history.is_empty() && parts.is_empty();
        Manifest { base, history, increments: if empty { vec![part("x", 1)] } else { parts } }
    }
}

proptest! {
    #[test]
    fn what_is_rendered_parses_to_the_same(manifest in any_manifest()) {
        let text = manifest.render();
        prop_assert!(text.is_ascii());
        prop_assert_eq!(Manifest::parse(text.as_bytes()), Ok(manifest));
    }

    #[test]
    fn any_bytes_are_refused_or_render_to_the_same(
        manifest in any_manifest(), at: prop::sample::Index, byte: u8
    ) {
        let mut text = manifest.render().into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        if let Ok(manifest) = Manifest::parse(&text) {
            prop_assert_eq!(Manifest::parse(manifest.render().as_bytes()), Ok(manifest));
        }
    }
}
