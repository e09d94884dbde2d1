"""One server, two doors: what is made through one is read through the other, and written to only
where it was made. redis-py for the Redis door, plain HTTP for RESTful v2."""

import json
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

import redis

from own_server import Steps, free_port

DIM = 8
DOCS = 2500


def blob(vector):
    return struct.pack(f"<{len(vector)}f", *vector)


class Both:
    """`kith serve` with both doors, over a directory that goes when the test ends."""

    def __init__(self, kith):
        self.kith = kith
        self.root = tempfile.mkdtemp(prefix="kith-doors-")
        self.child = None

    def start(self):
        self.redis_port, self.rest_port = free_port(), free_port()
        self.child = subprocess.Popen(
            [self.kith, "serve", "--data", self.root + "/data", "--redis-port",
             str(self.redis_port), "--milvus-port", str(self.rest_port), "--ops-port", "0",
             "--log-level", "error"], stdout=subprocess.PIPE, text=True)
        if not self.child.stdout.readline():
            raise RuntimeError("kith serve did not start")
        self.client = redis.Redis(port=self.redis_port, protocol=2)
        self.client.ping()

    def stop(self):
        self.client.close()
        self.child.terminate()
        status = self.child.wait(60)
        self.child.stdout.close()
        return status

    def rest(self, path, **body):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.rest_port}/v2/vectordb/{path}",
            data=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)

    def done(self, path, **body):
        reply = self.rest(path, **body)
        assert reply["code"] == 0, reply
        return reply.get("data")


def a_collection_answers_ft(both):
    both.done("collections/create", collectionName="films", schema={"fields": [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "title", "dataType": "VarChar", "elementTypeParams": {
            "max_length": 200, "enable_analyzer": True, "enable_match": True}},
        {"fieldName": "genre", "dataType": "VarChar", "elementTypeParams": {"max_length": 50}},
        {"fieldName": "year", "dataType": "Int32"},
        {"fieldName": "v", "dataType": "FloatVector", "elementTypeParams": {"dim": DIM}}]},
        indexParams=[{"fieldName": "v", "indexName": "v", "metricType": "L2",
                      "indexType": "AUTOINDEX"}])
    rows = [{"id": i, "title": f"the film number {i}", "genre": ["noir", "war"][i % 2],
             "year": 1950 + i, "v": [float(i)] * DIM} for i in range(30)]
    assert both.done("entities/insert", collectionName="films", data=rows)["insertCount"] == 30
    client = both.client
    assert b"films" in client.execute_command("FT._LIST")
    info = client.ft("films").info()
    assert int(info["num_docs"]) == 30, info
    found = client.execute_command("FT.SEARCH", "films", "@genre:{noir} @year:[1960 1970]",
                                   "RETURN", 2, "title", "year", "LIMIT", 0, 2)
    assert found[0] == 6 and found[1] == b"films:10", found
    assert found[2] == [b"title", b"the film number 10", b"year", b"1960"], found
    found = client.execute_command("FT.SEARCH", "films", "@genre:{war}=>[KNN 3 @v $q AS d]",
                                   "PARAMS", 2, "q", blob([4.0] * DIM), "RETURN", 1, "d",
                                   "DIALECT", 2)
    assert [found[1], found[3]] == [b"films:3", b"films:5"], found
    assert found[2] == [b"d", b"8"], found
    found = client.execute_command("FT.SEARCH", "films", "@title:(film 7)", "NOCONTENT")
    assert found == [1, b"films:7"], found
    whole = client.execute_command("FT.SEARCH", "films", "@year:[1950 1950]")
    assert blob([0.0] * DIM) in whole[2], whole
    groups = client.execute_command("FT.AGGREGATE", "films", "*", "GROUPBY", 1, "@genre",
                                    "REDUCE", "COUNT", 0, "AS", "n")
    assert sorted(map(tuple, groups[1:])) == [(b"genre", b"noir", b"n", b"15"),
                                              (b"genre", b"war", b"n", b"15")], groups
    try:
        client.execute_command("FT.DROPINDEX", "films")
        raise AssertionError("a collection of another door was dropped")
    except redis.ResponseError as error:
        assert "collection of the database" in str(error), error
    both.done("entities/insert", collectionName="films", data=[
        {"id": 99, "title": "late", "genre": "noir", "year": 2000, "v": [0.0] * DIM}])
    assert client.execute_command("FT.SEARCH", "films", "late", "NOCONTENT") == [1, b"films:99"]


def an_index_is_a_collection(both):
    client = both.client
    client.execute_command(
        "FT.CREATE", "notes", "PREFIX", 1, "note:", "SCHEMA", "owner", "TAG", "n", "NUMERIC",
        "text", "TEXT", "v", "VECTOR", "HNSW", 6, "TYPE", "FLOAT32", "DIM", DIM,
        "DISTANCE_METRIC", "COSINE")
    assert "notes" in both.done("collections/list")
    random.seed(3)
    pipe = client.pipeline(transaction=False)
    for i in range(DOCS):
        pipe.hset(f"note:{i}", mapping={"owner": ["ann", "bob"][i % 2], "n": i,
                                        "text": f"words of note {i}", "v": blob(
                                            [random.uniform(-1, 1) for _ in range(DIM)])})
    pipe.execute()
    assert both.done("entities/query", collectionName="notes", filter="",
                     outputFields=["count(*)"])[0]["count(*)"] == DOCS
    rows = both.done("entities/query", collectionName="notes",
                     filter='array_contains(owner, "bob") and n < 4', outputFields=["n", "text"])
    assert sorted(row["__key"] for row in rows) == ["note:1", "note:3"], rows
    assert rows[0]["text"].startswith("words of note"), rows
    client.hset("note:1", "n", 7777)  # seen by the very next read
    rows = both.done("entities/query", collectionName="notes", filter="n == 7777")
    assert [row["__key"] for row in rows] == ["note:1"], rows
    client.delete("note:3")
    assert not both.done("entities/query", collectionName="notes", filter='__key == "note:3"')
    query = [0.5] * DIM
    near = both.done("entities/search", collectionName="notes", data=[query], annsField="v",
                     limit=10, outputFields=["n"])
    found = client.execute_command("FT.SEARCH", "notes", "*=>[KNN 10 @v $q AS d]", "PARAMS", 2,
                                   "q", blob(query), "NOCONTENT", "DIALECT", 2)
    assert found[0] == 10 and found[1:] == [row["__key"].encode() for row in near], (found, near)


def only_the_owner_writes(both):
    both.done("collections/describe", collectionName="notes")
    row = {"__key": "x", "owner": [], "n": 1, "text": "", "v": [0.0] * DIM}
    refused = {
        "entities/insert": {"data": [row]},
        "entities/upsert": {"data": [row]},
        "entities/delete": {"filter": 'n > 0'},
        "collections/drop": {},
        "collections/rename": {"newCollectionName": "other"},
        "partitions/create": {"partitionName": "p"},
    }
    for path, body in refused.items():
        reply = both.rest(path, collectionName="notes", **body)
        assert reply["code"] != 0 and "search index of the Redis door" in reply["message"], (
            path, reply)
        assert "FT.DROPINDEX" in reply["message"] and "HSET" in reply["message"], reply
    assert both.client.hget("note:2", "owner") == b"ann"


def rows_of_a_collection_are_no_keys(both):
    client = both.client

    def refused(*words):
        try:
            client.execute_command(*words)
        except redis.ResponseError as error:
            assert "is a document of collection" in str(error), error
            return "(Milvus protocol or REST)" in str(error)
        return False

    assert all(refused(*words) for words in (
        ("HSET", "films:7", "title", "x"), ("DEL", "films:7"), ("JSON.SET", "films:7", "$", "1"),
        ("EXPIRE", "films:7", 5), ("RENAME", "films:7", "y"), ("SET", "films:new", "1")))
    both.done("collections/rename", collectionName="films", newCollectionName="movies")
    assert client.hset("films:7", "title", "x") == 1 and client.delete("films:7") == 1
    assert refused("HSET", "movies:7", "title", "x")
    both.done("collections/drop", collectionName="movies")
    assert client.hset("movies:7", "title", "x") == 1
    both.done("collections/create", collectionName="later", dimension=DIM)
    assert refused("HSET", "later:1", "a", "b")


def again_after_a_restart(both):
    assert both.stop() == 0
    cli = subprocess.run([both.kith, "collection", "drop", "notes", "--db", both.root + "/data"],
                         capture_output=True, text=True)
    assert cli.returncode != 0 and "FT.DROPINDEX" in cli.stderr, cli
    both.start()
    assert both.done("entities/query", collectionName="notes", filter="",
                     outputFields=["count(*)"])[0]["count(*)"] == DOCS - 1
    both.client.execute_command("FT.DROPINDEX", "notes")
    assert "notes" not in both.done("collections/list")
    assert both.rest("collections/describe", collectionName="notes")["code"] != 0
    assert both.client.exists("note:2") == 1


def main(kith):
    both = Both(kith)
    steps = Steps()
    try:
        both.start()
        for step in (a_collection_answers_ft, an_index_is_a_collection, only_the_owner_writes,
                     rows_of_a_collection_are_no_keys, again_after_a_restart):
            steps.run(step.__name__, step, both)
    finally:
        if both.child and both.child.poll() is None:
            both.child.kill()
            both.child.wait()
        shutil.rmtree(both.root, ignore_errors=True)
    return steps.summary("both doors")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
