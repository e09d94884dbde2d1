/*
 * Primary keys: hash, equality and order.
 *
 * Integers sort by value, text by unsigned bytes (which for UTF-8 is the order of code points), and
 * a prefix before what it is a prefix of. Keys of both kinds never meet in one collection; were
 * they to, integers come first. key_hash chooses the partition of a key, so it stays what it is.
 */
#include "model/key.h"

#include <string.h>

uint64_t key_hash_seeded(struct key key, uint64_t seed)
{
    if (key.text) return hash64(key.s.len > 0 ? key.s.data : "", key.s.len, seed);
    return hash64(&key.i, sizeof key.i, seed);
}

uint64_t key_hash(struct key key) { return key_hash_seeded(key, 0); }

bool key_equal(struct key a, struct key b)
{
    if (a.text != b.text) return false;
    if (!a.text) return a.i == b.i;
    return a.s.len == b.s.len && (a.s.len == 0 || memcmp(a.s.data, b.s.data, a.s.len) == 0);
}

int key_compare(struct key a, struct key b)
{
    if (a.text != b.text) return a.text ? 1 : -1;
    if (!a.text) return (a.i > b.i) - (a.i < b.i);
    const size_t common = a.s.len < b.s.len ? a.s.len : b.s.len;
    const int order = common > 0 ? memcmp(a.s.data, b.s.data, common) : 0;
    return order != 0 ? order : (a.s.len > b.s.len) - (a.s.len < b.s.len);
}

struct key key_of_column(const struct kith_column *column, size_t row)
{
    if (column->type == KITH_VARCHAR) return key_text(((const struct kith_str *)column->data)[row]);
    return key_int(((const int64_t *)column->data)[row]);
}
