/*
 * Filter expressions: parse -> check against a schema -> evaluate into a bitset.
 *
 * The language is that of Milvus: literals and {name} templates, fields, JSON paths and dynamic
 * keys, array elements, == != < <= > >=, chains a < f <= b, in / not in, like, is null / is not
 * null, exists, and / or / not (&& || !), arithmetic `f op c cmp c2`, json_contains /
 * array_contains (and _all, _any), array_length, text_match, phrase_match, random_sample, times
 * with intervals, st_... on geometries. Forms over struct arrays (element_filter, match_..., $[x])
 * are refused by name with KITH_EUNSUPPORTED.
 *
 * Three-valued logic: a comparison with null or absent is unknown; a row passes only on true.
 */
#ifndef KITH_QUERY_FILTER_H
#define KITH_QUERY_FILTER_H

#include "base/arena.h"
#include "base/bitset.h"
#include "model/chunk.h"
#include "model/schema.h"

struct filter; /* in the arena it was made in; immutable, so threads may share it */

/* text is NUL-terminated. params (nullable, NUL-terminated) is a JSON object with the values of
 * {name} templates. KITH_EFILTER: the text is exactly what Milvus says, the byte of the filter is
 * in err.position; KITH_EUNSUPPORTED: a form that is refused by name; KITH_EINVAL: params. */
KITH_NODISCARD int filter_compile(const char *text, const char *params,
                                  const struct schema *schema, struct arena *arena,
                                  struct filter **out, struct kith_error *err);
/* Filters with random_sample take another sample for another seed; set it before the first
 * evaluation. */
bool filter_is_sampled(const struct filter *filter);
void filter_set_seed(struct filter *filter, uint64_t seed);

/* Sets bit i of out for every row i of the source for which the filter is true, clears the others;
 * only rows set in `within` (nullable, same size; may be `out` itself) are evaluated. poll
 * (nullable) is called at least every 4,096 rows. */
KITH_NODISCARD int filter_evaluate(const struct filter *filter, const struct chunk_source *source,
                                   const struct bitset *within, struct bitset *out,
                                   int (*poll)(void *ctx), void *poll_ctx, struct kith_error *err);
/* About which share of the rows passes, 0..1: what indexes and zones know, else a sample of 1,024
 * rows. Deterministic; costs microseconds beside the evaluation. */
KITH_NODISCARD int filter_estimate(const struct filter *filter, const struct chunk_source *source,
                                   double *share, struct kith_error *err);
/* "field == constant" or "field in [...]" on the primary key alone: then *keys are the only
 * candidates (in the arena). false: no such shortcut. */
struct key;
bool filter_primary_keys(const struct filter *filter, const struct schema *schema,
                         const struct key **keys, size_t *count);

#endif
