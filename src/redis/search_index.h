/*
 * Search indexes of the FT commands: tables derived from the hashes or JSON documents whose keys
 * begin with a prefix, in database 0.
 *
 * What changed is noted by key (redis->indexed) and read anew before the next look, so a search
 * sees every change before it and a write pays one look at the prefixes. An index is rebuilt from
 * the keyspace when it is made, after a flush, and when too many changes wait. Nothing of it is on
 * disk but the command that made it.
 *
 * A search looks at every document: exact, whatever the declared algorithm, and never lossy. What
 * takes long is done without the lock, on a view: search_turn.h. For that a document that is in an
 * index is not changed but for its links and marks, and goes by search_bury only.
 *
 * Guard of everything: the keyspace lock.
 */
#ifndef KITH_REDIS_SEARCH_INDEX_H
#define KITH_REDIS_SEARCH_INDEX_H

#include "base/arena.h"
#include "base/map.h"
#include "cache/json_path.h"
#include "redis/redis_internal.h"

#define SEARCH_FIELDS_MAX 256u
#define SEARCH_PREFIXES_MAX 64u
#define SEARCH_DIM_MAX 32768u
#define SEARCH_PENDING_MAX 65536u
#define SEARCH_CURSORS_MAX 1024u
#define SEARCH_KEY_FIELD "__key" /* of an index's own collection: the key */

enum search_type { SEARCH_TAG, SEARCH_TEXT, SEARCH_NUMERIC, SEARCH_GEO, SEARCH_VECTOR };

struct expr;
struct search_stemmer;

struct search_field {
    enum search_type type;
    struct kith_str identifier, name; /* as in the document; as in queries. Borrow index->words */
    struct json_path *path;           /* owns; of JSON indexes */
    char separator;                   /* TAG; 0: none */
    bool case_sensitive, sortable, no_index, no_stem;
    double weight;                    /* TEXT */
    bool hnsw;                        /* VECTOR from here */
    enum kith_metric metric;
    unsigned element_bytes;           /* of a blob: 2, 4, 8 */
    bool brain;                       /* bfloat16 */
    uint32_t dim;
    int64_t m, ef_construction;
    uint32_t ef_runtime; /* 0: the engine's choice */
    /* Of a collection of another door (search_collection.h); 0: of hashes or documents. */
    enum kith_type column;
    bool any;   /* braces and words are both allowed, whatever the type says */
    bool match; /* text_match is allowed */
};

struct search_words { /* one allocation */
    size_t count;
    const struct kith_str *stems; /* NULL, or one a word */
    struct kith_str items[];
};
struct search_value {
    bool there;
    double number, latitude;    /* NUMERIC; GEO: longitude and latitude */
    struct search_words *words; /* owns; tags, or the words of a text in order */
    float *vector;              /* owns */
};
struct search_doc {
    char *key; /* owns */
    size_t key_len, place;
    int64_t stale_ms; /* the key or a field of it ends then */
    float score;
    /* search_derived.h: by last change, while the index has a collection */
    struct search_doc *before, *after;
    uint64_t seq;
    bool misfit; /* no row can hold it */
    bool gone;   /* buried: search_turn.h; `after` and `seq` are those of the grave then */
    struct search_value values[]; /* one a field */
};

struct search_sizes { /* bytes, but for words */
    uint64_t words, texts, tags, vectors, documents, keys;
};

struct search_index {
    struct search_index *next;
    char *name; /* owns */
    bool json, rebuild, no_freqs;
    bool skip_scan; /* SKIPINITIALSCAN: what was there before is not indexed until it changes */
    struct heap *heap;              /* borrows; documents are counted there */
    const struct kith_str *stop_words; /* in lower case or not; not owned, or in words */
    size_t stop_word_count;
    struct search_stemmer *stemmer; /* owns; NULL: none */
    struct arena arena;             /* of the filter */
    struct expr *filter;            /* in the arena; NULL: every document */
    struct kith_str filter_text;
    double score;
    /* In words; empty: none, english. */
    struct kith_str score_field, payload_field, language, language_field;
    struct search_languages *languages; /* owns; of LANGUAGE_FIELD; NULL: there is none */
    uint64_t uses; /* searches and aggregations */
    struct kith_str *words; /* owns: FT.CREATE as it was typed */
    size_t word_count;
    const struct kith_str *prefixes; /* in words; none: every key */
    size_t prefix_count;
    struct search_field *fields; /* owns */
    size_t field_count;
    struct search_doc **docs; /* owns */
    size_t count, cap;
    struct map by_key; /* -> struct search_doc * */
    int64_t stale_ms;  /* no document ends before */
    uint64_t scan;     /* rebuild: where it is */
    bool scanning;     /* rebuild has begun; changes are followed meanwhile */
    uint64_t failures;
    struct search_sizes sizes;      /* of what is there now */
    size_t counted;                 /* bytes of tables that the heap counts for this index */
    struct search_derived *derived; /* owns a reference; NULL: it is no collection */
    struct search_doc *oldest, *newest; /* by last change */
    struct search_lexicon *synonyms; /* owns; search_lexicon.h */
    struct search_pins *pins; /* owns; NULL: nobody looked without the lock yet; search_turn.h */
    struct search_turn *turn; /* of a view only */
    struct search_rows *rows; /* borrows; NULL but for a collection of another door */
};

struct search_alias {
    struct search_alias *next;
    char *name;
    struct search_index *index;
};

struct search_cursor { /* rows of an aggregation, as replies */
    struct search_cursor *next;
    uint64_t id;
    struct search_index *index; /* NULL: of the collection `name` */
    char *name;                 /* owns */
    struct buffer rows;    /* as written for this protocol */
    unsigned version;
    size_t *ends;          /* owns: where each row ends in rows */
    size_t count, at, batch;
    int64_t used_ms, idle_ms; /* gone when nobody reads it for idle_ms */
};

struct search {
    struct redis *redis;
    struct search_index *indexes;
    struct search_alias *aliases;
    struct search_cursor *cursors;
    struct search_lexicon *dictionaries; /* owns */
    uint64_t last_cursor;
    size_t cursor_count;
    struct map pending; /* keys that changed */
    struct map making;  /* names of indexes whose collections are being made */
    struct search_sync *sync; /* owns; NULL: there is no database */
    struct search_guard *guard; /* owns; search_guard.h */
    bool asleep;   /* the thread that follows waits to be poked */
    bool stepping; /* somebody writes a batch */
    uint64_t walks; /* KNN queries that a collection answered */
};

int search_init(struct redis *redis);
void search_release(struct redis *redis);
/* Database 0 was emptied: all indexes go, with their aliases and cursors, and all dictionaries.
 * What is left is to drop the collections of the indexes, without the keyspace lock if possible;
 * NULL: there are none. */
struct search_flush;
struct search_flush *search_flush(struct redis *redis);
void search_flush_run(void *flush); /* of call_offload: no lock is needed */
void search_flush_free(struct redis *redis, struct search_flush *flush); /* under the lock */
static inline struct search *search_of(struct redis *redis) { return redis->indexed_ctx; }

/* By name or alias; NULL. */
struct search_index *search_find(struct redis *redis, struct kith_str name);
void search_cursor_free(struct search_cursor *cursor);
void search_index_free(struct search_index *index);
void search_link(struct redis *redis, struct search_index *index);
void search_unlink(struct redis *redis, struct search_index *index);
/* A bounded piece of catching up, of all indexes. False: nothing is left. */
bool search_catch_up_some(struct redis *redis);
/* Takes over what `fresh` is defined as, and frees it; documents are read anew. */
void search_redefine(struct search_index *index, struct search_index *fresh);
/* Brings the index up to date with the keyspace. KITH_ENOMEM: it is not. */
KITH_NODISCARD int search_catch_up(struct redis *redis, struct search_index *index);
/* "@name" or "name"; NULL. */
const struct search_field *search_field_of(const struct search_index *index, struct kith_str name);

/* search_doc.c. *out NULL: the document has an unusable field, or is not of the index's type. */
KITH_NODISCARD int search_doc_read(const struct search_index *index, const struct entry *entry,
                                   struct search_doc **out, bool *unusable);
void search_doc_free(const struct search_index *index, struct search_doc *doc);
/* Adds what the document takes, times 1 or -1. */
void search_doc_weigh(const struct search_index *index, const struct search_doc *doc, int sign,
                      struct search_sizes *sizes);
/* Blob to floats; out has room for dim. */
void search_read_blob(const struct search_field *field, const char *blob, float *out);
/* "lon,lat" or "lon lat" */
bool search_read_geo(struct kith_str text, double *lon, double *lat);
double search_vector_distance(const struct search_field *field, const float *a, const float *b);
double search_geo_distance(double lon1, double lat1, double lon2, double lat2); /* metres */

#endif
