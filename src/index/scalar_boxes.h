/*
 * RTREE: see scalar_boxes.c. Boxes are min x, min y, max x, max y.
 */
#ifndef KITH_INDEX_SCALAR_BOXES_H
#define KITH_INDEX_SCALAR_BOXES_H

#include "index/scalar_terms.h"

enum wkt_box { WKT_BOX, WKT_EMPTY };
/* The envelope of a geometry's text; of one that cannot be read: the whole plane. */
enum wkt_box scalar_wkt_box(struct kith_str text, double box[4]);

KITH_NODISCARD int scalar_build_boxes(const struct chunk_source *source, size_t field,
                                      const struct scalar_index_params *params,
                                      const struct index_job *job, struct index_image *out,
                                      struct kith_error *err);
/* Whether the counts of an opened index make a tree. */
bool scalar_boxes_fit(const struct scalar_index *index);
KITH_NODISCARD int scalar_boxes_probe(const struct scalar_index *index, const struct probe *probe,
                                      struct probe_answer *answer);
KITH_NODISCARD int scalar_boxes_estimate(const struct scalar_index *index,
                                         const struct probe *probe, uint64_t *rows);
KITH_NODISCARD int scalar_boxes_validate(const struct scalar_index *index,
                                         struct kith_error *err);

#endif
