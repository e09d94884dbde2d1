/*
 * Decimal text to the nearest double, exactly, and without the C library's locale.
 *
 * Three ways, each for what the one before cannot settle:
 * 1. up to 2^53 times a power of ten up to 10^22: both are exact doubles, one operation rounds once
 *    (Clinger: How to read floating point numbers accurately, 1990);
 * 2. 64 bits of digits times a 128-bit power of ten: the product is known up to a small error, and
 *    when the bits to be rounded away are further from one half than that, the rounding is settled
 *    (as in Lemire: Number parsing at a gigabyte per second, 2021; ours tests the distance and
 *    needs no proof about the table);
 * 3. long division of big integers, on the stack. Rare: ties, and one in some hundred of the
 *    literals with more than 19 digits.
 */
#include <math.h>
#include <string.h>

#include "base/json_internal.h"

__extension__ typedef unsigned __int128 u128;

/* No double's rounding depends on more than 768 digits; one more stands for all the rest. */
#define SLOW_DIGITS_MAX 780
#define EXPONENT_LIMIT ((int64_t)1000000000000000)

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Adds the digits at text[i..) to the number; place is 0 before the point and -1 behind it. */
static size_t take_digits(struct decimal *dec, size_t i, size_t len, int place)
{
    for (; i < len && is_digit(dec->text[i]); i++) {
        uint64_t digit = (uint64_t)(dec->text[i] - '0');
        if (dec->digits < 1000000000000000000ull) { /* a 19th digit still fits */
            dec->digits = dec->digits * 10 + digit;
            dec->exponent += place;
        } else {
            dec->truncated |= digit != 0;
            dec->exponent += place + 1;
        }
    }
    return i;
}

static size_t take_exponent(struct decimal *dec, size_t i, size_t len)
{
    bool negative = i < len && dec->text[i] == '-';
    if (i < len && (dec->text[i] == '-' || dec->text[i] == '+')) i++;
    int64_t exponent = 0;
    for (; i < len && is_digit(dec->text[i]); i++) {
        if (exponent < EXPONENT_LIMIT) exponent = exponent * 10 + (dec->text[i] - '0');
    }
    dec->literal_exponent = negative ? -exponent : exponent;
    dec->exponent += dec->literal_exponent;
    return i;
}

const char *decimal_scan(const char *text, size_t len, struct decimal *out, size_t *used)
{
    *out = (struct decimal){.text = text, .integer = true};
    out->negative = len > 0 && text[0] == '-';
    size_t i = out->negative;
    *used = i;
    if (i == len || !is_digit(text[i])) return "a number needs a digit here";
    i = text[i] == '0' ? i + 1 : take_digits(out, i, len, 0);
    if (i < len && text[i] == '.') {
        *used = i + 1;
        out->integer = false;
        i = take_digits(out, i + 1, len, -1);
        if (i == *used) return "a fraction needs a digit here";
    }
    if (i < len && (text[i] == 'e' || text[i] == 'E')) {
        out->integer = false;
        i = take_exponent(out, i + 1, len);
        *used = i;
        if (!is_digit(text[i - 1])) return "an exponent needs a digit here";
    }
    out->len = i;
    *used = i;
    return NULL;
}

size_t decimal_skip(const char *text, size_t len)
{
    size_t i = len > 0 && text[0] == '-';
    const size_t whole = i;
    if (len > 300) len = 300; /* a longer literal ends in a digit here, or is not looked at */
    while (i < len && is_digit(text[i])) i++;
    if (i == whole || i == len || (text[whole] == '0' && i > whole + 1)) return 0;
    if (text[i] == '.') {
        const size_t fraction = ++i;
        while (i < len && is_digit(text[i])) i++;
        if (i == fraction || i == len) return 0;
    }
    return text[i] == 'e' || text[i] == 'E' ? 0 : i;
}

bool decimal_to_int(const struct decimal *dec, int64_t *out)
{
    uint64_t most = (uint64_t)INT64_MAX + dec->negative;
    if (!dec->integer || dec->exponent != 0 || dec->digits > most) return false;
    *out = (int64_t)(dec->negative ? 0 - dec->digits : dec->digits);
    return true;
}

static double from_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/*
 * Rounds u * 2^exponent, u > 0, known up to +-error units of u. false when the error decides.
 * Of u, shifted to have its top bit set, a normal double keeps 53 bits and a subnormal fewer. A
 * carry out of the kept bits runs into the exponent field, which is what it should do.
 */
static bool round_to_double(u128 u, int exponent, u128 error, double *out)
{
    while (!(u >> 127)) {
        u <<= 1;
        error <<= 1;
        exponent--;
    }
    int binary_exponent = exponent + 127;
    int kept = binary_exponent >= -1022 ? 53 : binary_exponent + 1075;
    *out = 0;
    if (kept < -1) return true;
    if (kept <= 0 && error > 0) return false;
    if (kept < 0) return true;
    u128 rest = kept ? u << kept : u; /* what is rounded away, top aligned */
    u128 half = (u128)1 << 127;
    u128 distance = rest > half ? rest - half : half - rest;
    if (error > 0 && distance <= error << kept) return false;
    uint64_t mantissa = kept ? (uint64_t)(u >> (128 - kept)) : 0;
    uint64_t bits = mantissa;
    if (kept == 53) bits = ((uint64_t)(binary_exponent + 1022) << 52) + mantissa;
    if (rest > half || (rest == half && (mantissa & 1))) bits++;
    *out = binary_exponent > 1023 ? INFINITY : from_bits(bits);
    return true;
}

/* value = digits * 10^k with 10^k as 128 bits: the upper 128 of the 192-bit product are off by less
 * than 2, and by a whole power (2^64 units) more when digits were cut off. */
static bool product_to_double(const struct decimal *dec, double *out)
{
    int k = (int)dec->exponent;
    const uint64_t *power = DECIMAL_POWERS[k - DECIMAL_POWER_MIN];
    int shift = __builtin_clzll(dec->digits);
    uint64_t digits = dec->digits << shift;
    u128 low = (u128)digits * power[1];
    u128 product = (u128)digits * power[0] + (uint64_t)(low >> 64);
    u128 error = dec->truncated ? ((u128)1 << (64 + shift)) + 2 : 2;
    return round_to_double(product, decimal_log2_power(k) - 63 - shift, error, out);
}

/* Unsigned integers of up to 5120 bits; the largest met is 10^1130 << 63, about 3820 bits. */
#define LIMBS 160
struct big {
    uint32_t limb[LIMBS]; /* little end first; limbs past len are not valid */
    size_t len;           /* no leading zero limb */
};

static void big_push(struct big *big, uint64_t carry)
{
    if (carry && big->len < LIMBS) big->limb[big->len++] = (uint32_t)carry;
}

static void big_mul_add(struct big *big, uint32_t factor, uint32_t addend)
{
    uint64_t carry = addend;
    for (size_t i = 0; i < big->len; i++) {
        carry += (uint64_t)big->limb[i] * factor;
        big->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    big_push(big, carry);
}

static void big_mul_power10(struct big *big, int64_t power)
{
    for (; power >= 9; power -= 9) big_mul_add(big, 1000000000, 0);
    for (; power > 0; power--) big_mul_add(big, 10, 0);
}

static void big_shift_left(struct big *big, int bits)
{
    for (; bits >= 31; bits -= 31) big_mul_add(big, 1u << 31, 0);
    if (bits > 0) big_mul_add(big, 1u << bits, 0);
}

static int big_bits(const struct big *big)
{
    return (int)big->len * 32 - __builtin_clz(big->limb[big->len - 1]);
}

static int big_compare(const struct big *a, const struct big *b)
{
    if (a->len != b->len) return a->len < b->len ? -1 : 1;
    for (size_t i = a->len; i-- > 0;) {
        if (a->limb[i] != b->limb[i]) return a->limb[i] < b->limb[i] ? -1 : 1;
    }
    return 0;
}

/* a -= b, where a >= b. */
static void big_subtract(struct big *a, const struct big *b)
{
    int64_t borrow = 0;
    for (size_t i = 0; i < a->len; i++) {
        borrow += (int64_t)a->limb[i] - (i < b->len ? (int64_t)b->limb[i] : 0);
        a->limb[i] = (uint32_t)borrow;
        borrow >>= 32;
    }
    while (a->len > 0 && a->limb[a->len - 1] == 0) a->len--;
}

/* All significant digits into *big (beyond the limit: one 1 for the rest); returns the exponent. */
static int64_t big_from_decimal(struct big *big, const struct decimal *dec)
{
    int64_t exponent = dec->literal_exponent;
    int64_t place = 0;
    size_t count = 0;
    bool rest = false;
    for (size_t i = dec->negative; i < dec->len && (dec->text[i] | 0x20) != 'e'; i++) {
        if (dec->text[i] == '.') {
            place = -1;
            continue;
        }
        uint32_t digit = (uint32_t)(dec->text[i] - '0');
        if (count < SLOW_DIGITS_MAX) {
            if (count > 0 || digit > 0) count++;
            if (big->len > 0 || digit > 0) big_mul_add(big, 10, digit);
            exponent += place;
        } else {
            rest |= digit != 0;
            exponent += place + 1;
        }
    }
    if (!rest) return exponent;
    big_mul_add(big, 10, 1);
    return exponent - 1;
}

/* quotient = 62 or 63 bits of a / b * 2^shift, and whether anything remains. */
static uint64_t big_divide(struct big *a, struct big *b, int *shift, bool *rest)
{
    *shift = big_bits(b) - big_bits(a) + 62;
    big_shift_left(a, *shift > 0 ? *shift : 0);
    big_shift_left(b, (*shift < 0 ? -*shift : 0) + 62);
    uint64_t quotient = 0;
    for (int i = 0; i < 63; i++) {
        quotient <<= 1;
        if (big_compare(a, b) >= 0) {
            big_subtract(a, b);
            quotient |= 1;
        }
        big_shift_left(a, 1);
    }
    *rest = a->len > 0;
    return quotient;
}

static double divide_to_double(const struct decimal *dec)
{
    struct big a = {.len = 0};
    struct big b = {.limb = {1}, .len = 1};
    int64_t exponent = big_from_decimal(&a, dec);
    if (exponent > 0) big_mul_power10(&a, exponent);
    if (exponent < 0) big_mul_power10(&b, -exponent);
    int shift;
    bool rest;
    uint64_t quotient = big_divide(&a, &b, &shift, &rest);
    double value;
    (void)round_to_double((u128)quotient << 64 | rest, -shift - 64, 0, &value);
    return value;
}

/* Both factors are exact doubles. */
static bool small_to_double(const struct decimal *dec, double *out)
{
    static const double POWERS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (dec->truncated || dec->digits > (1ull << 53)) return false;
    if (dec->exponent < -22 || dec->exponent > 22) return false;
    double digits = (double)dec->digits;
    *out = dec->exponent < 0 ? digits / POWERS[-dec->exponent] : digits * POWERS[dec->exponent];
    return true;
}

double decimal_to_double(const struct decimal *dec)
{
    double value = 0;
    if (dec->digits == 0 || dec->exponent < DECIMAL_POWER_MIN) {
        value = 0; /* 10^19 * 10^-343 is less than half of the least double */
    } else if (dec->exponent > 308) {
        value = INFINITY;
    } else if (!small_to_double(dec, &value) && !product_to_double(dec, &value)) {
        value = divide_to_double(dec);
    }
    return dec->negative ? -value : value;
}
