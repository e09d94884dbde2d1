"""Types that came later: int8, float16 and bfloat16 vectors, geometries, times; partial updates."""
import datetime

import numpy
from pymilvus import DataType, MilvusClient

from steps import refused, step


def schema():
    made = MilvusClient.create_schema()
    made.add_field("id", DataType.INT64, is_primary=True)
    made.add_field("eights", DataType.INT8_VECTOR, dim=4)
    made.add_field("half", DataType.FLOAT16_VECTOR, dim=2)
    made.add_field("place", DataType.GEOMETRY, nullable=True)
    made.add_field("time", DataType.TIMESTAMPTZ, nullable=True)
    made.add_field("count", DataType.INT64, default_value=9)
    return made


def row(i):
    return {"id": i, "eights": numpy.array([i, -i, 127, -128], dtype=numpy.int8),
            "half": numpy.array([i, 0.5], dtype=numpy.float16), "place": f"POINT ({i} {i})",
            "time": f"2025-01-{i + 1:02}T12:00:00Z", "count": i}


def kinds(client):
    name = "kinds"

    @step("int8 vectors, geometries, times: in")
    def _():
        index = client.prepare_index_params()
        index.add_index("eights", index_type="HNSW", metric_type="L2", M=8, efConstruction=64)
        index.add_index("half", index_type="FLAT", metric_type="L2")
        index.add_index("place", index_type="RTREE")
        index.add_index("time", index_type="STL_SORT")
        client.create_collection(name, schema=schema(), index_params=index,
                                 properties={"timezone": "Asia/Tokyo"})
        assert client.insert(name, [row(i) for i in range(20)])["insert_count"] == 20

    @step("int8 vectors, geometries, times: out")
    def _():
        got = client.query(name, "id == 7", output_fields=["*"])[0]
        assert got["place"] == "POINT (7 7)" and got["time"].endswith("+09:00"), got
        when = datetime.datetime.fromisoformat(got["time"])
        assert when == datetime.datetime(2025, 1, 8, 12, tzinfo=datetime.timezone.utc), when

    @step("int8 vectors, geometries, times: filters and searches")
    def _():
        def ids(text):
            return sorted(r["id"] for r in client.query(name, text, output_fields=["id"]))
        square = "POLYGON ((1.5 1.5, 1.5 4.5, 4.5 4.5, 4.5 1.5, 1.5 1.5))"
        assert ids(f'st_within(place, "{square}")') == [2, 3, 4]
        assert ids("time < ISO '2025-01-03T00:00:00Z'") == [0, 1]
        hits = client.search(name, [row(7)["eights"]], anns_field="eights", limit=3)[0]
        assert [(h["id"], h["distance"]) for h in hits] == [(7, 0), (6, 2), (8, 2)], hits
        assert client.search(name, [row(9)["half"]], anns_field="half", limit=1)[0][0]["id"] == 9

    @step("upsert with partial_update")
    def _():
        before = client.query(name, "id == 3", output_fields=["id", "place", "time", "count"])[0]
        client.upsert(name, [{"id": 3, "count": 33}], partial_update=True)
        after = client.query(name, "id == 3", output_fields=["id", "place", "time", "count"])[0]
        assert after == {**before, "count": 33}, after
        client.upsert(name, [{"id": 3, "place": None}], partial_update=True)
        assert client.get(name, [3], output_fields=["place"])[0]["place"] is None
        refused("eights", lambda: client.upsert(name, [{"id": 777, "count": 1}],
                                                partial_update=True))
