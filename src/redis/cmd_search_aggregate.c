/*
 * FT.AGGREGATE: the hits of a query as a table of texts, through LOAD, GROUPBY, SORTBY, APPLY,
 * FILTER and LIMIT in the order in which they are written. A column that a step names is loaded
 * when it is not there. Rows that a cursor has not given yet wait as written replies.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/search_steps.h"
#include "redis/search_turn.h"

#define CURSOR_ROWS 1000
#define CURSOR_IDLE_MS 300000 /* MAXIDLE, and the most that it can be */

static bool fail(struct aggregation *run, const char *what)
{
    if (!run->call->failed) call_error(run->call, what);
    return false;
}

bool search_step_done(struct aggregation *run, int rc)
{
    if (rc == KITH_ELIMIT) return fail(run, "ERR too many columns");
    if (rc && !run->call->failed) search_failed(run->call, rc);
    return rc == 0;
}

static bool done(struct aggregation *run, int rc) { return search_step_done(run, rc); }

/* A count of words at argv[*at + 1], all of which are there; *at goes behind it. */
static bool read_count(struct aggregation *run, size_t *at, size_t *count)
{
    struct redis_call *call = run->call;
    int64_t n;
    if (*at + 1 >= call->argc || !text_integer(call->argv[*at + 1], &n) || n < 0 ||
        (uint64_t)n > call->argc - *at - 2)
        return fail(run, "ERR Bad arguments: a count is expected");
    *count = (size_t)n;
    *at += 2;
    return true;
}

/* ---- steps ---- */

static bool run_load(struct aggregation *run, size_t *at)
{
    struct redis_call *call = run->call;
    size_t count, column;
    if (*at + 1 < call->argc && call_is(call, *at + 1, "*")) {
        *at += 2;
        return done(run, search_table_load_all(&run->table, call));
    }
    if (!read_count(run, at, &count)) return false;
    for (const size_t end = *at + count; *at < end; (*at)++) {
        const struct kith_str name = search_bare(call->argv[*at]);
        if (!done(run, search_table_column(&run->table, call, name, &column))) return false;
        if (*at + 2 < end && call_is(call, *at + 1, "as")) {
            run->table.names[column] = call->argv[*at + 2];
            *at += 2;
        }
    }
    return true;
}

/* A column that the word at argv[at] names. */
static bool name_column(struct aggregation *run, size_t at, size_t *column)
{
    return done(run, search_table_column(&run->table, run->call, search_bare(run->call->argv[at]),
                                         column));
}

/* What stands behind the column: a quantile, a size, BY @column [ASC|DESC]. */
static bool read_reducer_options(struct aggregation *run, size_t at, size_t count,
                                 struct search_reducer *reducer)
{
    struct redis_call *call = run->call;
    int64_t size = 0;
    if (reducer->kind == REDUCE_QUANTILE)
        return (count == 1 && text_double(call->argv[at], &reducer->quantile) &&
                reducer->quantile >= 0 && reducer->quantile <= 1) ||
               fail(run, "ERR QUANTILE needs a column and a number from 0 to 1");
    if (reducer->kind == REDUCE_SAMPLE) {
        if (count != 1 || !text_integer(call->argv[at], &size) || size < 1 || size > 1000)
            return fail(run, "ERR RANDOM_SAMPLE needs a column and a size from 1 to 1000");
        reducer->sample = (size_t)size;
        return true;
    }
    if (reducer->kind == REDUCE_FIRST && count >= 2 && count <= 3 && call_is(call, at, "by")) {
        reducer->ordered = true;
        reducer->down = count == 3 && call_is(call, at + 2, "desc");
        if (count == 3 && !reducer->down && !call_is(call, at + 2, "asc"))
            return fail(run, "ERR FIRST_VALUE: BY a column, ASC or DESC");
        return name_column(run, at + 1, &reducer->by);
    }
    return count == 0 || fail(run, "ERR Bad arguments for REDUCE");
}

static bool read_reducer(struct aggregation *run, size_t *at, struct search_reducer *reducer)
{
    static const char *const names[REDUCE_KINDS] = {
        "count",  "count_distinct", "count_distinctish", "sum",    "min",         "max",
        "avg",    "stddev",         "quantile",          "tolist", "first_value", "random_sample",
    };
    struct redis_call *call = run->call;
    size_t count, kind = 0;
    if (++*at >= call->argc) return fail(run, "ERR REDUCE needs a function");
    while (kind < REDUCE_KINDS && !call_is(call, *at, names[kind])) kind++;
    if (kind == REDUCE_KINDS) return fail(run, "ERR No such reducer");
    *reducer = (struct search_reducer){.kind = (enum search_reduction)kind,
                                       .name = call->argv[*at]};
    if (!read_count(run, at, &count)) return false;
    if ((kind == REDUCE_COUNT) != (count == 0)) return fail(run, "ERR Bad arguments for REDUCE");
    if (count && (!name_column(run, *at, &reducer->column) ||
                  !read_reducer_options(run, *at + 1, count - 1, reducer)))
        return false;
    *at += count;
    if (*at + 1 < call->argc && call_is(call, *at, "as")) {
        reducer->name = call->argv[*at + 1];
        *at += 2;
    }
    return true;
}

static bool run_group(struct aggregation *run, size_t *at)
{
    struct redis_call *call = run->call;
    struct search_reducer reducers[SEARCH_COLUMNS_MAX];
    size_t keys[SEARCH_COLUMNS_MAX], key_count, count = 0;
    if (!read_count(run, at, &key_count)) return false;
    if (key_count > SEARCH_COLUMNS_MAX / 2) return done(run, KITH_ELIMIT);
    for (size_t i = 0; i < key_count; i++, (*at)++)
        if (!name_column(run, *at, &keys[i])) return false;
    while (*at < call->argc && call_is(call, *at, "reduce")) {
        if (count == SEARCH_COLUMNS_MAX / 2) return done(run, KITH_ELIMIT);
        if (!read_reducer(run, at, &reducers[count++])) return false;
    }
    search_let_go(run->table.query->index);
    const int rc = search_table_group(&run->table, keys, key_count, reducers, count);
    search_take_back(run->table.query->index);
    return done(run, rc);
}

static bool run_sort(struct aggregation *run, size_t *at)
{
    struct redis_call *call = run->call;
    size_t columns[8], column_count = 0, count;
    bool down[8];
    int64_t most;
    if (!read_count(run, at, &count)) return false;
    for (const size_t end = *at + count; *at < end; (*at)++) {
        if (column_count == 8) return fail(run, "ERR too many sort keys");
        if (!name_column(run, *at, &columns[column_count])) return false;
        down[column_count] = false;
        if (*at + 1 < end && (call_is(call, *at + 1, "asc") || call_is(call, *at + 1, "desc")))
            down[column_count] = call_is(call, ++*at, "desc");
        column_count++;
    }
    if (!done(run, search_table_sort(&run->table, columns, down, column_count))) return false;
    if (*at + 1 < call->argc && call_is(call, *at, "max")) {
        if (!text_integer(call->argv[*at + 1], &most) || most < 0)
            return fail(run, "ERR MAX needs a number");
        if ((uint64_t)most < run->table.count) run->table.count = (size_t)most;
        *at += 2;
    }
    return true;
}

static bool run_limit(struct aggregation *run, size_t *at)
{
    struct redis_call *call = run->call;
    struct search_table *table = &run->table;
    int64_t offset, count;
    if (*at + 2 >= call->argc || !text_integer(call->argv[*at + 1], &offset) ||
        !text_integer(call->argv[*at + 2], &count) || offset < 0 || count < 0)
        return fail(run, "ERR LIMIT needs two numbers");
    *at += 3;
    const size_t skip = (uint64_t)offset < table->count ? (size_t)offset : table->count;
    memmove(table->rows, table->rows + skip, (table->count - skip) * sizeof *table->rows);
    table->count -= skip;
    if ((uint64_t)count < table->count) table->count = (size_t)count;
    return true;
}

/* APPLY expression AS name */
static bool run_apply(struct aggregation *run, size_t *at)
{
    struct redis_call *call = run->call;
    const bool named = *at + 3 < call->argc && call_is(call, *at + 2, "as");
    if (*at + 1 >= call->argc) return fail(run, "ERR APPLY needs an expression");
    const struct kith_str text = call->argv[*at + 1];
    const struct kith_str name = named ? search_bare(call->argv[*at + 3]) : text;
    *at += named ? 4 : 2;
    return done(run, search_table_apply(&run->table, call, text, name));
}

static bool run_filter(struct aggregation *run, size_t *at)
{
    if (*at + 1 >= run->call->argc) return fail(run, "ERR FILTER needs an expression");
    *at += 2;
    return done(run, search_table_filter(&run->table, run->call, run->call->argv[*at - 1]));
}

static bool read_cursor(struct aggregation *run, size_t *at)
{
    struct redis_call *call = run->call;
    int64_t number;
    run->cursor = true;
    ++*at;
    while (*at + 1 < call->argc && (call_is(call, *at, "count") || call_is(call, *at, "maxidle"))) {
        if (!text_integer(call->argv[*at + 1], &number) || number <= 0)
            return fail(run, "ERR Bad arguments for WITHCURSOR");
        if (call_is(call, *at, "count")) run->batch = number;
        else run->idle_ms = number < CURSOR_IDLE_MS ? number : CURSOR_IDLE_MS;
        *at += 2;
    }
    return true;
}

/* ADDSCORES: the score of each row as @__score. */
static bool add_scores(struct aggregation *run)
{
    struct search_table *table = &run->table;
    size_t column;
    int rc = search_table_make_column(table, str_of("__score"), &column);
    for (size_t i = 0; rc == 0 && i < table->count; i++)
        if (table->rows[i]->hit)
            rc = search_cell_put_number(table, table->rows[i]->hit->score,
                                        &table->rows[i]->cells[column]);
    return done(run, rc);
}

/* It was found before the query ran (search_find_timeout). */
static bool read_timeout(struct aggregation *run, size_t *at)
{
    int64_t ms;
    if (!search_timeout(run->call, *at, &ms)) return false;
    *at += 2;
    return true;
}

bool search_step(struct aggregation *run, size_t *at)
{
    struct redis_call *call = run->call;
    size_t ignored;
    if (call_is(call, *at, "load")) return run_load(run, at);
    if (call_is(call, *at, "groupby")) return run_group(run, at);
    if (call_is(call, *at, "sortby")) return run_sort(run, at);
    if (call_is(call, *at, "limit")) return run_limit(run, at);
    if (call_is(call, *at, "withcursor")) return read_cursor(run, at);
    if (call_is(call, *at, "params"))
        return search_params(call, *at, run->params, &ignored, at);
    if (call_is(call, *at, "apply")) return run_apply(run, at);
    if (call_is(call, *at, "filter")) return run_filter(run, at);
    if (call_is(call, *at, "addscores")) {
        ++*at;
        return add_scores(run);
    }
    if (call_is(call, *at, "timeout")) return read_timeout(run, at);
    if (call_is(call, *at, "dialect")) *at += 2;
    else return fail(run, "ERR Unknown argument in FT.AGGREGATE");
    return true;
}

/* ---- rows out ---- */

void search_put_cell(struct resp *reply, const struct search_cell *cell)
{
    if (!cell->list) {
        resp_str(reply, cell->text);
        return;
    }
    resp_array(reply, cell->list_count);
    for (size_t i = 0; i < cell->list_count; i++) resp_str(reply, cell->list[i]);
}

void search_put_cells(struct resp *reply, const struct search_table *table, size_t row)
{
    size_t pairs = 0;
    const size_t place = resp_open(reply);
    for (size_t i = 0; i < table->columns; i++) {
        const struct search_cell *cell = &table->rows[row]->cells[i];
        if (!cell->text.data && !cell->list) continue;
        resp_str(reply, table->names[i]);
        search_put_cell(reply, cell);
        pairs++;
    }
    if (reply->version >= 3) resp_close(reply, place, '%', pairs);
    else resp_close(reply, place, '*', 2 * pairs);
}

static void put_row(struct resp *reply, const struct search_table *table, size_t row)
{
    const bool map = reply->version >= 3;
    if (map) {
        resp_map(reply, 2);
        resp_cstr(reply, "extra_attributes");
    }
    search_put_cells(reply, table, row);
    if (!map) return;
    resp_cstr(reply, "values");
    resp_array(reply, 0);
}

static void put_rows(struct resp *reply, const uint8_t *data, size_t len, size_t count,
                     size_t total)
{
    const bool map = reply->version >= 3;
    if (map) {
        resp_map(reply, 5);
        resp_cstr(reply, "attributes");
        resp_array(reply, 0);
        resp_cstr(reply, "format");
        resp_cstr(reply, "STRING");
        resp_cstr(reply, "results");
        resp_array(reply, count);
    } else {
        resp_array(reply, 1 + count);
        resp_integer(reply, (int64_t)total);
    }
    if (len) buffer_put(reply->out, data, len);
    if (!map) return;
    resp_cstr(reply, "total_results");
    resp_integer(reply, (int64_t)total);
    resp_cstr(reply, "warning");
    resp_array(reply, 0);
}

static struct search_cursor *write_rows(struct aggregation *run, struct search_index *index)
{
    const struct search_table *table = &run->table;
    struct search_cursor *cursor = mem_zalloc(sizeof *cursor);
    if (cursor) cursor->ends = mem_alloc_array(table->count + 1, sizeof *cursor->ends);
    if (!cursor || !cursor->ends) {
        mem_free(cursor);
        return NULL;
    }
    struct resp reply = {&cursor->rows, run->call->reply->version};
    search_let_go(index);
    for (size_t i = 0; i < table->count; i++) {
        put_row(&reply, table, i);
        cursor->ends[i] = cursor->rows.len;
    }
    search_take_back(index);
    cursor->index = index->rows ? NULL : search_home(index); /* the former is gone with the call */
    if (index->rows) cursor->name = mem_strdup(index->name);
    cursor->version = reply.version;
    cursor->count = table->count;
    cursor->batch = (size_t)run->batch;
    cursor->idle_ms = run->idle_ms;
    if (!buffer_failed(&cursor->rows)) return cursor;
    search_cursor_free(cursor);
    return NULL;
}

/* The next rows; at the end the cursor has no more. */
static void put_batch(struct resp *reply, struct search_cursor *cursor, size_t most)
{
    const size_t left = cursor->count - cursor->at, count = left < most ? left : most;
    const size_t from = cursor->at ? cursor->ends[cursor->at - 1] : 0;
    const size_t end = cursor->at + count ? cursor->ends[cursor->at + count - 1] : 0;
    const uint8_t *data = cursor->rows.data ? cursor->rows.data + from : NULL;
    put_rows(reply, data, end - from, count, cursor->count);
    cursor->at += count;
}

static void unlink_cursor(struct search *search, struct search_cursor *cursor)
{
    struct search_cursor **at = &search->cursors;
    while (*at != cursor) at = &(*at)->next;
    *at = cursor->next;
    search->cursor_count--;
    search_cursor_free(cursor);
}

/* Cursors that nobody has read for as long as they were promised. */
static void drop_idle(struct search *search)
{
    const int64_t now = cache_now_ms(search->redis->cache);
    for (struct search_cursor **to = &search->cursors; *to;) {
        struct search_cursor *at = *to;
        if (at->used_ms + at->idle_ms > now) to = &at->next;
        else unlink_cursor(search, at);
    }
}

/* The newest stands first; past the limit the oldest goes. */
static void link_cursor(struct search *search, struct search_cursor *cursor)
{
    drop_idle(search);
    cursor->used_ms = cache_now_ms(search->redis->cache);
    cursor->id = ++search->last_cursor;
    cursor->next = search->cursors;
    search->cursors = cursor;
    if (++search->cursor_count <= SEARCH_CURSORS_MAX) return;
    while (cursor->next) cursor = cursor->next;
    unlink_cursor(search, cursor);
}

static void answer(struct aggregation *run, struct search_index *index)
{
    struct redis_call *call = run->call;
    struct search_cursor *cursor = write_rows(run, index);
    if (!cursor) {
        call_no_memory(call);
        return;
    }
    if (run->cursor) resp_array(call->reply, 2);
    put_batch(call->reply, cursor, run->cursor ? cursor->batch : cursor->count);
    if (cursor->at == cursor->count) {
        search_cursor_free(cursor);
        if (run->cursor) resp_integer(call->reply, 0);
        return;
    }
    link_cursor(search_of(call->redis), cursor);
    resp_integer(call->reply, (int64_t)cursor->id);
}

/* PARAMS may stand behind the query that uses them. */
static bool find_params(struct aggregation *run)
{
    size_t next;
    for (size_t at = 3; at < run->call->argc; at++)
        if (call_is(run->call, at, "params"))
            return search_params(run->call, at, run->params, &run->param_count, &next);
    return true;
}

/* Columns that the steps can make: names stand in words, several in an expression; LOAD * knows
 * none of them. */
static size_t count_columns(const struct redis_call *call)
{
    size_t count = call->argc;
    for (size_t i = 3; i < call->argc; i++) {
        const struct kith_str word = call->argv[i];
        if (call_is(call, i, "*")) return SEARCH_COLUMNS_MAX;
        for (size_t j = 0; j < word.len && count < SEARCH_COLUMNS_MAX; j++)
            count += word.data[j] == '@';
    }
    return count;
}

/* VERBATIM and its like, right behind the query. */
static bool read_wording(struct aggregation *run, const struct search_index *index)
{
    int rc = 1;
    search_wording_init(&run->wording);
    run->first_step = 3;
    while (rc > 0 && run->first_step < run->call->argc &&
           !call_is(run->call, run->first_step, "filter"))
        if ((rc = search_wording_read(run->call, &run->first_step, &run->wording)) == 0) break;
    if (rc < 0) return false;
    if (run->wording.highlight || run->wording.summarize)
        return fail(run, "ERR HIGHLIGHT and SUMMARIZE are for FT.SEARCH");
    if (run->wording.asked && index->rows)
        return fail(run, "ERR VERBATIM and its like are for indexes of FT.CREATE");
    return search_wording_settle(run->call, index, &run->wording);
}

static void aggregate(struct aggregation *run, struct search_index *index)
{
    struct redis_call *call = run->call;
    struct search_query query;
    struct search_hits hits = {0};
    if (!read_wording(run, index)) return;
    if (!search_parse(call, index, call->argv[2], run->params, run->param_count,
                      &run->wording.options, &query)) {
        search_query_release(&query);
        return;
    }
    search_find_timeout(call, run->first_step, &query);
    int rc = search_query_run(&query, NULL, &hits);
    if (rc == 0) rc = search_table_init(&run->table, &query, &hits, count_columns(call));
    bool ok = done(run, rc);
    for (size_t at = run->first_step; ok && at < call->argc;) ok = search_step(run, &at);
    if (ok) answer(run, index);
    search_table_release(&run->table);
    search_hits_release(&hits);
    search_query_release(&query);
}

void run_ft_aggregate(struct redis_call *call)
{
    if (!search_elsewhere(call, SEARCH_ASK_AGGREGATE)) search_begin(call, aggregate_in);
}

void aggregate_in(struct redis_call *call, struct search_index *index)
{
    struct aggregation *run = mem_zalloc(sizeof *run);
    if (!run) {
        call_no_memory(call);
        return;
    }
    run->call = call;
    run->batch = CURSOR_ROWS;
    run->idle_ms = CURSOR_IDLE_MS;
    if (find_params(run)) aggregate(run, index);
    search_wording_release(&run->wording);
    mem_free(run);
}

/* ---- FT.CURSOR ---- */

static struct search_cursor *find_cursor(struct redis_call *call)
{
    const struct search_index *index = search_find(call->redis, call->argv[2]);
    int64_t id = 0;
    drop_idle(search_of(call->redis));
    struct search_cursor *at = search_of(call->redis)->cursors;
    if (index && !search_allowed(call, index, false)) return NULL;
    if (!index && !search_may_read(call, call->argv[2])) return NULL;
    if (!text_integer(call->argv[3], &id)) at = NULL;
    while (at && (at->id != (uint64_t)id || at->index != index ||
                  (!index && (!at->name || !str_same(str_of(at->name), call->argv[2]))) ||
                  (at->version >= 3) != (call->reply->version >= 3)))
        at = at->next;
    if (at) at->used_ms = cache_now_ms(call->cache);
    else call_errorf(call, "Cursor not found, id: %lld", (long long)id);
    return at;
}

void run_ft_cursor_read(struct redis_call *call)
{
    struct search_cursor *cursor = find_cursor(call);
    int64_t count = cursor ? (int64_t)cursor->batch : 0;
    if (!cursor) return;
    if (call->argc == 6 && call_is(call, 4, "count") &&
        (!text_integer(call->argv[5], &count) || count <= 0)) {
        call_error(call, "ERR Bad value for COUNT");
        return;
    }
    resp_array(call->reply, 2);
    put_batch(call->reply, cursor, (size_t)count);
    const bool over = cursor->at == cursor->count;
    resp_integer(call->reply, over ? 0 : (int64_t)cursor->id);
    if (over) unlink_cursor(search_of(call->redis), cursor);
}

void run_ft_cursor_del(struct redis_call *call)
{
    struct search_cursor *cursor = find_cursor(call);
    if (!cursor) return;
    unlink_cursor(search_of(call->redis), cursor);
    resp_ok(call->reply);
}
