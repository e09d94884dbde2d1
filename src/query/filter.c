/*
 * The door of the filter language: text in, an immutable filter in the caller's arena out.
 */
#include "query/filter.h"

#include <string.h>

#include "model/limits.h"
#include "query/filter_internal.h"

int filter_compile(const char *text, const char *params, const struct schema *schema,
                   struct arena *arena, struct filter **out, struct kith_error *err)
{

    size_t len = strnlen(text, LIMIT_FILTER_BYTES + 1);
    if (len > LIMIT_FILTER_BYTES)
        return filter_error(err, LIMIT_FILTER_BYTES, "filter of more than %d bytes",
                            LIMIT_FILTER_BYTES);
    /* Constants and paths point into the text, so it is kept as long as they are. */
    char *kept = arena_strndup(arena, text, len);
    struct filter *filter = arena_zalloc(arena, sizeof *filter);
    if (!kept || !filter) return error_set(err, KITH_ENOMEM, "no memory for the filter");
    struct lexer lexer = { .text = kept, .len = len, .arena = arena, .err = err };
    struct node *root = NULL;
    int rc = filter_parse(&lexer, &root);
    if (rc != 0) return rc;
    struct checker checker = {
        .text = kept, .params = params, .schema = schema, .arena = arena, .err = err
    };
    rc = filter_check(&checker, root, filter);
    if (rc == 0) *out = filter;
    return rc;
}

bool filter_is_sampled(const struct filter *filter) { return filter->sampled; }

void filter_set_seed(struct filter *filter, uint64_t seed) { filter->seed = seed; }

bool filter_primary_keys(const struct filter *filter, const struct schema *schema,
                         const struct key **keys, size_t *count)
{
    (void)schema; /* the filter was compiled for it */
    if (!filter->keys) return false;
    *keys = filter->keys;
    *count = filter->key_count;
    return true;
}
