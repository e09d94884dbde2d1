"""LlamaIndex's Milvus store: python llamaindex_store.py [URI]
(pip install llama-index-vector-stores-milvus)"""
import sys

try:
    from llama_index.core.schema import TextNode
    from llama_index.core.vector_stores import VectorStoreQuery
    from llama_index.vector_stores.milvus import MilvusVectorStore
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(0)

store = MilvusVectorStore(
    uri=sys.argv[1] if len(sys.argv) > 1 else "http://localhost:19530",
    collection_name="llama_demo", dim=4, overwrite=True)
store.add([
    TextNode(text="the wolf howls", embedding=[1.0, 0.0, 0.0, 0.1]),
    TextNode(text="a hen lays eggs", embedding=[0.0, 1.0, 0.0, 0.1]),
    TextNode(text="pizza with cheese", embedding=[0.0, 0.0, 1.0, 0.1]),
])
found = store.query(VectorStoreQuery(query_embedding=[0.0, 0.1, 0.9, 0.0], similarity_top_k=1))
print(found.nodes[0].get_content())
