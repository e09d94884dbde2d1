"""Quickstart with pymilvus, as against any Milvus: python quickstart.py [URI]

Start a server first:  kith serve --data data
"""
import sys

from pymilvus import MilvusClient

client = MilvusClient(uri=sys.argv[1] if len(sys.argv) > 1 else "http://localhost:19530")

if client.has_collection("animals"):
    client.drop_collection("animals")
client.create_collection("animals", dimension=4, metric_type="COSINE")

client.insert("animals", [
    {"id": 1, "vector": [0.9, 0.1, 0.0, 0.2], "name": "wolf", "legs": 4},
    {"id": 2, "vector": [0.8, 0.2, 0.1, 0.1], "name": "dog", "legs": 4},
    {"id": 3, "vector": [0.1, 0.9, 0.3, 0.0], "name": "sparrow", "legs": 2},
    {"id": 4, "vector": [0.0, 0.8, 0.5, 0.1], "name": "hen", "legs": 2},
])

for hit in client.search("animals", data=[[0.85, 0.15, 0.05, 0.1]], limit=2,
                         output_fields=["name"])[0]:
    print(f'{hit["entity"]["name"]}  {hit["distance"]:.4f}')
for row in client.query("animals", filter="legs == 2", output_fields=["name"]):
    print(row["name"])

client.delete("animals", ids=[1])
print(client.query("animals", output_fields=["count(*)"])[0]["count(*)"], "rows are left")
client.drop_collection("animals")
