/*
 * Chunks of simulated files; see sim_content.h.
 */
#include "os/sim_content.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"

struct sim_chunk {
    atomic_uint refs;
    uint8_t bytes[SIM_CHUNK_BYTES];
};

static size_t chunks_of(uint64_t bytes)
{
    return (size_t)((bytes + SIM_CHUNK_BYTES - 1) / SIM_CHUNK_BYTES);
}

static struct sim_chunk *chunk_ref(struct sim_chunk *chunk)
{
    if (chunk) atomic_fetch_add_explicit(&chunk->refs, 1, memory_order_relaxed);
    return chunk;
}

static void chunk_unref(struct sim_chunk *chunk)
{
    if (chunk && atomic_fetch_sub_explicit(&chunk->refs, 1, memory_order_acq_rel) == 1)
        mem_free(chunk);
}

static struct sim_chunk *chunk_new(const uint8_t *bytes)
{
    struct sim_chunk *chunk = mem_zalloc(sizeof *chunk);
    if (!chunk) return NULL;
    atomic_init(&chunk->refs, 1);
    if (bytes) memcpy(chunk->bytes, bytes, SIM_CHUNK_BYTES);
    return chunk;
}

static struct sim_chunk *chunk_at(const struct sim_content *content, size_t i)
{
    return i < content->chunk_cap ? content->chunks[i] : NULL;
}

/* NULL: zeros. */
static const uint8_t *view(const struct sim_content *content, size_t i)
{
    if (i < content->flat_chunks) return content->flat + i * SIM_CHUNK_BYTES;
    const struct sim_chunk *chunk = chunk_at(content, i);
    return chunk ? chunk->bytes : NULL;
}

static int grow(struct sim_content *content, size_t chunks)
{
    if (chunks <= content->chunk_cap) return 0;
    size_t cap = chunks + chunks / 2;
    struct sim_chunk **list = mem_realloc(content->chunks, cap * sizeof(struct sim_chunk *));
    if (!list) return KITH_ENOMEM;
    memset(list + content->chunk_cap, 0, (cap - content->chunk_cap) * sizeof(struct sim_chunk *));
    content->chunks = list;
    content->chunk_cap = cap;
    return 0;
}

/* The chunk's bytes, made this content's own. NULL: no memory. */
static uint8_t *edit(struct sim_content *content, size_t i)
{
    if (i < content->flat_chunks) return content->flat + i * SIM_CHUNK_BYTES;
    if (grow(content, i + 1)) return NULL;
    struct sim_chunk *old = content->chunks[i];
    if (old && atomic_load_explicit(&old->refs, memory_order_acquire) == 1) return old->bytes;
    struct sim_chunk *own = chunk_new(old ? old->bytes : NULL);
    if (!own) return NULL;
    chunk_unref(old);
    content->chunks[i] = own;
    return own->bytes;
}

void sim_content_release(struct sim_content *content)
{
    for (size_t i = 0; i < content->chunk_cap; i++) chunk_unref(content->chunks[i]);
    mem_free(content->chunks);
    mem_free(content->flat);
    *content = (struct sim_content){0};
}

void sim_content_read(const struct sim_content *content, void *buf, size_t len, uint64_t offset)
{
    for (size_t done = 0; done < len;) {
        size_t at = (size_t)((offset + done) % SIM_CHUNK_BYTES);
        size_t n = len - done < SIM_CHUNK_BYTES - at ? len - done : SIM_CHUNK_BYTES - at;
        const uint8_t *from = view(content, (size_t)((offset + done) / SIM_CHUNK_BYTES));
        if (from)
            memcpy((uint8_t *)buf + done, from + at, n);
        else
            memset((uint8_t *)buf + done, 0, n);
        done += n;
    }
}

static bool all_zero(const uint8_t *bytes, size_t len)
{
    return !bytes || len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

int sim_content_write(struct sim_content *content, const uint8_t *bytes, uint64_t len,
                      uint64_t offset)
{
    for (uint64_t done = 0; done < len;) {
        size_t at = (size_t)((offset + done) % SIM_CHUNK_BYTES);
        size_t room = SIM_CHUNK_BYTES - at;
        size_t n = len - done < room ? (size_t)(len - done) : room;
        size_t i = (size_t)((offset + done) / SIM_CHUNK_BYTES);
        const uint8_t *from = bytes ? bytes + done : NULL;
        done += n;
        if (!view(content, i) && all_zero(from, n)) continue;
        uint8_t *to = edit(content, i);
        if (!to) return KITH_ENOMEM;
        if (from)
            memcpy(to + at, from, n);
        else
            memset(to + at, 0, n);
    }
    if (offset + len > content->size) content->size = offset + len;
    return 0;
}

static void drop_from(struct sim_content *content, size_t first)
{
    for (size_t i = first; i < content->flat_chunks; i++)
        memset(content->flat + i * SIM_CHUNK_BYTES, 0, SIM_CHUNK_BYTES);
    for (size_t i = first; i < content->chunk_cap; i++) {
        chunk_unref(content->chunks[i]);
        content->chunks[i] = NULL;
    }
}

int sim_content_resize(struct sim_content *content, uint64_t size)
{
    size_t tail = (size_t)(size % SIM_CHUNK_BYTES);
    size_t last = (size_t)(size / SIM_CHUNK_BYTES);
    if (size < content->size && tail && view(content, last)) {
        uint8_t *bytes = edit(content, last);
        if (!bytes) return KITH_ENOMEM;
        memset(bytes + tail, 0, SIM_CHUNK_BYTES - tail);
    }
    if (size < content->size) drop_from(content, chunks_of(size));
    content->size = size;
    return 0;
}

int sim_content_share(struct sim_content *content, const struct sim_content *src, uint64_t offset,
                      uint64_t len)
{
    size_t end = chunks_of(offset + len);
    if (grow(content, end)) return KITH_ENOMEM;
    for (size_t i = (size_t)(offset / SIM_CHUNK_BYTES); i < end; i++) {
        struct sim_chunk *chunk = i < src->flat_chunks ? chunk_new(view(src, i))
                                                       : chunk_ref(chunk_at(src, i));
        if (!chunk && i < src->flat_chunks) return KITH_ENOMEM;
        chunk_unref(content->chunks[i]);
        content->chunks[i] = chunk;
    }
    return 0;
}

int sim_content_clone(struct sim_content *content, const struct sim_content *src)
{
    int rc = sim_content_share(content, src, 0, src->size);
    content->size = src->size;
    return rc;
}

int sim_content_flatten(struct sim_content *content, uint64_t len)
{
    if (content->flat) return chunks_of(len) <= content->flat_chunks ? 0 : KITH_EUNSUPPORTED;
    size_t count = chunks_of(content->size);
    if (count == 0) return 0;
    uint8_t *flat = mem_alloc_aligned(count * SIM_CHUNK_BYTES, SIM_CHUNK_BYTES);
    if (!flat) return KITH_ENOMEM;
    sim_content_read(content, flat, count * SIM_CHUNK_BYTES, 0);
    drop_from(content, 0);
    content->flat = flat;
    content->flat_chunks = count;
    return 0;
}
