/*
 * The bytes of one simulated file: an array of reference-counted 4 KiB chunks, copied on write.
 *
 * A file has two of these, what programs see and what is durable, and a crash image has copies of
 * them; sharing chunks makes a sync and an image cost pointers, not bytes. A missing chunk is
 * zeros, so a log written ahead with zeros costs nothing.
 *
 * `flat`: once a file was mapped shared, its first chunks live in one block of memory whose address
 * programs hold; they are then edited in place and copied, never shared.
 *
 * Invariants: bytes past `size` are zero. Threading: the machine's lock; only `refs` is atomic,
 * since images of one machine may be freed by several threads.
 */
#ifndef KITH_OS_SIM_CONTENT_H
#define KITH_OS_SIM_CONTENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define SIM_CHUNK_BYTES 4096u
#define SIM_FILE_BYTES_MAX ((uint64_t)1 << 36)

struct sim_chunk;
struct sim_content {
    struct sim_chunk **chunks; /* owns one reference each; NULL: zeros */
    size_t chunk_cap;          /* chunks past it are zeros */
    uint64_t size;
    uint8_t *flat; /* owns; NULL: not mapped */
    size_t flat_chunks;
};

void sim_content_release(struct sim_content *content);
void sim_content_read(const struct sim_content *content, void *buf, size_t len, uint64_t offset);
/* `bytes` NULL: zeros. Grows the size. */
KITH_NODISCARD int sim_content_write(struct sim_content *content, const uint8_t *bytes,
                                     uint64_t len, uint64_t offset);
KITH_NODISCARD int sim_content_resize(struct sim_content *content, uint64_t size);
/* Makes the chunks that hold [offset, offset + len) those of src. The size is left. */
KITH_NODISCARD int sim_content_share(struct sim_content *content, const struct sim_content *src,
                                     uint64_t offset, uint64_t len);
KITH_NODISCARD int sim_content_clone(struct sim_content *content, const struct sim_content *src);
/* Moves the chunks of the whole file into one block, which holds at least `len` bytes.
 * KITH_EUNSUPPORTED when there is a shorter block already. */
KITH_NODISCARD int sim_content_flatten(struct sim_content *content, uint64_t len);

#endif
