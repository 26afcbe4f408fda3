"""What holds the node back from outside of its programs: quotas, heat, and interfaces that lose packets."""

from __future__ import annotations

from engine.findings.blame import blame, by_cpu, named
from engine.findings.condition import Condition, numbered
from engine.findings.naming import quoted
from engine.findings.settings import Settings
from engine.telemetry.history import History
from engine.units import percent


def cgroup_throttled(history: History, settings: Settings) -> list[Condition]:
    """``cgroup_throttled``: the node is a container that is made to wait for its next share of the processors."""
    now = history.latest
    quota = now.cpu.quota if now else None
    grade = settings.throttled.grade(quota.throttled_percent) if quota else None
    if now is None or quota is None or grade is None:
        return []
    culprits = blame(by_cpu(now))
    led = f"; {named(culprits, 1)} uses the most" if culprits else ""
    return [
        Condition(
            "cgroup_throttled",
            "",
            grade,
            settings.throttled,
            f"The quota of {quota.cores:.1f} cores holds this container back in {percent(quota.throttled_percent)} of "
            f"its scheduling periods{led}.",
            culprits,
            numbered(
                ("periods in which it had to wait", quota.throttled_percent, "%"),
                ("cores that it may use", quota.cores, ""),
            ),
            "Raise the quota (cpu.max, or the CPU limit of the pod), or run fewer threads than it has cores.",
        )
    ]


def thermal_throttled(history: History, settings: Settings) -> list[Condition]:
    """``thermal_throttled``: a chip is about as hot as it calls critical, from where it slows down to cool."""
    now, found = history.latest, []
    hot = [s for s in now.sensors if s.kind == "temperature" and s.limit and s.limit > 0] if now else []
    hottest = {s.chip: s for s in sorted(hot, key=lambda s: s.value)}
    for sensor in hottest.values():
        if not sensor.limit:
            continue
        grade = settings.heat.grade(100 * sensor.value / sensor.limit)
        if grade is None:
            continue
        label = quoted(sensor.chip)
        found.append(
            Condition(
                "thermal_throttled",
                sensor.chip,
                grade,
                settings.heat,
                f"{label} is {sensor.value:.0f} °C hot; it slows down at {sensor.limit:.0f} °C.",
                (),
                numbered((f"temperature of {label}", sensor.value, "°C"), ("critical temperature", sensor.limit, "°C")),
                "Look at fans, dust and the air in the room; until then run less at once.",
            )
        )
    return found


def network_errors(history: History, settings: Settings) -> list[Condition]:
    """``network_errors``: an interface receives or sends packets that are damaged."""
    now, found = history.latest, []
    for wire in now.interfaces if now else ():
        errors = wire.receive_errors_s + wire.transmit_errors_s
        packets = wire.receive_packets_s + wire.transmit_packets_s + errors
        grade = settings.packet_errors.grade(100 * errors / packets) if errors >= 1 else None
        if grade is None:
            continue
        found.append(
            Condition(
                "network_errors",
                wire.name,
                grade,
                settings.packet_errors,
                f"{percent(100 * errors / packets)} of the packets of {quoted(wire.name)} are damaged.",
                (),
                numbered((f"damaged packets of {quoted(wire.name)}", 100 * errors / packets, "%")),
                "Check the cable, the port and the settings of both ends (ethtool -S); then the driver.",
            )
        )
    return found
