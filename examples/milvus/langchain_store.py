"""LangChain's Milvus store: python langchain_store.py [URI]
(pip install langchain-milvus, 0.4.0 or later: 0.3.3 does not get on with pymilvus 2.6.17)
"""
import sys

try:
    from langchain_core.embeddings import Embeddings
    from langchain_milvus import Milvus
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(0)


class Letters(Embeddings):
    """How often each letter occurs: enough to tell texts apart without a model."""

    def embed_query(self, text):
        return [float(text.lower().count(chr(ord("a") + i))) for i in range(26)]

    def embed_documents(self, texts):
        return [self.embed_query(text) for text in texts]


store = Milvus.from_texts(
    ["the wolf howls", "a hen lays eggs", "pizza with cheese"], Letters(),
    metadatas=[{"kind": "wild"}, {"kind": "farm"}, {"kind": "food"}],
    collection_name="langchain_demo", drop_old=True,
    connection_args={"uri": sys.argv[1] if len(sys.argv) > 1 else "http://localhost:19530"})
print(store.similarity_search("cheese pizza", k=1)[0].page_content)
print(store.similarity_search("eggs", k=1, expr='kind == "farm"')[0].page_content)
