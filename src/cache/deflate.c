/*
 * Compressed texts: see deflate.h.
 *
 * One stream of each direction is kept and used again: beginning one anew takes longer than packing
 * a kilobyte. A long text is tried on its first bytes; if those do not become smaller, it stays.
 */
#include "cache/deflate.h"

#include <string.h>
#include <zlib.h>

#include "base/alloc.h"

#define RAW_WINDOW (-15) /* no header: the entry knows what it is */
#define MEMORY_LEVEL 8
#define SAMPLE_BYTES 4096u
#define BLOCK_SPARE 32u /* what a block of its own costs more than bytes in an entry, about */

struct deflater {
    z_stream out, in;
    int level; /* of `out`; 0: there is none yet */
    uint8_t *packed;             /* owns: where a text is packed first */
    char *rooms[DEFLATE_ROOMS];  /* owns; each `room_bytes` */
    size_t room_bytes;
    unsigned next;
};

static void *take(void *ctx, unsigned count, unsigned size)
{
    (void)ctx;
    return mem_zalloc_array(count, size);
}

static void give(void *ctx, void *memory)
{
    (void)ctx;
    mem_free(memory);
}

int deflater_new(struct deflater **out)
{
    struct deflater *deflater = mem_zalloc(sizeof *deflater);
    if (!deflater) return KITH_ENOMEM;
    deflater->out.zalloc = deflater->in.zalloc = take;
    deflater->out.zfree = deflater->in.zfree = give;
    const int rc = inflateInit2(&deflater->in, RAW_WINDOW);
    if (rc != Z_OK) {
        mem_free(deflater);
        return rc == Z_MEM_ERROR ? KITH_ENOMEM : KITH_EIO;
    }
    *out = deflater;
    return 0;
}

void deflater_free(struct deflater *deflater)
{
    if (!deflater) return;
    if (deflater->level) (void)deflateEnd(&deflater->out);
    (void)inflateEnd(&deflater->in);
    for (unsigned i = 0; i < DEFLATE_ROOMS; i++) mem_free(deflater->rooms[i]);
    mem_free(deflater->packed);
    mem_free(deflater);
}

/* ---- packing ---- */

/* Rooms only grow, to twice the text: a few times in a life. */
static bool make_rooms(struct deflater *deflater, size_t len)
{
    if (len <= deflater->room_bytes) return true;
    size_t want = deflater->room_bytes ? deflater->room_bytes : SAMPLE_BYTES;
    while (want < len) want *= 2;
    for (unsigned i = 0; i < DEFLATE_ROOMS; i++) {
        char *fresh = mem_realloc(deflater->rooms[i], want);
        if (!fresh) return false; /* the larger ones stay: room_bytes is what all of them have */
        deflater->rooms[i] = fresh;
    }
    uint8_t *fresh = mem_realloc(deflater->packed, want);
    if (!fresh) return false;
    deflater->packed = fresh;
    deflater->room_bytes = want;
    return true;
}

static bool make_stream(struct deflater *deflater, int level)
{
    if (deflater->level == level) return deflateReset(&deflater->out) == Z_OK;
    if (deflater->level) (void)deflateEnd(&deflater->out);
    deflater->level = 0;
    if (deflateInit2(&deflater->out, level, Z_DEFLATED, RAW_WINDOW, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    deflater->level = level;
    return true;
}

/* Its packed length; 0: more than max. */
static size_t pack(struct deflater *deflater, int level, const char *data, size_t len, size_t max)
{
    if (!make_stream(deflater, level)) return 0;
    z_stream *stream = &deflater->out;
    stream->next_in = (Bytef *)(uintptr_t)data; /* zlib reads it only */
    stream->avail_in = (unsigned)len;
    stream->next_out = deflater->packed;
    stream->avail_out = (unsigned)max;
    return deflate(stream, Z_FINISH) == Z_STREAM_END ? max - stream->avail_out : 0;
}

struct deflated_text *deflate_text(struct deflater *deflater, struct heap *heap, int level,
                                   struct kith_str text)
{
    const size_t spare = sizeof(struct deflated_text) + BLOCK_SPARE;
    if (text.len <= spare || text.len > DEFLATE_TEXT_MAX || !make_rooms(deflater, text.len))
        return NULL;
    if (text.len > 2 * SAMPLE_BYTES &&
        !pack(deflater, level, text.data, SAMPLE_BYTES, SAMPLE_BYTES - SAMPLE_BYTES / 16))
        return NULL;
    const size_t packed = pack(deflater, level, text.data, text.len, text.len - spare);
    struct deflated_text *block = packed ? heap_alloc(heap, sizeof *block + packed) : NULL;
    if (!block) return NULL;
    block->home = deflater;
    block->len = text.len;
    block->packed_len = packed;
    memcpy(block->packed, deflater->packed, packed);
    return block;
}

/* ---- unpacking ---- */

struct kith_str inflated_text(const struct deflated_text *text)
{
    struct deflater *home = text->home;
    char *room = home->rooms[home->next];
    home->next = (home->next + 1) % DEFLATE_ROOMS;
    (void)inflateReset(&home->in);
    home->in.next_in = (Bytef *)(uintptr_t)text->packed;
    home->in.avail_in = (unsigned)text->packed_len;
    home->in.next_out = (Bytef *)room;
    home->in.avail_out = (unsigned)text->len;
    /* All of it fits at once, so no window is needed; our own bytes are good. */
    (void)inflate(&home->in, Z_FINISH);
    return (struct kith_str){ room, text->len - home->in.avail_out };
}
