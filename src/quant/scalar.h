/*
 * Scalar quantization: one byte a dimension, with integer distances between codes.
 *
 * A row x of any type becomes codes u[j] = round((x[j] - offset[j]) * scale) in [low, high], with
 * one scale for all dimensions, so that distances between codes are distances between rows but for
 * a factor (glass, pyglass 2023, calls the symmetric form SQ8U). Two forms:
 *
 *   L2    (metrics L2 and COSINE; cosine rows are normalised first, and |x-y|^2 = 2 - 2 cos)
 *         |u - v|^2 = |u|^2 - 256 sum(u) + |v|^2 - 2 sum u (v - 128)
 *   DOT   (metric DOT) codes are biased by 128: offset = -128 / scale
 *         -2 <u - 128, v - 128> = 256 sum(v - 128) - 2 sum u (v - 128)
 *
 * so both are  base(v) + bias(u) - 2 sum u[j] w[j]  with w = v - 128 as i8: kernel/walk.h computes
 * that. For L2 the offset is each dimension's mean less half the range, which distances do not see.
 *
 * Lossless: when every component of every row is an integer and all lie within 256 of each other
 * (within -127..127 for DOT), scale is 1 and the codes are the rows. `exact` says that a query is
 * exactly coded too; then the integer distance is the true one.
 *
 * Bit vectors (HAMMING, JACCARD) are their own codes: base and bias are the numbers of bits set,
 * and what walk.h computes from them is the distance, of JACCARD times 2^30.
 *
 * All float arithmetic here is plain C in a fixed order: the same codes on every machine and for
 * any instruction set. Threading: a quantizer is read-only after training or loading.
 */
#ifndef KITH_QUANT_SCALAR_H
#define KITH_QUANT_SCALAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "kernel/kernel.h"

struct scalar_quantizer {
    uint32_t dim;
    enum kernel_type type; /* of the rows */
    enum kernel_metric metric; /* L2, COSINE or DOT; of BIT: HAMMING or JACCARD */
    bool lossless;
    int32_t low; /* codes lie in [low, high] */
    int32_t high;
    float scale;
    float *offset; /* owns: scalar_offsets() of them */
};

struct scalar_rows { /* what it is trained on */
    const uint8_t *data; /* borrows, verified */
    size_t stride_bytes;
    size_t count;
};

struct scalar_query {
    int8_t *code; /* borrows: room for padded dimensions, 64-byte aligned */
    int32_t base;
    bool exact;     /* the codes are the query */
    float distance; /* navigation distance times this is the distance, plus nothing */
};

/* KITH_ENOMEM, or KITH_EINVAL when type or metric has no codes. */
KITH_NODISCARD int scalar_train(struct scalar_quantizer *quantizer, enum kernel_metric metric,
                                enum kernel_type type, uint32_t dim, const struct scalar_rows *rows,
                                struct kith_error *err);
void scalar_release(struct scalar_quantizer *quantizer); /* accepts a zeroed struct */

/* Takes type and metric: whether there are codes for them. */
bool scalar_supports(enum kernel_metric metric, enum kernel_type type);

/* Bytes of a code before its padding and bias, and how many offsets there are. */
size_t scalar_code_bytes(enum kernel_type type, uint32_t dim);
size_t scalar_offsets(enum kernel_type type, uint32_t dim);

/* A raw row (not of BIT) as dim floats, normalised under COSINE (a zero row stays zero). */
void scalar_read(const struct scalar_quantizer *quantizer, const void *row, float *out);

/* Encodes a raw row; *bias is its part of a navigation distance. `row` is scratch for
 * scalar_offsets() floats. */
void scalar_encode(const struct scalar_quantizer *quantizer, const void *raw, float *row,
                   uint8_t *code, uint32_t *bias);

/* Encodes a raw query into query->code (whose tail past the code is zeroed up to padded). `row`
 * is scratch for scalar_offsets() floats. */
void scalar_encode_query(const struct scalar_quantizer *quantizer, const void *raw, float *row,
                         size_t padded, struct scalar_query *query);

/* The query form of a code: w = u - 128 (of BIT the code), zero past it. out may be code. */
void scalar_code_query(const struct scalar_quantizer *quantizer, const uint8_t *code, size_t padded,
                       int8_t *out, int32_t *base);

/* The factor of scalar_query for a stored row as query. */
float scalar_factor(const struct scalar_quantizer *quantizer);

#endif
