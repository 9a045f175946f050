//! JSON to values of Lua.

#![allow(unsafe_code)]

use std::ffi::{c_char, c_int};

use super::JsonSettings;
use crate::ffi::{self, State};
use crate::shared::of;

extern "C" {
    fn strtod(text: *const c_char, end: *mut *mut c_char) -> f64;
}

/// What stands next in the text.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    /// A string: it lies in the text as it is, from and to here.
    Plain(usize, usize),
    /// A string whose escapes were resolved: it lies in Shared's scratch.
    Escaped,
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Error(&'static str),
}

impl Token {
    fn name(self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::Plain(..) | Token::Escaped => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Error(text) => text,
        }
    }
}

/// A text, and how far it was read.
struct Decoder<'a> {
    l: *mut State,
    text: &'a [u8],
    at: usize,
    /// Where the last token begins.
    index: usize,
    depth: i64,
    settings: JsonSettings,
}

/// `cjson.decode(text)`
pub(super) unsafe extern "C-unwind" fn decode(l: *mut State) -> c_int {
    // SAFETY: called by Lua; the text is an argument, so it stays, with a zero behind it. The frames own nothing.
    unsafe {
        if ffi::lua_gettop(l) != 1 {
            return ffi::luaL_argerror(l, 1, c"expected 1 argument".as_ptr());
        }
        ffi::luaL_checklstring(l, 1, std::ptr::null_mut());
        let text = ffi::bytes(l, 1);
        if let [first, second, ..] = text {
            if *first == 0 || *second == 0 {
                return crate::api::raise(l, "JSON parser does not support UTF-16 or UTF-32");
            }
        }
        let mut decoder = Decoder { l, text, at: 0, index: 0, depth: 0, settings: (*of(l)).json };
        let token = decoder.next();
        decoder.push(token);
        match decoder.next() {
            Token::End => 1,
            token => decoder.refuse("the end", token),
        }
    }
}

impl Decoder<'_> {
    /// The byte at a place; zero behind the end, as in C.
    fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    fn begins_with(&self, word: &[u8]) -> bool {
        self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word))
    }

    /// Raises that something else was expected. Does not return.
    unsafe fn refuse(&self, expected: &str, found: Token) -> c_int {
        // SAFETY: the text is built in Shared's scratch.
        unsafe {
            let scratch: *mut Vec<u8> = &raw mut (*of(self.l)).scratch;
            (*scratch).clear();
            (*scratch).extend_from_slice(b"Expected ");
            (*scratch).extend_from_slice(expected.as_bytes());
            (*scratch).extend_from_slice(b" but found ");
            (*scratch).extend_from_slice(found.name().as_bytes());
            (*scratch).extend_from_slice(b" at character ");
            let place = self.index as i64 + 1;
            (*scratch).extend_from_slice(itoa::Buffer::new().format(place).as_bytes());
            crate::errors::raise_plain(self.l, &*scratch)
        }
    }

    fn error(&mut self, text: &'static str) -> Token {
        self.index = self.at;
        Token::Error(text)
    }

    /// Reads the next token.
    unsafe fn next(&mut self) -> Token {
        while matches!(self.byte(self.at), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        self.index = self.at;
        let single = match self.byte(self.at) {
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b',' => Token::Comma,
            b':' => Token::Colon,
            0 => return Token::End,
            // SAFETY: as in `decode`.
            b'"' => return unsafe { self.string() },
            b'-' | b'0'..=b'9' => {
                if !self.settings.decodes_invalid && self.is_invalid_number() {
                    return self.error("invalid number");
                }
                return self.number();
            }
            b'+' | b'f' | b'i' | b'I' | b'n' | b'N' | b't' => return self.word(),
            _ => return Token::Error("invalid token"),
        };
        self.at += 1;
        single
    }

    fn word(&mut self) -> Token {
        for (word, token) in
            [(&b"true"[..], Token::Boolean(true)), (b"false", Token::Boolean(false)), (b"null", Token::Null)]
        {
            if self.begins_with(word) {
                self.at += word.len();
                return token;
            }
        }
        match self.settings.decodes_invalid && self.is_invalid_number() {
            true => self.number(),
            false => self.error("invalid token"),
        }
    }

    /// Whether what stands here is a number to C, but none to JSON.
    fn is_invalid_number(&self) -> bool {
        let mut at = self.at;
        if self.byte(at) == b'+' {
            return true;
        }
        if self.byte(at) == b'-' {
            at += 1;
        }
        if self.byte(at) == b'0' {
            return matches!(self.byte(at + 1), b'x' | b'X' | b'0'..=b'9');
        }
        if self.byte(at) <= b'9' {
            return false;
        }
        let word = self.text.get(at..at + 3).unwrap_or_default();
        word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"nan")
    }

    fn number(&mut self) -> Token {
        if let Some(number) = self.short_integer() {
            return Token::Number(number);
        }
        let Some(rest) = self.text.get(self.at..) else { return self.error("invalid number") };
        let start: *const c_char = rest.as_ptr().cast();
        let mut end = start.cast_mut();
        // SAFETY: a zero stands behind the text, and `strtod` stops at it.
        let (number, used) = unsafe {
            let number = strtod(start, &mut end);
            (number, end.offset_from(start) as usize)
        };
        if used == 0 {
            return self.error("invalid number");
        }
        self.at += used;
        Token::Number(number)
    }

    /// An integer of few digits, which most numbers are.
    fn short_integer(&mut self) -> Option<f64> {
        let negative = self.byte(self.at) == b'-';
        let first = self.at + usize::from(negative);
        let mut at = first;
        let mut value: i64 = 0;
        while self.byte(at).is_ascii_digit() && at - first < 15 {
            value = value * 10 + i64::from(self.byte(at) - b'0');
            at += 1;
        }
        let goes_on = matches!(self.byte(at), b'0'..=b'9' | b'.' | b'e' | b'E' | b'x' | b'X');
        if at == first || goes_on {
            return None;
        }
        self.at = at;
        Some(if negative { -(value as f64) } else { value as f64 })
    }

    /// A string whose quote stands here.
    unsafe fn string(&mut self) -> Token {
        self.at += 1;
        let start = self.at;
        let rest = self.text.get(start..).unwrap_or_default();
        let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0)).unwrap_or(rest.len());
        self.at += plain;
        if self.byte(self.at) == b'"' {
            self.at += 1;
            return Token::Plain(start, start + plain);
        }
        // SAFETY: the scratch is used by nobody else until the token is pushed.
        unsafe {
            let scratch: *mut Vec<u8> = &raw mut (*of(self.l)).scratch;
            (*scratch).clear();
            (*scratch).extend_from_slice(&rest[..plain]);
            self.escaped_string(&mut *scratch)
        }
    }

    /// The rest of a string that has escapes.
    fn escaped_string(&mut self, out: &mut Vec<u8>) -> Token {
        loop {
            let byte = match self.byte(self.at) {
                b'"' => break,
                0 => return self.error("unexpected end of string"),
                b'\\' => match self.byte(self.at + 1) {
                    b'u' => match self.unicode() {
                        Some(letter) => {
                            out.extend_from_slice(letter.1[..letter.0].as_ref());
                            continue;
                        }
                        None => return self.error("invalid unicode escape code"),
                    },
                    escape => {
                        let byte = match escape {
                            b'"' | b'\\' | b'/' => escape,
                            b'b' => 8,
                            b't' => 9,
                            b'n' => 10,
                            b'f' => 12,
                            b'r' => 13,
                            _ => return self.error("invalid escape code"),
                        };
                        self.at += 1;
                        byte
                    }
                },
                byte => byte,
            };
            out.push(byte);
            self.at += 1;
        }
        self.at += 1;
        Token::Escaped
    }

    fn hex4(&self, at: usize) -> Option<u32> {
        (at..at + 4).try_fold(0, |sum, at| Some(sum << 4 | char::from(self.byte(at)).to_digit(16)?))
    }

    /// The letter of a `\u` escape, or of two that make a pair, as UTF-8.
    fn unicode(&mut self) -> Option<(usize, [u8; 4])> {
        let mut code = self.hex4(self.at + 2)?;
        let mut used = 6;
        if code & 0xF800 == 0xD800 {
            let is_pair = self.byte(self.at + 6) == b'\\' && self.byte(self.at + 7) == b'u';
            if code & 0x400 != 0 || !is_pair {
                return None;
            }
            let low = self.hex4(self.at + 8)?;
            if low & 0xFC00 != 0xDC00 {
                return None;
            }
            code = ((code & 0x3FF) << 10 | low & 0x3FF) + 0x10000;
            used = 12;
        }
        let mut bytes = [0; 4];
        let len = char::from_u32(code)?.encode_utf8(&mut bytes).len();
        self.at += used;
        Some((len, bytes))
    }

    /// Pushes the value that a token is or begins.
    unsafe fn push(&mut self, token: Token) {
        // SAFETY: see `decode`; the stack is grown for each level.
        unsafe {
            match token {
                Token::Plain(start, end) => {
                    ffi::push_bytes(self.l, self.text.get(start..end).unwrap_or_default());
                }
                Token::Escaped => ffi::push_bytes(self.l, &(*of(self.l)).scratch),
                Token::Number(number) => ffi::lua_pushnumber(self.l, number),
                Token::Boolean(value) => ffi::lua_pushboolean(self.l, c_int::from(value)),
                Token::Null => ffi::lua_pushlightuserdata(self.l, std::ptr::null_mut()),
                Token::ObjectBegin => self.push_object(),
                Token::ArrayBegin => self.push_array(),
                _ => {
                    self.refuse("value", token);
                }
            }
        }
    }

    unsafe fn descend(&mut self) {
        self.depth += 1;
        // SAFETY: as in `decode`.
        unsafe {
            if self.depth > self.settings.decode_depth_max || ffi::lua_checkstack(self.l, 4) == 0 {
                let scratch: *mut Vec<u8> = &raw mut (*of(self.l)).scratch;
                (*scratch).clear();
                (*scratch).extend_from_slice(b"Found too many nested data structures (");
                (*scratch).extend_from_slice(itoa::Buffer::new().format(self.depth).as_bytes());
                (*scratch).extend_from_slice(b") at character ");
                let place = self.at as i64;
                (*scratch).extend_from_slice(itoa::Buffer::new().format(place).as_bytes());
                crate::errors::raise_plain(self.l, &*scratch);
            }
        }
    }

    unsafe fn push_object(&mut self) {
        // SAFETY: see `decode`.
        unsafe {
            self.descend();
            ffi::lua_createtable(self.l, 0, 0);
            let mut token = self.next();
            while token != Token::ObjectEnd {
                match token {
                    Token::Plain(..) | Token::Escaped => self.push(token),
                    _ => drop(self.refuse("object key string", token)),
                }
                token = self.next();
                if token != Token::Colon {
                    self.refuse("colon", token);
                }
                token = self.next();
                self.push(token);
                ffi::lua_rawset(self.l, -3);
                token = self.next();
                match token {
                    Token::ObjectEnd => break,
                    Token::Comma => token = self.next(),
                    _ => drop(self.refuse("comma or object end", token)),
                }
                if token == Token::ObjectEnd {
                    self.refuse("object key string", token);
                }
            }
            self.depth -= 1;
        }
    }

    unsafe fn push_array(&mut self) {
        // SAFETY: see `decode`.
        unsafe {
            self.descend();
            ffi::lua_createtable(self.l, 0, 0);
            let mut token = self.next();
            if token == Token::ArrayEnd {
                self.depth -= 1;
                return;
            }
            for index in 1.. {
                self.push(token);
                ffi::lua_rawseti(self.l, -2, index);
                token = self.next();
                match token {
                    Token::ArrayEnd => break,
                    Token::Comma => token = self.next(),
                    _ => drop(self.refuse("comma or array end", token)),
                }
            }
            self.depth -= 1;
        }
    }
}
