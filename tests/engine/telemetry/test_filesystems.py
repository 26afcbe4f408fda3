from engine.telemetry.procfs.filesystems import parse

DEBIAN = rb"""sysfs /sys sysfs rw,nosuid 0 0
proc /proc proc rw,nosuid 0 0
udev /dev devtmpfs rw,nosuid 0 0
tmpfs /run tmpfs rw,nosuid 0 0
/dev/sda2 / ext4 rw,relatime 0 0
tmpfs /dev/shm tmpfs rw 0 0
tmpfs /tmp tmpfs rw 0 0
tmpfs /mnt/ro tmpfs ro 0 0
/dev/sda1 /boot/efi vfat rw 0 0
/dev/loop3 /snap/core/1 squashfs ro 0 0
/dev/sr0 /media/cd iso9660 ro 0 0
/dev/sda2 /var/bind ext4 rw,relatime 0 0
nas:/export /mnt/my\040files nfs4 rw 0 0
tank/home /home zfs rw 0 0
portal /run/user/1000/doc fuse.portal rw 0 0
me@host:/ /mnt/ssh fuse.sshfs rw 0 0
overlay /var/lib/docker/overlay2/x/merged overlay rw 0 0
cgroup2 /sys/fs/cgroup cgroup2 rw 0 0
/dev/sdb1 /mnt/bad\134n\012\303\244\377 xfs ro,noatime 0 0
"""


def test_what_is_watched_on_a_usual_machine() -> None:
    mounts = {mount.path: mount for mount in parse(DEBIAN)}
    assert list(mounts) == [
        "/",
        "/dev/shm",
        "/tmp",
        "/boot/efi",
        "/mnt/my files",
        "/home",
        "/mnt/ssh",
        "/mnt/bad\\n\nä\udcff",
    ]
    assert [mount.path for mount in mounts.values() if mount.read_only] == ["/mnt/bad\\n\nä\udcff"]
    assert mounts["/mnt/my files"].device == "nas:/export"


def test_a_container_shows_its_overlay_and_no_bound_files() -> None:
    raw = (
        b"overlay / overlay rw,lowerdir=/a 0 0\n/dev/sda2 /etc/hosts ext4 rw 0 0\n"
        b"/dev/sda2 /data ext4 rw 0 0\n/dev/sda2 /etc/resolv.conf ext4 rw 0 0\n"
    )
    assert [mount.path for mount in parse(raw)] == ["/", "/data"]


def test_the_last_of_two_mounts_at_one_path_is_the_one_that_shows() -> None:
    raw = b"/dev/sda1 /mnt ext4 rw 0 0\n/dev/sdb1 /mnt xfs rw 0 0\n"
    assert [(mount.path, mount.device) for mount in parse(raw)] == [("/mnt", "/dev/sdb1")]


def test_garbage_lines_are_passed_over() -> None:
    assert parse(b"\n\xff\n/dev/sda1\n/dev/sda1 / ext4 rw 0 0") == parse(b"/dev/sda1 / ext4 rw 0 0\n")
