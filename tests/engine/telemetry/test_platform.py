"""What the node runs in and on, its sensors, who is logged in, and its failed units."""

import struct

import pytest

from engine.snapshot import Battery, Login, Sensor
from engine.telemetry.procfs import hwmon, platform
from engine.telemetry.procfs.hwmon import HardwareReader
from engine.telemetry.procfs.logins import LoginReader
from engine.telemetry.units import UnitReader
from tests.engine.telemetry.conftest import Tree


def beside(tree: Tree, path: str, text: str | bytes) -> None:
    file = tree.roots.beside(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode() if isinstance(text, str) else text)


def test_the_distribution(tree: Tree) -> None:
    assert platform.system(tree.roots) == ""
    beside(tree, "etc/os-release", 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 \x1b(bookworm)"\nID=debian\n')
    assert platform.system(tree.roots) == "Debian GNU/Linux 12 \\x1b(bookworm)"


@pytest.mark.parametrize(
    ("vendor", "product", "kind"),
    [
        ("QEMU", "Standard PC (Q35 + ICH9, 2009)", "kvm"),
        ("Amazon EC2", "m5.large", "kvm (Amazon EC2)"),
        ("Amazon EC2", "m5.metal", ""),
        ("Google", "Google Compute Engine", "kvm (Google)"),
        ("VMware, Inc.", "VMware7,1", "vmware"),
        ("innotek GmbH", "VirtualBox", "virtualbox"),
        ("Microsoft Corporation", "Virtual Machine", "hyper-v"),
        ("Dell Inc.", "PowerEdge R740", ""),
    ],
)
def test_the_hypervisor_by_dmi(tree: Tree, vendor: str, product: str, kind: str) -> None:
    tree.sys("class/dmi/id/sys_vendor", f"{vendor}\n")
    tree.sys("class/dmi/id/product_name", f"{product}\n")
    assert platform.virtualization(tree.roots) == kind


def test_other_signs_of_a_hypervisor(tree: Tree) -> None:
    tree.proc("cpuinfo", "flags\t\t: fpu vme hypervisor lahf_lm\n")
    assert platform.virtualization(tree.roots) == "vm"
    tree.sys("hypervisor/type", "xen\n")
    assert platform.virtualization(tree.roots) == "xen"
    tree.proc("sys/kernel/osrelease", "5.15.90.1-microsoft-standard-WSL2\n")
    assert platform.virtualization(tree.roots) == "wsl"


def test_containers(tree: Tree) -> None:
    assert platform.container(tree.roots) == ""
    beside(tree, "run/.containerenv", "")
    assert platform.container(tree.roots) == "podman"
    beside(tree, ".dockerenv", "")
    assert platform.container(tree.roots) == "docker"
    tree.proc("1/environ", b"PATH=/bin\0container=lxc\0")
    assert platform.container(tree.roots) == "lxc"
    tree.proc("1/environ", b"KUBERNETES_SERVICE_HOST=10.0.0.1\0")
    assert platform.container(tree.roots) == "kubernetes"
    beside(tree, "run/systemd/container", "systemd-nspawn\n")
    assert platform.container(tree.roots) == "systemd-nspawn"


def test_sensors(tree: Tree) -> None:
    assert not hwmon.present(tree.roots)
    for path, text in {
        "hwmon0/name": "nvme\x1b\n",
        "hwmon0/temp1_input": "38850\n",
        "hwmon0/temp1_label": "Composite\n",
        "hwmon0/temp1_crit": "84850\n",
        "hwmon1/name": "nct6775\n",
        "hwmon1/fan2_input": "1200\n",
        "hwmon1/fan10_input": "0\n",
        "hwmon1/temp7_input": "-9000\n",
        "hwmon1/temp8_input": "not yet\n",
    }.items():
        tree.sys(f"class/hwmon/{path}", text)
    assert hwmon.present(tree.roots)
    assert HardwareReader(tree.roots).read(0.0).sensors == (
        Sensor("nvme\\x1b", "Composite", "temperature", 38.85, 84.85),
        Sensor("nct6775", "fan2", "fan", 1200.0),
        Sensor("nct6775", "fan10", "fan", 0.0),
        Sensor("nct6775", "temp7", "temperature", -9.0),
    )


def supply(tree: Tree, name: str, **files: object) -> None:
    for file, value in files.items():
        tree.sys(f"class/power_supply/{name}/{file}", f"{value}\n")


def test_a_battery_that_counts_energy(tree: Tree) -> None:
    supply(tree, "AC", type="Mains", online=0)
    supply(tree, "mouse", type="Battery", scope="Device", capacity=5, status="Discharging")
    energy = {"energy_now": 30_000_000, "energy_full": 60_000_000, "power_now": 15_000_000}
    supply(tree, "BAT0", type="Battery", capacity=50, status="Discharging", **energy)
    battery = Battery(50.0, "discharging", power_w=15.0, left_s=7200.0)
    assert HardwareReader(tree.roots).read(0.0).battery == battery


def test_a_battery_that_counts_charge(tree: Tree) -> None:
    charge = {"charge_now": 1_000_000, "charge_full": 2_000_000, "current_now": 500_000, "voltage_now": 10_000_000}
    supply(tree, "BAT1", type="Battery", capacity=50, status="Charging", **charge)
    assert HardwareReader(tree.roots).read(0.0).battery == Battery(50.0, "charging", power_w=5.0, left_s=7200.0)
    supply(tree, "BAT1", status="Not charging", current_now=0)
    assert HardwareReader(tree.roots).read(1.0).battery == Battery(50.0, "idle")


def utmp(kind: int, user: bytes, line: bytes, host: bytes, at: int) -> bytes:
    return struct.pack("=hxxi32s4s32s256shhiii16s20s", kind, 77, line, b"ts/0", user, host, 0, 0, 1, at, 0, b"", b"")


def test_logins_by_utmp(tree: Tree) -> None:
    reader = LoginReader(tree.roots)
    assert reader.read(0.0) == ()
    records = utmp(2, b"reboot", b"~", b"6.8", 1) + utmp(7, b"an\x1bn", b"pts/0", b"10.0.0.7", 1_700_000_000)
    beside(tree, "run/utmp", records + b"cut")
    assert reader.read(5.0) == ()  # kept for ten seconds
    assert reader.read(10.0) == (Login("an\\x1bn", "pts/0", "10.0.0.7", 1_700_000_000.0),)


def test_logins_by_logind(tree: Tree) -> None:
    session = "# private\nUID=1000\nUSER=ann\nSTATE=active\nCLASS=user\nTTY=pts/1\nREMOTE_HOST=h\nREALTIME=17000000\n"
    beside(tree, "run/systemd/sessions/4", session)
    beside(tree, "run/systemd/sessions/5", session.replace("CLASS=user", "CLASS=greeter"))
    beside(tree, "run/systemd/sessions/6", session.replace("active", "closing"))
    beside(tree, "run/systemd/sessions/4.ref", b"")
    assert LoginReader(tree.roots).read(0.0) == (Login("ann", "pts/1", "h", 17.0),)


def test_failed_units() -> None:
    said = "nginx.service loaded failed failed A web server\nbad\\x1b.mount loaded failed failed x\x1b\n\n"
    assert UnitReader(lambda: said).read(0.0) == ("nginx.service", "bad\\x1b.mount")
    assert UnitReader(lambda: "").read(0.0) == ()


def test_a_systemctl_that_fails_is_an_os_error(monkeypatch: pytest.MonkeyPatch, tree: Tree) -> None:
    program = tree.roots.proc.parent / "systemctl"
    program.write_text("#!/bin/sh\necho 'Host is down' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/bin:/usr/bin")
    with pytest.raises(OSError, match="Host is down"):
        UnitReader().read(0.0)
    program.write_text("#!/bin/sh\nexec sleep 100\n")
    monkeypatch.setattr("engine.telemetry.units.DEADLINE_S", 0.05)
    with pytest.raises(TimeoutError, match="has not answered"):
        UnitReader().read(0.0)
    program.write_text('#!/bin/sh\necho "$*" | grep -q state=failed && echo a.service x\n')
    monkeypatch.setattr("engine.telemetry.units.DEADLINE_S", 10.0)
    assert UnitReader().read(0.0) == ("a.service",)
