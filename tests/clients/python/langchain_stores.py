"""End to end through LangChain's classes for Redis: langchain_stores.py KITH. The vector stores of
langchain-redis and of langchain-community, the caches and the chat histories; vectors come from
own_embedder."""

import sys

import redis
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import Generation
from langchain_redis import (RedisCache, RedisChatMessageHistory, RedisConfig, RedisSemanticCache,
                             RedisVectorStore)
from redisvl.query.filter import Num, Tag, Text

from own_embedder import DIM, embed
from own_server import Server, Steps, equal, holds

try:
    from langchain_community.chat_message_histories import (
        RedisChatMessageHistory as OldHistory)
    from langchain_community.vectorstores.redis import Redis as OldStore
    from langchain_community.vectorstores.redis import RedisNum, RedisText
    from redis.commands.search.indexDefinition import IndexDefinition  # noqa: F401
except ImportError:
    OldStore = None

steps = Steps()


class Own(Embeddings):
    def embed_documents(self, texts):
        return [embed(text) for text in texts]

    def embed_query(self, text):
        return embed(text)


TEXTS = ["green tea from Japan", "black coffee from Ethiopia", "a violin and a flute",
         "coffee with milk, please", "the sea near Palermo"]
KINDS = ["drink", "drink", "music", "drink", "place"]


def documents():
    return [Document(page_content=text, metadata={"kind": kind, "place": i})
            for i, (text, kind) in enumerate(zip(TEXTS, KINDS))]


def contents(found):
    return [document.page_content for document in found]


def store_of(client, storage):
    config = RedisConfig(index_name=f"lc-{storage}", redis_client=client, storage_type=storage,
                         distance_metric="COSINE",
                         metadata_schema=[{"name": "kind", "type": "tag"},
                                          {"name": "place", "type": "numeric"}])
    return RedisVectorStore(Own(), config=config)


def vector_store(client, storage):
    store = store_of(client, storage)
    ids = store.add_documents(documents())
    equal(len(ids), 5)
    equal(contents(store.similarity_search("green tea", k=1)), [TEXTS[0]])
    equal(set(contents(store.similarity_search("coffee", k=2))), {TEXTS[1], TEXTS[3]})
    pairs = store.similarity_search_with_score("violin flute", k=2)
    equal(pairs[0][0].page_content, TEXTS[2])
    equal(pairs[0][0].metadata["kind"], "music")
    wanted = 1 - sum(a * b for a, b in zip(embed("violin flute"), embed(TEXTS[2])))
    holds(abs(pairs[0][1] - wanted) < 1e-4, f"{pairs[0][1]} {wanted}")
    equal(contents(store.similarity_search("coffee", k=5, filter=Tag("kind") == "place")),
          [TEXTS[4]])
    both = (Tag("kind") == "drink") & (Num("place") >= 1)
    equal(set(contents(store.similarity_search("tea", k=5, filter=both))), {TEXTS[1], TEXTS[3]})
    equal(contents(store.similarity_search("x", k=5, filter=Text("text") % "violin")), [TEXTS[2]])
    equal(contents(store.max_marginal_relevance_search("coffee", k=2, fetch_k=4))[0] in TEXTS, True)
    near = store.similarity_search("black coffee from Ethiopia", k=5, distance_threshold=0.01)
    equal(contents(near), [TEXTS[1]])
    equal({d.page_content for d in store.get_by_ids(ids[:2])}, set(TEXTS[:2]))
    again = RedisVectorStore.from_existing_index(index_name=f"lc-{storage}", embedding=Own(),
                                                 redis_client=client)
    equal(contents(again.similarity_search("green tea", k=1)), [TEXTS[0]])
    equal(store.delete(ids[:1]), True)
    holds(TEXTS[0] not in contents(store.similarity_search("green tea", k=5)), "not deleted")
    store.ttl = 100
    store.add_texts(["short lived"])
    equal(sum(0 < client.ttl(key) <= 100 for key in client.scan_iter()), 1)
    equal(contents(store.similarity_search("short lived", k=1)), ["short lived"])
    store.index.delete(drop=True)


def exact_cache(client):
    cache = RedisCache(redis_client=client, ttl=100, prefix="exact")
    equal(cache.lookup("q", "model"), None)
    cache.update("q", "model", [Generation(text="an answer")])
    equal(cache.lookup("q", "model")[0].text, "an answer")
    equal(cache.lookup("q", "other"), None)
    cache.clear()
    equal(cache.lookup("q", "model"), None)


def semantic_cache(client):
    cache = RedisSemanticCache(embeddings=Own(), redis_client=client, name="semantic",
                               distance_threshold=0.2, ttl=100)
    cache.update("what is the capital of France", "model", [Generation(text="Paris")])
    equal(cache.lookup("what is the capital of France", "model")[0].text, "Paris")
    equal(cache.lookup("What is the capital of France?", "model")[0].text, "Paris")
    equal(cache.lookup("how tall is a giraffe", "model"), None)
    equal(cache.lookup("what is the capital of France", "other"), None)
    cache.clear()
    equal(cache.lookup("what is the capital of France", "model"), None)


def history(client):
    one = RedisChatMessageHistory("one", redis_client=client, ttl=100)
    two = RedisChatMessageHistory("two", redis_client=client)
    one.add_message(HumanMessage(content="Where is the violin?"))
    one.add_message(AIMessage(content="Under the green chair."))
    two.add_message(HumanMessage(content="Another chair."))
    equal([m.content for m in one.messages], ["Where is the violin?", "Under the green chair."])
    equal(len(one), 2)
    one.clear()
    equal(one.messages, [])
    equal(len(two.messages), 1)
    two.delete()


def community(url):
    metadatas = [document.metadata for document in documents()]
    store, keys = OldStore.from_texts_return_keys(TEXTS, Own(), metadatas, redis_url=url,
                                                  index_name="old")
    equal(len(keys), 5)
    equal(contents(store.similarity_search("green tea", k=1)), [TEXTS[0]])
    found = store.similarity_search("coffee", k=5, filter=RedisText("kind") == "music")
    equal(contents(found), [TEXTS[2]])
    found = store.similarity_search("coffee", k=5, filter=RedisNum("place") > 3)
    equal(contents(found), [TEXTS[4]])
    pairs = store.similarity_search_with_score("violin flute", k=1)
    equal(pairs[0][0].page_content, TEXTS[2])
    near = store.similarity_search("black coffee from Ethiopia", k=5, distance_threshold=0.01)
    equal(contents(near), [TEXTS[1]])
    again = OldStore.from_existing_index(Own(), "old", schema=store.schema, redis_url=url)
    equal(contents(again.similarity_search("green tea", k=1)), [TEXTS[0]])
    equal(store.delete(keys), True)
    equal(OldStore.drop_index("old", delete_documents=True, redis_url=url), True)


def community_history(url):
    talk = OldHistory("old", url=url, ttl=100)
    talk.add_user_message("hello")
    talk.add_ai_message("good day")
    equal([message.content for message in talk.messages], ["hello", "good day"])
    talk.clear()
    equal(talk.messages, [])


with Server(sys.argv[1]) as own:
    own.start()
    for resp in (2, None):
        with redis.Redis(port=own.port, protocol=resp) as r:
            for kind in ("hash", "json"):
                steps.run(f"RESP{resp or 3} {kind}", vector_store, r, kind)
            # A second history reads FT.INFO as the list that it is in RESP2 only.
            for part in (exact_cache, semantic_cache) + ((history,) if resp else ()):
                steps.run(f"RESP{resp or 3} {part.__name__}", part, r)
    if OldStore:
        for part in (community, community_history):
            steps.run(part.__name__, part, f"redis://127.0.0.1:{own.port}")
    else:
        print("langchain-community's classes: not with this redis-py")
    equal(own.stop(), 0)
    status = steps.summary("langchain")
sys.exit(status)
