/*
 * Records and the engine's schema brought together when a collection is loaded. They are two
 * writes, and the engine's comes first: a record may have a field that the engine dropped already,
 * or lack one that it added. What is mended here is written when the record first changes.
 */
#include <string.h>

#include "milvus/milvus_internal.h"
#include "milvus/schema_map.h"

static void give(ProtobufCAllocator *allocator, void *pointer)
{
    if (pointer) allocator->free(allocator->allocator_data, pointer);
}

static void remove_indexes(Kith__Door__CollectionRecord *record, const char *field,
                           ProtobufCAllocator *allocator)
{
    size_t kept = 0;
    for (size_t i = 0; i < record->n_indexes; i++) {
        Kith__Door__IndexRecord *index = record->indexes[i];
        if (strcmp(index->field, field) == 0)
            kith__door__index_record__free_unpacked(index, allocator);
        else
            record->indexes[kept++] = index;
    }
    record->n_indexes = kept;
}

void registry_remove_field(Kith__Door__CollectionRecord *record, const char *name,
                           ProtobufCAllocator *allocator)
{
    MilvusSchema *schema = record->schema;
    size_t kept = 0;
    for (size_t i = 0; i < schema->n_fields; i++) {
        MilvusField *field = schema->fields[i];
        if (strcmp(field->name, name) == 0) {
            remove_indexes(record, name, allocator);
            milvus__proto__schema__field_schema__free_unpacked(field, allocator);
        } else {
            schema->fields[kept++] = field;
        }
    }
    schema->n_fields = kept;
}

int registry_append_field(Kith__Door__CollectionRecord *record, MilvusField *field,
                          ProtobufCAllocator *allocator)
{
    MilvusSchema *schema = record->schema;
    field->fieldid = record->next_field;
    MilvusField *copy = registry_own(allocator, &field->base);
    MilvusField **grown =
        allocator->alloc(allocator->allocator_data, (schema->n_fields + 1) * sizeof *grown);
    if (!copy || !grown) {
        if (copy) milvus__proto__schema__field_schema__free_unpacked(copy, allocator);
        give(allocator, grown);
        return KITH_ENOMEM;
    }
    if (schema->n_fields) memcpy(grown, schema->fields, schema->n_fields * sizeof *grown);
    give(allocator, schema->fields);
    grown[schema->n_fields++] = copy;
    schema->fields = grown;
    schema->version++;
    record->next_field++;
    return 0;
}

static bool engine_has(const struct kith_schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->field_count; i++)
        if (strcmp(schema->fields[i].name, name) == 0) return true;
    return false;
}

static bool record_has(const MilvusSchema *schema, const char *name)
{
    for (size_t i = 0; i < schema->n_fields; i++)
        if (strcmp(schema->fields[i]->name, name) == 0) return true;
    return false;
}

static bool is_gone(const MilvusField *field, const struct kith_schema *engine)
{
    return !field->is_primary_key && !engine_has(engine, field->name);
}

static int add_missing(Kith__Door__CollectionRecord *record, const struct kith_schema *engine,
                       ProtobufCAllocator *allocator)
{
    struct arena arena;
    MilvusSchema shown = MILVUS__PROTO__SCHEMA__COLLECTION_SCHEMA__INIT;
    arena_init(&arena);
    int rc = schema_from_engine(&arena, engine, &shown);
    for (size_t i = 0; rc == 0 && i < shown.n_fields; i++)
        if (!record_has(record->schema, shown.fields[i]->name))
            rc = registry_append_field(record, shown.fields[i], allocator);
    arena_release(&arena);
    return rc;
}

int registry_match(Kith__Door__CollectionRecord *record, const struct kith_schema *engine,
                   ProtobufCAllocator *allocator)
{
    MilvusSchema *schema = record->schema;
    bool lacks = false;
    for (size_t i = schema->n_fields; i-- > 0;)
        if (is_gone(schema->fields[i], engine)) {
            char name[256];
            const size_t len = strlen(schema->fields[i]->name);
            if (len >= sizeof name) continue;
            memcpy(name, schema->fields[i]->name, len + 1);
            registry_remove_field(record, name, allocator);
        }
    for (size_t i = 0; i < engine->field_count; i++)
        lacks = lacks || (!(engine->fields[i].flags & KITH_FIELD_DYNAMIC) &&
                          !record_has(schema, engine->fields[i].name));
    return lacks ? add_missing(record, engine, allocator) : 0;
}
