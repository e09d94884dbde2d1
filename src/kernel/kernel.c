/*
 * Which instruction set this process uses: decided once, by cpuid or by KITH_ISA.
 *
 * The decision is one atomic pointer, NULL until the first call. Threads that meet there at the
 * same time compute the same answer and store it twice. It is read with acquire and written with
 * release, though what it points to is constant. Nothing of a wide file is executed before its
 * test here has passed: the tables are data.
 */
#include "kernel/kernel_internal.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

struct candidate {
    const struct kernel_isa *isa;
    bool (*present)(void);
};

#if defined(__x86_64__)
#define XCR0_AVX 0x06u    /* the OS saves xmm and ymm */
#define XCR0_AVX512 0xe6u /* ... and mask registers and both parts of zmm */

struct cpuid_leaf {
    unsigned a, b, c, d;
};

static struct cpuid_leaf cpuid_get(unsigned leaf)
{
    struct cpuid_leaf r = {0};
    if (!__get_cpuid_count(leaf, 0, &r.a, &r.b, &r.c, &r.d)) r = (struct cpuid_leaf){0};
    return r;
}

/* XCR0, or 0 where the OS has not enabled xgetbv. By hand: the intrinsic needs -mxsave. */
static unsigned xcr0_get(void)
{
    const unsigned osxsave = 1u << 27;
    if ((cpuid_get(1).c & osxsave) == 0) return 0;
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static bool has_all(unsigned value, unsigned wanted)
{
    return (value & wanted) == wanted;
}

static bool avx2_present(void)
{
    const unsigned fma_popcnt_avx_f16c = 1u << 12 | 1u << 23 | 1u << 28 | 1u << 29;
    const unsigned avx2_bmi2 = 1u << 5 | 1u << 8;
    return has_all(xcr0_get(), XCR0_AVX) && has_all(cpuid_get(1).c, fma_popcnt_avx_f16c) &&
           has_all(cpuid_get(7).b, avx2_bmi2);
}

static bool avx512_present(void)
{
    const unsigned f_dq_bw_vl = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
    const unsigned vnni_vpopcntdq = 1u << 11 | 1u << 14;
    const struct cpuid_leaf features = cpuid_get(7);
    return avx2_present() && has_all(xcr0_get(), XCR0_AVX512) && has_all(features.b, f_dq_bw_vl) &&
           has_all(features.c, vnni_vpopcntdq);
}
#endif

static bool always_present(void)
{
    return true;
}

/* Best first; serial is last and always there. */
static const struct candidate candidates[] = {
#if defined(__x86_64__)
    {&kernel_isa_avx512, avx512_present},
    {&kernel_isa_avx2, avx2_present},
#elif defined(__aarch64__)
    {&kernel_isa_neon, always_present},
#endif
    {&kernel_isa_serial, always_present},
};

static _Atomic(const struct kernel_isa *) active;

/* The named instruction set, or the best for NULL; NULL when it is not here. */
static const struct kernel_isa *isa_find(const char *name)
{
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++) {
        if (name != NULL && strcmp(name, candidates[i].isa->name) != 0) continue;
        if (candidates[i].present()) return candidates[i].isa;
    }
    return NULL;
}

static const struct kernel_isa *isa_active(void)
{
    const struct kernel_isa *isa = atomic_load_explicit(&active, memory_order_acquire);
    if (isa != NULL) return isa;
    const char *wish = getenv("KITH_ISA");
    isa = isa_find(wish != NULL && wish[0] != '\0' ? wish : NULL);
    if (isa == NULL) isa = &kernel_isa_serial;
    atomic_store_explicit(&active, isa, memory_order_release);
    return isa;
}

const struct kernel *kernel_get(enum kernel_metric metric, enum kernel_type type)
{
    const struct kernel_isa *isa = isa_active();
    const unsigned m = (unsigned)metric, t = (unsigned)type; /* may come from a file: check both */
    if (t == KERNEL_BIT)
        return m == KERNEL_HAMMING || m == KERNEL_JACCARD ? &isa->bits[m - KERNEL_HAMMING] : NULL;
    if (m > KERNEL_COSINE || t >= KERNEL_TYPE_COUNT) return NULL;
    return t >= KERNEL_I8 ? &isa->ints[m][t - KERNEL_I8] : &isa->floats[m][t];
}

const struct kernel_int *kernel_int_get(void)
{
    return isa_active()->codes;
}

float kernel_norm2_f32(const float *a, size_t dim)
{
    return isa_active()->norm2_f32(a, dim);
}

void kernel_f16_to_f32(const uint16_t *in, float *out, size_t dim)
{
    isa_active()->f16_to_f32(in, out, dim);
}

void kernel_f32_to_f16(const float *in, uint16_t *out, size_t dim)
{
    isa_active()->f32_to_f16(in, out, dim);
}

void kernel_bf16_to_f32(const uint16_t *in, float *out, size_t dim)
{
    isa_active()->bf16_to_f32(in, out, dim);
}

void kernel_f32_to_bf16(const float *in, uint16_t *out, size_t dim)
{
    isa_active()->f32_to_bf16(in, out, dim);
}

const char *kernel_isa(void)
{
    return isa_active()->name;
}

int kernel_select(const char *isa)
{
    const struct kernel_isa *found = isa != NULL ? isa_find(isa) : NULL;
    if (found == NULL) return 0;
    atomic_store_explicit(&active, found, memory_order_release);
    return 1;
}
