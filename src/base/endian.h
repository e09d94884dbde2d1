/*
 * Little-endian loads and stores on unaligned bytes. All of Kith's formats are little-endian.
 * On little-endian machines each compiles to one move.
 */
#ifndef KITH_BASE_ENDIAN_H
#define KITH_BASE_ENDIAN_H

#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Kith reads fixed-width arrays in place and so supports little-endian machines only"
#endif

static inline uint16_t le16_get(const void *p) { uint16_t v; memcpy(&v, p, sizeof v); return v; }
static inline uint32_t le32_get(const void *p) { uint32_t v; memcpy(&v, p, sizeof v); return v; }
static inline uint64_t le64_get(const void *p) { uint64_t v; memcpy(&v, p, sizeof v); return v; }
static inline float lef32_get(const void *p) { float v; memcpy(&v, p, sizeof v); return v; }
static inline double lef64_get(const void *p) { double v; memcpy(&v, p, sizeof v); return v; }
static inline void le16_put(void *p, uint16_t v) { memcpy(p, &v, sizeof v); }
static inline void le32_put(void *p, uint32_t v) { memcpy(p, &v, sizeof v); }
static inline void le64_put(void *p, uint64_t v) { memcpy(p, &v, sizeof v); }
static inline void lef32_put(void *p, float v) { memcpy(p, &v, sizeof v); }
static inline void lef64_put(void *p, double v) { memcpy(p, &v, sizeof v); }

#endif
