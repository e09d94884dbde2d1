/*
 * Letters of many scripts, as much as the guard needs: which begin a name, which are digits, which
 * are written without blanks. Tables of ranges, from Unicode's character database.
 */
#include <string.h>

#include "redis/scache_guard_internal.h"

static bool is_rest(char c) { return ((unsigned char)c & 0xc0) == 0x80; }

uint32_t guard_point(const char *text, size_t len, size_t *bytes)
{
    const unsigned char first = (unsigned char)text[0];
    const size_t size = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3
                        : first < 0xf5 ? 4 : 0;
    uint32_t point = size < 2 ? first : first & (0x7fu >> size);
    *bytes = 1;
    if (size == 0 || size > len) return 0x110000u + first;
    for (size_t i = 1; i < size; i++) {
        if (!is_rest(text[i])) return 0x110000u + first;
        point = point << 6 | ((unsigned char)text[i] & 0x3fu);
    }
    *bytes = size;
    return point;
}

size_t guard_point_before(const char *text, size_t at)
{
    size_t bytes;
    for (size_t back = 1; back <= 4 && back <= at; back++) {
        if (is_rest(text[at - back])) continue;
        (void)guard_point(text + at - back, back, &bytes);
        return bytes == back ? at - back : at - 1;
    }
    return at - 1;
}

bool guard_is_capital(uint32_t p)
{
    if (p < 0x80) return p >= 'A' && p <= 'Z';
    if (p <= 0xde) return p >= 0xc0 && p != 0xd7;
    if (p >= 0x100 && p <= 0x137) return p % 2 == 0;
    if (p >= 0x139 && p <= 0x148) return p % 2 == 1;
    if (p >= 0x14a && p <= 0x177) return p % 2 == 0;
    if (p >= 0x178 && p <= 0x17d) return p == 0x178 || p % 2 == 1;
    if (p >= 0x200 && p <= 0x21f) return p % 2 == 0;
    if (p == 0x386 || (p >= 0x388 && p <= 0x38f) || (p >= 0x391 && p <= 0x3ab)) return true;
    if (p >= 0x400 && p <= 0x42f) return true;
    if (p >= 0x460 && p <= 0x52f) return p % 2 == 0;
    if (p >= 0x531 && p <= 0x556) return true; /* Armenian */
    return p >= 0x1e00 && p <= 0x1eff && p % 2 == 0;
}

bool guard_is_dense(uint32_t p)
{
    if (p < 0xe00) return false;
    return (p >= 0xe00 && p <= 0xe7f) || (p >= 0x1100 && p <= 0x11ff) ||
           (p >= 0x3005 && p <= 0x3007) || (p >= 0x3040 && p <= 0x30ff) ||
           (p >= 0x3400 && p <= 0x9fff) || (p >= 0xac00 && p <= 0xd7a3) ||
           (p >= 0xf900 && p <= 0xfaff) || (p >= 0x20000 && p <= 0x3ffff);
}

int guard_digit(uint32_t p)
{
    static const uint32_t zeros[] = {0x660, 0x6f0, 0x966, 0x9e6, 0xa66, 0xae6, 0xbe6, 0xc66,
                                     0xce6, 0xd66, 0xe50, 0xed0, 0xf20, 0x1040, 0xff10};
    if (p < 0x660) return p >= '0' && p <= '9' ? (int)(p - '0') : -1;
    for (size_t i = 0; i < COUNT_OF(zeros); i++)
        if (p >= zeros[i] && p <= zeros[i] + 9) return (int)(p - zeros[i]);
    return -1;
}

static void fold_two(unsigned char *c)
{
    if (c[0] == 0xc3 && c[1] >= 0x80 && c[1] <= 0x9e && c[1] != 0x97) {
        c[1] = (unsigned char)(c[1] + 0x20);
    } else if (c[0] == 0xce && c[1] >= 0x91 && c[1] <= 0x9f) {
        c[1] = (unsigned char)(c[1] + 0x20);
    } else if (c[0] == 0xce && c[1] >= 0xa0 && c[1] <= 0xab) {
        c[0] = 0xcf;
        c[1] = (unsigned char)(c[1] - 0x20);
    } else if (c[0] == 0xd0 && c[1] >= 0x90 && c[1] <= 0x9f) {
        c[1] = (unsigned char)(c[1] + 0x20);
    } else if (c[0] == 0xd0 && c[1] >= 0xa0 && c[1] <= 0xaf) {
        c[0] = 0xd1;
        c[1] = (unsigned char)(c[1] - 0x20);
    } else if (c[0] == 0xd0 && c[1] <= 0x8f) {
        c[0] = 0xd1;
        c[1] = (unsigned char)(c[1] + 0x10);
    }
}

void guard_fold(const char *text, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = is_upper(text[i]) ? (char)(text[i] + 32) : text[i];
        if ((unsigned char)text[i] < 0xc3 || i + 1 == len || !is_rest(text[i + 1])) continue;
        unsigned char two[2] = {(unsigned char)text[i], (unsigned char)text[i + 1]};
        fold_two(two);
        memcpy(out + i, two, 2);
        i++;
    }
}
