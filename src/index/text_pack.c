/*
 * Numbers of one width, packed from the lowest bit on; and the cover of impacts. See text_format.h.
 */
#include <stdlib.h>
#include <string.h>

#include "index/text_format.h"

unsigned pack_width(uint32_t most)
{
    return most == 0 ? 0 : 32u - (unsigned)__builtin_clz(most);
}

void pack_numbers(const uint32_t *numbers, size_t count, unsigned width, struct buffer *out)
{
    uint64_t word = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < count; i++) {
        word |= (uint64_t)numbers[i] << bits;
        for (bits += width; bits >= 8; bits -= 8, word >>= 8) buffer_put_u8(out, (uint8_t)word);
    }
    if (bits) buffer_put_u8(out, (uint8_t)word);
}

void unpack_numbers(const uint8_t *in, size_t count, unsigned width, uint32_t *out)
{
    const uint64_t mask = (UINT64_C(1) << width) - 1;
    size_t bit = 0;
    if (width == 0) {
        memset(out, 0, count * sizeof *out);
        return;
    }
    for (size_t i = 0; i < count; i++, bit += width) {
        out[i] = (uint32_t)((le64_get(in + bit / 8) >> (bit % 8)) & mask);
    }
}

static int by_tf_down(const void *a, const void *b)
{
    const struct impact *x = a, *y = b;
    if (x->tf != y->tf) return x->tf > y->tf ? -1 : 1;
    return x->dl < y->dl ? -1 : x->dl > y->dl;
}

/* Only pairs matter that no other beats in both. From the highest tf down, those have ever smaller
 * dl; the two with the lowest stand alone, all above share one pair. */
void impacts_cover(struct impact *impacts, size_t count, struct impact out[TEXT_IMPACTS])
{
    qsort(impacts, count, sizeof *impacts, by_tf_down);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (impacts[i].tf == 0) continue;
        if (kept == 0 || impacts[i].dl < impacts[kept - 1].dl) impacts[kept++] = impacts[i];
    }
    memset(out, 0, TEXT_IMPACTS * sizeof *out);
    for (size_t i = 0; i < TEXT_IMPACTS && i < kept; i++) out[i] = impacts[kept - 1 - i];
    if (kept > TEXT_IMPACTS) out[TEXT_IMPACTS - 1].tf = impacts[0].tf;
}
