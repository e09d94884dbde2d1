/*
 * The arithmetic of vector sets, in the order in which Redis does it, because its clients compare
 * scores as texts: squares are summed by fours in float, a quantized component is rounded half away
 * from zero, and a projection adds column by column.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "cache/vectors_internal.h"

#define ROWS_AT_ONCE 8u

size_t vset_code_bytes(const struct vset_params *params)
{
    switch (params->quant) {
    case VSET_F32: return 4 * (size_t)params->dim;
    case VSET_Q8: return params->dim;
    case VSET_BIN: break;
    }
    return ((size_t)params->dim + 63) / 64 * 8;
}

size_t vset_code_stride(const struct vset_params *params)
{
    return (vset_code_bytes(params) + 7) / 8 * 8;
}

enum kernel_type vset_kernel_type(enum vset_quant quant)
{
    static const enum kernel_type types[] = {KERNEL_F32, KERNEL_I8, KERNEL_BIT};
    return types[quant];
}

const struct kernel *vset_kernel(enum vset_quant quant)
{
    return kernel_get(quant == VSET_BIN ? KERNEL_HAMMING : KERNEL_DOT, vset_kernel_type(quant));
}

float vset_distance(const struct vset_params *params, float raw, float range_a, float range_b)
{
    if (params->quant == VSET_F32) return 1.0f + raw; /* raw is the negated dot product */
    if (params->quant == VSET_BIN) return raw * 2.0f / (float)params->dim;
    if (range_a == 0 || range_b == 0) return 1.0f;
    const float scale = (range_a / 127) * (range_b / 127);
    const float distance = 1.0f - -raw * scale;
    return distance < 0 ? 0.0f : distance > 2 ? 2.0f : distance;
}

/* ---- encoding ---- */

/* Squares that do not fit a float. Redis has an infinite norm, or none, for these. */
static float normalize_extreme(float *x, uint32_t dim)
{
    double sum = 0;
    for (uint32_t i = 0; i < dim; i++) sum += (double)x[i] * (double)x[i];
    if (sum == 0) return 0;
    const double norm = sqrt(sum);
    for (uint32_t i = 0; i < dim; i++) x[i] = (float)((double)x[i] / norm);
    return norm > (double)FLT_MAX ? FLT_MAX : (float)norm;
}

static float normalize(const float *in, float *out, uint32_t dim)
{
    float sum = 0;
    uint32_t i = 0;
    for (; i + 3 < dim; i += 4) {
        sum += in[i] * in[i] + in[i + 1] * in[i + 1] + in[i + 2] * in[i + 2] +
               in[i + 3] * in[i + 3];
    }
    for (; i < dim; i++) sum += in[i] * in[i];
    memcpy(out, in, dim * sizeof *out);
    if (!isnormal(sum)) return normalize_extreme(out, dim);
    const float norm = sqrtf(sum);
    for (i = 0; i < dim; i++) out[i] /= norm;
    return norm;
}

static float greatest(const float *in, uint32_t dim)
{
    float max = 0;
    for (uint32_t i = 0; i < dim; i++) {
        const float size = fabsf(in[i]);
        max = size > max ? size : max;
    }
    return max;
}

/* Half away from zero: the sum is exact in double, and a conversion cuts. */
static int8_t round_component(float x)
{
    const double half = x < 0 ? -0.5 : 0.5;
    return (int8_t)(int)((double)x + half);
}

static float encode_q8(const float *in, int8_t *out, uint32_t dim)
{
    const float range = greatest(in, dim);
    if (!(range > 0)) {
        memset(out, 0, dim);
        return 0;
    }
    const float scale = 127.0f / range;
    if (!isfinite(scale)) { /* a range below 2^-121: nothing that a float scale can reach */
        memset(out, 0, dim);
        return 0;
    }
    for (uint32_t i = 0; i < dim; i++) out[i] = round_component(in[i] * scale);
    return range;
}

static void encode_bits(const float *in, uint8_t *out, uint32_t dim)
{
    for (uint32_t i = 0; i < dim; i++) {
        if (in[i] > 0) out[i / 8] = (uint8_t)(out[i / 8] | 1u << (i % 8));
    }
}

void vset_encode_vector(const struct vset_params *params, const float *vector, float *scratch,
                        struct vset_code *out)
{
    memset(out->data, 0, vset_code_stride(params));
    out->norm = normalize(vector, scratch, params->dim);
    out->range = 0;
    switch (params->quant) {
    case VSET_F32: memcpy(out->data, scratch, 4 * (size_t)params->dim); break;
    case VSET_Q8: out->range = encode_q8(scratch, (int8_t *)out->data, params->dim); break;
    case VSET_BIN: encode_bits(scratch, out->data, params->dim); break;
    }
}

void vset_decode_vector(const struct vset_params *params, const struct vset_code *code, float *out)
{
    const int8_t *quants = (const int8_t *)code->data;
    switch (params->quant) {
    case VSET_F32: memcpy(out, code->data, 4 * (size_t)params->dim); break;
    case VSET_Q8:
        for (uint32_t i = 0; i < params->dim; i++) out[i] = (float)quants[i] * code->range / 127;
        break;
    case VSET_BIN:
        for (uint32_t i = 0; i < params->dim; i++) {
            out[i] = (code->data[i / 8] >> (i % 8)) & 1 ? 1.0f : -1.0f;
        }
        return;
    }
    for (uint32_t i = 0; i < params->dim; i++) out[i] *= code->norm;
}

/* ---- the projection ---- */

static float flip(float value, uint32_t a, uint32_t b)
{
    return __builtin_parity(a & b) ? -value : value;
}

/* Several sums side by side: each adds its terms in order, and none waits for another. */
void vset_reduce(const float *in, uint32_t in_dim, float *out, uint32_t out_dim)
{
    const float scale = 1.0f / sqrtf((float)in_dim);
    for (uint32_t i = 0; i < out_dim; i += ROWS_AT_ONCE) {
        float sums[ROWS_AT_ONCE] = {0};
        for (uint32_t j = 0; j < in_dim; j++) {
            const float term = in[j] * scale;
            for (uint32_t k = 0; k < ROWS_AT_ONCE; k++) sums[k] += flip(term, i + k, j);
        }
        for (uint32_t k = 0; k < ROWS_AT_ONCE && i + k < out_dim; k++) out[i + k] = sums[k];
    }
}
