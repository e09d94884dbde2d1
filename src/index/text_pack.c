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

/* Eight numbers fill `width` bytes. With a width that the compiler knows, shifts are constants and
 * numbers share loads: half the instructions. */
static inline void unpack_eights(const uint8_t *in, size_t count, unsigned width, uint32_t *out)
{
    const uint64_t mask = (UINT64_C(1) << width) - 1;
    for (size_t i = 0; i + 8 <= count; i += 8, in += width) {
        for (unsigned j = 0; j < 8; j++)
            out[i + j] = (uint32_t)((le64_get(in + j * width / 8) >> (j * width % 8)) & mask);
    }
}

static void unpack_most(const uint8_t *in, size_t count, unsigned width, uint32_t *out)
{
    switch (width) {
    case 1: unpack_eights(in, count, 1, out); break;
    case 2: unpack_eights(in, count, 2, out); break;
    case 3: unpack_eights(in, count, 3, out); break;
    case 4: unpack_eights(in, count, 4, out); break;
    case 5: unpack_eights(in, count, 5, out); break;
    case 6: unpack_eights(in, count, 6, out); break;
    case 7: unpack_eights(in, count, 7, out); break;
    case 8: unpack_eights(in, count, 8, out); break;
    case 9: unpack_eights(in, count, 9, out); break;
    case 10: unpack_eights(in, count, 10, out); break;
    case 11: unpack_eights(in, count, 11, out); break;
    case 12: unpack_eights(in, count, 12, out); break;
    default: unpack_eights(in, count, width, out); break;
    }
}

void unpack_numbers(const uint8_t *in, size_t count, unsigned width, uint32_t *out)
{
    if (width == 0) {
        memset(out, 0, count * sizeof *out);
        return;
    }
    unpack_most(in, count, width, out);
    for (size_t i = count & ~(size_t)7; i < count; i++) out[i] = unpack_number(in, i, width);
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
