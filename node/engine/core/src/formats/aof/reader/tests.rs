//! Files in any pieces, cut anywhere, with any bit flipped.

use super::*;
use crate::resp::encode_command;
use proptest::prelude::*;

const ID: &str = "0123456789abcdef0123456789abcdef01234567";

fn encoded(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_command(&mut bytes, words.iter().copied());
    bytes
}

/// What a file holds, each item as text with the offsets behind it, and what stopped the reader.
#[derive(Debug, PartialEq)]
struct Outcome {
    items: Vec<String>,
    offset: u64,
    safe_offset: u64,
    error: Option<AofError>,
}

fn read(bytes: &[u8], chunk_len: usize) -> Outcome {
    let mut reader = AofReader::new(1 << 20);
    let mut items = Vec::new();
    for chunk in bytes.chunks(chunk_len.max(1)) {
        reader.feed(chunk);
        loop {
            let shown = match reader.next_item() {
                Ok(Some(item)) => format!("{item:?}"),
                Ok(None) => break,
                Err(error) => {
                    let (offset, safe_offset) = (reader.offset(), reader.safe_offset());
                    return Outcome { items, offset, safe_offset, error: Some(error) };
                }
            };
            items.push(format!("{shown} {}..{}", reader.item_offset(), reader.offset()));
        }
    }
    Outcome { items, offset: reader.offset(), safe_offset: reader.safe_offset(), error: None }
}

#[test]
fn commands_and_annotations_come_out_in_order() {
    let mut file = b"#TS:17\r\n# a remark\r\n".to_vec();
    file.extend(encoded(&[b"SET", b"k", b"a\r\n*1"]));
    file.extend(format!("#GARRISON {ID} 99 3\r\n").bytes());
    let mut reader = AofReader::starting_at(100, 1000);
    reader.feed(&file);
    assert!(matches!(reader.next_item(), Ok(Some(AofItem::Timestamp(17)))));
    assert_eq!(reader.item_offset(), 100);
    match reader.next_item() {
        Ok(Some(AofItem::Command(args))) => {
            assert_eq!(args.iter_from(0).collect::<Vec<_>>(), [b"SET".as_slice(), b"k", b"a\r\n*1"]);
        }
        other => panic!("{other:?}"),
    }
    match reader.next_item() {
        Ok(Some(AofItem::Position { id, offset: 99, db: 3 })) => assert_eq!(id, ID.as_bytes()),
        other => panic!("{other:?}"),
    }
    assert!(matches!(reader.next_item(), Ok(None)));
    assert_eq!(reader.offset(), 100 + file.len() as u64);
}

#[test]
fn what_is_wrong_is_said_with_its_offset() {
    let long = format!("#{}\r\n", "x".repeat(ANNOTATION_BYTES_MAX));
    for (bytes, offset, words) in [
        ("\0\0\0", 0, "byte 0x00 stands where a command"),
        ("SET a b\r\n", 0, "'S' stands where a command"),
        ("*1\r\n:1\r\n", 4, "':' stands where an argument"),
        ("*1\r\n$1\r\naXY", 9, "'X' stands where a line should end"),
        ("*1\r\n$1\r\na\rY", 10, "'Y' stands where a line should end"),
        ("*1\r\n$1\rxa\r\n", 7, "'x' stands where a line should end"),
        ("*-1\r\n", 1, "'-' stands in a length"),
        ("*\r\n", 1, "byte 0x0d stands in a length"),
        ("*12345678901\r\n", 11, "'1' stands in a length"),
        ("*0\r\n", 1, "cannot have 0 arguments"),
        ("*4294967295\r\n", 1, "cannot have 4294967295"),
        ("*1\r\n$2000000\r\n", 5, "longer than the limit"),
        ("#TS:x\r\n", 0, "damaged annotation \"#TS:x\""),
        ("*1\r\n$4\r\nexec\r\n", 0, "EXEC without MULTI"),
        ("*1\r\n$5\r\nmulti\r\n*1\r\n$5\r\nMULTI\r\n", 15, "MULTI within"),
        (&long, 0, "annotation longer than 127"),
    ] {
        let error = read(bytes.as_bytes(), 7).error.expect(bytes);
        assert_eq!(error.offset, offset, "{bytes:?}: {error}");
        assert!(error.to_string().contains(words), "{bytes:?}: {error}");
    }
}

#[test]
fn safe_offset_stands_still_within_a_transaction() {
    let (multi, set, exec) = (encoded(&[b"MULTI"]), encoded(&[b"SET", b"a", b"b"]), encoded(&[b"exec"]));
    let open = [set.as_slice(), &multi, b"#TS:1\r\n", &set].concat();
    let outcome = read(&open, 3);
    assert_eq!((outcome.offset, outcome.safe_offset), (open.len() as u64, set.len() as u64));
    let closed = [open, exec].concat();
    assert_eq!(read(&closed, 3).safe_offset, closed.len() as u64);
}

#[test]
fn damaged_length_is_told_from_a_torn_end() {
    let set = encoded(&[b"SET", b"key", b"value"]);
    let file = [set.clone(), set.clone(), set.clone()].concat();
    let tail = |file: &[u8]| {
        let mut reader = AofReader::new(1 << 20);
        reader.feed(file);
        while reader.next_item().expect("incomplete, not wrong").is_some() {}
        (reader.offset(), reader.command_in_tail())
    };
    assert_eq!(tail(&file[..file.len() - 1]), (2 * set.len() as u64, None));
    let damaged = String::from_utf8(file).unwrap().replacen("$5", "$999", 1);
    assert_eq!(tail(damaged.as_bytes()), (0, Some(set.len() as u64 + 2)));
}

#[derive(Clone, Debug)]
enum Piece {
    Command(Vec<Vec<u8>>),
    Transaction(Vec<Vec<Vec<u8>>>),
    Line(String),
}

impl Piece {
    fn write(&self, file: &mut Vec<u8>) {
        let mut command =
            |words: &Vec<Vec<u8>>| file.extend(encoded(&words.iter().map(Vec::as_slice).collect::<Vec<_>>()));
        match self {
            Piece::Command(words) => command(words),
            Piece::Transaction(commands) => {
                command(&vec![b"MULTI".to_vec()]);
                commands.iter().for_each(&mut command);
                command(&vec![b"EXEC".to_vec()]);
            }
            Piece::Line(line) => file.extend(line.bytes()),
        }
    }
}

fn words() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let args = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..4);
    ("[a-z]{0,3}", args).prop_map(|(name, args)| [vec![name.into_bytes()], args].concat())
}

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let line = prop_oneof![
        (0..i64::MAX).prop_map(|seconds| format!("#TS:{seconds}\r\n")),
        "#[ a-z]{0,20}\r\n".prop_map(|line| line),
        (0..=i64::MAX, 0..16).prop_map(|(offset, db)| format!("#GARRISON {ID} {offset} {db}\r\n")),
    ];
    let piece = prop_oneof![
        words().prop_map(Piece::Command),
        prop::collection::vec(words(), 0..3).prop_map(Piece::Transaction),
        line.prop_map(Piece::Line),
    ];
    prop::collection::vec(piece, 0..6)
}

/// The file, and the offsets between its pieces.
fn written(pieces: &[Piece]) -> (Vec<u8>, Vec<u64>) {
    let (mut file, mut ends) = (Vec::new(), vec![0]);
    for piece in pieces {
        piece.write(&mut file);
        ends.push(file.len() as u64);
    }
    (file, ends)
}

proptest! {
    #[test]
    fn any_cut_into_chunks_gives_the_same(pieces in pieces(), chunk_len in 1usize..40) {
        let (file, _) = written(&pieces);
        let whole = read(&file, usize::MAX);
        prop_assert_eq!(&whole.error, &None);
        prop_assert_eq!(whole.offset, file.len() as u64);
        prop_assert_eq!(read(&file, chunk_len), whole);
    }

    #[test]
    fn every_truncation_gives_a_prefix_and_a_safe_offset(pieces in pieces()) {
        let (file, ends) = written(&pieces);
        let whole = read(&file, usize::MAX);
        for end in 0..=file.len() {
            let cut = read(&file[..end], usize::MAX);
            prop_assert_eq!(&cut.error, &None);
            prop_assert!(whole.items.starts_with(&cut.items));
            prop_assert!(cut.safe_offset <= cut.offset && cut.offset <= end as u64);
            let last_end = ends.iter().rfind(|piece_end| **piece_end <= end as u64).unwrap();
            prop_assert_eq!(cut.safe_offset, *last_end);
        }
    }

    #[test]
    fn flipped_bit_never_panics(
        pieces in pieces(), at: prop::sample::Index, bit in 0u8..8, chunk_len in 1usize..40
    ) {
        let (mut file, _) = written(&pieces);
        prop_assume!(!file.is_empty());
        let at = at.index(file.len());
        file[at] ^= 1 << bit;
        let outcome = read(&file, chunk_len);
        prop_assert!(outcome.safe_offset <= outcome.offset && outcome.offset <= file.len() as u64);
        let safe = read(&file[..outcome.safe_offset as usize], usize::MAX);
        let end = outcome.safe_offset;
        prop_assert_eq!((safe.error, safe.offset, safe.safe_offset), (None, end, end));
        prop_assert_eq!(outcome.error.is_some(), read(&file, usize::MAX).error.is_some());
    }
}

#[test]
fn command_with_more_arguments_than_its_count_is_no_safe_place() {
    let mut reader = AofReader::new(100);
    reader.feed(b"*1\r\n$4\r\nPING\r\n*1\r\n$3\r\nGET\r\n$1\r\na\r\n");
    while matches!(reader.next_item(), Ok(Some(_))) {}
    assert_eq!(reader.safe_offset(), 14);
    assert_eq!(reader.next_item().unwrap_err().problem, AofProblem::NoItem(b'$'));
}
