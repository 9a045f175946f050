"""SentinelCore: one Sentinel as a state machine.

HOW TO DRIVE IT. Every input is a method that takes the time and returns nothing; the effects gather until
`take()`, which hands them over as one record to be carried out from top to bottom (see `effects.Effects`).

    core = SentinelCore(settings, rng, now_ms=..., wall_ms=..., process_id=os.getpid())
    carry_out(core.take())                     # first: may save a new id, opens links, tells +monitor
    core.tick(now_ms)                          # at least every TICK_MS_MAX, and at next_deadline_ms()
    core.link_up(link_id, local_ip, now_ms)    # a Connect effect succeeded
    core.link_down(link_id, now_ms)            # it failed, or the peer closed; pending replies are lost
    core.answered(link_id, token, reply, now_ms)   # reply: bytes, int, None, list of these, or ReplyError
    core.message(link_id, channel, payload, now_ms)  # a subscribed link received a message (bytes, bytes)
    core.resolved(host, address, now_ms)       # the answer to a Resolve effect
    core.command(ticket, argv, now_ms)         # a client sent SENTINEL ..., INFO's section, ROLE or PUBLISH
    core.info_section() -> str                 # the text of INFO sentinel, without the heading
    core.save_failed(reason, now_ms)           # a persist effect could not be carried out

TIME. `now_ms` is a clock in milliseconds that never goes back and runs on while the process is stopped
(CLOCK_BOOTTIME); a gap between ticks is how a Sentinel knows that it was asleep (TILT). `wall_ms` is the time
since 1970 and only shown. Read pending replies from the sockets before calling tick after a pause.

LINKS. The core numbers them. A link is a plain connection that speaks RESP2: what is sent on it, AUTH and
SUBSCRIBE included, the core sends. Replies of one link arrive in the order of its commands. `Send` on a link
that has just broken is ignored by the shell.

COMMANDS. `argv[0]` is the command in any case: SENTINEL and its subcommands, ROLE, PUBLISH (for the hello
channel only). Every ticket gets exactly one reply; some come later.
"""
