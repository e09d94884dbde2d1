"""End to end through redisvl: redisvl_index.py KITH. Indexes over hashes and JSON documents, with
the queries that its users write; what comes back is compared with a count by hand."""

import math
import random
import sys

import redis
from redisvl.index import SearchIndex
from redisvl.query import (AggregateHybridQuery, CountQuery, FilterQuery, HybridQuery,
                           MultiVectorQuery, TextQuery, Vector, VectorQuery, VectorRangeQuery)
from redisvl.query.filter import Num, Tag, Text
from redisvl.redis.utils import array_to_buffer

from own_server import Server, Steps, equal, holds

steps = Steps()
COUNT = 60
KINDS = ("bird", "cat", "dog")


def vector(i):
    return [math.cos(i / 10), math.sin(i / 10), 0.25, 0.0]


def schema(storage, algorithm):
    name = f"{storage}-{algorithm}"
    return {
        "index": {"name": name, "prefix": name, "storage_type": storage},
        "fields": [
            {"name": "name", "type": "tag"},
            {"name": "kind", "type": "tag"},
            {"name": "age", "type": "numeric"},
            {"name": "text", "type": "text"},
            {"name": "vector", "type": "vector",
             "attrs": {"dims": 4, "algorithm": algorithm, "distance_metric": "cosine",
                       "datatype": "float32"}},
        ],
    }


def rows(storage):
    for i in range(COUNT):
        yield {"name": f"r{i}", "kind": KINDS[i % 3], "age": i,
               "text": f"the {KINDS[i % 3]} number {i}",
               "vector": vector(i) if storage == "json" else array_to_buffer(vector(i), "float32")}


def ids(results):
    return [row["name"] for row in results]


def nearest(of, keep=lambda i: True):
    def distance(i):
        a, b = vector(of), vector(i)
        dot = sum(x * y for x, y in zip(a, b))
        return 1 - dot / math.sqrt(sum(x * x for x in a) * sum(x * x for x in b))
    return sorted((distance(i), f"r{i}") for i in range(COUNT) if keep(i))


def search(index):
    got = index.query(VectorQuery(vector=vector(20), vector_field_name="vector", num_results=5,
                                  return_fields=["name", "kind", "age"]))
    wanted = nearest(20)[:5]
    equal(set(ids(got)), {name for _, name in wanted})
    equal(got[0]["name"], "r20")
    equal(got[0]["id"], f"{index.prefix}:r20")
    for row, (distance, _) in zip(got, wanted):
        holds(abs(float(row["vector_distance"]) - distance) < 1e-4, f"{row} {distance}")


def filtered(index):
    condition = (Tag("kind") == "dog") & (Num("age") >= 30)
    got = index.query(VectorQuery(vector=vector(20), vector_field_name="vector", num_results=4,
                                  return_fields=["name", "kind", "age"], filter_expression=condition))
    wanted = nearest(20, lambda i: i % 3 == 2 and i >= 30)[:4]
    equal(ids(got), [name for _, name in wanted])
    equal({row["kind"] for row in got}, {"dog"})


def ranged(index):
    within = [pair for pair in nearest(20) if pair[0] <= 0.02]
    got = index.query(VectorRangeQuery(vector=vector(20), vector_field_name="vector",
                                       distance_threshold=0.02, num_results=COUNT,
                                       return_fields=["name"]))
    equal(set(ids(got)), {name for _, name in within})


def without_vectors(index):
    got = index.query(FilterQuery(filter_expression=Num("age") < 6, return_fields=["name", "age"],
                                  num_results=10))
    equal(set(ids(got)), {f"r{i}" for i in range(6)})
    got = index.query(FilterQuery(filter_expression=Text("text") % "cat", return_fields=["name"],
                                  num_results=COUNT))
    equal(set(ids(got)), {f"r{i}" for i in range(1, COUNT, 3)})
    equal(index.query(CountQuery(filter_expression=Tag("kind") == ["cat", "dog"])), 40)
    equal(index.query(CountQuery(filter_expression=Tag("kind") != "cat")), 40)
    got = index.query(FilterQuery(filter_expression=Tag("kind") == "bird", num_results=3,
                                  return_fields=["name"], sort_by="age"))
    equal(ids(got), ["r0", "r3", "r6"])
    pages = list(index.paginate(FilterQuery(filter_expression=Tag("kind") == "bird",
                                            return_fields=["name"]), page_size=8))
    equal([len(page) for page in pages], [8, 8, 4])


def mixed(index):
    words = {"text": "cat", "text_field_name": "text", "vector": vector(20),
             "vector_field_name": "vector", "stopwords": None, "return_fields": ["name"]}
    got = index.query(TextQuery("cat", "text", stopwords=None, return_fields=["name"],
                                num_results=COUNT))
    equal(set(ids(got)), {f"r{i}" for i in range(1, COUNT, 3)})
    close = [name for _, name in nearest(20)]
    got = index.query(HybridQuery(**words, combination_method="LINEAR", linear_alpha=1e-9,
                                  num_results=5))
    equal((ids(got)[0], set(ids(got))), ("r20", set(close[:5])))
    got = index.query(HybridQuery(**words, combination_method="RRF", num_results=COUNT,
                                  filter_expression=Num("age") > 20))
    holds({"r22", "r25"} <= set(ids(got)[:4]), "first are those of both lists")
    got = index.query(AggregateHybridQuery(**words, alpha=1.0, num_results=5))
    equal(set(ids(got)), set(close[:5]))
    both = Vector(vector=vector(20), field_name="vector", dtype="float32", weight=1.0,
                  max_distance=2.0)
    got = index.query(MultiVectorQuery([both], return_fields=["name"], num_results=5))
    equal(set(ids(got)), set(close[:5]))


def changed(index):
    key = index.load([{**list(rows(index.schema.index.storage_type.value))[7], "kind": "fish"}],
                     id_field="name")
    equal(key, [f"{index.prefix}:r7"])
    equal(index.query(CountQuery(filter_expression=Tag("kind") == "fish")), 1)
    equal(index.query(CountQuery(filter_expression=Tag("kind") == "cat")), 19)
    equal(index.drop_keys(f"{index.prefix}:r7"), 1)
    equal(index.query(CountQuery()), COUNT - 1)
    equal(index.fetch("r8")["kind"], "dog")


def everything(client, storage, algorithm):
    index = SearchIndex.from_dict(schema(storage, algorithm), redis_client=client)
    index.create(overwrite=True)
    equal(index.exists(), True)
    equal(len(index.load(list(rows(storage)), id_field="name")), COUNT)
    equal(int(index.info()["num_docs"]), COUNT)
    for part in (search, filtered, ranged, without_vectors, mixed, changed):
        steps.run(f"{storage} {algorithm} {part.__name__}", part, index)
    index.delete(drop=True)
    equal(index.exists(), False)
    equal(client.dbsize(), 0)


def bm25(documents, words, every):
    """Of the documents with every word, or any of them: BM25 as the books have it."""
    mean = sum(map(len, documents)) / len(documents)
    found = {}
    for i, document in enumerate(documents):
        counts = [document.count(word) for word in words]
        if not (all(counts) if every else any(counts)):
            continue
        score = 0.0
        for word, count in zip(words, counts):
            holding = sum(word in other for other in documents)
            rare = math.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
            norm = 1.2 * (1 - 0.75 + 0.75 * len(document) / mean)
            score += rare * count * 2.2 / (count + norm)
        found[f"s:{i}"] = score
    return found


def scores(client):
    """Scores of words against a count by hand."""
    rng = random.Random(7)
    documents = [[f"w{int(rng.paretovariate(1)) % 40}" for _ in range(rng.randint(3, 40))]
                 for _ in range(120)]
    client.execute_command("FT.CREATE", "scores", "PREFIX", 1, "s:", "SCHEMA", "t", "TEXT")
    for i, document in enumerate(documents):
        client.hset(f"s:{i}", mapping={"t": " ".join(document)})
    for _ in range(60):
        words = rng.sample([f"w{i}" for i in range(1, 12)], rng.randint(1, 3))
        every = rng.random() < 0.5
        got = client.execute_command("FT.SEARCH", "scores", (" " if every else "|").join(words),
                                     "NOCONTENT", "WITHSCORES", "LIMIT", 0, 200)
        wanted = bm25(documents, words, every)
        equal(got[0], len(wanted))
        keys = [key.decode() for key in got[1::2]]
        equal(set(keys), set(wanted))
        for key, score in zip(keys, got[2::2]):
            holds(abs(float(score) - wanted[key]) < 1e-6, f"{words} {key} {score} {wanted[key]}")
        order = [wanted[key] for key in keys]
        holds(all(a >= b - 1e-9 for a, b in zip(order, order[1:])), "not by score")
    client.execute_command("FT.DROPINDEX", "scores", "DD")


def restart(server):
    server.start(log=True)
    client = redis.Redis(port=server.port)
    index = SearchIndex.from_dict(schema("hash", "hnsw"), redis_client=client)
    index.create()
    index.load(list(rows("hash")), id_field="name")
    equal(server.stop(), 0)
    server.start(log=True)
    index = SearchIndex.from_existing("hash-hnsw", redis_client=client)
    equal(index.query(CountQuery()), COUNT)
    search(index)


with Server(sys.argv[1]) as own:
    own.start()
    # Without a protocol redis-py speaks RESP3 and gives the shapes that redisvl knows; with one it
    # does so when it is told to.
    for protocol in ({"protocol": 2}, {}, {"protocol": 3, "legacy_responses": False}):
        with redis.Redis(port=own.port, **protocol) as r:
            for kind in ("hash", "json"):
                for graph in ("flat", "hnsw"):
                    steps.run(f"{protocol} {kind} {graph}", everything, r, kind, graph)
    with redis.Redis(port=own.port, protocol=2) as r:
        steps.run("scores", scores, r)
    equal(own.stop(), 0)
    steps.run("a restart with the log", restart, own)
    status = steps.summary("redisvl")
sys.exit(status)
