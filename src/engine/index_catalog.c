/*
 * Creating and dropping indexes: edits of the collection's list of them. Building and taking away
 * the files is background work (merge.c).
 *
 * A vector field has one index, whether somebody named it or not; creating it again changes its
 * parameters, dropping it makes the field FLAT. Other fields have as many as somebody creates, each
 * with a name of its own and a number that is never given again.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "engine/engine.h"

struct creating {
    const struct schema *schema;
    size_t field;
    struct kith_index_params given;
    struct scalar_index_params params;
    struct buffer path; /* owns what params.path borrows */
    struct buffer name; /* ends in NUL */
};

static bool is_auto(const char *kind) { return !kind || strcmp(kind, INDEX_KIND_AUTO) == 0; }

static bool is_any(const char *kind, const char *a, const char *b)
{
    return is_auto(kind) || strcmp(kind, a) == 0 || strcmp(kind, b) == 0;
}

static int check_dense(const struct creating *c, const struct schema_field *f,
                       struct kith_error *err)
{
    (void)f;
    const struct kith_index_params *given = &c->given;
    if (!is_any(given->kind, INDEX_KIND_GRAPH, INDEX_KIND_FLAT))
        return error_set(err, KITH_EINVAL, "index kind '%s' is not known; use FLAT, HNSW or AUTO",
                         given->kind);
    if (given->m && (given->m < 2 || given->m > 512))
        return error_set(err, KITH_EINVAL, "M must be 2 to 512, not %u", given->m);
    return 0;
}

static int check_vector(const struct creating *c, struct kith_error *err)
{
    const struct schema_field *f = &c->schema->fields[c->field];
    if (c->given.metric && c->given.metric != f->metric && !f->metric_open)
        return error_set(err, KITH_EINVAL, "the metric of field '%s' is %s, set by its schema",
                         f->name, metric_name(f->metric));
    if (f->type != KITH_SPARSE_VECTOR) return check_dense(c, f, err);
    if (!is_any(c->given.kind, INDEX_KIND_SPARSE, INDEX_KIND_FLAT))
        return error_set(err, KITH_EINVAL, "index kind '%s' is not for sparse vectors; use %s",
                         c->given.kind, INDEX_KIND_SPARSE);
    double k1, b;
    return schema_field_stored(f) ? 0 : index_params_read_bm25(c->given.params, &k1, &b, err);
}

static int check_scalar(struct creating *c, struct kith_error *err)
{
    const struct schema_field *f = &c->schema->fields[c->field];
    if (c->given.metric)
        return error_set(err, KITH_EINVAL, "field '%s' is no vector: its index has no metric",
                         f->name);
    int rc = index_params_read(c->given.params, f, &c->path, &c->params, err);
    if (rc) return rc;
    return scalar_index_check(
        is_auto(c->given.kind) ? scalar_index_choose(&c->params, NULL, c->field) : c->given.kind,
        &c->params, err);
}

static int check_name(struct creating *c, struct kith_error *err)
{
    const struct schema_field *f = &c->schema->fields[c->field];
    const char *name = c->given.name && *c->given.name ? c->given.name : f->name;
    buffer_put(&c->name, name, strlen(name));
    if (name == f->name) buffer_put(&c->name, c->params.path.data, c->params.path.len);
    buffer_put_u8(&c->name, 0);
    if (buffer_failed(&c->name)) return error_set(err, KITH_ENOMEM, "no memory for an index");
    name = (const char *)c->name.data;
    const size_t other = schema_find(c->schema, name, strlen(name));
    if (other != SIZE_MAX && other != c->field)
        return error_set(err, KITH_EINVAL, "index name '%s' is the name of another field", name);
    if (strlen(name) <= LIMIT_INDEX_NAME_BYTES && utf8_valid(name, strlen(name))) return 0;
    return error_set(err, KITH_EINVAL, "an index name is at most %d bytes of UTF-8",
                     LIMIT_INDEX_NAME_BYTES);
}

static int check(struct creating *c, struct kith_error *err)
{
    const bool vector = type_is_vector(c->schema->fields[c->field].type);
    c->params.path = (struct kith_str){"", 0};
    if (c->given.kind && strlen(c->given.kind) > LIMIT_INDEX_KIND_BYTES)
        return error_set(err, KITH_EINVAL, "unknown index '%.40s'", c->given.kind);
    int rc = vector ? check_vector(c, err) : check_scalar(c, err);
    return rc ? rc : check_name(c, err);
}

static uint32_t find_name(const struct manifest *manifest, const char *name)
{
    uint32_t at = 0;
    while (at < manifest->index_count && strcmp(manifest->indexes[at].name, name) != 0) at++;
    return at;
}

static bool same_index(const struct manifest_index *a, const struct manifest_index *b)
{
    return a->field == b->field && strcmp(a->kind, b->kind) == 0 &&
           strcmp(a->params, b->params) == 0;
}

/* *same: it is there already, and nothing is to be changed. */
static int edit(struct creating *c, struct manifest *manifest, bool *same, struct kith_error *err)
{
    const struct schema_field *f = &c->schema->fields[c->field];
    const bool own = type_is_vector(f->type);
    char params[1] = "";
    struct manifest_index index = {.field = (uint32_t)c->field,
                                   .metric = (uint32_t)f->metric,
                                   .m = c->given.m,
                                   .ef_construction = c->given.ef_construction,
                                   .name = (char *)c->name.data,
                                   .params = params};
    (void)snprintf(index.kind, sizeof index.kind, "%s",
                   is_auto(c->given.kind) ? INDEX_KIND_AUTO : c->given.kind);
    if (c->given.params) memcpy(&index.params, &c->given.params, sizeof index.params);
    uint32_t at = find_name(manifest, index.name);
    if (at < manifest->index_count && (!own || manifest->indexes[at].field != c->field)) {
        *same = same_index(&manifest->indexes[at], &index);
        if (*same) return 0;
        return error_set(err, KITH_EEXISTS, "index '%s' already exists", index.name);
    }
    for (at = 0; own && at < manifest->index_count; at++) {
        if (manifest->indexes[at].number != c->field) continue;
        manifest_remove_index(manifest, at);
        break;
    }
    const int rc = manifest_add_index(manifest, &index, own);
    if (rc == KITH_ELIMIT)
        return error_set(err, rc, "a collection has at most %d indexes", LIMIT_INDEXES);
    return rc ? error_set(err, rc, "index on '%s': no memory", f->name) : 0;
}

/* Commits the edited list and takes it over. Under write_lock. */
static int save(struct kith_collection *collection, struct manifest *edited, struct kith_error *err)
{
    /* The fields that wishes borrow are the collection's, not those of the copy. */
    struct manifest view = collection->manifest;
    struct index_wishes wishes = {.count = 0};
    view.indexes = edited->indexes;
    view.index_count = edited->index_count;
    int rc = index_wishes_make(&view, &wishes);
    if (rc) return error_set(err, rc, "indexes of '%s': no memory", edited->name);
    rc = collection_save(collection, edited, err);
    if (rc) {
        index_wishes_release(&wishes);
        return rc;
    }
    struct manifest_index *indexes = collection->manifest.indexes;
    const uint32_t count = collection->manifest.index_count;
    collection->manifest.indexes = edited->indexes;
    collection->manifest.index_count = edited->index_count;
    collection->manifest.next_index = edited->next_index;
    edited->indexes = indexes;
    edited->index_count = count;
    os_mutex_lock(&collection->version_lock); /* searches read what BM25 is given */
    struct index_wishes old = collection->wishes;
    collection->wishes = wishes;
    os_mutex_unlock(&collection->version_lock);
    index_wishes_release(&old);
    return 0;
}

static int create(struct kith_collection *collection, struct creating *c, struct kith_error *err)
{
    struct manifest edited = {0};
    bool same = false;
    os_mutex_lock(&collection->write_lock);
    int rc = manifest_copy(&collection->manifest, &edited);
    if (rc) rc = error_set(err, rc, "index on '%s': no memory", c->schema->fields[c->field].name);
    if (rc == 0) rc = edit(c, &edited, &same, err);
    if (rc == 0 && !same) rc = save(collection, &edited, err);
    os_mutex_unlock(&collection->write_lock);
    manifest_release(&edited);
    return rc;
}

/* A name that is no field of a dynamic collection is a key of "$meta". */
static int find_field(struct creating *c, const char *field, struct kith_error *err)
{
    c->field = schema_find(c->schema, field, strlen(field));
    if (c->field != SIZE_MAX) return 0;
    if (c->schema->meta == SIZE_MAX || !c->given.params || !strstr(c->given.params, "json_path"))
        return error_set(err, KITH_ENOTFOUND, "field '%s' not in schema", field);
    c->field = c->schema->meta;
    return 0;
}

int kith_index_create(struct kith_collection *collection, const char *field,
                      const struct kith_index_params *params, struct kith_error *err)
{
    int rc = collection_writable(collection, err);
    if (rc) return rc;
    struct creating c = {.schema = collection->schema, .given = KITH_INDEX_PARAMS_INIT};
    if (params)
        memcpy(&c.given, params, params->size < sizeof c.given ? params->size : sizeof c.given);
    if ((rc = find_field(&c, field, err))) return rc;
    buffer_init(&c.path);
    buffer_init(&c.name);
    rc = check(&c, err);
    if (rc == 0 && c.given.metric)
        rc = collection_set_metric(collection, c.field, c.given.metric, err);
    c.schema = collection->schema;
    if (rc == 0) rc = create(collection, &c, err);
    buffer_release(&c.path);
    buffer_release(&c.name);
    if (rc == 0) background_wake(collection->db);
    return rc;
}

/* The index to drop: by its name, or the only one of the field of that name. */
static int find_dropped(const struct manifest *manifest, const char *name, uint32_t *at,
                        struct kith_error *err)
{
    *at = find_name(manifest, name);
    if (*at < manifest->index_count) return 0;
    const size_t field = schema_find(&manifest->schema, name, strlen(name));
    uint32_t count = 0;
    for (uint32_t i = 0; field != SIZE_MAX && i < manifest->index_count; i++) {
        if (manifest->indexes[i].field != field) continue;
        *at = i;
        count++;
    }
    if (count == 1) return 0;
    if (count > 1)
        return error_set(err, KITH_EINVAL, "field '%s' has %u indexes; name one of them", name,
                         count);
    return error_set(err, KITH_ENOTFOUND, "there is no index '%s'", name);
}

static int drop_created(struct kith_collection *collection, const char *name, bool *vector,
                        struct kith_error *err)
{
    struct manifest edited = {0};
    uint32_t at = 0;
    os_mutex_lock(&collection->write_lock);
    int rc = find_dropped(&collection->manifest, name, &at, err);
    if (rc == 0) *vector = collection->manifest.indexes[at].number < LIMIT_FIELDS;
    if (rc == 0 && !*vector) {
        rc = manifest_copy(&collection->manifest, &edited);
        if (rc) rc = error_set(err, rc, "index '%s': no memory", name);
        if (rc == 0) manifest_remove_index(&edited, at);
        if (rc == 0) rc = save(collection, &edited, err);
    }
    os_mutex_unlock(&collection->write_lock);
    manifest_release(&edited);
    return rc;
}

static size_t vector_of(struct kith_collection *collection, const char *name)
{
    const struct schema *schema = collection->schema;
    size_t field = schema_find(schema, name, strlen(name));
    os_mutex_lock(&collection->write_lock);
    const struct manifest *manifest = &collection->manifest;
    const uint32_t at = find_name(manifest, name);
    if (at < manifest->index_count) field = manifest->indexes[at].field;
    os_mutex_unlock(&collection->write_lock);
    return field != SIZE_MAX && type_is_vector(schema->fields[field].type) ? field : SIZE_MAX;
}

/* Files of the index go soon after, by background work. */
int kith_index_drop(struct kith_collection *collection, const char *name, struct kith_error *err)
{
    int rc = collection_writable(collection, err);
    if (rc) return rc;
    const size_t field = vector_of(collection, name);
    if (field != SIZE_MAX) {
        struct kith_index_params flat = KITH_INDEX_PARAMS_INIT;
        flat.kind = INDEX_KIND_FLAT;
        return kith_index_create(collection, collection->schema->fields[field].name, &flat, err);
    }
    bool vector = false;
    rc = drop_created(collection, name, &vector, err);
    if (rc == 0) background_wake(collection->db);
    return rc;
}
