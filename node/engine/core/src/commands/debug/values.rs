//! Subcommands of DEBUG that look at keys and values, or make some.

use crate::base::glob;
use crate::base::numbers::parse_i64;
use crate::dispatch::{Ctx, Failure, Outcome};
use crate::engine::effects::Level;
use crate::keyspace::{Db, EntryRef, Ttl};
use crate::resp::failure::NO_SUCH_KEY;
use crate::types::ValueRef;

/// What follows from the value of the key in argument 2.
fn look<T>(ctx: &mut Ctx<'_>, at: impl FnOnce(EntryRef<'_>) -> T) -> Result<T, Failure> {
    let key = ctx.key(2);
    ctx.find_quietly(&key).map(at).ok_or(NO_SUCH_KEY)
}

pub(super) fn object(ctx: &mut Ctx<'_>) -> Outcome {
    if ctx.args.len() == 4 && !ctx.arg_is(3, "fast") {
        return Err(super::unknown(ctx));
    }
    let is_fast = ctx.args.len() == 4;
    let (now_ms, node_size) = (ctx.now_ms(), ctx.engine.settings.list_max_listpack_size);
    let described = look(ctx, |entry| {
        let idle_s = crate::keyspace::access::lru_idle_ms(entry.clock(), now_ms) / 1000;
        let serialized =
            if is_fast { String::new() } else { format!("serializedlength:{} ", dump_len(entry)) };
        let mut text = format!(
            "Value at:{:#x} refcount:1 encoding:{} {serialized}lru:{} lru_seconds_idle:{idle_s}",
            entry.key().as_ptr() as usize,
            entry.encoding(),
            entry.clock()
        );
        if let (ValueRef::List(list), "quicklist") = (entry.value(), entry.encoding()) {
            let nodes = list.node_count();
            text.push_str(&format!(
                " ql_nodes:{nodes} ql_avg_node:{:.2} ql_listpack_max:{node_size} ql_compressed:0 \
                 ql_uncompressed_size:{}",
                list.len() as f64 / nodes.max(1) as f64,
                list.packed_bytes()
            ));
        }
        text
    })?;
    ctx.reply().simple(&described);
    Ok(())
}

/// Bytes of a value in RDB.
fn dump_len(entry: EntryRef<'_>) -> usize {
    const FRAME_BYTES: usize = 11; // the type before; the version and the checksum behind
    let mut payload = Vec::new();
    crate::snapshot::payload::dump(&mut payload, entry.value(), &mut None);
    payload.len().saturating_sub(FRAME_BYTES)
}

pub(super) fn digest(ctx: &mut Ctx<'_>) -> Outcome {
    let digest = ctx.engine.digest().to_hex();
    ctx.reply().simple(&digest);
    Ok(())
}

pub(super) fn digest_value(ctx: &mut Ctx<'_>) -> Outcome {
    let args = ctx.args;
    ctx.reply().array(args.len() - 2);
    for key in args.iter_from(2) {
        let digest = ctx.engine.digest_of(ctx.session.db, key).to_hex();
        ctx.reply().simple(&digest);
    }
    Ok(())
}

pub(super) fn listpack(ctx: &mut Ctx<'_>) -> Outcome {
    if look(ctx, |entry| entry.encoding() != "listpack")? {
        return Err(Failure::Text("ERR Not a listpack encoded object."));
    }
    describe_in_log(ctx)?;
    // The place that tools look for; ours is the log.
    ctx.reply().simple("Listpack structure printed on stdout");
    Ok(())
}

pub(super) fn quicklist(ctx: &mut Ctx<'_>) -> Outcome {
    if look(ctx, |entry| entry.encoding() != "quicklist")? {
        return Err(Failure::Text("ERR Not a quicklist encoded object."));
    }
    describe_in_log(ctx)?;
    ctx.reply().simple("Quicklist structure printed on stdout");
    Ok(())
}

fn describe_in_log(ctx: &mut Ctx<'_>) -> Outcome {
    let text = look(ctx, |entry| {
        let name = entry.key().escape_ascii().to_string();
        let nodes = match entry.value() {
            ValueRef::List(list) => format!(", {} nodes", list.node_count()),
            _ => String::new(),
        };
        format!("Key '{name}': {}, {} bytes in RDB{nodes}", entry.encoding(), dump_len(entry))
    })?;
    ctx.engine.log(Level::Notice, text);
    Ok(())
}

/// Accepted for the tests of the peers: an element above the size of a node has one of its own here in any case.
pub(super) fn packed_threshold(ctx: &mut Ctx<'_>) -> Outcome {
    const BYTES_MAX: u64 = 4 << 30;
    let text = String::from_utf8_lossy(ctx.arg(2)).to_lowercase();
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "b" => Some(1),
        "k" => Some(1000),
        "kb" => Some(1 << 10),
        "m" => Some(1_000_000),
        "mb" => Some(1 << 20),
        "g" => Some(1_000_000_000),
        "gb" => Some(1 << 30),
        _ => None,
    };
    let bytes = digits.parse::<u64>().ok().zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
    match bytes {
        Some(bytes) if bytes <= BYTES_MAX => ctx.ok(),
        _ => Err(Failure::Text("ERR argument must be a memory value bigger than 1 and smaller than 4gb")),
    }
}

pub(super) fn string_lengths(ctx: &mut Ctx<'_>) -> Outcome {
    let text = look(ctx, |entry| {
        let value = match entry.value() {
            ValueRef::Bytes(bytes) => bytes.len(),
            _ => return None,
        };
        let key = entry.key().len();
        let memory = crate::base::alloc::rounded(entry.memory_bytes());
        Some(format!(
            "key_sds_len:{key}, key_sds_avail:0, key_zmalloc: {}, val_sds_len:{value}, val_sds_avail:0, \
             val_zmalloc: {}",
            crate::base::alloc::rounded(key),
            memory.saturating_sub(key)
        ))
    })?;
    let text = text.ok_or(Failure::Text("ERR Not an sds encoded string."))?;
    ctx.reply().simple(&text);
    Ok(())
}

pub(super) fn table_of_database(ctx: &mut Ctx<'_>) -> Outcome {
    let number = ctx.int_arg(2)?;
    let db = usize::try_from(number).ok().and_then(|number| ctx.engine.keyspace.dbs.get(number));
    let db = db.ok_or(Failure::Text("ERR Out of range database"))?;
    // Expiries are not a table of their own: they are in the entries and in a wheel of timers.
    let text = format!(
        "[Dictionary HT]\n{}[Expires HT]\n{}",
        table(Db::places(db), db.len()),
        table(db.expiring_len() as usize, db.expiring_len() as usize)
    );
    ctx.reply().verbatim("txt", text.as_bytes());
    Ok(())
}

pub(super) fn table_of_key(ctx: &mut Ctx<'_>) -> Outcome {
    let len = look(ctx, |entry| match (entry.encoding(), entry.value()) {
        ("hashtable", ValueRef::Hash(hash)) => Some(hash.len()),
        ("hashtable", ValueRef::Set(set)) => Some(set.len()),
        ("skiplist", ValueRef::SortedSet(set)) => Some(set.len()),
        _ => None,
    })?;
    let len = len.ok_or(Failure::Text(
        "ERR The value stored at the specified key is not represented using an hash table",
    ))?;
    let text = table(len, len);
    ctx.reply().verbatim("txt", text.as_bytes());
    Ok(())
}

fn table(places: usize, len: usize) -> String {
    let title = "Hash table 0 stats (main hash table):\n";
    match len {
        0 => format!("{title}No stats available for empty dictionaries\n"),
        _ => format!("{title} table size: {places}\n number of elements: {len}\n"),
    }
}

pub(super) fn stringmatch(ctx: &mut Ctx<'_>) -> Outcome {
    const LETTERS_MAX: i64 = 1 << 20;
    let letters = ctx.int_arg_in(2, 0..=LETTERS_MAX, "ERR length is out of range")?;
    let text = vec![b'x'; letters as usize];
    let fits = glob::matches(ctx.arg(3), &text, false);
    ctx.int(i64::from(fits))
}

pub(super) fn stringmatch_test(ctx: &mut Ctx<'_>) -> Outcome {
    const ROUNDS: usize = 20_000;
    const LETTERS: &[u8] = b"ab*?[]^-\\";
    let prng = &mut ctx.engine.keyspace.prng;
    let mut random = |len_max: u64| -> Vec<u8> {
        let len = prng.next_u64() % len_max;
        (0..len).map(|_| LETTERS[(prng.next_u64() % LETTERS.len() as u64) as usize]).collect()
    };
    for _ in 0..ROUNDS {
        let (pattern, text) = (random(16), random(32));
        glob::matches(&pattern, &text, false);
    }
    // The words that tests of the peers look for.
    ctx.reply().simple("Apparently Redis did not crash: test passed");
    Ok(())
}

/// Creates `prefix:0`, `prefix:1` ...; keys that are there stay as they are.
pub(super) fn populate(ctx: &mut Ctx<'_>) -> Outcome {
    const KEYS_MAX: i64 = 100_000_000;
    const VALUE_BYTES_MAX: i64 = 1 << 20;
    let count = ctx.int_arg_in(2, 0..=KEYS_MAX, "ERR value is not an integer or out of range")?;
    let prefix = ctx.args.try_get(3).unwrap_or(b"key").to_vec();
    let size = match ctx.args.try_get(4) {
        Some(text) => parse_i64(text).filter(|size| (0..=VALUE_BYTES_MAX).contains(size)),
        None => Some(0),
    };
    let size = size.ok_or(crate::resp::failure::NOT_AN_INTEGER)? as usize;
    let clock = ctx.engine.access_clock();
    for number in 0..count {
        let mut name = prefix.clone();
        name.extend_from_slice(format!(":{number}").as_bytes());
        let mut value = format!("value:{number}").into_bytes();
        if size > 0 {
            value.resize(size, 0);
        }
        let key = ctx.key_of(&name);
        if !ctx.db().contains(&key) {
            ctx.db().set_string(&key, &value, Ttl::Clear, clock);
        }
    }
    ctx.ok()
}
