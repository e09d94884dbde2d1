/* Shared by the FT commands. */
#ifndef KITH_REDIS_CMD_SEARCH_H
#define KITH_REDIS_CMD_SEARCH_H

#include "redis/search_collection.h"

#define SEARCH_PARAMS_MAX 256u
#define SEARCH_RETURNS_MAX 1024u
/* Clients look for one half or the other. */
#define SEARCH_UNKNOWN_INDEX "Unknown index name (index not found)"

/* FT.SEARCH and FT.AGGREGATE: the index, brought up to date; NULL: the error was answered. */
struct search_index *search_ready(struct redis_call *call, struct kith_str name);
/* PARAMS 2k name value ... at argv[at]; *next: behind it. False: answered. */
bool search_params(struct redis_call *call, size_t at, struct query_param *params, size_t *count,
                   size_t *next);
/* The user may use every key that the index may hold; false: answered. */
bool search_allowed(struct redis_call *call, const struct search_index *index, bool write);
/* How long a search may take that says no TIMEOUT; what FT.CONFIG tells. */
#define SEARCH_PATIENCE_MS 5000
#define SEARCH_TIMEOUT_MS_MAX (INT64_C(86400) * 1000)
/* TIMEOUT ms at argv[at]; 0: no limit. False: answered. */
bool search_timeout(struct redis_call *call, size_t at, int64_t *ms);
void search_set_timeout(struct search_query *query, int64_t ms); /* from now on */
/* The same for a call whose options are read after the query has run: a TIMEOUT from argv[first]
 * on. */
void search_find_timeout(const struct redis_call *call, size_t first, struct search_query *query);
/* Answers KITH_ETIMEDOUT, KITH_ENOTFOUND (the index went) or KITH_ENOMEM. */
void search_failed(struct redis_call *call, int rc);
/* Parses and answers what is wrong; options are nullable. Release the query in every case. */
bool search_parse(struct redis_call *call, const struct search_index *index, struct kith_str text,
                  const struct query_param *params, size_t count,
                  const struct query_options *options, struct search_query *query);
/* The text of a field of a hit: a distance, or what the document holds. False: it is not there. */
bool search_value_text(struct redis_call *call, const struct search_query *query,
                       const struct search_hit *hit, struct kith_str name, struct buffer *out);
/* The place of a distance of this name, or SIZE_MAX. */
size_t search_distance_of(const struct search_query *query, struct kith_str name);
void search_put_distance(struct buffer *out, double distance);
/* All fields of the document behind a hit. */
int search_each_field(struct redis_call *call, const struct search_index *index,
                      const struct search_hit *hit,
                      void (*fn)(void *ctx, struct kith_str name, struct kith_str value),
                      void *ctx);

/* FT.SEARCH, FT.AGGREGATE and FT.INFO over an index that is ready, or a view of one. scan: its
 * collection is not asked. */
void search_in(struct redis_call *call, const struct search_index *index, bool scan);
void aggregate_in(struct redis_call *call, struct search_index *index);
void search_put_info(struct redis_call *call, const struct search_index *index);

/* ---- the collection of an index: cmd_search_derived.c ---- */

/* The index, parsed and not linked, becomes an index; answers. Takes it. */
void search_create(struct redis_call *call, struct search_index *index);
/* The index goes, with its collection; answers. */
void search_drop(struct redis_call *call, struct search_index *index);
/* A KNN query by the collection of its index, without the lock where that is possible. KITH_EBUSY:
 * it has to be scanned. */
KITH_NODISCARD int search_walk(struct redis *redis, struct search_query *query,
                               struct search_hits *out);

/* ---- collections of other doors: cmd_search_collection.c ---- */

enum search_ask { SEARCH_ASK_SEARCH, SEARCH_ASK_AGGREGATE, SEARCH_ASK_INFO, SEARCH_ASK_DROP };
/* True: there is no index of the name argv[1], and the engine is asked for a collection, on a
 * worker; the answer follows. */
bool search_elsewhere(struct redis_call *call, enum search_ask ask);
/* The user may read every key that begins with "<name>:"; false: answered. */
bool search_may_read(struct redis_call *call, struct kith_str name);
/* FT._LIST with the collections that the user may read; false: there are none to ask for. */
bool search_list_elsewhere(struct redis_call *call);
struct search_wish_block {
    struct search_wish wish;
    struct kith_str names[SEARCH_RETURNS_MAX];
    void *own; /* owns: what the wish lies in; mem_free */
};
/* The options of FT.SEARCH in call->argv, which the wish borrows. False: answered. */
bool search_wish_read(struct redis_call *call, struct search_wish_block *block);

/* "@name" -> "name" */
struct kith_str search_bare(struct kith_str name);

/* The index that the words of an FT.CREATE define, not linked; NULL: answered. */
struct search_index *search_define(struct redis_call *call, const struct kith_str *words,
                                   size_t count);
/* FT.INFO, FT.DROPINDEX: the index; NULL: answered. */
struct search_index *search_known(struct redis_call *call, struct kith_str name);

void run_ft_synupdate(struct redis_call *call);
void run_ft_syndump(struct redis_call *call);
void run_ft_dictadd(struct redis_call *call);
void run_ft_dictdel(struct redis_call *call);
void run_ft_dictdump(struct redis_call *call);
void run_ft_spellcheck(struct redis_call *call);
void run_ft_sugadd(struct redis_call *call);
void run_ft_sugget(struct redis_call *call);
void run_ft_sugdel(struct redis_call *call);
void run_ft_suglen(struct redis_call *call);
void run_ft_profile(struct redis_call *call);
void run_ft_config_get(struct redis_call *call);
void run_ft_config_set(struct redis_call *call);
void run_ft_hybrid(struct redis_call *call);
void run_ft_create(struct redis_call *call);
void run_ft_alter(struct redis_call *call);
void run_ft_explain(struct redis_call *call);
void run_ft_explaincli(struct redis_call *call);
void run_ft_search(struct redis_call *call);
void run_ft_aggregate(struct redis_call *call);
void run_ft_info(struct redis_call *call);
void run_ft_cursor_read(struct redis_call *call);
void run_ft_cursor_del(struct redis_call *call);

#endif
