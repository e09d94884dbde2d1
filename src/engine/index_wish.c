/*
 * Which indexes sealed segments should have: see index_wish.h.
 */
#include "engine/index_wish.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

void index_wish_release(struct index_wish *wish)
{
    mem_free(wish->path);
    memset(wish, 0, sizeof *wish);
}

void index_wishes_release(struct index_wishes *wishes)
{
    for (size_t i = 0; i < wishes->count; i++) index_wish_release(&wishes->items[i]);
    mem_free(wishes->items);
    mem_free(wishes->bm25);
    memset(wishes, 0, sizeof *wishes);
}

const struct index_wish *index_wishes_find(const struct index_wishes *wishes, uint32_t number)
{
    for (size_t i = 0; i < wishes->count; i++) {
        if (wishes->items[i].number == number) return &wishes->items[i];
    }
    return NULL;
}

static int set_path(struct index_wish *wish, struct kith_str path)
{
    wish->params.path = (struct kith_str){"", 0};
    if (path.len == 0) return 0;
    wish->path = mem_strndup(path.data, path.len);
    if (!wish->path) return KITH_ENOMEM;
    wish->params.path = (struct kith_str){wish->path, path.len};
    return 0;
}

int index_wish_copy(const struct index_wish *wish, struct index_wish *out)
{
    struct index_wish made = *wish;
    made.path = NULL;
    const int rc = set_path(&made, wish->params.path);
    if (rc == 0) *out = made;
    return rc;
}

static bool is_text_input(const struct schema *schema, size_t field)
{
    if (schema->fields[field].enable_match) return true;
    for (size_t i = 0; i < schema->function_count; i++) {
        if (schema->functions[i].input == field) return true;
    }
    return false;
}

/* The kind of index that a field has of itself, or NULL. */
static const char *own_kind(const struct manifest *manifest, size_t field)
{
    const struct schema_field *f = &manifest->schema.fields[field];
    const struct manifest_index *index = manifest_find_index(manifest, (uint32_t)field);
    if (f->dropped || (index && strcmp(index->kind, INDEX_KIND_FLAT) == 0)) return NULL;
    if (f->type == KITH_VARCHAR && is_text_input(&manifest->schema, field)) return INDEX_KIND_TEXT;
    if (!type_is_vector(f->type)) return NULL;
    if (f->type != KITH_SPARSE_VECTOR) return INDEX_KIND_GRAPH;
    return schema_field_stored(f) ? INDEX_KIND_SPARSE : NULL; /* BM25 reads its input's words */
}

static void add_own(const struct manifest *manifest, size_t field, struct index_wishes *out)
{
    const char *const kind = own_kind(manifest, field);
    const bool vectors = kind && strcmp(kind, INDEX_KIND_GRAPH) == 0;
    if (!kind || (!vectors && !scalar_index_ops_find(kind))) return;
    const struct manifest_index *index = manifest_find_index(manifest, (uint32_t)field);
    struct index_wish *wish = &out->items[out->count++];
    *wish = (struct index_wish){.number = (uint32_t)field, .field = field, .vectors = vectors};
    wish->params = (struct scalar_index_params){.field = &manifest->schema.fields[field],
                                                .path = {"", 0}};
    if (index) wish->graph = (struct index_params){index->m, index->ef_construction};
    (void)snprintf(wish->kind, sizeof wish->kind, "%s", kind);
}

/* What the catalog has was checked when it was created; what does not read now is left out. */
static int add_created(const struct manifest *manifest, const struct manifest_index *index,
                       struct index_wishes *out)
{
    struct index_wish *wish = &out->items[out->count];
    *wish = (struct index_wish){.number = index->number, .field = index->field};
    (void)snprintf(wish->kind, sizeof wish->kind, "%s", index->kind);
    struct buffer path;
    buffer_init(&path);
    int rc = index_params_read(index->params, &manifest->schema.fields[index->field], &path,
                               &wish->params, NULL);
    if (rc == 0) rc = set_path(wish, wish->params.path);
    buffer_release(&path);
    if (rc == 0) out->count++;
    return rc == KITH_ENOMEM ? rc : 0;
}

void index_wishes_bm25(const struct index_wishes *wishes, size_t field, double *k1, double *b)
{
    *k1 = INDEX_BM25_K1;
    *b = INDEX_BM25_B;
    for (size_t i = 0; i < wishes->bm25_count; i++) {
        if (wishes->bm25[i].field != field) continue;
        *k1 = wishes->bm25[i].k1;
        *b = wishes->bm25[i].b;
    }
}

/* BM25 has no files of its own: what its index says is numbers for searches. */
static void add_bm25(const struct manifest *manifest, const struct manifest_index *index,
                     struct index_wishes *out)
{
    const struct schema_field *field = &manifest->schema.fields[index->field];
    struct bm25_wish *wish = &out->bm25[out->bm25_count];
    if (field->bm25_of == SIZE_MAX) return;
    if (index_params_read_bm25(index->params, &wish->k1, &wish->b, NULL)) return;
    wish->field = index->field;
    out->bm25_count++;
}

int index_wishes_make(const struct manifest *manifest, struct index_wishes *out)
{
    struct index_wishes made = {.count = 0};
    const size_t room = manifest->schema.field_count + manifest->index_count + 1;
    made.items = mem_zalloc_array(room, sizeof *made.items);
    made.bm25 = mem_zalloc_array(manifest->index_count + 1u, sizeof *made.bm25);
    int rc = made.items && made.bm25 ? 0 : KITH_ENOMEM;
    for (size_t f = 0; rc == 0 && f < manifest->schema.field_count; f++) {
        add_own(manifest, f, &made);
    }
    for (uint32_t i = 0; rc == 0 && i < manifest->index_count; i++) {
        if (manifest->indexes[i].number >= LIMIT_FIELDS)
            rc = add_created(manifest, &manifest->indexes[i], &made);
        else
            add_bm25(manifest, &manifest->indexes[i], &made);
    }
    if (rc == 0) {
        *out = made;
    } else {
        index_wishes_release(&made);
    }
    return rc;
}
