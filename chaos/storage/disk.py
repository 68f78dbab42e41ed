# SPDX-License-Identifier: Apache-2.0
"""A disk of a node's own that can fail as disks do: ext4 on a loop device over a file.

    power_cut()   the file system is shut down without writing its journal back: what was not synced is
                  lost, as when the power goes (EXT4_IOC_SHUTDOWN). mount() brings it back.
    freeze()      every write hangs, uninterruptibly, until thaw().
    fill()        a balloon takes all free space, until make_room().
    slow()        the device writes so many times a second (the blkio controller), until fast().
    Disk(..., real=N)  only N MiB of the disk exist: what is written beyond is lost by the kernel's own
                  writeback, long after write() said yes.

Needs root. Every disk is taken apart at the end, whatever ends the program; `disk.py --clean` takes
apart what a program that was killed has left behind."""
import atexit
import errno
import fcntl
import os
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests"))
from harness import procs  # noqa: E402

EXT4_IOC_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32)
NO_LOG_FLUSH = 2
FIFREEZE, FITHAW = 0xC0045877, 0xC0045878
THROTTLE = "/sys/fs/cgroup/blkio/blkio.throttle.write_iops_device"
PREFIX = "watchfire-disk."
SIZE_MIB = 256       # room for a node, its state image and a balloon beside them
SMALLEST_FREE = 4096  # a balloon that leaves less than a block has filled the disk
BUSY_S = 10          # a process that was just killed holds its files for a moment

_disks = []


class NoDisks(Exception):
    """This machine has no loop devices, or we may not use them."""


def _run(*argv):
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        raise OSError("%s: %s" % (" ".join(argv), done.stderr.strip()))
    return done.stdout.strip()


def can_be_slow():
    return os.path.exists(THROTTLE)


def _ioctl(path, request, argument=0):
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, request, struct.pack("I", argument))
    finally:
        os.close(fd)


class Disk:
    """Mounted from the beginning on .path, an empty directory of mode 0700."""

    def __init__(self, folder, name, size=SIZE_MIB, real=None):
        if os.geteuid() != 0:
            raise NoDisks("loop devices and mounts need root")
        self.name, self.device, self.held = name, None, None
        self.mounted = self.frozen = self.limited = False
        self.troubled = False  # for whoever wants one fault at a time
        self.path = os.path.join(folder, name)
        self.home = tempfile.mkdtemp(prefix=PREFIX, dir=folder)
        self.backing = os.path.join(self.home, "disk")
        self.small = None
        os.makedirs(self.path, mode=0o700, exist_ok=True)
        _disks.append(self)
        if real is not None:
            self.small = os.path.join(self.home, "small")
            os.mkdir(self.small)
            _run("mount", "-t", "tmpfs", "-o", "size=%dm" % real, "tmpfs", self.small)
            self.backing = os.path.join(self.small, "disk")
        with open(self.backing, "wb") as image:
            image.truncate(size << 20)
        try:
            self.device = _run("losetup", "--find", "--show", self.backing)
        except OSError as error:
            raise NoDisks(str(error)) from error
        # Without lazy initialisation nothing writes to the disk but the node. A disk that is smaller
        # than it says has no journal: the journal would notice first.
        _run("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard",
             *(["-O", "^has_journal"] if real is not None else []), self.device)
        # Held open by us and marked to go with its last user: it goes with us, too, if we are killed.
        self.held = os.open(self.device, os.O_RDONLY)
        _run("losetup", "--detach", self.device)
        self.mount()
        os.chmod(self.path, 0o700)
        os.rmdir(os.path.join(self.path, "lost+found"))

    # --- mounting ---

    def mount(self):
        """Without any check or repair but the kernel's own replay of the journal."""
        _run("mount", "-t", "ext4", self.device, self.path)
        self.mounted = True

    def unmount(self):
        """Whoever used it must be gone or going."""
        self.thaw()
        end = time.monotonic() + BUSY_S
        while self.mounted:
            try:
                _run("umount", self.path)
                self.mounted = False
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def remove(self):
        """Take all of it apart; the files are lost."""
        self.fast()
        self.unmount()
        if self.held is not None:
            os.close(self.held)
            self.held = None
        if self.small:
            _run("umount", self.small)
        subprocess.run(["rm", "-rf", self.home], check=False)
        _disks.remove(self)

    # --- faults ---

    def power_cut(self):
        """What was not synced is gone. All who have files open get EIO; kill them, unmount(), mount()."""
        _ioctl(self.path, EXT4_IOC_SHUTDOWN, NO_LOG_FLUSH)

    def freeze(self):
        _ioctl(self.path, FIFREEZE)
        self.frozen = True

    def thaw(self):
        if self.frozen:
            _ioctl(self.path, FITHAW)
            self.frozen = False

    def fill(self, leave=0):
        """Take all the space but so many bytes."""
        fd = os.open(os.path.join(self.path, "balloon"), os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            at = os.fstat(fd).st_size
            while True:
                free = self.free() - leave
                if free < SMALLEST_FREE:
                    return
                # The file system keeps a little for its own tables: ask for less until it agrees.
                size = free // 4096 * 4096
                while size >= 4096:
                    try:
                        os.posix_fallocate(fd, at, size)
                        at += size
                        break
                    except OSError as error:
                        if error.errno != errno.ENOSPC:
                            raise
                        size = size // 2 // 4096 * 4096
                if size < 4096:
                    return
        finally:
            os.close(fd)

    def make_room(self):
        balloon = os.path.join(self.path, "balloon")
        if os.path.exists(balloon):
            os.unlink(balloon)

    def heal(self):
        """All that it was made to suffer, but for what is lost."""
        self.thaw()
        self.fast()
        self.make_room()

    def free(self):
        stat = os.statvfs(self.path)
        return stat.f_bavail * stat.f_frsize

    def really_free(self):
        """Of a disk that is smaller than it says: bytes that there still are."""
        stat = os.statvfs(self.small)
        return stat.f_bavail * stat.f_frsize

    def grow(self, mib):
        """Now there is as much of it as it says, and what was lost reads as zeros."""
        _run("mount", "-o", "remount,size=%dm" % mib, self.small)

    def slow(self, writes_per_second):
        self._limit(writes_per_second)
        self.limited = True

    def fast(self):
        if self.limited:
            self._limit(0)
            self.limited = False

    def _limit(self, rate):
        if not can_be_slow():
            raise NoDisks("there is no %s to slow a disk down with" % THROTTLE)
        number = os.stat(self.device).st_rdev
        with open(THROTTLE, "w") as control:
            control.write("%d:%d %d" % (os.major(number), os.minor(number), rate))


@atexit.register  # after procs did, so it comes before: nobody can be killed who waits for a frozen disk
def _thaw_all():
    for disk in _disks:
        disk.thaw()


@procs.before_removal
def remove_all():
    for disk in list(_disks):
        try:
            disk.remove()
        except OSError as error:
            print("disk %s is left behind: %s" % (disk.name, error), file=sys.stderr)


def clean():
    """What a killed program left: thaw, unmount, detach everything with our prefix."""
    loops = {}
    for line in _run("losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE").splitlines():
        device, backing = line.split(None, 1)
        if PREFIX in backing:
            loops[device] = backing.removesuffix(" (deleted)")
    with open("/proc/mounts") as mounts:
        mounted = [line.split()[:2] for line in mounts]
    for device, backing in loops.items():
        for source, path in mounted:
            if source == device:
                try:
                    _ioctl(path, FITHAW)
                except OSError:
                    pass  # it was not frozen
                _run("umount", path)
        _run("losetup", "--detach", device)
        print("detached %s (%s)" % (device, backing))
    for _source, path in mounted:
        if PREFIX in path:
            _run("umount", path)
            print("unmounted %s" % path)


if __name__ == "__main__":
    if sys.argv[1:] != ["--clean"]:
        sys.exit(__doc__)
    clean()
