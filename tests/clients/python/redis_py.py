"""End to end through redis-py, also its asyncio client: redis_py.py KITH."""

import asyncio
import math
import re
import struct
import sys
import threading
import time

import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.cache import CacheConfig
from redis.commands.search import reducers
from redis.commands.search.aggregation import AggregateRequest
from redis.commands.search.field import GeoField, NumericField, TagField, TextField, VectorField
from redis.commands.search.index_definition import IndexDefinition
from redis.commands.search.query import GeoFilter, NumericFilter, Query
from redis.commands.search.suggestion import Suggestion
from redis.retry import Retry

from own_server import Server, Steps, equal, holds, refused, until

steps = Steps()


def connect(server, protocol, **more):
    return redis.Redis(port=server.port, protocol=protocol, decode_responses=True,
                       socket_timeout=30, **more)


def strings(r, _):
    equal(r.ping(), True)
    equal(r.set("s", "wert ä"), True)
    equal(r.get("s"), "wert ä")
    equal(r.get("missing"), None)
    equal(r.set("s", "x", nx=True), None)
    equal(r.set("s", "x", get=True), "wert ä")
    equal(r.incrby("n", 41), 41)
    equal(r.incrbyfloat("f", 0.1), 0.1)
    equal(r.incrbyfloat("f", 0.2), 0.3)
    equal(r.mset({"m1": "1", "m2": "2"}), True)
    equal(r.mget("m1", "none", "m2"), ["1", None, "2"])
    equal(r.getdel("m2"), "2")
    equal(r.exists("m1", "m2", "m1"), 2)
    refused(redis.ResponseError, "value is not an integer or out of range", r.incr, "s")
    refused(redis.ResponseError, "WRONGTYPE", r.lpush, "s", "x")


def expiry(r, _):
    equal(r.set("e", "x", px=60000), True)
    holds(0 < r.pttl("e") <= 60000, "the time that is left")
    equal(r.pexpire("e", 20), True)
    equal(r.expire("m1", 100), True)
    holds(90 < r.ttl("m1") <= 100, "the seconds that are left")
    equal(r.persist("m1"), True)
    equal(r.ttl("m1"), -1)
    until("its time is over", lambda: r.get("e") is None)


def pipelines(r, _):
    with r.pipeline(transaction=False) as pipe:
        for i in range(500):
            pipe.set(f"p:{i}", f"v{i}").get(f"p:{i}")
        replies = pipe.execute()
    equal(replies, [x for i in range(500) for x in (True, f"v{i}")])
    with r.pipeline(transaction=False) as pipe:
        replies = pipe.incr("c").incr("s").incr("c").execute(raise_on_error=False)
    equal([replies[0], replies[2]], [1, 2])
    holds(isinstance(replies[1], redis.ResponseError), "the error stays in its place")


def transactions(r, server):
    with r.pipeline() as pipe:
        equal(pipe.set("t", "1").incr("t").hset("th", mapping={"a": 1}).hgetall("th").execute(),
              [True, 2, 1, {"a": "1"}])
    other = connect(server, 3)
    with r.pipeline() as pipe:
        pipe.watch("t")
        other.set("t", "theirs")
        pipe.multi()
        pipe.set("t", "mine")
        refused(redis.WatchError, "", pipe.execute)
    equal(r.get("t"), "theirs")
    tries = []

    def add(pipe):
        tries.append(int(pipe.get("balance") or 0))
        if len(tries) == 1:
            other.set("balance", 100)
        pipe.multi()
        pipe.set("balance", tries[-1] + 1)

    equal(r.transaction(add, "balance"), [True])
    equal((tries, r.get("balance")), ([0, 100], "101"))
    other.close()


def publishing(r, _):
    hears = r.pubsub(ignore_subscribe_messages=True)
    hears.subscribe("news", "other")
    hears.psubscribe("n*s")
    heard = []

    def collect(count):
        def enough():
            message = hears.get_message(timeout=0.01)
            if message:
                heard.append((message["type"], message["pattern"], message["channel"],
                              message["data"]))
            return len(heard) == count
        until("all were heard", enough)

    until("it listens", lambda: not hears.get_message(timeout=0.01) and r.pubsub_numpat() == 1)
    equal(r.pubsub_numsub("news", "other"), [("news", 1), ("other", 1)])
    equal(r.publish("news", "one"), 2)
    collect(2)
    equal(heard, [("message", None, "news", "one"), ("pmessage", "n*s", "news", "one")])
    heard.clear()
    for i in range(100):
        r.publish("other", i)
    collect(100)
    equal(heard, [("message", None, "other", str(i)) for i in range(100)])
    hears.close()


def blocking(r, server):
    got = []
    waits = connect(server, 3)
    thread = threading.Thread(target=lambda: got.append(waits.blpop(["jobs", "jobs2"], timeout=4)))
    thread.start()
    until("it waits", lambda: any(c["cmd"] == "blpop" for c in r.client_list()))
    equal(r.rpush("jobs2", "a", "b"), 2)
    thread.join()
    equal([list(x) for x in got], [["jobs2", "a"]])
    equal(waits.blpop(["empty"], timeout=0.05), None)
    equal(waits.blmove("jobs2", "done", 1, "LEFT", "RIGHT"), "b")
    r.zadd("zq", {"two": 2, "one": 1.5})
    equal(list(waits.bzpopmin("zq", 1)), ["zq", "one", 1.5])
    waits.close()


def values(r, _):
    equal(r.hset("h", mapping={"a": 1, "b": 2, "c": "three"}), 3)
    equal(r.hgetall("h"), {"a": "1", "b": "2", "c": "three"})
    equal(r.hmget("h", "a", "x"), ["1", None])
    equal(r.hincrby("h", "a", 9), 10)
    equal(r.hpexpire("h", 40, "b", "x"), [1, -2])
    equal(r.rpush("l", *"abcd"), 4)
    equal(r.lrange("l", 1, -2), ["b", "c"])
    equal(r.lpop("l", 2), ["a", "b"])
    equal(r.lpos("l", "d"), 1)
    equal(r.sadd("s1", "a", "b", "c", "a"), 3)
    equal(r.sadd("s2", "b", "c", "d"), 3)
    equal(set(r.sinter("s1", "s2")), {"b", "c"})
    equal(set(r.sdiff("s1", "s2")), {"a"})
    equal(r.smismember("s1", ["a", "z"]), [1, 0])
    equal(r.zadd("z", {"a": 1, "b": 2.5, "c": float("-inf")}), 3)
    equal(r.zrange("z", 0, -1), ["c", "a", "b"])
    equal([tuple(x) for x in r.zrange("z", 1, 2, withscores=True)], [("a", 1.0), ("b", 2.5)])
    equal(r.zscore("z", "b"), 2.5)
    equal(r.zincrby("z", 10, "a"), 11.0)
    equal([tuple(x) for x in r.zpopmax("z", 1)], [("a", 11.0)])
    equal(r.sort("l", alpha=True, desc=True), ["d", "c"])
    until("the field's time is over", lambda: r.hkeys("h") == ["a", "c"])


def scanning(r, _):
    equal(sorted(r.scan_iter("p:*", count=50)), sorted(f"p:{i}" for i in range(500)))
    r.hset("big", mapping={f"f{i}": i for i in range(700)})
    equal(dict(r.hscan_iter("big")), {f"f{i}": str(i) for i in range(700)})
    r.sadd("many", *range(600))
    equal(set(r.sscan_iter("many")), {str(i) for i in range(600)})


def vectors(r, _):
    for i in range(20):
        equal(bool(r.execute_command("VADD", "v", "VALUES", 3, math.cos(i), math.sin(i), 0.1,
                                     f"e{i}", "SETATTR", f'{{"n":{i}}}')), True)
    axis = struct.pack("<3f", 1, 0, 0)
    equal(bool(r.vset().vadd("v", [1.0, 0.0, 0.0], "axis", cas=True)), True)
    equal(bool(r.vset().vadd("v", [1.0, 0.0, 0.0], "axis")), False)
    equal(r.vset().vcard("v"), 21)
    equal(r.vset().vdim("v"), 3)
    equal(r.execute_command("VSIM", "v", "FP32", axis, "COUNT", 2), ["axis", "e0"])
    equal(r.vset().vsim("v", "e3", count=2, filter=".n == 3 or .n == 9"), ["e3", "e9"])
    scores = r.vset().vsim("v", "e3", with_scores=True, count=1)
    holds(abs(scores["e3"] - 1) < 0.001, f"{scores}")
    equal(r.vset().vgetattr("v", "e7"), {"n": 7})
    equal([round(x, 2) for x in r.vset().vemb("v", "axis")], [1.0, 0.0, 0.0])
    equal(r.vset().vinfo("v")["quant-type"], "int8")
    equal(bool(r.vset().vrem("v", "axis")), True)


def users(r, server, protocol):
    equal(r.acl_setuser("reader", enabled=True, passwords=["+secret"], keys=["p:*"],
                        commands=["+get", "+hello", "+client"], reset=True), True)
    reader = connect(server, protocol, username="reader", password="secret")
    equal(reader.get("p:1"), "v1")
    refused(redis.exceptions.NoPermissionError, "No permissions to access a key", reader.get, "s")
    refused(redis.exceptions.NoPermissionError,
            "User reader has no permissions to run the 'set' command", reader.set, "p:1", "x")
    reader.close()
    wrong = connect(server, protocol, username="reader", password="guess",
                    retry=Retry(NoBackoff(), 0))
    refused(redis.AuthenticationError, "invalid username-password pair", wrong.ping)
    user = r.acl_getuser("reader")
    holds("on" in user["flags"], user)
    equal(user["keys"], [["~p:*"]] if isinstance(user["keys"][0], list) else ["~p:*"])
    equal(r.acl_deluser("reader"), 1)


def reconnecting(r, server, protocol):
    killed = connect(server, protocol, db=3, client_name="victim")
    killed.set("here", "3")
    number = killed.client_id()
    victim = [c for c in r.client_list() if c["name"] == "victim"]
    equal([(c["id"], c["db"]) for c in victim], [(str(number), "3")])
    equal(r.client_kill_filter(_id=str(number)), 1)
    equal(killed.get("here"), "3")
    holds(killed.client_id() > number, "a new connection")
    equal(killed.client_getname(), "victim")
    killed.close()


def rates(r, _):
    def hit():
        return r.execute_command("INCREX", "limit", "UBOUND", 3, "PX", 60000, "ENX")

    equal([hit() for _ in range(5)], [[1, 1], [2, 1], [3, 1], [3, 0], [3, 0]])
    holds(0 < r.pttl("limit") <= 60000, "the time that is left")
    equal(r.pexpire("limit", 20), True)
    until("its time is over", lambda: not r.exists("limit"))
    equal(hit(), [1, 1])


def many_at_once(server):
    """A pool of connections, and the asyncio client."""
    async def run():
        r = redis.asyncio.Redis(port=server.port, protocol=3, decode_responses=True)
        counted = await asyncio.gather(*(r.incr("async") for _ in range(100)))
        equal(sorted(counted), list(range(1, 101)))
        async with r.pubsub() as hears:
            await hears.subscribe("async-news")
            equal((await hears.get_message(timeout=2))["type"], "subscribe")
            equal(await r.publish("async-news", "one"), 1)
            equal((await hears.get_message(timeout=2))["data"], "one")
        async with r.pipeline(transaction=True) as pipe:
            equal(await pipe.set("a", 1).incr("a").execute(), [True, 2])
        await r.aclose()

    asyncio.run(run())


def information(r, _, protocol):
    info = r.client_info()
    equal(info["lib-name"], "redis-py")
    equal(info["lib-ver"], redis.__version__)
    equal(info["resp"], str(protocol))
    server = r.info()
    holds(re.match(r"\d+\.\d+\.\d+", server["redis_version"]), "a version")
    equal(server["role"], "master")
    holds(server["db0"]["keys"] == r.dbsize(), "keys of the database")
    equal(r.config_get("appendonly"), {"appendonly": "no"})
    holds(r.memory_usage("big") > 700, "memory of a value")


def searching(r, _):
    ft = r.ft("idx")
    ft.create_index((TextField("t", weight=2.0), NumericField("n", sortable=True), TagField("k"),
                     GeoField("g"), VectorField("v", "HNSW", {"TYPE": "FLOAT32", "DIM": 2,
                                                              "DISTANCE_METRIC": "COSINE"})),
                    definition=IndexDefinition(prefix=["doc:"], language_field="lang"))
    for i in range(12):
        r.hset(f"doc:{i}", mapping={"t": f"hello world number{i}", "n": i, "k": "ab"[i % 2],
                                    "g": f"{i},{i}", "v": struct.pack("<2f", 1.0, i)})
    equal(int(ft.info()["num_docs"]), 12)
    found = ft.search(Query("hello").add_filter(NumericFilter("n", 3, 5)).sort_by("n", asc=False)
                      .return_fields("n").paging(0, 2))
    equal(total(found), 3)
    equal([fields(row)["n"] for row in rows(found)], ["5", "4"])
    found = ft.search(Query("@k:{a}").add_filter(GeoFilter("g", 2, 2, 10, "km")).no_content())
    equal([key(row) for row in rows(found)], ["doc:2"])
    found = ft.search(Query("*=>[KNN 3 @v $q EF_RUNTIME 20 AS d]").sort_by("d").dialect(2)
                      .return_fields("d"), {"q": struct.pack("<2f", 1.0, 0.0)})
    equal([key(row) for row in rows(found)], ["doc:0", "doc:1", "doc:2"])
    ft.synupdate("g", False, "hello", "hi")
    equal(total(ft.search("hi")), 12)
    equal(ft.syndump(), {"hello": ["g"], "hi": ["g"]})
    equal(sorted(ft.tagvals("k")), ["a", "b"])
    ft.aliasadd("other")
    equal(total(r.ft("other").search("*")), 12)
    ft.aliasdel("other")
    groups = ft.aggregate(AggregateRequest("hello").add_scores().group_by(
        "@k", reducers.count().alias("c"), reducers.max("@__score").alias("s")))
    groups = sorted(pairs(row)["c"] for row in aggregated(groups))
    equal(groups, ["6", "6"])
    equal(ft.dict_add("words", "hallo", "hola"), 2)
    spelled = ft.spellcheck("hellp", include="words", distance=1)
    holds("hello" in str(spelled) and "hola" not in str(spelled), "what is like the word")
    equal(ft.dict_del("words", "hola"), 1)
    equal(ft.dict_dump("words") in (["hallo"], {"hallo"}), True)
    equal(ft.dict_del("words", "hallo"), 1)
    holds("DEFAULT_DIALECT" in str(r.execute_command("FT.CONFIG", "GET", "*")), "options")
    profiled = ft.profile(Query("hello").no_content().paging(0, 1))
    profiled = profiled[1] if isinstance(profiled, (list, tuple)) else profiled
    holds("Total profile time" in str(profiled.info), "a time")
    equal(ft.sugadd("sug", Suggestion("hello", 1.0, "p"), Suggestion("help", 2.0)), 2)
    equal([(str(x), x.payload) for x in ft.sugget("sug", "he", with_payloads=True)],
          [("help", None), ("hello", "p")])
    equal((ft.sugdel("sug", "help"), ft.suglen("sug")), (1, 1))
    ft.dropindex(delete_documents=True)
    equal(r.exists("doc:1"), 0)
    refused(redis.ResponseError, "index", ft.search, "*")


def total(found):
    return found["total_results"] if isinstance(found, dict) else found.total


def rows(found):
    return found["results"] if isinstance(found, dict) else found.docs


def key(row):
    return row["id"] if isinstance(row, dict) else row.id


def fields(row):
    return row["extra_attributes"] if isinstance(row, dict) else row.__dict__


def aggregated(found):
    return found["results"] if isinstance(found, dict) else found.rows


def pairs(row):
    return row["extra_attributes"] if isinstance(row, dict) else dict(zip(row[::2], row[1::2]))


def documents(r, _):
    doc = r.json()
    doc.set("j", "$", {"a": [1, 2, 3], "s": "x", "b": True, "items": [{"p": 1}, {"p": 20}]})
    equal(doc.get("j", "$.items[?(@.p > 10)].p"), [20])
    equal(doc.get("j", "$.a[-2:]"), [2, 3])
    equal(doc.arrinsert("j", "$.a", 0, 0), [4])
    equal(doc.arrindex("j", "$.a", 3), [3])
    equal(doc.arrpop("j", "$.a"), ["3"])
    equal(doc.arrtrim("j", "$.a", 1, 2), [2])
    equal(doc.strappend("j", "yz", "$.s"), [3])
    equal(doc.toggle("j", "$.b"), [False])
    r.execute_command("JSON.NUMMULTBY", "j", "$.items[*].p", 2)
    equal(doc.get("j", "$..p"), [2, 40])
    equal(doc.clear("j", "$.items"), 1)
    equal(doc.get("j"), {"a": [1, 2], "s": "xyz", "b": False, "items": []})
    equal(doc.resp("j", "$.a"), [["[", 1, 2]])
    equal(doc.delete("j"), 1)


def restart(server):
    server.start(log=True)
    r = connect(server, 3, retry_on_error=[redis.ConnectionError])
    r.set("kept", "yes", ex=1000)
    r.vset().vadd("kept:v", [1.0, 2.0], "e", attributes={"a": 1})
    with r.pipeline() as pipe:
        pipe.rpush("kept:l", "a", "b").zadd("kept:z", {"m": 1.5}).sadd("kept:s", "x").execute()
    equal(server.stop(), 0)
    server.start(log=True)
    equal(r.get("kept"), "yes")
    holds(900 < r.ttl("kept") <= 1000, "the time that is left")
    equal(r.vset().vgetattr("kept:v", "e"), {"a": 1})
    equal((r.lrange("kept:l", 0, -1), r.zscore("kept:z", "m"), r.smembers("kept:s")),
          (["a", "b"], 1.5, {"x"}))
    equal(r.dbsize(), 5)
    r.close()


def caching(server):
    """The client keeps what it read, and the server tells it what has changed."""
    with connect(server, 3) as other, connect(server, 3, cache_config=CacheConfig()) as r:
        def reads():
            return other.info("commandstats")["cmdstat_get"]["calls"]

        other.set("cached", "1")
        equal(r.get("cached"), "1")
        before = reads()
        for _ in range(5):
            equal(r.get("cached"), "1")
        equal(reads(), before)
        other.set("cached", "2")
        until("the change is seen", lambda: r.get("cached") == "2")
        equal(reads(), before + 1)


def no_cluster(server):
    def ask():
        redis.RedisCluster(host="127.0.0.1", port=server.port)

    refused(redis.exceptions.RedisClusterException, "Cluster mode is not enabled", ask)


def everything(server, protocol):
    r = connect(server, protocol)
    r.flushall()
    for part in (strings, expiry, pipelines, transactions, publishing, blocking, values, scanning,
                 vectors, rates, searching, documents):
        steps.run(f"RESP{protocol} {part.__name__}", part, r, server)
    for part in (users, reconnecting, information):
        steps.run(f"RESP{protocol} {part.__name__}", part, r, server, protocol)
    r.close()


with Server(sys.argv[1]) as own:
    own.start()
    everything(own, 2)
    everything(own, 3)
    steps.run("asyncio", many_at_once, own)
    steps.run("client-side caching", caching, own)
    steps.run("no cluster", no_cluster, own)
    equal(own.stop(), 0)
    steps.run("a restart with the log", restart, own)
    status = steps.summary("redis-py")
sys.exit(status)
