//! Which functions a library in Python has: its source is read for decorated definitions, and never run.
//!
//! A function is a `def` at the left margin under `@function` or `@function(name=..., flags=..., description=...)`,
//! whose values are literal strings. The tokens are Python's, as far as that takes; a worker that loads the library
//! compares what it really registers.

use crate::resp::failure::Failure;
use crate::scripting::state::flags::ScriptFlags;
use crate::scripting::state::libraries::{Code, LibraryFunction};

/// A token of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    /// A logical line begins; whether at the left margin.
    Line(bool),
    Name(&'a [u8]),
    /// What stands between the quotes.
    Text(&'a [u8]),
    Sign(u8),
}

/// The tokens of a source; what stands in brackets is one line.
fn tokens(source: &[u8]) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let (mut at, mut depth, mut is_line_start) = (0, 0_usize, true);
    while let Some(&byte) = source.get(at) {
        if is_line_start && depth == 0 && !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'#') {
            let is_at_margin = at == 0 || source[at - 1] == b'\n';
            found.push(Token::Line(is_at_margin));
            is_line_start = false;
        }
        match byte {
            b'\n' => (is_line_start, at) = (true, at + 1),
            b'#' => at += source[at..].iter().position(|byte| *byte == b'\n').unwrap_or(source.len() - at),
            b'\\' => at += 2,
            b'"' | b'\'' => {
                let (text, end) = text_at(source, at);
                found.push(Token::Text(text));
                at = end;
            }
            _ if is_word(byte) => {
                let end = at + source[at..].iter().take_while(|byte| is_word(**byte)).count();
                found.push(Token::Name(&source[at..end]));
                at = end;
            }
            _ => {
                match byte {
                    b'(' | b'[' | b'{' => depth += 1,
                    b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                if !byte.is_ascii_whitespace() {
                    found.push(Token::Sign(byte));
                }
                at += 1;
            }
        }
    }
    found
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The string that begins at a quote: its text, and where it ends.
fn text_at(source: &[u8], start: usize) -> (&[u8], usize) {
    let quote = source[start];
    let is_long = source[start..].starts_with(&[quote; 3]);
    let width = if is_long { 3 } else { 1 };
    let mut at = start + width;
    while at < source.len() {
        match source[at] {
            b'\\' => at += 2,
            b'\n' if !is_long => return (&source[start + width..at], at),
            byte if byte == quote && (!is_long || source[at..].starts_with(&[quote; 3])) => {
                return (&source[start + width..at], at + width);
            }
            _ => at += 1,
        }
    }
    (&source[(start + width).min(source.len())..], source.len())
}

fn wrong(what: &str) -> Failure {
    Failure::new(format!("ERR Error registering functions: {what}"))
}

/// Reads the functions of a library.
///
/// # Errors
/// There is none, or a decorator does not consist of literal values.
pub fn functions_in(source: &[u8]) -> Result<Vec<LibraryFunction>, Failure> {
    let tokens = tokens(source);
    let mut rest = &tokens[..];
    let mut functions: Vec<LibraryFunction> = Vec::new();
    while let Some(at) = rest.windows(3).position(|three| {
        matches!(three, [Token::Line(true), Token::Sign(b'@'), Token::Name(name)] if *name == b"function")
    }) {
        rest = &rest[at + 3..];
        let function = decorated(&mut rest)?;
        if functions.iter().any(|other| other.name.eq_ignore_ascii_case(&function.name)) {
            let name = String::from_utf8_lossy(&function.name).into_owned();
            return Err(wrong(&format!("Function '{name}' already exists in the library")));
        }
        functions.push(function);
    }
    match functions.is_empty() {
        true => Err(Failure::Text("ERR No functions registered")),
        false => Ok(functions),
    }
}

/// The function under a decorator whose name was read.
fn decorated(rest: &mut &[Token<'_>]) -> Result<LibraryFunction, Failure> {
    let mut function = LibraryFunction {
        name: Box::from(&b""[..]),
        code: Code::Python,
        description: None,
        flags: ScriptFlags::empty(),
    };
    if let [Token::Sign(b'('), behind @ ..] = *rest {
        *rest = behind;
        read_options(rest, &mut function)?;
    }
    let [Token::Line(true), Token::Name(b"def"), Token::Name(name), ..] = *rest else {
        return Err(wrong("below @function(...) stands a def at the left margin"));
    };
    if function.name.is_empty() {
        function.name = (*name).into();
    }
    if function.name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
        return Ok(function);
    }
    Err(wrong(
        "Function names can only contain letters, numbers, or underscores(_) and must be at least one character long",
    ))
}

/// Reads `name="...", flags=("...", "...")` up to the bracket that closes.
fn read_options(rest: &mut &[Token<'_>], function: &mut LibraryFunction) -> Result<(), Failure> {
    const LITERAL: &str = "@function takes name, flags and description as literal strings";
    loop {
        match *rest {
            [Token::Sign(b')'), behind @ ..] => {
                *rest = behind;
                return Ok(());
            }
            [Token::Sign(b','), behind @ ..] => *rest = behind,
            [Token::Name(b"name"), Token::Sign(b'='), Token::Text(text), behind @ ..] => {
                function.name = (*text).into();
                *rest = behind;
            }
            [Token::Name(b"description"), Token::Sign(b'='), Token::Text(text), behind @ ..] => {
                function.description = Some(text.to_vec());
                *rest = behind;
            }
            [Token::Name(b"flags"), Token::Sign(b'='), Token::Sign(b'(' | b'['), behind @ ..] => {
                *rest = behind;
                read_flags(rest, function)?;
            }
            _ => return Err(wrong(LITERAL)),
        }
    }
}

fn read_flags(rest: &mut &[Token<'_>], function: &mut LibraryFunction) -> Result<(), Failure> {
    loop {
        let [token, behind @ ..] = *rest else { return Err(wrong("flags are not closed")) };
        *rest = behind;
        match token {
            Token::Text(text) => {
                function.flags |= ScriptFlags::named(text).ok_or_else(|| wrong("unknown flag given"))?;
            }
            Token::Sign(b',') => {}
            Token::Sign(b')' | b']') => return Ok(()),
            _ => return Err(wrong("flags are literal strings")),
        }
    }
}
