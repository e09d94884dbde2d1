"""End to end through mem0's stores over Redis and over Valkey: mem0_stores.py KITH. The classes are
driven as mem0's Memory drives them; vectors come from own_embedder."""

import sys
import types

import redis

# redisvl asks NLTK for words to leave out of a text query; the lists are not in its package.
for _name in ("nltk", "nltk.corpus", "nltk.corpus.stopwords"):
    sys.modules[_name] = types.ModuleType(_name)
sys.modules["nltk"].download = lambda *_, **__: True
sys.modules["nltk"].corpus = sys.modules["nltk.corpus"]
sys.modules["nltk.corpus"].stopwords = sys.modules["nltk.corpus.stopwords"]
sys.modules["nltk.corpus.stopwords"].words = lambda _: ["a", "an", "and", "the", "in", "on"]

from mem0.vector_stores.redis import RedisDB
from mem0.vector_stores.valkey import ValkeyDB

from own_embedder import DIM, embed
from own_server import Server, Steps, equal, holds

steps = Steps()
FACTS = {
    "m1": ("ann", "Ann likes green tea", "drinks"),
    "m2": ("ann", "Ann plays the violin on Sundays", "music"),
    "m3": ("bob", "Bob likes strong coffee", "drinks"),
    "m4": ("bob-b@mail", "This one likes tea and coffee", "drinks"),
    "m5": ("ann", "Ann lives in Palermo near the sea", "places"),
}


def payload(user, text, kind, **more):
    return {"user_id": user, "hash": f"h{len(text)}", "data": text, "kind": kind,
            "created_at": "2026-01-0%dT10:00:00+00:00" % (len(text) % 9 + 1), **more}


def fill(store):
    store.insert(vectors=[embed(text) for _, text, _ in FACTS.values()],
                 payloads=[payload(*fact) for fact in FACTS.values()], ids=list(FACTS))


def ids(results):
    return [result.id for result in results]


def search(store):
    got = store.search(query="green tea", vectors=embed("green tea"), top_k=3)
    equal(got[0].id, "m1")
    equal(got[0].payload["data"], "Ann likes green tea")
    equal(got[0].payload["user_id"], "ann")
    equal(got[0].payload["kind"], "drinks")
    equal(len(got), 3)
    mine = sum(a * b for a, b in zip(embed("green tea"), embed(FACTS["m1"][1])))
    holds(abs(got[0].score - mine) < 1e-4, f"{got[0].score} {mine}")
    for user in ("ann", "bob", "bob-b@mail", "nobody"):
        got = store.search(query="", vectors=embed("likes tea"), top_k=5, filters={"user_id": user})
        equal(set(ids(got)), {key for key, fact in FACTS.items() if fact[0] == user})


def words(store):
    equal(ids(store.keyword_search("violin", top_k=5)), ["m2"])
    equal(set(ids(store.keyword_search("likes coffee", top_k=5, filters={"user_id": "bob"}))),
          {"m3"})
    got = store.keyword_search("green tea", top_k=5)
    equal(got[0].id, "m1")
    equal(set(ids(got)), {"m1", "m4"})


def listed(store):
    equal(set(ids(store.list(top_k=10)[0])), set(FACTS))
    equal(set(ids(store.list(filters={"user_id": "ann"}, top_k=10)[0])), {"m1", "m2", "m5"})
    equal(len(store.list(top_k=2)[0]), 2)


def changed(store):
    text = "Ann likes black tea"
    store.update(vector_id="m1", vector=embed(text),
                 payload=payload("ann", text, "drinks", updated_at="2026-02-01T10:00:00+00:00"))
    got = store.get("m1")
    equal(got.id, "m1")
    equal(got.payload["data"], text)
    equal(store.search(query="", vectors=embed("black"), top_k=1)[0].id, "m1")
    store.update(vector_id="m2", payload=payload("ann", "Ann plays the flute", "music"))
    equal(store.get("m2").payload["data"], "Ann plays the flute")
    store.delete("m3")
    equal(set(ids(store.list(top_k=10)[0])), {"m1", "m2", "m4", "m5"})
    equal(store.search(query="", vectors=embed("coffee"), top_k=5, filters={"user_id": "bob"}), [])


def collections(store, client):
    store.create_col("second", DIM, "cosine")
    names = {name.decode() if isinstance(name, bytes) else name for name in store.list_cols()}
    holds({"first", "second"} <= names, str(names))
    info = store.col_info("first")
    holds(info, "no information")
    store.reset()
    store.delete_col()
    client.flushall()


def everything(name, store, client):
    for part in (fill, search, listed):
        steps.run(f"{name} {part.__name__}", part, store)
    if hasattr(store, "keyword_search") and name == "redis":
        steps.run(f"{name} words", words, store)
    steps.run(f"{name} changed", changed, store)
    steps.run(f"{name} collections", collections, store, client)


with Server(sys.argv[1]) as own:
    own.start()
    address = f"redis://127.0.0.1:{own.port}"
    admin = redis.Redis(port=own.port)
    for url in ("", "?protocol=2"):
        everything("redis", RedisDB(address + url, "first", DIM), admin)
    for kind in ("hnsw", "flat"):
        everything(f"valkey {kind}",
                   ValkeyDB(address.replace("redis:", "valkey:"), "first", DIM, index_type=kind), admin)
    admin.close()
    equal(own.stop(), 0)
    status = steps.summary("mem0")
sys.exit(status)
