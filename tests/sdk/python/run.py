"""End to end through pymilvus: python run.py KITH

KITH is the program. One step for each thing a user does with MilvusClient; the ORM for what is easy
there. Ends with 0 when every step passed and every RPC of ../rpcs.txt was answered.
"""
import logging
import os
import signal
import subprocess
import sys
import warnings

from pymilvus import (AnnSearchRequest, Collection, CollectionSchema, DataType, FieldSchema,
                      Function, FunctionType, MilvusClient, RRFRanker, WeightedRanker, connections,
                      utility)

from imports import imports
from lesser import lesser
from kinds import kinds
from orders import orders
from ranks import ranks
from steps import Server, coverage, here, refused, step, summary
from tls import tls

logging.disable(logging.CRITICAL)  # pymilvus tells of each refusal; here many are asked for
warnings.simplefilter("ignore")  # the ORM is on its way out, and still in use


def fields_schema():
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=True)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("flag", DataType.BOOL)
    schema.add_field("tiny", DataType.INT8)
    schema.add_field("small", DataType.INT16)
    schema.add_field("medium", DataType.INT32)
    schema.add_field("single", DataType.FLOAT)
    schema.add_field("double", DataType.DOUBLE)
    schema.add_field("title", DataType.VARCHAR, max_length=500, enable_analyzer=True,
                     enable_match=True)
    schema.add_field("doc", DataType.JSON, nullable=True)
    schema.add_field("numbers", DataType.ARRAY, element_type=DataType.INT64, max_capacity=8)
    schema.add_field("maybe", DataType.INT64, nullable=True)
    schema.add_field("colour", DataType.VARCHAR, max_length=20, default_value="red")
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=8)
    schema.add_field("bits", DataType.BINARY_VECTOR, dim=16)
    schema.add_field("sparse", DataType.SPARSE_FLOAT_VECTOR)
    schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
    schema.add_function(Function(name="bm25", function_type=FunctionType.BM25,
                                 input_field_names=["title"], output_field_names=["words"]))
    return schema


def row(i):
    return {"id": i, "flag": i % 2 == 0, "tiny": i % 100, "small": i, "medium": i * 10,
            "single": i / 2, "double": i / 4, "title": f"the title number{i}",
            "doc": {"n": i, "deep": {"s": f"s{i}"}}, "numbers": [i, i + 1],
            "vector": [i + k / 8 for k in range(8)], "bits": bytes([i & 255, 15]),
            "sparse": {i: 1.0, 500: 0.5}, "note": f"dynamic {i}"}


def collections(client):
    @step("create_database, use_database, drop_database")
    def _():
        client.create_database("library")
        assert "library" in client.list_databases()
        client.alter_database_properties("library", {"database.replica.number": 1})
        assert client.describe_database("library")["name"] == "library"
        client.drop_database_properties("library", ["database.replica.number"])
        client.use_database("library")
        assert client.list_collections() == []
        client.use_database("default")
        client.drop_database("library")

    @step("get_server_version")
    def _():
        assert "2.6" in client.get_server_version()

    @step("create_collection, create_index, load")
    def _():
        index = client.prepare_index_params()
        index.add_index("vector", index_type="HNSW", metric_type="L2",
                        params={"M": 16, "efConstruction": 100})
        index.add_index("bits", index_type="BIN_FLAT", metric_type="HAMMING")
        index.add_index("sparse", index_type="SPARSE_INVERTED_INDEX", metric_type="IP")
        index.add_index("words", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")
        index.add_index("medium", index_type="STL_SORT")
        client.create_collection("every", schema=fields_schema(), index_params=index)
        assert client.has_collection("every") and not client.has_collection("nothing")
        assert len(client.list_indexes("every")) == 5
        assert client.describe_index("every", "vector")["index_type"] == "HNSW"
        assert str(client.get_load_state("every")["state"]) == "Loaded"
        assert len(client.describe_collection("every")["fields"]) == 16

    @step("aliases")
    def _():
        client.create_alias("every", "all")
        assert client.describe_alias("all")["collection_name"] == "every"
        assert client.list_aliases("every")["aliases"] == ["all"]
        client.alter_alias("every", "all")
        client.drop_alias("all")

    @step("partitions")
    def _():
        client.create_collection("parted", dimension=4)
        client.create_partition("parted", "one")
        assert client.has_partition("parted", "one")
        assert sorted(client.list_partitions("parted")) == ["_default", "one"]
        client.load_partitions("parted", ["one"])
        client.insert("parted", [{"id": 1, "vector": [1, 2, 3, 4]}], partition_name="one")
        assert int(client.get_partition_stats("parted", "one")["row_count"]) == 1
        client.release_partitions("parted", ["one"])
        client.release_collection("parted")
        client.drop_partition("parted", "one")
        client.rename_collection("parted", "other")
        client.drop_collection("other")

    @step("properties, added fields")
    def _():
        client.alter_collection_properties("every", {"collection.ttl.seconds": 86400})
        client.drop_collection_properties("every", ["collection.ttl.seconds"])
        client.alter_collection_field("every", "title", {"max_length": 600})
        client.add_collection_field("every", "added", DataType.INT64, nullable=True)
        refused("must be nullable",
                lambda: client.add_collection_field("every", "bad", DataType.INT64))

    @step("run_analyzer")
    def _():
        assert list(client.run_analyzer("The Quick Foxes", {"type": "english"}).tokens) \
            == ["quick", "fox"]


def rows(client):
    @step("insert, upsert, delete, get, query")
    def _():
        reply = client.insert("every", [row(i) for i in range(100)])
        assert reply["insert_count"] == 100 and list(reply["ids"]) == list(range(100))
        client.upsert("every", [{**row(1), "colour": "blue", "maybe": 5}])
        got = client.get("every", [1], output_fields=["*"])[0]
        assert got["colour"] == "blue" and got["maybe"] == 5 and got["note"] == "dynamic 1", got
        got = client.query("every", "id == 42", output_fields=["*"])[0]
        want = row(42)
        for name in ("flag", "tiny", "small", "medium", "single", "double", "title", "doc",
                     "vector", "note"):
            assert got[name] == want[name], (name, got[name])
        assert list(got["numbers"]) == want["numbers"] and got["maybe"] is None
        assert got["colour"] == "red" and got["added"] is None
        assert client.delete("every", ids=[90, 91])["delete_count"] == 2
        client.delete("every", filter="medium >= 980")
        count = client.query("every", "", output_fields=["count(*)"])[0]["count(*)"]
        assert count == 96, count

    @step("filters and templates")
    def _():
        def ids(text, **more):
            return sorted(r["id"] for r in client.query("every", text, output_fields=["id"], **more))
        assert ids("id >= 5 and id < 8") == [5, 6, 7]
        assert ids('doc["deep"]["s"] == "s13"') == [13]
        assert ids("array_contains(numbers, 20)") == [19, 20]
        assert ids('note == "dynamic 33"') == [33]
        assert ids('text_match(title, "number7")') == [7]
        assert ids("id in {list}", filter_params={"list": [7, 8]}) == [7, 8]
        assert ids("id == 123456") == []
        refused("cannot parse expression", lambda: ids("nope("))

    @step("query_iterator")
    def _():
        iterator = client.query_iterator("every", batch_size=10, filter="id < 35",
                                         output_fields=["id"])
        seen = []
        while batch := iterator.next():
            seen += [r["id"] for r in batch]
        iterator.close()
        assert seen == list(range(35)), seen


def searches(client):
    query = row(50)

    @step("search")
    def _():
        hits = client.search("every", [query["vector"]], anns_field="vector", limit=3,
                             output_fields=["title", "note"])[0]
        assert hits[0]["id"] == 50 and hits[0]["distance"] == 0
        assert hits[0]["entity"]["note"] == "dynamic 50"
        hits = client.search("every", [query["vector"]], anns_field="vector", limit=3,
                             filter="id % 7 == 0")[0]
        assert sorted(h["id"] for h in hits) == [42, 49, 56]
        hits = client.search("every", [query["vector"]], anns_field="vector", limit=10,
                             search_params={"params": {"radius": 33, "range_filter": 8}})[0]
        assert sorted(h["id"] for h in hits) == [48, 49, 51, 52]
        assert client.search("every", [query["bits"]], anns_field="bits", limit=1)[0][0]["id"] == 50
        assert client.search("every", [{50: 2.0}], anns_field="sparse", limit=1)[0][0]["id"] == 50
        hits = client.search("every", ["number7"], anns_field="words", limit=3)[0]
        assert [h["id"] for h in hits] == [7], hits
        hits = client.search("every", [query["vector"]], anns_field="vector", limit=2,
                             group_by_field="flag", output_fields=["flag"])[0]
        assert len({h["entity"]["flag"] for h in hits}) == 2
        refused("metric type not match", lambda: client.search(
            "every", [query["vector"]], anns_field="vector", search_params={"metric_type": "IP"}))

    @step("hybrid_search")
    def _():
        requests = [AnnSearchRequest([query["vector"]], "vector", {}, limit=5),
                    AnnSearchRequest([{7: 1.0}], "sparse", {}, limit=5)]
        hits = client.hybrid_search("every", requests, RRFRanker(60), limit=5)[0]
        assert {hits[0]["id"], hits[1]["id"]} == {50, 7}
        hits = client.hybrid_search("every", requests, WeightedRanker(0.1, 0.9), limit=5)[0]
        assert hits[0]["id"] == 7, hits

    @step("search_iterator")
    def _():
        iterator = client.search_iterator("every", [query["vector"]], batch_size=10, limit=35,
                                          anns_field="vector", output_fields=["id"])
        seen = []
        while batch := iterator.next():
            seen += [h["id"] for h in batch]
        iterator.close()
        assert len(seen) == 35 and len(set(seen)) == 35, seen


def upkeep(client):
    @step("flush, compact, statistics")
    def _():
        client.flush("every")
        job = client.compact("every")
        assert client.get_compaction_state(job) in ("Completed", "Executing")
        assert int(client.get_collection_stats("every")["row_count"]) >= 96
        client.list_persistent_segments("every")
        client.list_loaded_segments("every")

    @step("release, drop_index, truncate")
    def _():
        client.create_collection("brief", dimension=4)
        client.insert("brief", [{"id": 1, "vector": [1, 2, 3, 4]}])
        client.truncate_collection("brief")
        assert client.query("brief", "id >= 0") == []
        client.release_collection("brief")
        refused("not loaded", lambda: client.query("brief", "id > 0"))
        client.drop_index("brief", "vector")
        client.drop_collection("brief")


def orm(address):
    @step("ORM: Collection")
    def _():
        connections.connect(uri=address)
        schema = CollectionSchema([FieldSchema("id", DataType.INT64, is_primary=True, auto_id=True),
                                   FieldSchema("vector", DataType.FLOAT_VECTOR, dim=4)])
        collection = Collection("orm", schema)
        collection.insert([[[float(i), 0, 0, 0] for i in range(10)]])
        collection.create_index("vector", {"index_type": "IVF_FLAT", "metric_type": "L2",
                                           "params": {"nlist": 4}})
        collection.load()
        hits = collection.search([[3.0, 0, 0, 0]], "vector", {"metric_type": "L2"}, limit=2)[0]
        assert hits[0].distance == 0
        assert collection.num_entities == 10
        assert utility.has_collection("orm")
        collection.release()
        collection.drop()
        connections.disconnect("default")


def users(server):
    address = server.start("--auth")
    client = MilvusClient(address, token="root:Milvus")

    @step("users, roles, privileges")
    def _():
        client.create_user("ann", "annspass")
        assert sorted(client.list_users()) == ["ann", "root"]
        client.create_role("reader")
        client.alter_role("reader", "reads")
        client.grant_role("ann", "reader")
        client.create_collection("secret", dimension=4)
        client.grant_privilege_v2("reader", "Search", "secret", db_name="default")
        client.grant_privilege("reader", "Global", "DescribeCollection", "*")
        assert "reader" in client.list_roles()
        assert client.describe_role("reader")["privileges"]
        assert "reader" in str(client.describe_user("ann"))
        ann = MilvusClient(address, user="ann", password="annspass")
        ann.search("secret", [[1, 2, 3, 4]], limit=1)
        refused("permission deny", lambda: ann.drop_collection("secret"))
        ann.close()
        client.update_password("ann", "annspass", "newpass1")
        client.create_privilege_group("finders")
        client.add_privileges_to_group("finders", ["Search", "Query"])
        assert any(g["privilege_group"] == "finders" for g in client.list_privilege_groups())
        client.remove_privileges_from_group("finders", ["Query"])
        client.drop_privilege_group("finders")
        client.revoke_privilege_v2("reader", "Search", "secret", db_name="default")
        client.revoke_privilege("reader", "Global", "DescribeCollection", "*")
        client.revoke_role("ann", "reader")
        client.drop_role("reader")
        client.drop_user("ann")

    @step("wrong password")
    def _():
        refused("illegal connection params", lambda: MilvusClient(address, token="root:wrong!", timeout=3))
    client.close()


def main():
    server = Server(sys.argv[1])
    try:
        address = server.start()
        client = MilvusClient(address)
        for part in (collections, rows, searches, upkeep):
            part(client)
        for part in (kinds, orders, ranks):
            part(client)
        lesser(client, address)
        imports(client, address, server)
        orm(address)

        @step("the quickstart")
        def _():
            script = os.path.join(here, "..", "..", "..", "examples", "milvus", "quickstart.py")
            said = subprocess.run([sys.executable, script, address], text=True, check=True,
                                  capture_output=True).stdout
            assert said.splitlines()[0].startswith("dog") and "3 rows are left" in said, said
        server.stop(signal.SIGKILL)
        client.close()
        client = MilvusClient(server.start())

        @step("what was acknowledged outlives kill -9")
        def _():
            count = client.query("every", "", output_fields=["count(*)"])[0]["count(*)"]
            assert count == 96, count
        client.close()
        server.stop()
        users(server)
        server.stop()
        tls(server)
        coverage(server)
    finally:
        server.remove()
    return summary("pymilvus")


sys.exit(main())
