//! The arguments of COMMAND DOCS, read from a command's one line of `syntax`.
//!
//! The notation is that of manual pages. Lower-case words are arguments, upper-case words are typed as
//! they stand; a word in capitals right before an argument introduces it.
//!
//! | written | means |
//! |---|---|
//! | `key value` | two arguments |
//! | `[NX \| XX]` | one of several, or none |
//! | `<ON \| OFF>` | one of several |
//! | `COUNT count` | an argument with its token |
//! | `[LIMIT offset count]` | a block with its token |
//! | `field value [field value ...]` | a block, once or more |
//! | `[PREFIX prefix [PREFIX prefix ...]]` | an argument, each time with its token |
//! | `<...> ...` | a group, once or more |
//! | `name=<...>`, `name=word`, `name=~` | a group, word or token that is called `name` |
//! | `timeout:double` | an argument of a type that does not follow from its name |
//!
//! The type of an argument follows from its name otherwise (`count` is an integer, `pattern` a pattern).

/// The type of an argument, as COMMAND DOCS names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any bytes.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Double,
    /// A key.
    Key,
    /// A glob pattern.
    Pattern,
    /// A time.
    UnixTime,
    /// A word typed as it stands.
    PureToken,
    /// One of its children.
    OneOf,
    /// All of its children, in order.
    Block,
}

impl Kind {
    /// The name in COMMAND DOCS.
    pub fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::Integer => "integer",
            Kind::Double => "double",
            Kind::Key => "key",
            Kind::Pattern => "pattern",
            Kind::UnixTime => "unix-time",
            Kind::PureToken => "pure-token",
            Kind::OneOf => "oneof",
            Kind::Block => "block",
        }
    }

    fn named(name: &str) -> Option<Kind> {
        let known = [Kind::String, Kind::Integer, Kind::Double, Kind::Key, Kind::Pattern, Kind::UnixTime];
        known.into_iter().find(|kind| kind.name() == name)
    }

    fn of_argument(name: &str) -> Kind {
        match name {
            "key" | "newkey" | "source" | "destination" | "source-key" | "destination-key" | "key1"
            | "key2" | "destkey" | "sourcekey" | "dst" | "src" => Kind::Key,
            "pattern" => Kind::Pattern,
            "unix-time-seconds" | "unix-time-milliseconds" => Kind::UnixTime,
            "double" | "float" | "float-increment" | "score" | "min-score" | "max-score" | "longitude"
            | "latitude" | "radius" | "width" | "height" => Kind::Double,
            "seconds" | "milliseconds" | "count" | "index" | "offset" | "start" | "end" | "stop" | "db"
            | "destination-db" | "index1" | "index2" | "port" | "timeout" | "numkeys" | "cursor"
            | "increment" | "decrement" | "length" | "slot" | "start-slot" | "end-slot" | "client-id"
            | "numreplicas" | "numslaves" | "ttl" | "samples" | "protover" | "version" | "config-epoch"
            | "cluster-bus-port" | "frequency" | "numfields" | "rank" | "num-matches" | "min-match-len"
            | "limit" | "min-idle-time" | "weight" | "entries-added" | "maxage" | "num-vertices" => {
                Kind::Integer
            }
            _ => Kind::String,
        }
    }
}

/// One argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// The word that introduces it, or that it is.
    pub token: Option<String>,
    /// It may be left out.
    pub optional: bool,
    /// It may be given more than once.
    pub multiple: bool,
    /// Its token is repeated with it.
    pub multiple_token: bool,
    /// The parts of a block or a choice.
    pub children: Vec<Argument>,
}

impl Argument {
    fn new(name: impl Into<String>, kind: Kind) -> Self {
        Argument {
            name: name.into(),
            kind,
            token: None,
            optional: false,
            multiple: false,
            multiple_token: false,
            children: Vec::new(),
        }
    }

    fn word(word: &str) -> Self {
        if is_token(word) {
            Argument { token: Some(word.into()), ..Argument::new(word.to_lowercase(), Kind::PureToken) }
        } else if let Some((name, kind)) =
            word.split_once(':').and_then(|(name, kind)| Some((name, Kind::named(kind)?)))
        {
            Argument::new(name, kind)
        } else {
            Argument::new(word, Kind::of_argument(word))
        }
    }

    /// Several arguments as one: itself when there is only one.
    fn block(mut parts: Vec<Argument>) -> Self {
        if parts.len() == 1 {
            return parts.remove(0);
        }
        // A token before several plain arguments introduces them all.
        if parts[0].kind == Kind::PureToken && parts[1..].iter().all(|part| part.token.is_none()) {
            let token = parts.remove(0).token;
            return Argument { token, ..Argument::block(parts) };
        }
        Argument { children: parts.clone(), ..Argument::new(joined(&parts), Kind::Block) }
    }
}

fn joined(parts: &[Argument]) -> String {
    parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>().join("-")
}

fn is_token(word: &str) -> bool {
    word.chars().next().is_some_and(|first| !first.is_ascii_lowercase())
        && !word.chars().any(|letter| letter.is_ascii_lowercase())
}

/// Reads one line of syntax; nothing for a line that is not well-formed.
pub fn parse(syntax: &str) -> Option<Vec<Argument>> {
    let words = split(syntax);
    let mut parser = Parser { words: &words, at: 0 };
    let arguments = parser.sequence()?;
    (parser.at == words.len()).then_some(arguments)
}

fn split(syntax: &str) -> Vec<String> {
    let mut spaced = String::with_capacity(syntax.len() + 16);
    for letter in syntax.chars() {
        match letter {
            '[' | ']' | '<' | '>' | '|' => spaced.extend([' ', letter, ' ']),
            _ => spaced.push(letter),
        }
    }
    spaced.split_whitespace().map(str::to_owned).collect()
}

struct Parser<'a> {
    words: &'a [String],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> &str {
        self.words.get(self.at).map_or("", |word| word)
    }

    fn expect(&mut self, word: &str) -> Option<()> {
        (self.peek() == word).then(|| self.at += 1)
    }

    /// Arguments one after another, up to the end of the group.
    fn sequence(&mut self) -> Option<Vec<Argument>> {
        let mut found: Vec<(usize, Argument)> = Vec::new();
        loop {
            let start = self.at;
            match self.peek() {
                "" | "]" | ">" | "|" => break,
                "..." => {
                    self.at += 1;
                    found.last_mut()?.1.multiple = true;
                }
                "[" => match self.repetition(&found) {
                    Some((first, repeated)) => {
                        found.truncate(first);
                        found.push((start, repeated));
                    }
                    None => {
                        self.at += 1;
                        let inner = self.alternatives()?;
                        self.expect("]")?;
                        found.push((start, Argument { optional: true, ..inner }));
                    }
                },
                _ => {
                    let one = self.one()?;
                    found.push((start, one));
                }
            }
        }
        Some(found.into_iter().map(|(_, argument)| argument).collect())
    }

    /// One word, or one group that must be there, with the token before it.
    fn one(&mut self) -> Option<Argument> {
        let word = self.peek().to_owned();
        self.at += 1;
        if word == "<" {
            let inner = self.alternatives()?;
            self.expect(">")?;
            return Some(inner);
        }
        if let Some((name, rest)) = word.split_once('=') {
            let inner = if rest.is_empty() { self.one()? } else { Argument::word(rest) };
            return Some(Argument { name: name.into(), ..inner });
        }
        let next = self.peek();
        let introduces = is_token(&word) && (next == "<" || (!next.is_empty() && !is_token(next)));
        // `LIMIT offset count`: the whole block is introduced, see `Argument::block`.
        let alone =
            self.words.get(self.at + 1).is_none_or(|word| is_token(word) || word.contains(['.', '=']));
        if introduces && alone && next != "..." {
            return Some(Argument { token: Some(word), ..self.one()? });
        }
        Some(Argument::word(&word))
    }

    fn alternatives(&mut self) -> Option<Argument> {
        let mut choices = vec![Argument::block(non_empty(self.sequence()?)?)];
        while self.peek() == "|" {
            self.at += 1;
            choices.push(Argument::block(non_empty(self.sequence()?)?));
        }
        if choices.len() == 1 {
            return choices.pop();
        }
        let name = joined(&choices);
        Some(Argument { children: choices, ..Argument::new(name, Kind::OneOf) })
    }

    /// `[... ...]` that repeats what stands before it: the position of its first argument, and the whole.
    fn repetition(&mut self, found: &[(usize, Argument)]) -> Option<(usize, Argument)> {
        let dots = self.words[self.at..].iter().position(|word| word == "...")? + self.at;
        let repeated = &self.words[self.at + 1..dots];
        let start = self.at.checked_sub(repeated.len())?;
        let plain = !repeated.is_empty() && !repeated.iter().any(|word| "[]<>|".contains(word.as_str()));
        if !plain || self.words.get(dots + 1).map(String::as_str) != Some("]") {
            return None;
        }
        if self.words[start..self.at] != *repeated {
            return None;
        }
        let first = found.iter().position(|(at, _)| *at >= start).unwrap_or(found.len().checked_sub(1)?);
        let with_token = is_token(&repeated[0]);
        let parts: Vec<Argument> = found[first..].iter().map(|(_, argument)| argument.clone()).collect();
        self.at = dots + 2;
        Some((first, Argument { multiple: true, multiple_token: with_token, ..Argument::block(parts) }))
    }
}

fn non_empty(parts: Vec<Argument>) -> Option<Vec<Argument>> {
    (!parts.is_empty()).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::table::table;

    /// An argument in short: name, type, token, marks, children.
    fn short(argument: &Argument) -> String {
        let mut text = format!("{}:{}", argument.name, argument.kind.name());
        if let Some(token) = &argument.token {
            text += &format!("/{token}");
        }
        for (set, mark) in
            [(argument.optional, '?'), (argument.multiple, '*'), (argument.multiple_token, '+')]
        {
            text.extend(set.then_some(mark));
        }
        if !argument.children.is_empty() {
            text += &format!("({})", shorts(&argument.children));
        }
        text
    }

    fn shorts(arguments: &[Argument]) -> String {
        arguments.iter().map(short).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_notation_is_read() {
        for (syntax, expected) in [
            ("", ""),
            ("key value", "key:key value:string"),
            ("key [key ...]", "key:key*"),
            ("[channel [channel ...]]", "channel:string?*"),
            ("key field value [field value ...]", "key:key field-value:block*(field:string value:string)"),
            ("[NX | XX] [GET]", "nx-xx:oneof?(nx:pure-token/NX xx:pure-token/XX) get:pure-token/GET?"),
            ("condition=<ON | OFF>", "condition:oneof(on:pure-token/ON off:pure-token/OFF)"),
            (
                "[EX seconds | KEEPTTL]",
                "seconds-keepttl:oneof?(seconds:integer/EX keepttl:pure-token/KEEPTTL)",
            ),
            (
                "cursor [MATCH pattern] [COUNT count]",
                "cursor:integer pattern:pattern/MATCH? count:integer/COUNT?",
            ),
            ("[LIMIT offset count]", "offset-count:block/LIMIT?(offset:integer count:integer)"),
            ("[PREFIX prefix [PREFIX prefix ...]]", "prefix:string/PREFIX?*+"),
            (
                "[operator=<equal== | approximately=~>]",
                "operator:oneof?(equal:pure-token/= approximately:pure-token/~)",
            ),
            ("FIELDS numkeys field [field ...]", "fields:pure-token/FIELDS numkeys:integer field:string*"),
            (
                "[protover [AUTH username password] [SETNAME clientname]]",
                "protover-username-password-clientname:block?(protover:integer \
                 username-password:block/AUTH?(username:string password:string) clientname:string/SETNAME?)",
            ),
            (
                "<old=ip:port | new=<[ID client-id] | [SKIPME yes-no]> ...>",
                "old-new:oneof(old:string new:oneof*(client-id:integer/ID? yes-no:string/SKIPME?))",
            ),
        ] {
            let parsed = parse(syntax).unwrap_or_else(|| panic!("{syntax} is not understood"));
            assert_eq!(shorts(&parsed), expected, "{syntax}");
        }
        for broken in ["[key", "key]", "[]", "...", "<a |>"] {
            assert_eq!(parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn every_command_has_a_syntax_that_is_read() {
        for entry in &table().entries {
            let syntax = entry.command.syntax;
            assert!(parse(syntax).is_some(), "{}: {syntax}", entry.full_name);
        }
    }
}
