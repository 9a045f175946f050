"""A Sentinel's configuration between two lives: what the core had persisted, read as the shell reads it."""

from __future__ import annotations

from garrison.base.config_text import lines_of
from garrison.sentinel.config.lines import read_lines
from garrison.sentinel.core.settings import SentinelSettings


def read_settings(lines: tuple[str, ...]) -> SentinelSettings:
    """The settings that a restarted Sentinel begins with. Raises ConfigError."""
    settings = SentinelSettings()
    read_lines(lines_of("\n".join(lines), "sentinel.conf"), settings, "/")
    return settings
