/*
 * Dead rows: see tombstones.h for the order in which things are published.
 *
 * The list is made of blocks of doubling size, so that an entry's address never changes and the
 * directory is a fixed array: entry n lies in block b = floor(log2(n / 1024 + 1)).
 */
#include "storage/tombstones.h"

#include "base/alloc.h"

void tombstones_init(struct tombstones *dead, size_t rows)
{
    *dead = (struct tombstones){.rows = rows};
}

void tombstones_release(struct tombstones *dead)
{
    mem_free(atomic_load(&dead->dead));
    for (size_t i = 0; i < TOMBSTONE_BLOCKS; i++) mem_free(atomic_load(&dead->blocks[i]));
    *dead = (struct tombstones){0};
}

/* Block and place of entry `number`. */
static size_t locate(size_t number, size_t *at)
{
    const size_t scaled = number / TOMBSTONE_BLOCK_ROWS + 1;
    const size_t block = 63 - (size_t)__builtin_clzll(scaled);
    *at = number - TOMBSTONE_BLOCK_ROWS * (((size_t)1 << block) - 1);
    return block;
}

static struct tombstone *entry(const struct tombstones *dead, size_t number)
{
    size_t at;
    const size_t block = locate(number, &at);
    return atomic_load_explicit(&dead->blocks[block], memory_order_acquire) + at;
}

/* Room for entry `number` and for the bits. */
static int make_room(struct tombstones *dead, size_t number)
{
    size_t at;
    const size_t block = locate(number, &at);
    if (block >= TOMBSTONE_BLOCKS) return KITH_ELIMIT;
    if (!atomic_load_explicit(&dead->blocks[block], memory_order_relaxed)) {
        struct tombstone *room =
            mem_zalloc_array((size_t)TOMBSTONE_BLOCK_ROWS << block, sizeof *room);
        if (!room) return KITH_ENOMEM;
        atomic_store_explicit(&dead->blocks[block], room, memory_order_release);
    }
    if (!atomic_load_explicit(&dead->dead, memory_order_relaxed)) {
        _Atomic uint64_t *bits = mem_zalloc_array(BITSET_WORDS(dead->rows), sizeof *bits);
        if (!bits) return KITH_ENOMEM;
        atomic_store_explicit(&dead->dead, bits, memory_order_release);
    }
    return 0;
}

int tombstones_reserve(struct tombstones *dead, size_t more)
{
    const size_t count = atomic_load_explicit(&dead->count, memory_order_relaxed);
    for (size_t i = 0; i < more; i++) {
        const int rc = make_room(dead, count + i);
        if (rc) return rc;
    }
    return 0;
}

static bool bit_is_set(const struct tombstones *dead, size_t row)
{
    const _Atomic uint64_t *bits = atomic_load_explicit(&dead->dead, memory_order_acquire);
    if (!bits || row >= dead->rows) return false;
    return (atomic_load_explicit(&bits[row / 64], memory_order_acquire) >> (row % 64)) & 1;
}

int tombstones_kill(struct tombstones *dead, size_t row, uint64_t ts)
{
    if (row >= dead->rows) return KITH_EINVAL;
    if (bit_is_set(dead, row)) return 0;
    const size_t count = atomic_load_explicit(&dead->count, memory_order_relaxed);
    const int rc = make_room(dead, count);
    if (rc) return rc;
    size_t at = count;
    for (; at > 0 && entry(dead, at - 1)->ts > ts; at--) *entry(dead, at) = *entry(dead, at - 1);
    *entry(dead, at) = (struct tombstone){ts, (uint32_t)row};
    atomic_store_explicit(&dead->count, count + 1, memory_order_release);
    atomic_fetch_or_explicit(&atomic_load_explicit(&dead->dead, memory_order_relaxed)[row / 64],
                             UINT64_C(1) << (row % 64), memory_order_release);
    return 0;
}

void tombstones_cut(struct tombstones *dead, uint64_t ts)
{
    size_t count = atomic_load_explicit(&dead->count, memory_order_relaxed);
    if (count == 0 || entry(dead, count - 1)->ts <= ts) return;
    _Atomic uint64_t *bits = atomic_load_explicit(&dead->dead, memory_order_relaxed);
    atomic_fetch_add(&dead->sequence, 1);
    for (; count > 0 && entry(dead, count - 1)->ts > ts; count--) {
        const size_t row = entry(dead, count - 1)->row;
        atomic_fetch_and(&bits[row / 64], ~(UINT64_C(1) << (row % 64)));
    }
    atomic_store(&dead->count, count);
    atomic_fetch_add(&dead->sequence, 1);
}

size_t tombstones_count(const struct tombstones *dead)
{
    return atomic_load_explicit(&dead->count, memory_order_acquire);
}

struct tombstone tombstones_at(const struct tombstones *dead, size_t number)
{
    return *entry(dead, number);
}

/* Whether a row whose bit is set was killed after ts. */
static bool was_alive(const struct tombstones *dead, size_t row, uint64_t ts)
{
    for (size_t i = tombstones_count(dead); i > 0; i--) {
        const struct tombstone *t = entry(dead, i - 1);
        if (t->ts <= ts) return false;
        if (t->row == row) return true;
    }
    return false;
}

bool tombstones_is_dead(const struct tombstones *dead, size_t row, uint64_t ts)
{
    for (;;) {
        const unsigned sequence = atomic_load(&dead->sequence);
        const bool is_dead = bit_is_set(dead, row) && !was_alive(dead, row, ts);
        atomic_thread_fence(memory_order_acquire);
        if (sequence % 2 == 0 && atomic_load(&dead->sequence) == sequence) return is_dead;
    }
}

static void subtract_once(const struct tombstones *dead, uint64_t ts, struct bitset *rows)
{
    const _Atomic uint64_t *bits = atomic_load_explicit(&dead->dead, memory_order_acquire);
    for (size_t w = 0; bits && w < BITSET_WORDS(rows->bits); w++) {
        rows->words[w] &= ~atomic_load_explicit(&bits[w], memory_order_acquire);
    }
    for (size_t i = tombstones_count(dead); i > 0; i--) {
        const struct tombstone *t = entry(dead, i - 1);
        if (t->ts <= ts) return;
        if (t->row < rows->bits) bitset_set(rows, t->row);
    }
}

void tombstones_subtract(const struct tombstones *dead, uint64_t ts, struct bitset *rows)
{
    for (;;) {
        const unsigned sequence = atomic_load(&dead->sequence);
        bitset_fill(rows, true);
        subtract_once(dead, ts, rows);
        atomic_thread_fence(memory_order_acquire);
        if (sequence % 2 == 0 && atomic_load(&dead->sequence) == sequence) return;
    }
}

uint64_t tombstones_bytes(const struct tombstones *dead)
{
    uint64_t bytes = 0;
    if (atomic_load(&dead->dead)) bytes += BITSET_WORDS(dead->rows) * sizeof(uint64_t);
    for (size_t i = 0; i < TOMBSTONE_BLOCKS; i++) {
        if (!atomic_load(&dead->blocks[i])) continue;
        bytes += ((uint64_t)TOMBSTONE_BLOCK_ROWS << i) * sizeof(struct tombstone);
    }
    return bytes;
}
