/*
 * The operations of a text index that are written in files of their own.
 */
#ifndef KITH_INDEX_TEXT_INTERNAL_H
#define KITH_INDEX_TEXT_INTERNAL_H

#include "index/text_format.h"

KITH_NODISCARD int text_index_build(const struct chunk_source *source, size_t field,
                                    const struct scalar_index_params *params,
                                    const struct index_job *job, struct index_image *out,
                                    struct kith_error *err);
/* The same over rows [first, first + rows) of the source. */
KITH_NODISCARD int text_index_build_rows(const struct chunk_source *source, size_t field,
                                         size_t first, size_t rows,
                                         const struct scalar_index_params *params,
                                         const struct index_job *job, struct index_image *out,
                                         struct kith_error *err);
KITH_NODISCARD int text_index_probe(const struct scalar_index *index, const struct probe *probe,
                                    struct probe_answer *answer);
KITH_NODISCARD int text_index_estimate(const struct scalar_index *index, const struct probe *probe,
                                       uint64_t *rows);
/* Whether one of the impacts is as good as the pair. */
bool text_impacts_cover(const uint8_t *impacts, struct impact one);
/* The positions of block i of the term are all there. KITH_ECORRUPT. */
KITH_NODISCARD int text_positions_check(const struct text_index *index,
                                        const struct text_term *term, size_t i,
                                        const uint32_t *counts, size_t count);

#endif
