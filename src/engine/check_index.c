/*
 * The inside of a collection's segments and indexes: checksums say that bytes are those that were
 * written, this says that they make sense. Every segment is opened as a reader would, and every
 * index validates its whole structure.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/check_internal.h"

#define NAME_BYTES 128

static void found(struct checking *checking, uint64_t id, const char *what,
                  const struct kith_error *why)
{
    char name[NAME_BYTES], text[KITH_ERROR_TEXT_MAX];
    (void)snprintf(name, sizeof name, "%016llx.seg", (unsigned long long)id);
    (void)snprintf(text, sizeof text, "%.160s%s%.300s", what, why->text[0] ? ": " : "", why->text);
    checking->file = name;
    check_found(checking, 0, text);
    checking->file = "";
}

static int validate_one(const struct segment *segment, const struct segment_index_entry *entry,
                        struct kith_error *why)
{
    const struct index *graph = segment_index(segment, entry->field);
    if (graph && strcmp(graph->ops->kind, entry->kind) == 0)
        return graph->ops->validate(graph, why);
    const struct scalar_index *scalar = segment_scalar_index(segment, entry->field, entry->kind);
    return scalar ? scalar->ops->validate(scalar, why) : 0;
}

static int check_open(struct checking *checking, const struct manifest_segment *entry,
                      const struct segment *segment)
{
    const size_t room = entry->index_count;
    struct segment_index_entry *list = mem_zalloc_array(room + 1u, sizeof *list);
    if (!list) return KITH_ENOMEM;
    const size_t count = segment_indexes(segment, list, room);
    for (size_t i = 0; i < count && i < room; i++) {
        struct kith_error why = { 0 };
        char what[NAME_BYTES];
        const int rc = validate_one(segment, &list[i], &why);
        (void)snprintf(what, sizeof what, "its %s index, number %u, is damaged", list[i].kind,
                       list[i].number);
        if (rc && rc != KITH_ENOMEM) found(checking, entry->id, what, &why);
    }
    mem_free(list);
    if (segment_rows(segment) != entry->rows)
        found(checking, entry->id, "it has another number of rows than its manifest says",
              &(struct kith_error){ 0 });
    return 0;
}

static int check_segment(struct checking *checking, const struct manifest *manifest,
                         const struct index_wishes *wishes, const struct manifest_segment *entry)
{
    struct budget budget;
    struct segment *segment;
    struct kith_error why = { 0 };
    size_t missing = 0;
    budget_init(&budget, os_memory_bytes(checking->os));
    struct sealed_index_file *files = mem_zalloc_array(entry->index_count + 1u, sizeof *files);
    if (!files) return KITH_ENOMEM;
    struct sealed_opts opts = { .os = checking->os,
                                .dir = checking->dir,
                                .database_id = checking->database_id,
                                .id = entry->id,
                                .schema = &manifest->schema,
                                .budget = &budget,
                                .dead_file = entry->dead_file,
                                .indexes = files };
    opts.index_count = recover_index_files(wishes, entry, files);
    int rc = sealed_open(&opts, &segment, &missing, &why);
    if (rc == 0) {
        if (missing)
            found(checking, entry->id, "not all of its indexes open", &(struct kith_error){0});
        rc = check_open(checking, entry, segment);
        segment_unref(segment);
    } else if (rc == KITH_ENOTFOUND) { /* said already */
        rc = 0;
    } else if (rc != KITH_ENOMEM) {
        found(checking, entry->id, "it does not open", &why);
        rc = 0;
    }
    mem_free(files);
    return rc;
}

int check_indexes(struct checking *checking, const struct manifest *manifest)
{
    struct index_wishes wishes;
    int rc = index_wishes_make(manifest, &wishes);
    if (rc) return rc;
    for (uint32_t i = 0; rc == 0 && i < manifest->segment_count; i++)
        rc = check_segment(checking, manifest, &wishes, &manifest->segments[i]);
    index_wishes_release(&wishes);
    return rc;
}
