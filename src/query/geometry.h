/*
 * Geometries as WKT text, through GEOS: are they well formed, where are they, how do they lie to a
 * constant. Planar, but for distances in metres (geometry_sphere.h).
 *
 * A build without GEOS answers KITH_EUNSUPPORTED. Objects belong to one thread at a time. GEOS has
 * its own heap: when that is exhausted a geometry cannot be read, as if its text were wrong.
 */
#ifndef KITH_QUERY_GEOMETRY_H
#define KITH_QUERY_GEOMETRY_H

#include <kith/kith.h>

#include "base/error.h"

enum geometry_relation {
    GEOMETRY_EQUALS, GEOMETRY_TOUCHES, GEOMETRY_OVERLAPS, GEOMETRY_CROSSES, GEOMETRY_CONTAINS,
    GEOMETRY_INTERSECTS, GEOMETRY_WITHIN, GEOMETRY_DWITHIN, GEOMETRY_ISVALID
};

#define GEOMETRY_DEPTH_MAX 32 /* collections within collections */

bool geometry_supported(void);

/* Reads texts, one after another. KITH_ENOMEM, KITH_EUNSUPPORTED. */
struct geometry_reader;
KITH_NODISCARD int geometry_reader_new(struct geometry_reader **out);
void geometry_reader_free(struct geometry_reader *reader); /* NULL is a no-op */
/* The text is a geometry; else KITH_EINVAL with what is wrong. */
KITH_NODISCARD int geometry_reader_check(struct geometry_reader *reader, struct kith_str wkt,
                                         struct kith_error *err);
/* The same for a single text. */
KITH_NODISCARD int geometry_check(const char *text, size_t len, struct kith_error *err);

/* A constant that rows are compared with: prepared once, asked often. The row is the left side:
 * CONTAINS asks whether the row contains the constant. */
struct geometry_constant {
    enum geometry_relation relation;
    struct kith_str wkt; /* borrows; not of ISVALID. DWITHIN: a POINT of degrees */
    double metres;       /* DWITHIN */
};
struct geometry_matcher;
/* KITH_EINVAL: what is wrong with the constant. */
KITH_NODISCARD int geometry_matcher_new(const struct geometry_constant *constant,
                                        struct geometry_matcher **out, struct kith_error *err);
void geometry_matcher_free(struct geometry_matcher *matcher); /* NULL is a no-op */
/* 1, 0, or -1: the row's text is no geometry. */
int geometry_matcher_test(struct geometry_matcher *matcher, struct kith_str wkt);
/* min x, min y, max x, max y: rows whose envelope does not meet it cannot match. false: any may. */
bool geometry_matcher_box(const struct geometry_matcher *matcher, double box[4]);

#endif
