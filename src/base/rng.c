/*
 * xoshiro256** (Blackman, Vigna: Scrambled linear pseudorandom number generators, 2018), seeded by
 * splitmix64 as its authors recommend.
 *
 * The same seed gives the same numbers on every machine: built indexes depend on it. Integers are
 * trivially so; rng_gauss has a logarithm of its own, because the C library's may be compiled with
 * or without fused multiply-add and then differs in the last bit. What remains (sqrt, + - * /) is
 * exact by IEEE 754 as long as contraction is off, which the build sets.
 */
#include "base/rng.h"

#include <math.h>

#define GOLDEN_GAMMA 0x9e3779b97f4a7c15ull
#define LN2 0.693147180559945309417232121458

__extension__ typedef unsigned __int128 u128;

uint64_t rng_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

void rng_init(struct rng *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += GOLDEN_GAMMA;
        rng->s[i] = rng_mix(seed);
    }
}

static inline uint64_t rotl(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

uint64_t rng_u64(struct rng *rng)
{
    uint64_t *s = rng->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

/* Lemire: Fast random integer generation in an interval (2019). The low half of the product tells
 * whether the draw is one of the few that would make some results likelier. */
uint64_t rng_below(struct rng *rng, uint64_t bound)
{
    u128 product = (u128)rng_u64(rng) * bound;
    if ((uint64_t)product < bound) {
        uint64_t threshold = -bound % bound;
        while ((uint64_t)product < threshold) product = (u128)rng_u64(rng) * bound;
    }
    return (uint64_t)(product >> 64);
}

double rng_f64(struct rng *rng) { return (double)(rng_u64(rng) >> 11) * 0x1p-53; }

/* ln x = e ln 2 + 2 atanh((m - 1) / (m + 1)) with m in [sqrt 1/2, sqrt 2): |z| <= 0.172, and twelve
 * terms of the series are exact to the last bits of a double. */
static double natural_log(double x)
{
    int exponent;
    double m = frexp(x, &exponent);
    if (m < 0.70710678118654752440) {
        m *= 2;
        exponent--;
    }
    double z = (m - 1) / (m + 1);
    double sum = 0;
    for (int k = 23; k >= 1; k -= 2) sum = sum * (z * z) + 1.0 / k;
    return exponent * LN2 + 2 * z * sum;
}

double rng_gauss(struct rng *rng)
{
    double u, v, s;
    do {
        u = 2 * rng_f64(rng) - 1;
        v = 2 * rng_f64(rng) - 1;
        s = u * u + v * v;
    } while (s >= 1 || s == 0);
    return u * sqrt(-2 * natural_log(s) / s);
}
