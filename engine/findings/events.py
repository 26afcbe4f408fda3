"""What has happened and should be known: processes killed for want of memory, units that failed, ports left open."""

from __future__ import annotations

from engine.findings.condition import Condition, number, numbered
from engine.findings.naming import quoted
from engine.findings.settings import Settings
from engine.snapshot import Listener
from engine.telemetry.history import History

_RECENT_S = 60.0
_NAMED = 3
_PRIVATE = {
    2375: "the Docker API without TLS",
    2379: "etcd",
    5984: "CouchDB",
    6379: "Redis",
    9200: "Elasticsearch",
    11211: "memcached",
    27017: "MongoDB",
}
"""Services that ask nobody for a password by default, by port (Shadowserver scans the Internet for each of them)."""


def oom_kill(history: History, settings: Settings) -> list[Condition]:
    """``oom_kill``: the kernel has killed a process within the last minute because memory had run out."""
    recent = history.recent(_RECENT_S)
    kills = sum(snapshot.memory.oom_kills_now for snapshot in recent)
    if not kills:
        return []
    now = recent[-1]
    fresh = [kill for kill in now.memory.oom_killed if kill.at_s >= now.uptime_s - _RECENT_S][-_NAMED:]
    names = ", ".join(f"{quoted(kill.name)} ({kill.pid})" for kill in fresh)
    return [
        Condition(
            "oom_kill",
            "",
            "critical",
            settings.event,
            f"Memory had run out: the kernel killed {number(kills, 'process', 'processes')} within a minute"
            f"{': ' + names if names else ''}.",
            (),
            numbered(
                ("processes killed for want of memory", kills, ""),
                *((f"pid of {quoted(kill.name)}", kill.pid, "") for kill in fresh),
            ),
            "See dmesg for what held the memory, restart what was killed, and give it a limit or the node more memory.",
        )
    ]


def unit_failed(history: History, settings: Settings) -> list[Condition]:
    """``unit_failed``: systemd has given a unit up."""
    now = history.latest
    failed = now.failed_units if now else None
    if not failed:
        return []
    names = ", ".join(quoted(unit) for unit in failed[:_NAMED])
    more = f" and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
    return [
        Condition(
            "unit_failed",
            "",
            "warning",
            settings.event,
            f"{number(len(failed), 'unit has', 'units have')} failed: {names}{more}.",
            (),
            numbered(
                ("failed units", len(failed), ""), ("failed units beyond those named", max(0, len(failed) - 3), "")
            ),
            "See why (systemctl status UNIT, journalctl -u UNIT), then start it again or systemctl reset-failed.",
        )
    ]


def port_exposed(history: History, settings: Settings) -> list[Condition]:
    """``port_exposed``: a service that asks for no password by default listens on every address of the node."""
    now = history.latest
    if now is None or now.host.container:  # a container's addresses are those that its host gives it
        return []
    open_ports: dict[int, Listener] = {}
    for listener in now.listeners:
        if listener.wildcard and listener.protocol == "tcp" and listener.port in _PRIVATE:
            open_ports.setdefault(listener.port, listener)
    return [
        Condition(
            "port_exposed",
            str(port),
            "warning",
            settings.event,
            f"Port {port}, by custom {_PRIVATE[port]}, listens on every address"
            f"{f': {quoted(listener.name)} ({listener.pid})' if listener.pid and listener.name else ''}.",
            (),
            numbered(("port", port, "")),
            "Bind it to 127.0.0.1 or close it with the firewall, unless it asks for a password.",
        )
        for port, listener in open_ports.items()
    ]
