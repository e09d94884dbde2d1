/*
 * FT commands over collections of other doors. What the command asks is read under the keyspace
 * lock; the engine is asked on a worker, without it; the reply is written under it again, by the
 * code that answers for indexes of hashes.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/acl.h"
#include "redis/cmd_search.h"
#include "server/owner.h"

struct search_job {
    struct kith_db *db;
    struct words *words; /* owns: the command */
    enum search_ask ask;
    struct query_param params[SEARCH_PARAMS_MAX]; /* FT.AGGREGATE */
    struct search_wish_block block;
    struct search_rows *rows; /* owns */
    struct kith_names names;  /* FT._LIST */
    size_t shown;             /* of names, the first ones: collections of other doors */
    int rc;
    struct kith_error err;
};

static void free_job(struct search_job *job)
{
    search_rows_free(job->rows);
    kith_names_free(&job->names);
    mem_free(job->block.own);
    words_free(job->words);
    mem_free(job);
}

static struct search_job *new_job(struct redis_call *call, enum search_ask ask)
{
    struct search_job *job = mem_zalloc(sizeof *job);
    if (job) {
        job->db = call->redis->db;
        job->ask = ask;
        job->words = words_copy(call->argv, call->argc);
        if (job->words) return job;
    }
    mem_free(job);
    call_no_memory(call);
    return NULL;
}

bool search_may_read(struct redis_call *call, struct kith_str name)
{
    struct buffer prefix;
    buffer_init(&prefix);
    buffer_put(&prefix, name.data, name.len);
    buffer_put_u8(&prefix, ':');
    const struct kith_str text = {(const char *)prefix.data, prefix.len};
    const struct search_index index = {.prefixes = &text, .prefix_count = 1};
    const bool allowed = !buffer_failed(&prefix) && search_allowed(call, &index, false);
    if (buffer_failed(&prefix)) call_no_memory(call);
    buffer_release(&prefix);
    return allowed;
}

/* ---- what is asked ---- */

/* FT.AGGREGATE: every row, with the fields that any word may mean. */
static bool read_aggregate(struct redis_call *call, struct search_job *job)
{
    struct search_wish *wish = &job->block.wish;
    size_t next;
    *wish = (struct search_wish){.query = call->argv[2],
                                 .params = job->params,
                                 .mentions = call->argv + 3,
                                 .mention_count = call->argc - 3,
                                 .limit = SEARCH_ROWS_MAX};
    for (size_t at = 3; at < call->argc; at++) {
        if (call_is(call, at, "load") && call_is(call, at + 1, "*")) wish->all_outputs = true;
        if (call_is(call, at, "params") && !wish->param_count &&
            !search_params(call, at, job->params, &wish->param_count, &next))
            return false;
    }
    return true;
}

static bool read_wish(struct redis_call *call, struct search_job *job)
{
    if (job->ask == SEARCH_ASK_SEARCH) return search_wish_read(call, &job->block);
    return job->ask != SEARCH_ASK_AGGREGATE || read_aggregate(call, job);
}

/* On a worker. */
static void ask_engine(void *ctx)
{
    struct search_job *job = ctx;
    job->rc = search_rows_open(job->db, job->words->argv[1], &job->rows, &job->err);
    /* One of ours whose index is gone, or comes just now. */
    if (job->rc == 0 && owner_is_redis(job->db, NULL, job->rows->info->name)) {
        search_rows_free(job->rows);
        job->rows = NULL;
        job->rc = KITH_ENOTFOUND;
    }
    if (job->rc == 0 && (job->ask == SEARCH_ASK_SEARCH || job->ask == SEARCH_ASK_AGGREGATE))
        job->rc = search_rows_fetch(job->rows, &job->block.wish, &job->err);
}

/* ---- answers ---- */

static void say_absent(struct redis_call *call, const struct search_job *job)
{
    const struct kith_str name = call->argv[1];
    if (job->ask == SEARCH_ASK_INFO || job->ask == SEARCH_ASK_DROP)
        call_error(call, SEARCH_UNKNOWN_INDEX);
    else
        call_errorf(call, "%.*s: no such index", (int)(name.len > 200 ? 200 : name.len),
                    name.data);
}

static void say_error(struct redis_call *call, const struct search_job *job)
{
    char text[KITH_ERROR_TEXT_MAX];
    if (!job->rows && job->rc == KITH_ENOTFOUND) {
        say_absent(call, job);
    } else if (job->rc == KITH_ENOMEM) {
        call_no_memory(call);
    } else if (job->rows && job->rows->error[0]) {
        call_error(call, job->rows->error);
    } else {
        (void)snprintf(text, sizeof text, "%s", job->err.text);
        for (char *at = text; *at; at++)
            if (*at == '\r' || *at == '\n') *at = ' ';
        call_errorf(call, "ERR %s", text[0] ? text : kith_status_text(job->rc));
    }
}

static void answer(struct redis_call *call, struct search_job *job)
{
    struct search_index *index = job->rows ? &job->rows->index : NULL;
    /* An alias was asked for: the rows are those of the collection's own name. */
    if (index && !search_allowed(call, index, false)) return;
    if (job->rc) {
        say_error(call, job);
        return;
    }
    switch (job->ask) {
    case SEARCH_ASK_SEARCH: search_in(call, index, false); break;
    case SEARCH_ASK_AGGREGATE: aggregate_in(call, index); break;
    case SEARCH_ASK_INFO: search_put_info(call, index); break;
    case SEARCH_ASK_DROP:
        call_errorf(call, "ERR `%.200s` is a collection of the database, not an index made by "
                          "FT.CREATE: drop it where it was made (DropCollection of the Milvus "
                          "protocol, or `kith collection drop`)",
                    index->name);
        break;
    }
}

static void finish(struct redis_call *call, void *ctx)
{
    answer(call, ctx);
    free_job(ctx);
}

bool search_elsewhere(struct redis_call *call, enum search_ask ask)
{
    if (!call->redis->db || !call->session || search_find(call->redis, call->argv[1])) return false;
    if (!search_may_read(call, call->argv[1])) return true;
    struct search_job *job = new_job(call, ask);
    if (!job) return true;
    struct redis_call own = *call; /* what is asked lies in the job's words */
    own.argv = job->words->argv;
    const bool ok = read_wish(&own, job);
    call->failed = own.failed;
    if (!ok || !call_offload(call, ask_engine, finish, job)) free_job(job);
    return true;
}

/* ---- FT._LIST ---- */

static void list_engine(void *ctx)
{
    struct search_job *job = ctx;
    job->rc = kith_collection_list(job->db, NULL, &job->names, &job->err);
    if (job->rc) job->names = (struct kith_names){0};
    size_t kept = 0;
    for (size_t i = 0; i < job->names.count; i++) {
        char *name = job->names.names[i];
        const bool ours = owner_is_redis(job->db, NULL, name);
        job->names.names[i] = job->names.names[kept];
        job->names.names[kept] = name;
        kept += !ours;
    }
    job->shown = kept;
}

static bool may_see(const struct redis_call *call, const char *name)
{
    const struct acl_user *user = call->session ? call->session->user : NULL;
    struct buffer prefix;
    buffer_init(&prefix);
    buffer_printf(&prefix, "%s:", name);
    const struct kith_str text = {(const char *)prefix.data, prefix.len};
    const bool may = !buffer_failed(&prefix) && acl_may_use_prefix(user, text, true, false);
    buffer_release(&prefix);
    return may;
}

static void finish_list(struct redis_call *call, void *ctx)
{
    struct search_job *job = ctx;
    size_t count = 0;
    const size_t place = resp_open(call->reply);
    for (const struct search_index *at = search_of(call->redis)->indexes; at; at = at->next) {
        resp_cstr(call->reply, at->name);
        count++;
    }
    for (size_t i = 0; i < job->shown; i++) {
        const char *name = job->names.names[i];
        if (search_find(call->redis, str_of(name)) || !may_see(call, name)) continue;
        resp_cstr(call->reply, name);
        count++;
    }
    resp_close(call->reply, place, call->reply->version >= 3 ? '~' : '*', count);
    free_job(job);
}

bool search_list_elsewhere(struct redis_call *call)
{
    if (!call->redis->db) return false;
    struct search_job *job = new_job(call, SEARCH_ASK_INFO);
    if (job && !call_offload(call, list_engine, finish_list, job)) free_job(job);
    return true;
}
