"""What runtimes write into cgroup paths, as seen on machines that run them."""

import pytest

from engine.telemetry.procfs.labels import NONE, Labels, labels

ID = "4f5e" * 16
SHORT = "4f5e4f5e4f5e"
POD = "1a2b3c4d-0000-1111-2222-333344445555"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0::/\n", NONE),
        ("", NONE),
        ("0::/init.scope\n", Labels(unit="init.scope")),
        ("0::/system.slice/nginx.service\n", Labels(unit="nginx.service")),
        (
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/emacs.service\n",
            Labels(unit="emacs.service"),
        ),
        (f"0::/system.slice/docker-{ID}.scope\n", Labels(SHORT, "docker", "", f"docker-{ID}.scope")),
        (f"12:memory:/docker/{ID}\n1:name=systemd:/docker/{ID}\n", Labels(SHORT, "docker")),
        (f"0::/machine.slice/libpod-{ID}.scope/container\n", Labels(SHORT, "podman", "", f"libpod-{ID}.scope")),
        (
            f"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{POD.replace('-', '_')}.slice/"
            f"cri-containerd-{ID}.scope\n",
            Labels(SHORT, "containerd", POD, f"cri-containerd-{ID}.scope"),
        ),
        (f"11:cpu,cpuacct:/kubepods/besteffort/pod{POD}/{ID}\n", Labels(SHORT, "cri", POD)),
        (
            f"0::/kubepods.slice/kubepods-pod{POD}.slice/crio-{ID}.scope",
            Labels(SHORT, "cri-o", POD, f"crio-{ID}.scope"),
        ),
        (f"0::/system.slice/libpod-conmon-{ID}.scope\n", Labels(unit=f"libpod-conmon-{ID}.scope")),
        ("0::/lxc.payload.web01/system.slice/sshd.service\n", Labels("web01", "lxc", "", "sshd.service")),
        ("0::/machine.slice/machine-deb\\x2d12.scope\n", Labels("deb-12", "nspawn", "", "machine-deb-12.scope")),
        ("0::/system.slice/a\\x1b[31m.service\n", Labels(unit="a\\x1b[31m.service")),
        (
            "9:name=systemd:/\n4:memory:/process_api/0740e0c2\n0::/\n",
            NONE,
        ),
    ],
)
def test_paths(text: str, expected: Labels) -> None:
    assert labels(text.encode()) == expected


def test_hostile_bytes() -> None:
    assert labels(b"0::/\xff\x1b]0;x\x07.service\n").unit.isprintable()
