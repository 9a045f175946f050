"""The log of a server: Redis's line format, since supervisors and test suites read it.

    1234:M 22 Nov 2026 02:16:46.898 * Ready to accept connections

The letter is the role (C while starting, M primary, S replica, X Sentinel), the mark the level (``.`` debug,
``-`` verbose, ``*`` notice, ``#`` warning). A line that cannot be written is not worth the server's life: it
is dropped and counted.
"""

from __future__ import annotations

import os
import time

from garrison.base import banner

LEVELS = {"debug": 0, "verbose": 1, "notice": 2, "warning": 3, "nothing": 4}
"""The least level that is written; with the last, no line is."""
_MARKS = ".-*#"
_SYSLOG_PRIORITIES = (7, 6, 5, 4)  # debug, info, notice, warning
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
LINE_CHARACTERS_MAX = 1024


class Log:
    """Lines to standard output or a file, and to syslog if asked for.

    A file is opened for each line, so that it can be rotated by renaming it.
    """

    def __init__(self, path: str = "", level: str = "notice") -> None:
        self.path = os.path.abspath(path) if path else ""
        self.role = "C"
        self.lost = 0
        self._level = LEVELS[level]
        self._syslog = False

    def set_level(self, level: str) -> None:
        self._level = LEVELS[level]

    def open_syslog(self, ident: str, facility: str) -> None:
        import syslog

        code = getattr(syslog, f"LOG_{facility.upper()}", syslog.LOG_LOCAL0)
        syslog.openlog(ident, syslog.LOG_PID | syslog.LOG_NDELAY, code)
        self._syslog = True

    @staticmethod
    def problem_of(path: str, folder: str) -> str:
        """Why no log could be written to `path`, seen from `folder`, or an empty text. Nothing is created."""
        if not path:
            return ""
        whole = os.path.abspath(os.path.join(folder, path))
        if os.path.isdir(whole):
            return f"cannot open the log file {whole}: it is a folder"
        above = os.path.dirname(whole)
        if not os.path.isdir(above):
            return f"cannot open the log file {whole}: there is no folder {above}"
        if not os.access(whole if os.path.exists(whole) else above, os.W_OK):
            return f"cannot open the log file {whole}: it may not be written"
        return ""

    def check(self) -> str:
        """Why lines cannot be written, or an empty text."""
        if not self.path:
            return ""
        try:
            with open(self.path, "ab"):
                return ""
        except OSError as error:
            return f"cannot open the log file {self.path}: {error.strerror}"

    def write(self, level: str, message: str) -> None:
        rank = LEVELS[level]
        if rank < self._level:
            return
        if len(message) > LINE_CHARACTERS_MAX and "\n" not in message:
            message = message[:LINE_CHARACTERS_MAX] + "..."
        line = f"{os.getpid()}:{self.role} {_stamp()} {_MARKS[rank]} {message}\n"
        try:
            self._append(line.encode("utf-8", "backslashreplace"))
        except OSError:
            self.lost += 1
        if self._syslog:
            import syslog

            syslog.syslog(_SYSLOG_PRIORITIES[rank], message)

    def raw(self, text: str) -> None:
        """Lines without time and level, of notices."""
        if LEVELS["notice"] < self._level:
            return
        try:
            self._append(text.encode())
        except OSError:
            self.lost += 1

    def starts(self, mode: str, port: str, *, always_logo: bool) -> None:
        """Say in which mode and on which port this server begins to run: by a banner, or in a line."""
        if banner.is_wanted(always_logo, self.path, self._syslog):
            self.raw(banner.banner(mode, port))
        else:
            self.notice(f"Running mode={mode}, port={port}.")

    def _append(self, data: bytes) -> None:
        if not self.path:
            os.write(1, data)
            return
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)

    def debug(self, message: str) -> None:
        self.write("debug", message)

    def verbose(self, message: str) -> None:
        self.write("verbose", message)

    def notice(self, message: str) -> None:
        self.write("notice", message)

    def warning(self, message: str) -> None:
        self.write("warning", message)


def _stamp() -> str:
    now = time.time()
    day = time.localtime(now)
    clock = f"{day.tm_hour:02}:{day.tm_min:02}:{day.tm_sec:02}.{int(now * 1000) % 1000:03}"
    return f"{day.tm_mday:02} {_MONTHS[day.tm_mon - 1]} {day.tm_year} {clock}"
