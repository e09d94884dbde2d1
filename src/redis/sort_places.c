/* See sort_places.h. */
#include "redis/sort_places.h"

#include <string.h>

#define FEW 64u

uint64_t sort_key_of_number(double number)
{
    uint64_t bits;
    number += 0.0; /* -0 */
    memcpy(&bits, &number, sizeof bits);
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

uint64_t sort_key_of_text(struct kith_str text, size_t from)
{
    uint64_t key = 0;
    for (size_t i = from; i < from + 8; i++)
        key = key << 8 | (i < text.len ? (unsigned char)text.data[i] : 0u);
    return key;
}

static uint64_t insert_each(struct sort_place *places, size_t count)
{
    uint64_t moved = 0;
    for (size_t i = 1; i < count; i++) {
        const struct sort_place place = places[i];
        size_t at = i;
        for (; at > 0 && places[at - 1].key > place.key; at--, moved++) places[at] = places[at - 1];
        places[at] = place;
    }
    return moved;
}

/* By one byte, from one list into the other. */
static void deal(const struct sort_place *from, struct sort_place *to, size_t count,
                 const size_t *counts, unsigned shift)
{
    size_t starts[256], sum = 0;
    for (unsigned i = 0; i < 256; i++) {
        starts[i] = sum;
        sum += counts[i];
    }
    for (size_t i = 0; i < count; i++) to[starts[from[i].key >> shift & 255]++] = from[i];
}

uint64_t sort_places(struct sort_place *places, struct sort_place *spare, size_t count)
{
    size_t counts[8][256] = {{0}};
    struct sort_place *from = places, *to = spare;
    uint64_t moved = 0;
    if (count <= FEW) return insert_each(places, count);
    for (size_t i = 0; i < count; i++)
        for (unsigned byte = 0; byte < 8; byte++) counts[byte][places[i].key >> 8 * byte & 255]++;
    for (unsigned byte = 0; byte < 8; byte++) {
        if (counts[byte][places[0].key >> 8 * byte & 255] == count) continue; /* all the same */
        deal(from, to, count, counts[byte], 8 * byte);
        struct sort_place *swap = from;
        from = to;
        to = swap;
        moved += count;
    }
    if (from != places) memcpy(places, from, count * sizeof *places);
    return moved;
}
