/*
 * NGRAM: see scalar_grams.c.
 */
#ifndef KITH_INDEX_SCALAR_GRAMS_H
#define KITH_INDEX_SCALAR_GRAMS_H

#include "index/scalar_terms.h"

typedef int gram_fn(void *ctx, struct kith_str gram);

KITH_NODISCARD int scalar_build_grams(const struct chunk_source *source, size_t field,
                                      const struct scalar_index_params *params,
                                      const struct index_job *job, struct index_image *out,
                                      struct kith_error *err);
KITH_NODISCARD int scalar_grams_probe(const struct scalar_index *index, const struct probe *probe,
                                      struct probe_answer *answer);
KITH_NODISCARD int scalar_grams_estimate(const struct scalar_index *index,
                                         const struct probe *probe, uint64_t *rows);

#endif
