//! The list against a plain vector, with nodes so small that there are many.

use super::*;
use crate::testing::Bench;
use crate::types::Collection;
use proptest::prelude::*;

fn spelled(list: &List) -> Vec<Vec<u8>> {
    list.iter().map(|item| item.to_vec()).collect()
}

#[derive(Debug, Clone)]
enum Change {
    Push(End, String),
    Pop(End, usize),
    Set(usize, String),
    InsertBeside(String, bool, String),
    RemoveEqual(String, End, usize),
    Keep(usize, usize),
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Left), Just(End::Right)]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![8 => "[a-d]|-?[0-9]{1,2}", 1 => "[a-z]{60,70}", 1 => "x{5000,5010}", 1 => "-?[0-9]{18}"]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        12 => (end(), text()).prop_map(|(end, text)| Change::Push(end, text)),
        2 => (end(), 1..4_usize).prop_map(|(end, count)| Change::Pop(end, count)),
        2 => (any::<usize>(), text()).prop_map(|(index, text)| Change::Set(index, text)),
        4 => (text(), any::<bool>(), text()).prop_map(|(pivot, behind, text)| Change::InsertBeside(pivot, behind, text)),
        1 => (text(), end(), 1..6_usize).prop_map(|(text, end, count)| Change::RemoveEqual(text, end, count)),
        1 => (0..30_usize, 0..200_usize).prop_map(|(start, end)| Change::Keep(start, end)),
    ]
}

/// Carries a change out on the model as plainly as it can be said.
fn apply(model: &mut Vec<Vec<u8>>, change: &Change) {
    match change {
        Change::Push(End::Left, text) => model.insert(0, text.clone().into_bytes()),
        Change::Push(End::Right, text) => model.push(text.clone().into_bytes()),
        Change::Pop(End::Left, count) => drop(model.drain(..(*count).min(model.len()))),
        Change::Pop(End::Right, count) => model.truncate(model.len().saturating_sub(*count)),
        Change::Set(index, text) => {
            if !model.is_empty() {
                let index = index % model.len();
                model[index] = text.clone().into_bytes();
            }
        }
        Change::InsertBeside(pivot, behind, text) => {
            if let Some(at) = model.iter().position(|element| element == pivot.as_bytes()) {
                model.insert(at + usize::from(*behind), text.clone().into_bytes());
            }
        }
        Change::RemoveEqual(text, end, count) => {
            for _ in 0..*count {
                let is_it = |element: &Vec<u8>| element == text.as_bytes();
                let found = match end {
                    End::Left => model.iter().position(is_it),
                    End::Right => model.iter().rposition(is_it),
                };
                if let Some(at) = found {
                    model.remove(at);
                }
            }
        }
        Change::Keep(start, end) => {
            model.truncate((*end).max(*start));
            drop(model.drain(..(*start).min(model.len())));
        }
    }
}

fn carry_out(list: &mut List, change: &Change, limits: ListLimits) {
    match change {
        Change::Push(end, text) => list.push(*end, text.as_bytes(), limits),
        Change::Pop(end, count) => list.remove_end(*end, *count),
        Change::Set(index, text) => {
            if !list.is_empty() {
                assert!(list.set(index % list.len(), text.as_bytes(), limits));
            }
        }
        Change::InsertBeside(pivot, behind, text) => {
            list.insert_beside(pivot.as_bytes(), *behind, text.as_bytes(), limits);
        }
        Change::RemoveEqual(text, end, count) => {
            list.remove_equal(text.as_bytes(), *end, *count);
        }
        Change::Keep(start, end) => list.keep(*start, *end),
    }
}

fn check_reads(list: &List, model: &[Vec<u8>]) {
    assert_eq!(list.len(), model.len());
    assert_eq!(spelled(list), model);
    let backwards: Vec<_> = list.iter_back().map(|item| item.to_vec()).collect();
    assert!(backwards.iter().eq(model.iter().rev()));
    for index in 0..model.len() {
        assert_eq!(list.get(index).map(|item| item.to_vec()).as_ref(), model.get(index));
    }
    assert!(list.get(model.len()).is_none());
    let middle = model.len() / 2;
    assert!(list.iter_from(middle).map(|item| item.to_vec()).eq(model[middle..].iter().cloned()));
    let equal = |index: &usize| model[*index] == b"a";
    let mut found = Vec::new();
    list.positions(b"a", End::Left, usize::MAX, |index| {
        found.push(index);
        true
    });
    assert!(found.iter().copied().eq((0..model.len()).filter(equal)));
    found.clear();
    list.positions(b"a", End::Right, 7, |index| {
        found.push(index);
        true
    });
    assert!(found.iter().copied().eq((0..model.len()).rev().take(7).filter(equal)));
    let nodes: Vec<_> = list.nodes_from(0).map(|run| run.len()).collect();
    assert_eq!(nodes.len(), list.node_count());
    assert_eq!(nodes.iter().sum::<usize>(), model.len());
    assert!(list.is_empty() || !nodes.contains(&0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn behaves_like_a_vector(changes in prop::collection::vec(change(), 0..120),
        node_size in prop_oneof![Just(-2), Just(-1), Just(0), Just(1), Just(2), Just(5)]) {
        let limits = ListLimits::new(node_size);
        let (mut list, mut model) = (List::new(), Vec::new());
        for change in changes {
            apply(&mut model, &change);
            carry_out(&mut list, &change, limits);
            prop_assert_eq!(list.len(), model.len());
        }
        check_reads(&list, &model);
    }
}

#[test]
fn a_list_of_many_chunks_is_a_vector_too() {
    let limits = ListLimits::new(2);
    let (mut list, mut model) = (List::new(), Vec::new());
    let mut number = 0_usize;
    for round in 0..4000_usize {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let text = format!("{}", round % 37).into_bytes();
        let index = (number >> 33) % (model.len() + 1);
        list.insert(index, &text, limits);
        model.insert(index, text);
    }
    check_reads(&list, &model);
    list.remove_equal(b"5", End::Right, 30);
    list.remove_equal(b"6", End::Left, usize::MAX);
    for _ in 0..30 {
        let at = model.iter().rposition(|text| text == b"5").unwrap();
        model.remove(at);
    }
    model.retain(|text| text != b"6");
    check_reads(&list, &model);
    list.keep(1000, 2500);
    check_reads(&list, &model[1000..2500]);
}

#[test]
fn nodes_end_at_the_limit_of_the_setting() {
    for (node_size, text_len, expected) in
        [(-2, 16, 454), (-1, 16, 226), (3, 16, 3), (0, 16, 1), (-2, 9000, 1)]
    {
        let mut list = List::new();
        let text = vec![b'x'; text_len];
        for _ in 0..1000 {
            list.push(End::Right, &text, ListLimits::new(node_size));
        }
        assert_eq!(list.nodes_from(0).next().map(|run| run.len()), Some(expected), "{node_size}");
    }
}

#[test]
fn an_element_costs_two_bytes_beside_its_own() {
    for end in [End::Left, End::Right] {
        let mut list = List::new();
        for number in 0..100_000 {
            list.push(end, format!("element:{number:08}").as_bytes(), ListLimits::default());
        }
        let each = list.memory_bytes() as f64 / 100_000.0;
        assert!(each < 18.2, "{each}");
    }
}

#[test]
fn rebuild_commands_make_an_equal_list() {
    let mut bench = Bench::new(&[("enable-debug-command", "yes")]);
    let client = bench.client();
    let mut list = List::new();
    for number in 0..700_u32 {
        list.push(End::Right, format!("value {}", number * number).as_bytes(), ListLimits::default());
        bench.call(client, &[b"RPUSH", b"k", format!("value {}", number * number).as_bytes()]);
    }
    let expected = bench.say(client, "DEBUG DIGEST-VALUE k");
    bench.say(client, "DEL k");
    let mut commands: Vec<Vec<Vec<u8>>> = Vec::new();
    list.rebuild(b"k", &mut |args| commands.push(args.iter().map(|arg| arg.to_vec()).collect()));
    assert_eq!(commands.len(), 700_usize.div_ceil(64));
    for command in &commands {
        bench.call(client, &command.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
    assert_eq!(bench.say(client, "DEBUG DIGEST-VALUE k"), expected);
}
