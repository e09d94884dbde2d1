"""The semantic cache end to end: `kith serve` with HTTP clients and nothing but the standard library.

cache_http.py KITH: routes, deadlines, users, a kill -9 and what is there after it, no Redis port."""
import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

KITH = sys.argv[1]
checks = 0


def check(what, got, wanted):
    global checks
    checks += 1
    if got != wanted:
        raise SystemExit(f"{what}: got {got!r}, wanted {wanted!r}")


class Server:
    """On ports of the system's choice, over a folder that stays."""

    def __init__(self, folder, *flags, redis=True):
        self.log = open(os.path.join(folder, "said"), "wb+")
        self.process = subprocess.Popen(
            [KITH, "serve", "--data", os.path.join(folder, "data"), "--milvus-port", "auto",
             "--ops-port", "0", "--redis-port", "auto" if redis else "0", *flags],
            stdout=self.log, stderr=self.log)
        self.ports = {}
        for _ in range(1200):
            self.log.seek(0)
            said = self.log.read().decode()
            if "ready in" in said:
                line = said[said.index("ready in"):].splitlines()[0]
                for word in line.split(": ", 1)[1].split(", "):
                    name, place = word.split(" ")
                    self.ports[name] = int(place.rsplit(":", 1)[1])
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise SystemExit("kith serve did not start: " + said)

    def ask(self, path, body=None, user=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports['milvus']}/v1/cache/{path}",
                                         None if body is None else json.dumps(body).encode())
        if user:
            request.add_header("Authorization",
                               "Basic " + base64.b64encode(user.encode()).decode())
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def redis(self, *words):
        with socket.create_connection(("127.0.0.1", self.ports["redis"]), 20) as link:
            link.sendall(b"".join([b"*%d\r\n" % len(words)] +
                                  [b"$%d\r\n%s\r\n" % (len(w), w) for w in map(str.encode, words)]))
            return link.makefile("rb").readline().decode().strip()

    def end(self, kill=False):
        self.process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        self.process.wait(60)
        self.log.close()


def vector(i):
    return [1.0, i % 97 / 10, i % 89 / 10, i % 83 / 10]


def routes(folder):
    server = Server(folder)
    status, reply = server.ask("faq/set", {"prompt": "how to enable 2FA", "response": "Settings, Ä",
                                           "vector": [1, 0, 0, 0], "attr": {"lang": "en"}})
    check("set", (status, len(reply["entry"])), (200, 32))
    check("exact", server.ask("faq/get", {"prompt": "How to enable  2FA"})[1]["kind"], "exact")
    reply = server.ask("faq/get", {"prompt": "enabling 2fa how", "vector": [1, 0.1, 0, 0]})[1]
    check("semantic", (reply["kind"], reply["response"], reply["ttl_left"]),
          ("semantic", "Settings, Ä", -1))
    check("guard", server.ask("faq/get", {"prompt": "how to disable 2FA", "vector": [1, 0, 0, 0]}),
          (200, {"response": None}))
    check("422", server.ask("faq/get", {"prompt": 1})[0], 422)
    check("404", server.ask("faq/nothing", {})[0], 404)
    check("the same keys", server.redis("VCARD", "faq"), ":1")
    stats = server.ask("faq/stats")[1]
    check("stats", [stats[k] for k in ("exact_hits", "semantic_hits", "misses", "guard_refused")],
          [1, 1, 1, 1])
    server.ask("faq/set", {"prompt": "soon gone", "response": "x", "vector": [0, 1, 0, 0], "ttl": 1})
    for _ in range(100):
        if server.redis("VCARD", "faq") == ":1":
            break
        time.sleep(0.1)
    check("the vector went with its deadline", server.redis("VCARD", "faq"), ":1")
    server.end()


def killed(folder):
    """What was acknowledged is there after kill -9, and vectors have their entries."""
    server = Server(folder)
    pairs = [{"same": True, "distance": 0.04}, {"same": False, "distance": 0.2}]
    for i in range(300):
        status, _ = server.ask("big/set", {"prompt": f"prompt number {i}", "response": f"r{i}",
                                           "vector": vector(i), "model": "m:1",
                                           **({"ttl": 2} if i % 10 == 0 else {})})
        check("set", status, 200)
    check("calibrate", server.ask("big/calibrate", {"pairs": pairs, "rate": 0})[1]["threshold"], 0.04)
    server.end(kill=True)
    time.sleep(2.5)
    server = Server(folder)
    for i in range(1, 300):
        kind = server.ask("big/get", {"prompt": f"prompt number {i}"})[1].get("response")
        check(f"entry {i}", kind, None if i % 10 == 0 else f"r{i}")
    for i in (1, 7, 123, 299):
        reply = server.ask("big/get", {"prompt": f"number {i} of the prompts", "vector": vector(i)})[1]
        check(f"near {i}", (reply["response"], reply["kind"]), (f"r{i}", "semantic"))
    stats = server.ask("big/stats")[1]
    check("model", (stats["model"], stats["threshold"], stats["vectors"]), ("m:1", 0.04, 270))
    server.end()


def users(folder):
    server = Server(folder, "--auth")
    body = {"prompt": "p", "response": "r"}
    check("nobody", server.ask("c/set", body)[0], 401)
    check("a wrong password", server.ask("c/set", body, "root:wrong")[0], 401)
    check("root", server.ask("c/set", body, "root:Milvus")[0], 200)
    server.end()


def no_keyspace(folder):
    server = Server(folder, redis=False)
    status, reply = server.ask("c/get", {"prompt": "p"})
    check("without a keyspace", (status, reply["error"]), (503, "unavailable"))
    server.end()
    server = Server(folder, "--redis-password", "secret")
    check("a password is not gone round", server.ask("c/get", {"prompt": "p"})[0], 403)
    server.end()


for step in (routes, killed, users, no_keyspace):
    root = tempfile.mkdtemp(prefix="kith-cache-")
    try:
        step(root)
    finally:
        shutil.rmtree(root, ignore_errors=True)
print(f"cache_http: {checks} checks passed")
