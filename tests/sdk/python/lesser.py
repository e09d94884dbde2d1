"""What few call: functions of a collection, resource groups, the asynchronous client, and the RPCs
that pymilvus knows and has no function for, made by its own stub.
"""
import asyncio

from pymilvus import AsyncMilvusClient, DataType, FieldSchema, Function, FunctionType
from pymilvus.client.prepare import Prepare
from pymilvus.client.types import ResourceGroupConfig
from pymilvus.grpc_gen import milvus_pb2

from steps import refused, step

DEFAULT = "__default_resource_group"


def functions(client):
    @step("functions of a collection")
    def _():
        bm25 = Function(name="bm25", function_type=FunctionType.BM25, input_field_names=["title"],
                        output_field_names=["words"])
        refused("does not support adding BM25",
                lambda: client.add_collection_function("every", bm25))
        refused("does not support altering BM25",
                lambda: client.alter_collection_function("every", "bm25", bm25))
        client.drop_collection_function("every", "absent")

    @step("properties of an index")
    def _():
        client.release_collection("every")
        client.alter_index_properties("every", "medium", {"mmap.enabled": True})
        client.drop_index_properties("every", "medium", ["mmap.enabled"])
        client.load_collection("every")
        client.refresh_load("every")


def groups(client):
    @step("resource groups")
    def _():
        none = {"requests": {"node_num": 0}, "limits": {"node_num": 0}}
        client.create_resource_group("spare", config=ResourceGroupConfig(**none))
        assert sorted(client.list_resource_groups()) == [DEFAULT, "spare"]
        client.update_resource_groups({"spare": ResourceGroupConfig(
            requests={"node_num": 0}, limits={"node_num": 1})})
        assert client.describe_resource_group("spare").name == "spare"
        client._get_connection().transfer_node(DEFAULT, "spare", 1)
        client.transfer_replica(DEFAULT, "spare", "every", 1)
        client.update_resource_groups({"spare": ResourceGroupConfig(**none)})
        client.drop_resource_group("spare")

    @step("flush_all, replicas, plans of a compaction")
    def _():
        client.flush_all()
        assert client.describe_replica("every")
        client.get_compaction_plans(client.compact("every"))


def asynchronous(address):
    async def run():
        client = AsyncMilvusClient(address)
        await client.create_collection("later", dimension=4)
        await client.insert("later", [{"id": i, "vector": [i, 1, 0, 0]} for i in range(5)])
        found = await asyncio.gather(*(client.search("later", [[i, 1, 0, 0]], limit=1)
                                       for i in range(5)))
        assert all(len(hits[0]) == 1 for hits in found)
        assert len(await client.query("later", "id >= 0", limit=9)) == 5
        await client.drop_collection("later")
        await client.close()

    step("AsyncMilvusClient")(lambda: asyncio.run(asyncio.wait_for(run(), 15)))


def stubs(client):
    stub = client._get_connection()._stub
    at = {"collection_name": "every"}
    index = {**at, "field_name": "vector", "index_name": "vector"}

    def call(rpc, request):
        reply = getattr(stub, rpc)(request, timeout=60)
        status = getattr(reply, "status", reply)
        assert status.code == 0, status
        return reply

    @step("calls by the stub")
    def _():
        assert call("HasCollection", milvus_pb2.HasCollectionRequest(**at)).value
        assert call("CheckHealth", milvus_pb2.CheckHealthRequest()).isHealthy
        described = call("BatchDescribeCollection", milvus_pb2.BatchDescribeCollectionRequest(
            collection_name=["every"]))
        assert described.responses[0].collection_name == "every"
        assert call("GetIndexState", milvus_pb2.GetIndexStateRequest(**index)).state == 3
        progress = call("GetIndexBuildProgress", milvus_pb2.GetIndexBuildProgressRequest(**index))
        assert progress.indexed_rows == progress.total_rows
        call("GetIndexStatistics", milvus_pb2.GetIndexStatisticsRequest(**at, index_name="vector"))
        call("GetMetrics", milvus_pb2.GetMetricsRequest(request='{"metric_type": "system_info"}'))
        states = call("GetComponentStates", milvus_pb2.GetComponentStatesRequest())
        assert states.state.state_code == 1, states
        call("AddCollectionField", Prepare.add_collection_field_request(
            "every", FieldSchema("late", DataType.INT64, nullable=True)))
        assert client._get_connection().alloc_timestamp() > 0


def lesser(client, address):
    functions(client)
    groups(client)
    asynchronous(address)
    stubs(client)
