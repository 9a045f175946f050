//! Subcommands of DEBUG that answer what they are asked for, for the tests of clients.

use crate::dispatch::{Ctx, Failure, Outcome};

pub(super) fn error(ctx: &mut Ctx<'_>) -> Outcome {
    Err(Failure::new(String::from_utf8_lossy(ctx.arg(2))))
}

/// A value of each type of the protocol.
// The double is the one that Redis answers; that it resembles a constant is a coincidence.
#[allow(clippy::approx_constant)]
pub(super) fn protocol(ctx: &mut Ctx<'_>) -> Outcome {
    let kind = ctx.arg(2).to_ascii_lowercase();
    let resp = ctx.session.resp;
    let mut reply = ctx.reply();
    match &*kind {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.int(12345),
        b"double" => reply.double(3.141),
        b"null" => reply.null(),
        b"array" | b"set" => {
            if kind == b"array" {
                reply.array(3);
            } else {
                reply.set(3);
            }
            (0..3).for_each(|number| reply.int(number));
        }
        b"map" => {
            reply.map(3);
            for number in 0..3 {
                reply.int(number);
                reply.bool(number == 1);
            }
        }
        b"attrib" => {
            // Only RESP3 has attributes; before another version the reply stands alone.
            if resp >= 3 {
                reply.raw(b"|1\r\n");
                reply.bulk(b"key-popularity");
                reply.array(2);
                reply.bulk(b"key:123");
                reply.int(90);
            }
            reply.bulk(b"Some real reply following the attribute");
        }
        b"push" => {
            reply.push(2);
            reply.bulk(b"server-cpu-usage");
            reply.int(42);
        }
        b"verbatim" => reply.verbatim("txt", b"This is a verbatim\nstring"),
        b"bignum" => reply.big_number("1234567999999999999999999999999999999"),
        b"true" => reply.bool(true),
        b"false" => reply.bool(false),
        _ => {
            return Err(Failure::Text(
                "ERR Wrong protocol type name. Please use one of the following: \
                 string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ))
        }
    }
    Ok(())
}
