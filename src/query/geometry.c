/*
 * Geometries by the C interface of GEOS (https://libgeos.org), in its reentrant form: a context an
 * object, so nothing is shared between threads.
 *
 * Texts come from outside. GEOS reads collections by recursion, so parentheses are counted first;
 * what it throws becomes a message or the answer "not known". Its short cuts for rectangles follow
 * a null pointer where a collection holds POINT EMPTY (GEOS 3.11; found by fuzz_filter): geometries
 * with empty parts are refused, and what is empty as a whole is answered here. It also loses memory
 * when it fails over a coordinate that is not finite (1e3009): those are refused too.
 */
#include "query/geometry.h"

#ifdef KITH_HAVE_GEOS

#include <geos_c.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "query/geometry_sphere.h"

struct geometry_reader {
    GEOSContextHandle_t context;
    GEOSWKTReader *wkt;
    struct buffer text; /* with its NUL */
    char message[200];  /* of the last failure */
};

struct geometry_matcher {
    struct geometry_reader *reader;
    enum geometry_relation relation;
    GEOSGeometry *constant;                /* NULL: ISVALID */
    const GEOSPreparedGeometry *prepared;
    struct place_at centre; /* DWITHIN */
    double metres;
};

bool geometry_supported(void) { return true; }

/* ------------------------------------------------------------------ reading */

static void take_message(const char *message, void *ctx)
{
    struct geometry_reader *reader = ctx;
    (void)snprintf(reader->message, sizeof reader->message, "%s", message);
}

int geometry_reader_new(struct geometry_reader **out)
{
    struct geometry_reader *reader = mem_zalloc(sizeof *reader);
    if (!reader) return KITH_ENOMEM;
    buffer_init(&reader->text);
    reader->context = GEOS_init_r();
    if (reader->context) {
        (void)GEOSContext_setErrorMessageHandler_r(reader->context, take_message, reader);
        reader->wkt = GEOSWKTReader_create_r(reader->context);
    }
    if (!reader->wkt) {
        geometry_reader_free(reader);
        return KITH_ENOMEM;
    }
    *out = reader;
    return 0;
}

void geometry_reader_free(struct geometry_reader *reader)
{
    if (!reader) return;
    if (reader->wkt) GEOSWKTReader_destroy_r(reader->context, reader->wkt);
    if (reader->context) GEOS_finish_r(reader->context);
    buffer_release(&reader->text);
    mem_free(reader);
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* What GEOS does not look at: depth, NUL, and what follows the outer parentheses. */
static const char *bad_form(struct kith_str wkt)
{
    size_t depth = 0;
    bool closed = false;
    if (wkt.len == 0) return "the text is empty";
    for (size_t i = 0; i < wkt.len; i++) {
        char c = wkt.data[i];
        if (c == '\0') return "a NUL byte in the text";
        if (closed && !is_blank(c)) return "text behind the geometry";
        if (c == '(' && ++depth > GEOMETRY_DEPTH_MAX) return "nested too deep";
        if (c == ')' && depth > 0) closed = --depth == 0;
    }
    return NULL;
}

static bool has_finite_points(const struct geometry_reader *reader, const GEOSGeometry *line)
{
    const GEOSCoordSequence *points = GEOSGeom_getCoordSeq_r(reader->context, line);
    unsigned count = 0;
    double x, y;
    if (!points || GEOSCoordSeq_getSize_r(reader->context, points, &count) != 1) return false;
    for (unsigned i = 0; i < count; i++) {
        if (GEOSCoordSeq_getXY_r(reader->context, points, i, &x, &y) != 1) return false;
        if (!isfinite(x) || !isfinite(y)) return false;
    }
    return true;
}

static const GEOSGeometry *part_at(const struct geometry_reader *reader,
                                   const GEOSGeometry *geometry, int type, int i)
{
    if (type != GEOS_POLYGON) return GEOSGetGeometryN_r(reader->context, geometry, i);
    return i == 0 ? GEOSGetExteriorRing_r(reader->context, geometry)
                  : GEOSGetInteriorRingN_r(reader->context, geometry, i - 1);
}

/* What is wrong with a part, or a ring of a part. As deep as GEOMETRY_DEPTH_MAX. */
static const char *bad_part(const struct geometry_reader *reader, const GEOSGeometry *geometry)
{
    GEOSContextHandle_t context = reader->context;
    const int type = GEOSGeomTypeId_r(context, geometry);
    if (GEOSisEmpty_r(context, geometry) != 0) return "an empty part";
    if (type == GEOS_POINT || type == GEOS_LINESTRING || type == GEOS_LINEARRING)
        return has_finite_points(reader, geometry) ? NULL : "a coordinate is not finite";
    const int parts = type == GEOS_POLYGON ? 1 + GEOSGetNumInteriorRings_r(context, geometry)
                                           : GEOSGetNumGeometries_r(context, geometry);
    const char *problem = NULL;
    for (int i = 0; i < parts && !problem; i++) {
        const GEOSGeometry *part = part_at(reader, geometry, type, i);
        problem = part ? bad_part(reader, part) : "an empty part";
    }
    return problem;
}

static bool is_empty(const struct geometry_reader *reader, const GEOSGeometry *geometry)
{
    return GEOSisEmpty_r(reader->context, geometry) != 0;
}

/* KITH_EINVAL leaves its reason in reader->message. */
static int read_wkt(struct geometry_reader *reader, struct kith_str wkt, GEOSGeometry **out)
{
    const char *problem = bad_form(wkt);
    if (problem) {
        take_message(problem, reader);
        return KITH_EINVAL;
    }
    buffer_clear(&reader->text);
    buffer_put(&reader->text, wkt.data, wkt.len);
    buffer_put_u8(&reader->text, 0);
    if (buffer_failed(&reader->text)) return KITH_ENOMEM;
    take_message("no geometry", reader);
    GEOSGeometry *read = GEOSWKTReader_read_r(reader->context, reader->wkt,
                                              (const char *)reader->text.data);
    if (!read) return KITH_EINVAL;
    problem = is_empty(reader, read) ? NULL : bad_part(reader, read);
    if (problem) {
        take_message(problem, reader);
        GEOSGeom_destroy_r(reader->context, read);
        return KITH_EINVAL;
    }
    *out = read;
    return 0;
}

static bool has_finite_box(const struct geometry_reader *reader, const GEOSGeometry *geometry,
                           double box[4])
{
    return GEOSGeom_getXMin_r(reader->context, geometry, &box[0]) == 1 &&
           GEOSGeom_getYMin_r(reader->context, geometry, &box[1]) == 1 &&
           GEOSGeom_getXMax_r(reader->context, geometry, &box[2]) == 1 &&
           GEOSGeom_getYMax_r(reader->context, geometry, &box[3]) == 1 && isfinite(box[0]) &&
           isfinite(box[1]) && isfinite(box[2]) && isfinite(box[3]);
}

int geometry_reader_check(struct geometry_reader *reader, struct kith_str wkt,
                          struct kith_error *err)
{
    GEOSGeometry *geometry = NULL;
    int rc = read_wkt(reader, wkt, &geometry);
    if (rc == KITH_ENOMEM) return error_set(err, rc, "no memory to read a geometry");
    if (geometry) GEOSGeom_destroy_r(reader->context, geometry);
    return rc == 0 ? 0 : error_set(err, rc, "is not valid WKT: %s", reader->message);
}

int geometry_check(const char *text, size_t len, struct kith_error *err)
{
    struct geometry_reader *reader = NULL;
    int rc = geometry_reader_new(&reader);
    if (rc != 0) return error_set(err, rc, "no memory to read a geometry");
    rc = geometry_reader_check(reader, (struct kith_str){ text, len }, err);
    geometry_reader_free(reader);
    return rc;
}

/* ------------------------------------------------------------------ the constant */

static int take_centre(struct geometry_matcher *matcher, struct kith_error *err)
{
    GEOSContextHandle_t context = matcher->reader->context;
    if (GEOSGeomTypeId_r(context, matcher->constant) != GEOS_POINT ||
        GEOSGeomGetX_r(context, matcher->constant, &matcher->centre.lon) != 1 ||
        GEOSGeomGetY_r(context, matcher->constant, &matcher->centre.lat) != 1)
        return error_set(err, KITH_EINVAL, "a POINT expected");
    if (!sphere_holds(matcher->centre))
        return error_set(err, KITH_EINVAL, "a longitude of -180..180 and a latitude of -90..90 "
                         "expected");
    return 0;
}

static int prepare(struct geometry_matcher *matcher, const struct geometry_constant *constant,
                   struct kith_error *err)
{
    struct geometry_reader *reader = matcher->reader;
    int rc = read_wkt(reader, constant->wkt, &matcher->constant);
    if (rc != 0)
        return error_set(err, rc, "%s", rc == KITH_ENOMEM ? "no memory" : reader->message);
    if (constant->relation == GEOMETRY_DWITHIN) rc = take_centre(matcher, err);
    if (rc != 0) return rc;
    matcher->prepared = GEOSPrepare_r(reader->context, matcher->constant);
    return matcher->prepared ? 0 : error_set(err, KITH_EINVAL, "%s", reader->message);
}

int geometry_matcher_new(const struct geometry_constant *constant, struct geometry_matcher **out,
                         struct kith_error *err)
{
    struct geometry_matcher *matcher = mem_zalloc(sizeof *matcher);
    int rc = matcher ? geometry_reader_new(&matcher->reader) : KITH_ENOMEM;
    if (rc != 0) {
        mem_free(matcher);
        return error_set(err, rc, "no memory for a geometry");
    }
    matcher->relation = constant->relation;
    matcher->metres = constant->metres;
    if (constant->relation != GEOMETRY_ISVALID) rc = prepare(matcher, constant, err);
    if (rc == 0) *out = matcher;
    else geometry_matcher_free(matcher);
    return rc;
}

void geometry_matcher_free(struct geometry_matcher *matcher)
{
    if (!matcher) return;
    GEOSContextHandle_t context = matcher->reader->context;
    if (matcher->prepared) GEOSPreparedGeom_destroy_r(context, matcher->prepared);
    if (matcher->constant) GEOSGeom_destroy_r(context, matcher->constant);
    geometry_reader_free(matcher->reader);
    mem_free(matcher);
}

bool geometry_matcher_box(const struct geometry_matcher *matcher, double box[4])
{
    if (matcher->relation == GEOMETRY_DWITHIN) {
        sphere_box(matcher->centre, matcher->metres, box);
        return true;
    }
    return matcher->constant && !is_empty(matcher->reader, matcher->constant) &&
           has_finite_box(matcher->reader, matcher->constant, box);
}

/* ------------------------------------------------------------------ distances */

static bool line_within(const struct geometry_matcher *matcher, const GEOSGeometry *line)
{
    GEOSContextHandle_t context = matcher->reader->context;
    const GEOSCoordSequence *points = GEOSGeom_getCoordSeq_r(context, line);
    struct place_at before = { 0, 0 }, at;
    unsigned count = 0;
    if (!points || GEOSCoordSeq_getSize_r(context, points, &count) != 1) return false;
    for (unsigned i = 0; i < count; i++, before = at) {
        if (GEOSCoordSeq_getXY_r(context, points, i, &at.lon, &at.lat) != 1) return false;
        if (!sphere_holds(at)) return false;
        if (sphere_segment_within(matcher->centre, i == 0 ? at : before, at, matcher->metres))
            return true;
    }
    return false;
}

static bool rings_within(const struct geometry_matcher *matcher, const GEOSGeometry *polygon)
{
    GEOSContextHandle_t context = matcher->reader->context;
    const GEOSGeometry *ring = GEOSGetExteriorRing_r(context, polygon);
    if (ring && line_within(matcher, ring)) return true;
    int holes = GEOSGetNumInteriorRings_r(context, polygon);
    for (int i = 0; i < holes; i++) {
        ring = GEOSGetInteriorRingN_r(context, polygon, i);
        if (ring && line_within(matcher, ring)) return true;
    }
    return false;
}

static bool within_metres(const struct geometry_matcher *matcher, const GEOSGeometry *geometry)
{
    GEOSContextHandle_t context = matcher->reader->context;
    switch (GEOSGeomTypeId_r(context, geometry)) {
    case GEOS_POINT: case GEOS_LINESTRING: case GEOS_LINEARRING:
        return line_within(matcher, geometry);
    case GEOS_POLYGON: return rings_within(matcher, geometry);
    default: break;
    }
    int parts = GEOSGetNumGeometries_r(context, geometry);
    for (int i = 0; i < parts; i++) {
        const GEOSGeometry *part = GEOSGetGeometryN_r(context, geometry, i);
        if (part && within_metres(matcher, part)) return true;
    }
    return false;
}

/* ------------------------------------------------------------------ relations */

/* 1, 0, or 2 when GEOS gave up. */
static char relate(const struct geometry_matcher *matcher, const GEOSGeometry *row)
{
    GEOSContextHandle_t context = matcher->reader->context;
    const GEOSPreparedGeometry *prepared = matcher->prepared;
    switch (matcher->relation) {
    case GEOMETRY_EQUALS: return GEOSEquals_r(context, row, matcher->constant);
    case GEOMETRY_TOUCHES: return GEOSPreparedTouches_r(context, prepared, row);
    case GEOMETRY_OVERLAPS: return GEOSPreparedOverlaps_r(context, prepared, row);
    case GEOMETRY_CROSSES: return GEOSPreparedCrosses_r(context, prepared, row);
    case GEOMETRY_CONTAINS: return GEOSPreparedWithin_r(context, prepared, row);
    case GEOMETRY_INTERSECTS: return GEOSPreparedIntersects_r(context, prepared, row);
    case GEOMETRY_WITHIN: return GEOSPreparedContains_r(context, prepared, row);
    case GEOMETRY_ISVALID: return GEOSisValid_r(context, row);
    case GEOMETRY_DWITHIN: break;
    }
    /* Inside of an area the distance is 0. */
    char inside = GEOSPreparedIntersects_r(context, prepared, row);
    return inside != 0 ? inside : (char)within_metres(matcher, row);
}

/* Where one side or both are empty. Two empty ones are equal. */
static char relate_empty(const struct geometry_matcher *matcher, const GEOSGeometry *row)
{
    if (matcher->relation == GEOMETRY_ISVALID) return 1;
    return matcher->relation == GEOMETRY_EQUALS && is_empty(matcher->reader, row) &&
           is_empty(matcher->reader, matcher->constant);
}

int geometry_matcher_test(struct geometry_matcher *matcher, struct kith_str wkt)
{
    const struct geometry_reader *reader = matcher->reader;
    GEOSGeometry *row = NULL;
    if (read_wkt(matcher->reader, wkt, &row) != 0) return -1;
    bool empty = is_empty(reader, row) ||
                 (matcher->constant && is_empty(reader, matcher->constant));
    char answer = empty ? relate_empty(matcher, row) : relate(matcher, row);
    GEOSGeom_destroy_r(reader->context, row);
    return answer == 0 || answer == 1 ? answer : -1;
}

#else

bool geometry_supported(void) { return false; }

static int missing(struct kith_error *err)
{
    return error_set(err, KITH_EUNSUPPORTED, "geometries need GEOS, which this build lacks");
}

int geometry_reader_new(struct geometry_reader **out)
{
    (void)out;
    return KITH_EUNSUPPORTED;
}

void geometry_reader_free(struct geometry_reader *reader) { (void)reader; }

int geometry_reader_check(struct geometry_reader *reader, struct kith_str wkt,
                          struct kith_error *err)
{
    (void)reader, (void)wkt;
    return missing(err);
}

int geometry_check(const char *text, size_t len, struct kith_error *err)
{
    (void)text, (void)len;
    return missing(err);
}

int geometry_matcher_new(const struct geometry_constant *constant, struct geometry_matcher **out,
                         struct kith_error *err)
{
    (void)constant, (void)out;
    return missing(err);
}

void geometry_matcher_free(struct geometry_matcher *matcher) { (void)matcher; }

int geometry_matcher_test(struct geometry_matcher *matcher, struct kith_str wkt)
{
    (void)matcher, (void)wkt;
    return -1;
}

bool geometry_matcher_box(const struct geometry_matcher *matcher, double box[4])
{
    (void)matcher, (void)box;
    return false;
}

#endif
