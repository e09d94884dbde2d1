"""Rankers: of several searches and of one; groups, orders, iterators with filters."""
from pymilvus import (AnnSearchRequest, DataType, Function, FunctionScore, FunctionType,
                      MilvusClient, RRFRanker, WeightedRanker)

from steps import refused, step

NAME = "ranks"


def rerank(params, fields=()):
    return Function(name="r", function_type=FunctionType.RERANK, input_field_names=list(fields),
                    params=params)


def setup(client):
    schema = MilvusClient.create_schema()
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("age", DataType.INT64)
    schema.add_field("kind", DataType.VARCHAR, max_length=10)
    schema.add_field("near", DataType.FLOAT_VECTOR, dim=2)
    schema.add_field("far", DataType.FLOAT_VECTOR, dim=2)
    index = client.prepare_index_params()
    index.add_index("near", index_type="FLAT", metric_type="IP")
    index.add_index("far", index_type="FLAT", metric_type="L2")
    client.create_collection(NAME, schema=schema, index_params=index)
    client.insert(NAME, [{"id": i, "age": i * 10, "kind": "odd" if i % 2 else "even",
                          "near": [1.0, 0.0], "far": [float(i), 0.0]} for i in range(10)])


def hybrid(client):
    # The same score for all rows, and the distance from row 4.
    requests = [AnnSearchRequest([[1.0, 0.0]], "near", {}, limit=10),
                AnnSearchRequest([[4.0, 0.0]], "far", {}, limit=10)]

    def run(ranker, **more):
        return client.hybrid_search(NAME, requests, ranker, limit=3, **more)[0]

    @step("hybrid_search: every ranker")
    def _():
        assert len(run(RRFRanker(10))) == 3
        assert run(WeightedRanker(0.1, 0.9))[0]["id"] == 4
        assert len(run(rerank({"reranker": "rrf", "k": 60}))) == 3
        assert run(rerank({"reranker": "weighted", "weights": [0, 1],
                           "norm_score": True}))[0]["id"] == 4
        decay = {"reranker": "decay", "function": "gauss", "scale": 1}
        assert run(rerank({**decay, "origin": 70}, ["age"]))[0]["id"] == 7
        refused("lost param: origin", lambda: run(rerank(decay, ["age"])))

    @step("hybrid_search: groups")
    def _():
        hits = run(WeightedRanker(0.1, 0.9), group_by_field="kind", output_fields=["kind"])
        assert sorted(h["entity"]["kind"] for h in hits) == ["even", "odd"], hits


def one(client):
    def search(ranker):
        return client.search(NAME, [[1.0, 0.0]], anns_field="near", limit=10, ranker=ranker)[0]

    @step("search: decay gauss, exp, linear")
    def _():
        for shape in ("gauss", "exp", "linear"):
            hits = search(rerank({"reranker": "decay", "function": shape, "origin": 50,
                                  "scale": 20, "decay": 0.5}, ["age"]))
            assert [h["id"] for h in hits[:3]] == [5, 4, 6], (shape, hits)
            assert abs(hits[0]["distance"] - 1) < 1e-6

    @step("search: boost, several boosts")
    def _():
        hits = search(rerank({"reranker": "boost", "filter": "age >= 80", "weight": 3}))
        assert [h["id"] for h in hits[:2]] == [8, 9] and abs(hits[0]["distance"] - 3) < 1e-6
        hits = search(FunctionScore(
            [rerank({"reranker": "boost", "filter": 'kind == "odd"', "weight": 2}),
             rerank({"reranker": "boost", "filter": "age > 60", "weight": 5})],
            {"boost_mode": "multiply", "function_mode": "sum"}))
        assert [h["id"] for h in hits[:2]] == [7, 9] and abs(hits[0]["distance"] - 7) < 1e-6


def iterators(client):
    @step("search_iterator and query_iterator with filters")
    def _():
        iterator = client.search_iterator("every", [[0.5] * 8], batch_size=7, limit=100,
                                          anns_field="vector", filter="flag == true")
        seen = []
        while batch := iterator.next():
            seen += [h["id"] for h in batch]
        iterator.close()
        assert len(seen) > 40 and len(set(seen)) == len(seen) and not any(i % 2 for i in seen)
        iterator = client.query_iterator("every", batch_size=9, limit=30, filter="id >= 20")
        seen = []
        while batch := iterator.next():
            seen += [r["id"] for r in batch]
        iterator.close()
        assert seen == list(range(20, 50)), seen


def ranks(client):
    step("ranks: a collection")(lambda: setup(client))
    hybrid(client)
    one(client)
    iterators(client)
