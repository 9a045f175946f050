"""TLS, which is not built yet: what would be less safe without it is refused."""

from __future__ import annotations

from garrison.base.value_types import Choice, Directive, Integer, Text, Use, YesNo

N, R = Use.NOTHING, Use.REFUSED
YES_NO = YesNo()

ROWS = (
    Directive("tls-port", Integer(0, 65535), "0", R, "TCP port for clients with TLS."),
    Directive("tls-cluster", YES_NO, "no", R, "Use TLS on the cluster bus."),
    Directive("tls-replication", YES_NO, "no", R, "Use TLS to the primary."),
    Directive("tls-cert-file", Text(), "", N, "Certificate."),
    Directive("tls-key-file", Text(), "", N, "Key."),
    Directive("tls-client-cert-file", Text(), "", N, "Certificate for outgoing connections."),
    Directive("tls-client-key-file", Text(), "", N, "Key for outgoing connections."),
    Directive("tls-dh-params-file", Text(), "", N, "Parameters of the key exchange."),
    Directive("tls-ca-cert-file", Text(), "", N, "Authorities, one file."),
    Directive("tls-ca-cert-dir", Text(), "", N, "Authorities, a folder."),
    Directive("tls-protocols", Text(), "", N, "Versions of TLS."),
    Directive("tls-ciphers", Text(), "", N, "Ciphers up to TLS 1.2."),
    Directive("tls-ciphersuites", Text(), "", N, "Ciphers of TLS 1.3."),
    Directive("tls-key-file-pass", Text(), "", N, "Passphrase of the key.", sensitive=True),
    Directive("tls-client-key-file-pass", Text(), "", N, "Passphrase of the key.", sensitive=True),
    Directive(
        "tls-auth-clients", Choice("no", "yes", "optional"), "yes", N, "Ask clients for a certificate."
    ),
    Directive("tls-prefer-server-ciphers", YES_NO, "no", N, "Choose the cipher on the side of the server."),
    Directive("tls-session-caching", YES_NO, "yes", N, "Let sessions be resumed."),
    Directive("tls-session-cache-size", Integer(), "20480", N, "Sessions that can be resumed."),
    Directive(
        "tls-session-cache-timeout", Integer(), "300", N, "Seconds for which a session can be resumed."
    ),
)
