/*
 * xoshiro256** seeded by splitmix64 (Blackman, Vigna 2018). Deterministic for a seed on every
 * machine; not for secrets.
 */
#ifndef KITH_BASE_RNG_H
#define KITH_BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_init(struct rng *rng, uint64_t seed);
uint64_t rng_u64(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t bound); /* uniform in [0, bound); bound > 0 */
double rng_f64(struct rng *rng);                     /* uniform in [0, 1) */
double rng_gauss(struct rng *rng);                   /* standard normal (polar method) */
uint64_t rng_mix(uint64_t x);                        /* splitmix64 finaliser */

#endif
