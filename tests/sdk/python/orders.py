"""What reads can do beyond rows, as far as pymilvus says it: orders, highlights, aggregates."""
from pymilvus import DataType, Function, FunctionType, LexicalHighlighter, MilvusClient

from steps import refused, step

NAME = "goods"


def create(client):
    schema = MilvusClient.create_schema(enable_dynamic_field=True)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("price", DataType.DOUBLE)
    schema.add_field("text", DataType.VARCHAR, max_length=100, enable_analyzer=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)
    schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
    schema.add_function(Function("bm25", FunctionType.BM25, ["text"], ["words"]))
    index = client.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="L2")
    index.add_index("words", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")
    client.create_collection(NAME, schema=schema, index_params=index)
    client.insert(NAME, [{"id": i, "price": i / 4, "text": "a red fox" if i % 2 else "a wolf",
                          "vector": [i, 0], "rank": i * 5 % 12} for i in range(12)])


def orders(client):
    create(client)

    @step("search: order_by_fields")
    def _():
        found = client.search(NAME, [[0, 0]], anns_field="vector", limit=4, output_fields=["rank"],
                              order_by_fields=[{"field": "rank", "order": "desc"}])[0]
        assert [hit["id"] for hit in found] == [2, 1, 3, 0], found

    @step("search: a highlighter")
    def _():
        marks = LexicalHighlighter(highlight_search_text=True, pre_tags=["["], post_tags=["]"],
                                   fragment_offset=2)
        found = client.search(NAME, ["red"], anns_field="words", limit=2, highlighter=marks)[0]
        assert [hit["highlight"]["text"]["fragments"] for hit in found] == [["a [red] fox"]] * 2

    @step("query: aggregates")
    def _():
        row, = client.query(NAME, filter="id > 1", output_fields=["sum(id)", "max(price)",
                                                                  "count(*)"])
        assert row["sum(id)"] == 65 and row["max(price)"] == 2.75 and row["count(*)"] == 10, row
        refused("aggregation operator sum does not support data type VarChar",
                lambda: client.query(NAME, filter="id > 1", output_fields=["sum(text)"]))

    client.drop_collection(NAME)
