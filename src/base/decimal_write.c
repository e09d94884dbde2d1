/*
 * The shortest decimal that reads back as the same number, and of those the nearest.
 *
 * Giulietti: The Schubfach way to render doubles (2020). The numbers that round to v = c * 2^q form
 * an interval; with k chosen so that 10^k is at most its width, it holds one or two multiples of
 * 10^k and at most one of 10^(k+1). Everything is compared in units of 10^k / 4, computed with one
 * 128-bit power of ten and rounded to odd, which keeps the comparisons exact. The same arithmetic
 * serves float, whose numbers need less of the power's precision.
 *
 * The layout is ECMAScript's: positional for 1e-6 <= |v| < 1e21, else "d.ddde-7". No locale.
 */
#include <math.h>
#include <string.h>

#include "base/decimal.h"
#include "base/json_internal.h"

__extension__ typedef unsigned __int128 u128;

/* digits * 10^exponent */
struct shortest {
    uint64_t digits;
    int exponent;
};

/* floor(power * x / 2^128), its last bit set when anything was cut off. */
static uint64_t multiply_to_odd(const uint64_t power[2], uint64_t x)
{
    u128 low = (u128)power[1] * x;
    u128 high = (u128)power[0] * x + (uint64_t)(low >> 64);
    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/* Of s and s + 1 (in units of 10^k): the one inside, else the nearer, else the even. */
static uint64_t pick(uint64_t s, uint64_t lower, uint64_t upper, uint64_t value)
{
    bool below_inside = lower <= 4 * s;
    bool above_inside = 4 * s + 4 <= upper;
    if (below_inside != above_inside) return s + above_inside;
    uint64_t middle = 4 * s + 2;
    return s + (value > middle || (value == middle && (s & 1)));
}

/* c * 2^q, c > 0. `uneven`: c is a power of two, so the gap below is half the gap above. */
static struct shortest shorten(uint64_t c, int q, bool uneven)
{
    bool odd = c & 1;
    int k = (q * 1262611 - (uneven ? 524031 : 0)) >> 22;
    int h = q + decimal_log2_power(-k) + 1;
    const uint64_t *power = DECIMAL_POWERS[-k - DECIMAL_POWER_MIN];
    uint64_t lower = multiply_to_odd(power, (4 * c - 2 + uneven) << h) + odd;
    uint64_t value = multiply_to_odd(power, (4 * c) << h);
    uint64_t upper = multiply_to_odd(power, (4 * c + 2) << h) - odd;
    uint64_t s = value / 4;
    if (s >= 10) {
        uint64_t tens = s / 10;
        bool below_inside = lower <= 40 * tens;
        bool above_inside = 40 * tens + 40 <= upper;
        if (below_inside != above_inside) return (struct shortest){tens + above_inside, k + 1};
    }
    return (struct shortest){pick(s, lower, upper, value), k};
}

static struct shortest shorten_double(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t fraction = bits & ((1ull << 52) - 1);
    int exponent = (int)(bits >> 52 & 0x7ff);
    if (exponent == 0) return shorten(fraction, -1074, false);
    return shorten(fraction | 1ull << 52, exponent - 1075, fraction == 0 && exponent > 1);
}

static struct shortest shorten_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t fraction = bits & ((1u << 23) - 1);
    int exponent = (int)(bits >> 23 & 0xff);
    if (exponent == 0) return shorten(fraction, -149, false);
    return shorten(fraction | 1u << 23, exponent - 150, fraction == 0 && exponent > 1);
}

static size_t print_digits(uint64_t v, char *out)
{
    char reversed[20];
    size_t len = 0;
    do {
        reversed[len++] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    for (size_t i = 0; i < len; i++) out[i] = reversed[len - 1 - i];
    return len;
}

size_t decimal_shortest(double value, char digits[DECIMAL_SHORTEST_MAX], int *exponent)
{
    const struct shortest number = shorten_double(fabs(value));
    size_t len = print_digits(number.digits, digits);
    *exponent = number.exponent;
    while (len > 1 && digits[len - 1] == '0') {
        len--;
        ++*exponent;
    }
    return len;
}

static void put_zeros(struct buffer *out, int count)
{
    for (; count > 0; count--) buffer_put_u8(out, '0');
}

/* Up to so many digits a whole number is written as what it is; with more, and until no int64 has
 * as many, the shortest digits may be those of another integer. */
#define WHOLE_DIGITS 16
#define INT64_DIGITS 19

/* digits with the point behind the first `point` of them. 2^61 is 2305843009213694000.0: a reader
 * that knows integers would take it for one without the point, and for another number. */
static void put_positional(struct buffer *out, const char *digits, int len, int point)
{
    if (point <= 0) {
        buffer_put(out, "0.", 2);
        put_zeros(out, -point);
        buffer_put(out, digits, (size_t)len);
    } else if (point >= len) {
        buffer_put(out, digits, (size_t)len);
        put_zeros(out, point - len);
        if (point > WHOLE_DIGITS && point <= INT64_DIGITS) buffer_put(out, ".0", 2);
    } else {
        buffer_put(out, digits, (size_t)point);
        buffer_put_u8(out, '.');
        buffer_put(out, digits + point, (size_t)(len - point));
    }
}

static void put_scientific(struct buffer *out, const char *digits, int len, int exponent)
{
    char text[20];
    buffer_put(out, digits, 1);
    if (len > 1) buffer_put_u8(out, '.');
    buffer_put(out, digits + 1, (size_t)len - 1);
    buffer_put(out, "e-", exponent < 0 ? 2 : 1);
    buffer_put(out, text, print_digits((uint64_t)(exponent < 0 ? -exponent : exponent), text));
}

static void put_shortest(struct buffer *out, struct shortest number)
{
    while (number.digits % 10 == 0) {
        number.digits /= 10;
        number.exponent++;
    }
    char digits[20] = {0};
    int len = (int)print_digits(number.digits, digits);
    int point = len + number.exponent;
    if (point > -6 && point <= 21) {
        put_positional(out, digits, len, point);
    } else {
        put_scientific(out, digits, len, point - 1);
    }
}

/* The sign, and the values that have no digits of their own. true: nothing is left to write. */
static bool put_special(struct buffer *out, double value)
{
    if (!isfinite(value)) {
        buffer_put(out, "null", 4);
        return true;
    }
    if (signbit(value)) buffer_put_u8(out, '-');
    if (value == 0) buffer_put_u8(out, '0');
    return value == 0;
}

void json_write_double(struct buffer *out, double value)
{
    if (!put_special(out, value)) put_shortest(out, shorten_double(fabs(value)));
}

/* A reader may take the text for a double and round that to float. Should rounding twice ever miss,
 * the float's exact value is written with a double's digits, which cannot. */
void json_write_float(struct buffer *out, float value)
{
    if (put_special(out, (double)value)) return;
    float magnitude = fabsf(value);
    struct shortest number = shorten_float(magnitude);
    struct decimal dec = {.digits = number.digits, .exponent = number.exponent};
    if (magnitude != (float)decimal_to_double(&dec)) number = shorten_double((double)magnitude);
    put_shortest(out, number);
}
