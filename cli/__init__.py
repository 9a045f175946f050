"""``garrison cli``: a prompt and one-shot commands for any server that speaks RESP, with redis-cli's options.

``core/`` decides (options, words of a line, replies, formats, hints, statistics) and touches nothing.
What is around it has the sockets and the terminal: :mod:`session` is one conversation with one server,
over :class:`garrison.client.Connection`; :mod:`one_shot`, :mod:`prompt`, :mod:`sampling`, :mod:`live` and
:mod:`insertion` are the modes.
"""
