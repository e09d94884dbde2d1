/*
 * Training and encoding of scalar codes. Training looks at every row once for losslessness (it
 * stops at the first component that is not an integer) and at up to SAMPLE_ROWS rows for means and
 * range. The range is a quantile, not the maximum: one outlier in 20,000 components is clipped,
 * which costs less than a coarser step for all others.
 */
#include "quant/scalar.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"

#define SAMPLE_ROWS ((size_t)16384)
#define RANGE_BINS 4096
#define CLIP_SHARE 5e-5
#define CODE_BIAS 128

#define JACCARD_UNIT 0x1p-30f /* walk.h */

static bool type_supported(enum kernel_type type)
{
    return type == KERNEL_F32 || type == KERNEL_F16 || type == KERNEL_BF16 || type == KERNEL_I8 ||
           type == KERNEL_U8;
}

bool scalar_supports(enum kernel_metric metric, enum kernel_type type)
{
    if (type == KERNEL_BIT) return metric == KERNEL_HAMMING || metric == KERNEL_JACCARD;
    if (metric != KERNEL_L2 && metric != KERNEL_COSINE && metric != KERNEL_DOT) return false;
    return type_supported(type);
}

size_t scalar_code_bytes(enum kernel_type type, uint32_t dim)
{
    return type == KERNEL_BIT ? ((size_t)dim + 7) / 8 : dim;
}

size_t scalar_offsets(enum kernel_type type, uint32_t dim)
{
    return type == KERNEL_BIT ? 0 : dim;
}

static void widen(enum kernel_type type, const void *row, float *out, size_t dim)
{
    const uint8_t *bytes = row;
    switch (type) {
    case KERNEL_F16: kernel_f16_to_f32(row, out, dim); break;
    case KERNEL_BF16: kernel_bf16_to_f32(row, out, dim); break;
    case KERNEL_I8:
        for (size_t j = 0; j < dim; j++) out[j] = (float)(int8_t)bytes[j];
        break;
    case KERNEL_U8:
        for (size_t j = 0; j < dim; j++) out[j] = (float)bytes[j];
        break;
    default: memcpy(out, row, dim * sizeof *out); break;
    }
}

/* Eight partial sums in a fixed order: vectorizes, and is the same everywhere. */
static float length_of(const float *row, size_t dim)
{
    double sum[8] = {0};
    size_t j = 0;
    for (; j + 8 <= dim; j += 8) {
        for (size_t l = 0; l < 8; l++) sum[l] += (double)row[j + l] * (double)row[j + l];
    }
    for (; j < dim; j++) sum[0] += (double)row[j] * (double)row[j];
    for (size_t l = 1; l < 8; l++) sum[0] += sum[l];
    return (float)sqrt(sum[0]);
}

void scalar_read(const struct scalar_quantizer *quantizer, const void *row, float *out)
{
    const size_t dim = quantizer->dim;
    widen(quantizer->type, row, out, dim);
    if (quantizer->metric != KERNEL_COSINE) return;
    const float length = length_of(out, dim);
    if (!(length > 0.0f)) return;
    for (size_t j = 0; j < dim; j++) out[j] /= length;
}

/* ---- training ---- */

/* Whether all components are integers; their least and greatest. */
static bool all_integral(const struct scalar_quantizer *quantizer, const struct scalar_rows *rows,
                         float *row, float *least, float *greatest)
{
    float lo = INFINITY;
    float hi = -INFINITY;
    for (size_t i = 0; i < rows->count; i++) {
        widen(quantizer->type, rows->data + i * rows->stride_bytes, row, quantizer->dim);
        bool whole = true;
        for (size_t j = 0; j < quantizer->dim; j++) {
            const float x = row[j];
            if (!(x >= -256.0f && x <= 256.0f)) return false;
            whole &= (float)(int32_t)x == x;
            lo = x < lo ? x : lo;
            hi = x > hi ? x : hi;
        }
        if (!whole || hi - lo > 255.0f) return false;
    }
    *least = lo;
    *greatest = hi;
    return rows->count > 0;
}

static bool train_lossless(struct scalar_quantizer *quantizer, const struct scalar_rows *rows,
                           float *row)
{
    if (quantizer->metric == KERNEL_COSINE) return false;
    float lo;
    float hi;
    if (!all_integral(quantizer, rows, row, &lo, &hi)) return false;
    const bool dot = quantizer->metric == KERNEL_DOT;
    if (dot ? lo < -127.0f || hi > 127.0f : hi - lo > (float)quantizer->high) return false;
    for (size_t j = 0; j < quantizer->dim; j++) {
        quantizer->offset[j] = dot ? (float)-CODE_BIAS : lo;
    }
    quantizer->scale = 1.0f;
    quantizer->lossless = true;
    return true;
}

static const uint8_t *sample_row(const struct scalar_rows *rows, size_t sample, size_t i)
{
    const size_t at = (size_t)((double)i * ((double)rows->count / (double)sample));
    return rows->data + at * rows->stride_bytes;
}

static void sample_means(const struct scalar_quantizer *quantizer, const struct scalar_rows *rows,
                         size_t sample, float *row, double *mean)
{
    const size_t dim = quantizer->dim;
    for (size_t i = 0; i < sample; i++) {
        scalar_read(quantizer, sample_row(rows, sample, i), row);
        for (size_t j = 0; j < dim; j++) mean[j] += (double)row[j];
    }
    for (size_t j = 0; j < dim && sample > 0; j++) mean[j] /= (double)sample;
}

/* The deviation from the mean that all but CLIP_SHARE of the components stay within. */
static double sample_range(const struct scalar_quantizer *quantizer, const struct scalar_rows *rows,
                           size_t sample, float *row, const double *mean)
{
    const size_t dim = quantizer->dim;
    double most = 0.0;
    for (size_t i = 0; i < sample; i++) {
        scalar_read(quantizer, sample_row(rows, sample, i), row);
        for (size_t j = 0; j < dim; j++) most = fmax(most, fabs((double)row[j] - mean[j]));
    }
    if (!(most > 0.0) || !isfinite(most)) return 1.0;
    uint64_t bins[RANGE_BINS] = {0};
    for (size_t i = 0; i < sample; i++) {
        scalar_read(quantizer, sample_row(rows, sample, i), row);
        for (size_t j = 0; j < dim; j++) {
            const double part = fabs((double)row[j] - mean[j]) / most * (RANGE_BINS - 1);
            bins[part > 0.0 ? (size_t)part : 0]++;
        }
    }
    const uint64_t clipped = (uint64_t)((double)(sample * dim) * CLIP_SHARE);
    uint64_t above = 0;
    size_t bin = RANGE_BINS - 1;
    while (bin > 0 && above + bins[bin] <= clipped) above += bins[bin--];
    return most * (double)(bin + 1) / RANGE_BINS;
}

static int train_lossy(struct scalar_quantizer *quantizer, const struct scalar_rows *rows,
                       float *row, struct kith_error *err)
{
    const size_t sample = rows->count < SAMPLE_ROWS ? rows->count : SAMPLE_ROWS;
    double *mean = mem_zalloc_array(quantizer->dim, sizeof *mean);
    if (!mean) return error_set(err, KITH_ENOMEM, "no memory to train codes");
    const bool dot = quantizer->metric == KERNEL_DOT;
    if (!dot) sample_means(quantizer, rows, sample, row, mean);
    const double range = sample_range(quantizer, rows, sample, row, mean);
    const double half = dot ? 127.0 : (double)(quantizer->high - quantizer->low) / 2.0;
    quantizer->scale = (float)(half / range);
    for (size_t j = 0; j < quantizer->dim; j++) {
        quantizer->offset[j] = dot ? (float)(-CODE_BIAS / (double)quantizer->scale)
                                   : (float)(mean[j] - range);
    }
    mem_free(mean);
    return 0;
}

/* The greatest code for which sums of squares stay below 2^31. */
static int32_t code_max(uint32_t dim)
{
    const int32_t most = (int32_t)sqrt(2147483647.0 / (double)dim);
    return most < 255 ? most : 255;
}

int scalar_train(struct scalar_quantizer *quantizer, enum kernel_metric metric,
                 enum kernel_type type, uint32_t dim, const struct scalar_rows *rows,
                 struct kith_error *err)
{
    if (!scalar_supports(metric, type) || dim == 0) {
        return error_set(err, KITH_EINVAL, "no scalar codes for this metric and element type");
    }
    *quantizer = (struct scalar_quantizer){.dim = dim, .type = type, .metric = metric};
    if (type == KERNEL_BIT) {
        quantizer->lossless = metric == KERNEL_HAMMING;
        quantizer->high = 1;
        quantizer->scale = 1.0f;
        return 0;
    }
    quantizer->low = metric == KERNEL_DOT ? 1 : 0;
    quantizer->high = metric == KERNEL_DOT ? 255 : code_max(dim);
    quantizer->offset = mem_zalloc_array(dim, sizeof *quantizer->offset);
    float *row = mem_alloc_array(dim, sizeof *row);
    int rc = 0;
    if (!quantizer->offset || !row) {
        rc = error_set(err, KITH_ENOMEM, "no memory to train codes");
    } else if (!train_lossless(quantizer, rows, row)) {
        rc = train_lossy(quantizer, rows, row, err);
    }
    mem_free(row);
    if (rc) scalar_release(quantizer);
    return rc;
}

void scalar_release(struct scalar_quantizer *quantizer)
{
    mem_free(quantizer->offset);
    *quantizer = (struct scalar_quantizer){0};
}

/* ---- encoding ---- */

/* Branch-free, so that it vectorizes; a NaN becomes `low`. */
static inline uint8_t code_of(float x, float offset, float scale, float low, float high)
{
    float v = (x - offset) * scale + 0.5f;
    v = v > low ? v : low;
    v = v < high ? v : high;
    return (uint8_t)(int32_t)v;
}

static void encode(const struct scalar_quantizer *quantizer, const float *row, uint8_t *code)
{
    const float low = (float)quantizer->low;
    const float high = (float)quantizer->high;
    for (size_t j = 0; j < quantizer->dim; j++) {
        code[j] = code_of(row[j], quantizer->offset[j], quantizer->scale, low, high);
    }
}

static uint32_t sum_of_squares(const uint8_t *code, size_t dim)
{
    uint32_t sum = 0;
    for (size_t j = 0; j < dim; j++) sum += (uint32_t)code[j] * code[j];
    return sum;
}

static uint32_t sum_of(const uint8_t *code, size_t dim)
{
    uint32_t sum = 0;
    for (size_t j = 0; j < dim; j++) sum += code[j];
    return sum;
}

static uint32_t bits_set(const uint8_t *code, size_t bytes)
{
    uint32_t sum = 0;
    for (size_t j = 0; j < bytes; j++) sum += (uint32_t)__builtin_popcount(code[j]);
    return sum;
}

void scalar_encode(const struct scalar_quantizer *quantizer, const void *raw, float *row,
                   uint8_t *code, uint32_t *bias)
{
    const size_t bytes = scalar_code_bytes(quantizer->type, quantizer->dim);
    *bias = 0;
    if (quantizer->type == KERNEL_BIT) {
        memcpy(code, raw, bytes);
        *bias = bits_set(code, bytes);
        return;
    }
    scalar_read(quantizer, raw, row);
    encode(quantizer, row, code);
    if (quantizer->metric == KERNEL_DOT) return;
    *bias = sum_of_squares(code, bytes) - 2u * CODE_BIAS * sum_of(code, bytes);
}

void scalar_code_query(const struct scalar_quantizer *quantizer, const uint8_t *code, size_t padded,
                       int8_t *out, int32_t *base)
{
    const size_t bytes = scalar_code_bytes(quantizer->type, quantizer->dim);
    memset(out + bytes, 0, padded - bytes);
    if (quantizer->type == KERNEL_BIT) {
        *base = (int32_t)bits_set(code, bytes);
        memmove(out, code, bytes);
        return;
    }
    *base = quantizer->metric == KERNEL_DOT
                ? (int32_t)(2u * CODE_BIAS * (sum_of(code, bytes) - CODE_BIAS * (uint32_t)bytes))
                : (int32_t)sum_of_squares(code, bytes);
    for (size_t j = 0; j < bytes; j++) out[j] = (int8_t)(code[j] ^ 0x80); /* may be in place */
}

float scalar_factor(const struct scalar_quantizer *quantizer)
{
    const float square = quantizer->scale * quantizer->scale;
    if (quantizer->type == KERNEL_BIT) {
        return quantizer->metric == KERNEL_HAMMING ? 1.0f : JACCARD_UNIT;
    }
    return quantizer->metric == KERNEL_L2 ? 1.0f / square : 0.5f / square;
}

static bool coded_exactly(const struct scalar_quantizer *quantizer, const float *row,
                          const uint8_t *code)
{
    if (!quantizer->lossless) return false;
    for (size_t j = 0; j < quantizer->dim; j++) {
        if (row[j] != (float)code[j] + quantizer->offset[j]) return false;
    }
    return true;
}

/* Under DOT the query has a scale of its own: a factor on the query changes no order, and a query
 * much longer or shorter than the rows would otherwise be clipped or all zeros. */
static void encode_dot(const struct scalar_quantizer *quantizer, const float *row, size_t padded,
                       struct scalar_query *query)
{
    const size_t dim = quantizer->dim;
    float most = 0.0f;
    bool whole = quantizer->lossless;
    for (size_t j = 0; j < dim; j++) {
        const float magnitude = fabsf(row[j]);
        most = magnitude > most ? magnitude : most;
    }
    whole = whole && most <= 127.0f;
    for (size_t j = 0; whole && j < dim; j++) whole = (float)(int32_t)row[j] == row[j];
    const float scale = whole ? 1.0f : most > 0.0f && isfinite(most) ? 127.0f / most : 1.0f;
    uint32_t sum = 0;
    for (size_t j = 0; j < dim; j++) {
        const uint8_t code = code_of(row[j], -CODE_BIAS / scale, scale, 1.0f, 255.0f);
        query->code[j] = (int8_t)(code ^ 0x80);
        sum += (uint32_t)code - (uint32_t)CODE_BIAS;
    }
    memset(query->code + dim, 0, padded - dim);
    query->base = (int32_t)(2u * CODE_BIAS * sum);
    query->exact = whole;
    query->distance = 0.5f / (quantizer->scale * scale);
}

void scalar_encode_query(const struct scalar_quantizer *quantizer, const void *raw, float *row,
                         size_t padded, struct scalar_query *query)
{
    if (quantizer->type == KERNEL_BIT) {
        query->exact = quantizer->lossless;
        query->distance = scalar_factor(quantizer);
        scalar_code_query(quantizer, raw, padded, query->code, &query->base);
        return;
    }
    scalar_read(quantizer, raw, row);
    if (quantizer->metric == KERNEL_DOT) {
        encode_dot(quantizer, row, padded, query);
        return;
    }
    uint8_t *code = (uint8_t *)query->code;
    encode(quantizer, row, code);
    query->exact = coded_exactly(quantizer, row, code);
    query->distance = scalar_factor(quantizer);
    scalar_code_query(quantizer, code, padded, query->code, &query->base);
}
