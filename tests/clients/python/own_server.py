"""A `kith redis-server` of our own, and steps that fail without stopping the next."""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
import traceback


KEPT = []


def free_port():
    """Nobody else is given it: a socket that never listens keeps it, and lets our server have it."""
    keeper = socket.socket()
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeper.bind(("127.0.0.1", 0))
    KEPT.append(keeper)
    return keeper.getsockname()[1]


class Server:
    """On a free port, over a directory that goes when the test ends."""

    def __init__(self, kith):
        self.kith = kith
        self.root = tempfile.mkdtemp(prefix="kith-clients-")
        self.port = None
        self.child = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.root, ignore_errors=True)

    def start(self, log=False):
        """A cache alone, or with an append log. A second start takes the first one's port."""
        self.port = self.port or free_port()
        if not self._begin(log):
            raise RuntimeError("kith redis-server did not start")
        return self.port

    def _begin(self, log):
        self.child = subprocess.Popen(
            [self.kith, "redis-server", "--port", str(self.port), "--save", "", "--appendonly",
             "yes" if log else "no", "--dir", self.root],
            stdout=subprocess.PIPE, text=True)
        for line in self.child.stdout:
            if "Ready to accept connections" in line:
                return True
        self.child.wait()
        return False

    def stop(self, how=signal.SIGTERM):
        """The exit status."""
        if not self.child:
            return None
        self.child.send_signal(how)
        code = self.child.wait(60)
        self.child.stdout.close()
        self.child = None
        return code


class Steps:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    def run(self, name, body, *args):
        try:
            body(*args)
            self.passed += 1
        except Exception:
            self.failed += 1
            print(f"FAIL {name}: {traceback.format_exc(limit=-3)}")

    def summary(self, what):
        print(f"{what}: {self.passed} steps passed, {self.failed} failed")
        return 1 if self.failed else 0


def equal(got, wanted):
    if got != wanted:
        raise AssertionError(f"got {got!r}, wanted {wanted!r}")


def holds(condition, what):
    if not condition:
        raise AssertionError(what)


def until(what, condition):
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError(f"never: {what}")


def refused(error, text, call, *args, **named):
    """The call raises this error, with this text in it."""
    try:
        got = call(*args, **named)
    except error as found:
        holds(text in str(found), f"{found} does not say {text}")
        return
    raise AssertionError(f"was not refused: {got!r}")
