/*
 * The digits of doubles, for writers that have a layout of their own.
 */
#ifndef KITH_BASE_DECIMAL_H
#define KITH_BASE_DECIMAL_H

#include <stddef.h>

#define DECIMAL_SHORTEST_MAX 20u

/* The fewest digits that read back as |value| (finite, not 0), without zeros at either end:
 * |value| = digits * 10^*exponent. Returns how many there are; no NUL. */
size_t decimal_shortest(double value, char digits[DECIMAL_SHORTEST_MAX], int *exponent);

#endif
