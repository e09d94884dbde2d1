/* FT.CREATE: the words of a schema. */
#include <string.h>

#include "base/alloc.h"
#include "redis/cmd_search.h"
#include "redis/search_expr.h"
#include "redis/search_text.h"

struct schema_reader {
    struct redis_call *call;
    struct search_index *index;
    const struct kith_str *words; /* the index's own copy */
    size_t at, count;
};

static bool reads(struct schema_reader *in, const char *word)
{
    if (in->at >= in->count || !str_is(in->words[in->at], word)) return false;
    in->at++;
    return true;
}

static bool refuse(struct schema_reader *in, const char *what)
{
    const struct kith_str word = in->at < in->count ? in->words[in->at] : str_of("end");
    call_errorf(in->call, "%s near `%.*s`", what, (int)(word.len > 60 ? 60 : word.len), word.data);
    return false;
}

static bool read_number(struct schema_reader *in, int64_t min, int64_t max, int64_t *out)
{
    if (in->at < in->count && text_integer(in->words[in->at], out) && *out >= min && *out <= max) {
        in->at++;
        return true;
    }
    return refuse(in, "Bad arguments: a number is expected");
}

/* ---- vectors ---- */

static bool read_vector_type(struct schema_reader *in, struct search_field *field)
{
    field->brain = false;
    if (reads(in, "float32")) field->element_bytes = 4;
    else if (reads(in, "float64")) field->element_bytes = 8;
    else if (reads(in, "float16")) field->element_bytes = 2;
    else if (reads(in, "bfloat16")) {
        field->element_bytes = 2;
        field->brain = true;
    } else return refuse(in, "Bad arguments for vector similarity index type");
    return true;
}

static bool read_metric(struct schema_reader *in, struct search_field *field)
{
    if (reads(in, "l2")) field->metric = KITH_L2;
    else if (reads(in, "ip")) field->metric = KITH_IP;
    else if (reads(in, "cosine")) field->metric = KITH_COSINE;
    else return refuse(in, "Bad arguments for vector similarity metric");
    return true;
}

static bool read_vector_option(struct schema_reader *in, struct search_field *field)
{
    int64_t number = 0;
    if (reads(in, "type")) return read_vector_type(in, field);
    if (reads(in, "distance_metric")) return read_metric(in, field);
    if (reads(in, "dim")) {
        if (!read_number(in, 1, SEARCH_DIM_MAX, &number)) return false;
        field->dim = (uint32_t)number;
        return true;
    }
    if (reads(in, "m")) return read_number(in, 1, 65535, &field->m);
    if (reads(in, "ef_construction")) return read_number(in, 1, INT32_MAX, &field->ef_construction);
    if (reads(in, "ef_runtime")) {
        if (!read_number(in, 1, UINT32_MAX, &number)) return false;
        field->ef_runtime = (uint32_t)number;
        return true;
    }
    if (reads(in, "initial_cap") || reads(in, "block_size"))
        return read_number(in, 0, INT64_MAX, &number);
    if (reads(in, "epsilon")) {
        in->at++;
        return true;
    }
    return refuse(in, "Bad arguments for vector similarity index");
}

static bool read_vector(struct schema_reader *in, struct search_field *field)
{
    int64_t count = 0;
    field->type = SEARCH_VECTOR;
    field->hnsw = reads(in, "hnsw");
    if (!field->hnsw && !reads(in, "flat"))
        return refuse(in, "Bad arguments for vector similarity algorithm");
    if (!read_number(in, 0, 64, &count)) return false;
    const size_t end = in->at + (size_t)count;
    if (end > in->count) return refuse(in, "Bad arguments for vector similarity parameters");
    field->m = 16;
    field->ef_construction = 200;
    while (in->at < end)
        if (!read_vector_option(in, field)) return false;
    if (in->at == end && field->dim && field->element_bytes && field->metric) return true;
    call_error(in->call, "Missing mandatory parameter: cannot create a vector field without TYPE, "
                         "DIM and DISTANCE_METRIC");
    return false;
}

/* ---- fields ---- */

static bool read_options(struct schema_reader *in, struct search_field *field)
{
    for (;;) {
        if (reads(in, "sortable")) field->sortable = true;
        else if (reads(in, "noindex")) field->no_index = true;
        else if (reads(in, "casesensitive")) field->case_sensitive = true;
        else if (reads(in, "unf") || reads(in, "indexmissing") || reads(in, "indexempty") ||
                 reads(in, "withsuffixtrie")) continue;
        else if (reads(in, "nostem")) field->no_stem = true;
        else if (reads(in, "phonetic"))
            return refuse(in, "PHONETIC is not supported");
        else if (field->type == SEARCH_TEXT && reads(in, "weight")) {
            if (in->at == in->count || !text_double(in->words[in->at++], &field->weight))
                return refuse(in, "Bad arguments: a weight is expected");
        } else if (field->type == SEARCH_TAG && reads(in, "separator")) {
            if (in->at == in->count || in->words[in->at].len != 1)
                return refuse(in, "Tag separator must be a single character");
            field->separator = in->words[in->at++].data[0];
        } else return true;
    }
}

static bool read_type(struct schema_reader *in, struct search_field *field)
{
    field->weight = 1;
    field->separator = in->index->json ? 0 : ',';
    if (reads(in, "vector")) {
        if (!read_vector(in, field)) return false;
    } else if (reads(in, "tag")) field->type = SEARCH_TAG;
    else if (reads(in, "text")) field->type = SEARCH_TEXT;
    else if (reads(in, "numeric")) field->type = SEARCH_NUMERIC;
    else if (reads(in, "geo")) field->type = SEARCH_GEO;
    else if (reads(in, "geoshape")) return refuse(in, "GEOSHAPE fields are not supported");
    else return refuse(in, "Invalid field type for field");
    return read_options(in, field);
}

static bool read_path(struct schema_reader *in, struct search_field *field)
{
    if (!in->index->json) return true;
    field->path = mem_alloc(sizeof *field->path);
    if (!field->path) {
        call_no_memory(in->call);
        return false;
    }
    return json_path_parse(field->identifier, field->path) == NULL ||
           refuse(in, "Invalid JSONPath");
}

static bool read_field(struct schema_reader *in)
{
    struct search_field *field = &in->index->fields[in->index->field_count++];
    field->identifier = field->name = in->words[in->at++];
    if (reads(in, "as")) {
        if (in->at == in->count) return refuse(in, "AS needs a name");
        field->name = in->words[in->at++];
    }
    for (size_t i = 0; i + 1 < in->index->field_count; i++)
        if (str_same(in->index->fields[i].name, field->name))
            return refuse(in, "Duplicate field in schema");
    return read_path(in, field) && read_type(in, field);
}

static bool read_schema(struct schema_reader *in)
{
    if (in->at == in->count) return refuse(in, "Fields arguments are missing");
    in->index->fields = mem_zalloc_array(SEARCH_FIELDS_MAX, sizeof *in->index->fields);
    if (!in->index->fields) {
        call_no_memory(in->call);
        return false;
    }
    while (in->at < in->count) {
        if (in->index->field_count == SEARCH_FIELDS_MAX) return refuse(in, "Too many fields");
        if (!read_field(in)) return false;
    }
    return true;
}

/* ---- options of the index ---- */

static bool read_list(struct schema_reader *in, int64_t *count)
{
    if (!read_number(in, 0, (int64_t)(in->count - in->at), count)) return false;
    if (*count > (int64_t)(in->count - in->at)) return refuse(in, "Bad arguments");
    in->at += (size_t)*count;
    return true;
}

static int read_filter(struct schema_reader *in)
{
    char error[256] = "";
    struct expr *filter = arena_zalloc(&in->index->arena, sizeof *filter);
    in->index->filter_text = in->words[in->at];
    const int rc = filter ? expr_parse(&in->index->arena, in->words[in->at++], filter, error,
                                       sizeof error)
                          : KITH_ENOMEM;
    if (rc == 0) in->index->filter = filter;
    else if (rc == KITH_ENOMEM) call_no_memory(in->call);
    else call_error(in->call, error);
    return rc ? -1 : 1;
}

static int read_score(struct schema_reader *in)
{
    if (!text_double(in->words[in->at], &in->index->score) || in->index->score < 0 ||
        in->index->score > 1)
        return refuse(in, "SCORE is a number from 0 to 1") - 1;
    in->at++;
    return 1;
}

/* Options with one word behind them. */
static int read_index_value(struct schema_reader *in)
{
    if (reads(in, "filter")) return read_filter(in);
    if (reads(in, "score")) return read_score(in);
    if (reads(in, "language")) in->index->language = in->words[in->at++];
    else if (reads(in, "score_field")) in->index->score_field = in->words[in->at++];
    else if (reads(in, "payload_field")) in->index->payload_field = in->words[in->at++];
    else if (reads(in, "language_field")) in->index->language_field = in->words[in->at++];
    else if (str_is(in->words[in->at], "temporary"))
        return refuse(in, "TEMPORARY indexes are not supported: drop it with FT.DROPINDEX") - 1;
    else return 0;
    return 1;
}

/* 1: it was one; 0: something else; -1: answered. */
static int read_index_option(struct schema_reader *in)
{
    int64_t count = 0;
    if (reads(in, "on")) {
        in->index->json = reads(in, "json");
        if (in->index->json || reads(in, "hash")) return 1;
        return refuse(in, "Invalid rule type") - 1;
    }
    if (reads(in, "prefix")) {
        if (!read_list(in, &count)) return -1;
        in->index->prefixes = in->words + in->at - count;
        in->index->prefix_count = (size_t)count;
        return 1;
    }
    if (reads(in, "stopwords")) {
        if (!read_list(in, &count)) return -1;
        in->index->stop_words = in->words + in->at - count;
        in->index->stop_word_count = (size_t)count;
        return 1;
    }
    if (reads(in, "maxtextfields") || reads(in, "nooffsets") || reads(in, "nohl") ||
        reads(in, "nofields")) /* nothing is left out to save space */
        return 1;
    if (reads(in, "indexall")) { /* every document is looked at in any case */
        if (reads(in, "enable") || reads(in, "disable")) return 1;
        return refuse(in, "INDEXALL is ENABLE or DISABLE") - 1;
    }
    if (reads(in, "nofreqs")) return in->index->no_freqs = true;
    if (reads(in, "skipinitialscan")) return in->index->skip_scan = true;
    if (in->at + 1 < in->count) return read_index_value(in);
    return 0;
}

static bool read_language(struct schema_reader *in)
{
    struct search_index *index = in->index;
    const int rc = search_stemmer_new(index->language.len ? index->language : str_of("english"),
                                      &index->stemmer);
    if (rc == 0 && index->language_field.len) {
        index->languages = search_languages_new();
        if (!index->languages) call_no_memory(in->call);
        return index->languages != NULL;
    }
    if (rc == 0) return true;
    if (rc == KITH_EINVAL) call_errorf(in->call, "Unsupported language %.*s",
                                       (int)(index->language.len & 63), index->language.data);
    else call_no_memory(in->call);
    return false;
}

static bool read_words(struct schema_reader *in)
{
    int rc;
    while ((rc = read_index_option(in)) > 0) continue;
    if (rc < 0) return false;
    if (!reads(in, "schema")) return refuse(in, "Unknown argument");
    return read_language(in) && read_schema(in);
}

/* The command, owned by the index: one block of words and bytes. */
static bool copy_words(struct search_index *index, const struct kith_str *words, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) bytes += words[i].len;
    index->words = mem_alloc(count * sizeof *index->words + bytes + 1);
    if (!index->words) return false;
    char *to = (char *)(index->words + count);
    for (size_t i = 0; i < count; i++) {
        if (words[i].len) memcpy(to, words[i].data, words[i].len);
        index->words[i] = (struct kith_str){to, words[i].len};
        to += words[i].len;
    }
    index->word_count = count;
    return true;
}

struct search_index *search_define(struct redis_call *call, const struct kith_str *words,
                                   size_t count)
{
    struct search_index *index = mem_zalloc(sizeof *index);
    if (index) {
        map_init(&index->by_key);
        arena_init(&index->arena);
        index->heap = cache_heap(call->cache);
        index->score = 1;
        index->stop_words = search_stop_words;
        index->stop_word_count = SEARCH_STOP_WORDS;
        index->name = mem_strndup(words[1].data, words[1].len);
    }
    if (!index || !index->name || !copy_words(index, words, count)) {
        search_index_free(index);
        call_no_memory(call);
        return NULL;
    }
    struct schema_reader in = {call, index, index->words, 2, count};
    if (read_words(&in)) return index;
    search_index_free(index);
    return NULL;
}

void run_ft_create(struct redis_call *call)
{
    if (search_find(call->redis, call->argv[1])) {
        call_error(call, "Index already exists");
        return;
    }
    struct search_index *index = search_define(call, call->argv, call->argc);
    if (index) search_create(call, index);
}
