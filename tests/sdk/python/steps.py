"""One step is one thing that a user does; a step that fails is told and the next one runs. The
server is a `kith serve` of our own, over a directory that goes when the test ends; what it answered
is read from its metrics before it is stopped, and compared with ../rpcs.txt.
"""
import collections
import os
import re
import shutil
import signal
import subprocess
import tempfile
import traceback
import urllib.request

failures = []
passed = []
here = os.path.dirname(os.path.abspath(__file__))


class Server:
    def __init__(self, kith):
        self.kith = kith
        self.root = tempfile.mkdtemp(prefix="kith-sdk-")
        self.imports = os.path.join(self.root, "imports")  # files that clients may import
        os.mkdir(self.imports)
        self.child = None
        self.answered = collections.Counter()  # RPC: how often with success; "NO RPC": refused

    def start(self, *flags):
        self.stop()  # one that a step which failed has left
        self.child = subprocess.Popen(
            [self.kith, "serve", "--data", os.path.join(self.root, "data"), "--milvus-port", "auto",
             "--ops-port", "auto", "--redis-port", "0", "--import-dir", self.imports, *flags], stdout=subprocess.PIPE, text=True)
        for line in self.child.stdout:
            found = re.search(r"milvus (\S+:\d+), ops (\S+:\d+)", line)
            if found:
                self.ops = found.group(2)
                return "http://" + found.group(1)
        raise RuntimeError("kith serve ended")

    def count(self):
        with urllib.request.urlopen(f"http://{self.ops}/metrics", timeout=60) as reply:
            text = reply.read().decode()
        line = r'^milvus_proxy_req_count\{function_name="(\w+)",status="(\w+)"\} (\d+)'
        for rpc, status, times in re.findall(line, text, re.M):
            self.answered[rpc if status == "success" else "NO " + rpc] += int(times)

    def stop(self, how=signal.SIGTERM):
        if not self.child:
            return
        try:
            self.count()
        finally:
            self.child.send_signal(how)
            self.child.wait()
            self.child = None

    def remove(self):
        if self.child:
            self.child.kill()
            self.child.wait()
        shutil.rmtree(self.root, ignore_errors=True)


def step(name):
    def run(body):
        try:
            body()
            passed.append(name)
        except Exception as error:  # told; the next one runs
            failures.append(name)
            where = traceback.extract_tb(error.__traceback__)
            line = [f"{os.path.basename(f.filename)}:{f.lineno}" for f in where
                    if f.filename.startswith(here)][-1]
            print(f"FAIL {name} ({line}): {type(error).__name__} {str(error)[:300]}")
        return body
    return run


def refused(text, call):
    try:
        call()
    except Exception as error:
        assert text in str(error), str(error)
        return
    raise AssertionError("was not refused")


def coverage(server):
    with open(os.path.join(here, "..", "rpcs.txt"), encoding="utf-8") as table:
        lines = [line.split() for line in table if not line.startswith("#")]
    for priority in ("P0", "P1", "P2", "NO"):
        names = [name for first, *rest in lines if first == priority for name in rest]
        missing = [name for name in names
                   if not server.answered["NO " + name if priority == "NO" else name]]
        print(f"{priority}: {len(names) - len(missing)} of {len(names)} RPCs answered")

        @step(f"every RPC of {priority}")
        def _():
            assert names and not missing, missing


def summary(what):
    print(f"{what}: {len(passed)} steps passed, {len(failures)} failed")
    return 1 if failures else 0
