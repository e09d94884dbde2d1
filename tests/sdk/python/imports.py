"""Files into a collection, by gRPC and by REST as bulk_import does it; fields out of one."""
import importlib.util
import json
import os
import time

import pymilvus
from pymilvus import DataType, connections, utility
from pymilvus.client.types import BulkInsertState

from steps import refused, step


def write(server, name, text):
    with open(os.path.join(server.imports, name), "w", encoding="utf-8") as file:
        file.write(text)


def bulk_import_module():
    """pymilvus.bulk_writer asks for packages that its REST calls do not need."""
    path = os.path.join(os.path.dirname(pymilvus.__file__), "bulk_writer", "bulk_import.py")
    spec = importlib.util.spec_from_file_location("bulk_import", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def over_grpc(client, address, server):
    @step("do_bulk_insert, get_bulk_insert_state, list_bulk_insert_tasks")
    def _():
        connections.connect("imports", uri=address)
        client.create_collection("bulk", dimension=4)
        rows = [{"id": i, "vector": [i, 0, 0, 0], "colour": f"c{i}"} for i in range(10)]
        write(server, "rows.json", json.dumps(rows))
        task = utility.do_bulk_insert("bulk", ["rows.json"], using="imports")
        state = utility.get_bulk_insert_state(task, using="imports")
        while state.state not in (BulkInsertState.ImportCompleted, BulkInsertState.ImportFailed):
            time.sleep(0.02)
            state = utility.get_bulk_insert_state(task, using="imports")
        assert state.state == BulkInsertState.ImportCompleted, state.failed_reason
        assert state.row_count == 10 and state.progress == 100
        tasks = utility.list_bulk_insert_tasks(collection_name="bulk", using="imports")
        assert [t.task_id for t in tasks] == [task]
        assert client.query("bulk", "colour == 'c7'")[0]["id"] == 7
        refused("import.dir", lambda: utility.do_bulk_insert("bulk", ["../x.json"], using="imports"))
        connections.disconnect("imports")


def over_rest(client, address, server):
    @step("bulk_import, get_import_progress, list_import_jobs")
    def _():
        bulk = bulk_import_module()
        write(server, "more.csv", 'id,vector,colour\n100,"[1,2,3,4]",red\n101,"[1,2,3,4]",\n')
        reply = bulk.bulk_import(address, "bulk", files=[["more.csv"]]).json()
        job = reply["data"]["jobId"]
        progress = {"state": "Pending"}
        while progress["state"] in ("Pending", "Importing"):
            progress = bulk.get_import_progress(address, job).json()["data"]
        assert progress["state"] == "Completed" and progress["totalRows"] == 2, progress
        jobs = bulk.list_import_jobs(address, "bulk").json()["data"]["records"]
        assert jobs[0]["jobId"] == job and jobs[0]["progress"] == 100
        assert client.query("bulk", "colour == 'red'")[0]["id"] == 100


def fields(client):
    @step("drop_collection_field")
    def _():
        client.add_collection_field("bulk", "price", DataType.INT64, nullable=True)
        client.insert("bulk", [{"id": 200, "vector": [1, 2, 3, 4], "price": 5}])
        client.create_index("bulk", _index(client))
        client.drop_collection_field("bulk", field_name="price")
        names = [f["name"] for f in client.describe_collection("bulk")["fields"]]
        assert names == ["id", "vector"], names
        assert "price" not in client.query("bulk", "id == 200", output_fields=["*"])[0]
        assert client.list_indexes("bulk") == ["vector"]
        refused("primary key", lambda: client.drop_collection_field("bulk", field_name="id"))
        client.insert("bulk", [{"id": 201, "vector": [1, 2, 3, 4], "price": 7}])  # a key by now
        assert client.query("bulk", "price == 7")[0]["id"] == 201
        client.drop_collection("bulk")


def _index(client):
    index = client.prepare_index_params()
    index.add_index("price", index_type="STL_SORT", index_name="price")
    return index


def imports(client, address, server):
    over_grpc(client, address, server)
    over_rest(client, address, server)
    fields(client)
