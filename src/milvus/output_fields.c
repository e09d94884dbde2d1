/*
 * Output fields (section 9.3): names, "*", keys of the dynamic field, into what the engine is asked
 * for and what the reply carries.
 */
#include <string.h>

#include "milvus/milvus_data.h"

struct resolving {
    struct milvus_call *call;
    const struct milvus_collection *collection;
    struct milvus_output *out;
};

static bool among(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

static void ask(struct milvus_output *out, const char *name)
{
    if (!among(out->asked, out->asked_count, name)) out->asked[out->asked_count++] = name;
}

static void echo(struct milvus_output *out, const char *name)
{
    if (!among(out->names, out->name_count, name)) out->names[out->name_count++] = name;
}

static void add_field(struct milvus_output *out, const MilvusField *field)
{
    for (size_t i = 0; i < out->field_count; i++)
        if (out->fields[i] == field) return;
    out->fields[out->field_count++] = field;
    ask(out, field->name);
    echo(out, field->name);
}

static void add_meta(struct milvus_output *out)
{
    out->meta = true;
    ask(out, "$meta");
    echo(out, "$meta");
}

static void add_all(struct resolving *with)
{
    const MilvusSchema *schema = with->collection->record->schema;
    for (size_t i = 0; i < schema->n_fields; i++)
        if (!milvus_field_computed(with->collection, schema->fields[i]))
            add_field(with->out, schema->fields[i]);
    if (schema->enable_dynamic_field) add_meta(with->out);
}

/* `$meta["k"]` and `$meta['k']` name the key k. */
static const char *key_of(struct resolving *with, const char *name)
{
    const size_t len = strlen(name);
    if (strncmp(name, "$meta[", 6) || len < 10) return name;
    if ((name[6] != '"' && name[6] != '\'') || name[len - 2] != name[6] || name[len - 1] != ']')
        return name;
    return arena_strndup(with->call->arena, name + 7, len - 9);
}

static MilvusStatus *add_key(struct resolving *with, const char *name)
{
    struct milvus_output *out = with->out;
    if (!with->collection->record->schema->enable_dynamic_field)
        return milvus_status(with->call, MILVUS_PLAIN, "field %.255s not exist", name);
    const char *key = key_of(with, name);
    if (!key) return milvus_no_memory(with->call);
    if (key == name && strpbrk(name, "[]"))
        return milvus_status(with->call, MILVUS_PLAIN, "parse output field name failed: %.255s",
                             name);
    if (!among(out->keys, out->key_count, key)) out->keys[out->key_count++] = key;
    ask(out, key);
    echo(out, key);
    return NULL;
}

static bool is_json_path(const struct resolving *with, const char *name)
{
    const MilvusSchema *schema = with->collection->record->schema;
    const char *bracket = strchr(name, '[');
    if (!bracket || name[0] == '$') return false;
    for (size_t i = 0; i < schema->n_fields; i++) {
        const char *field = schema->fields[i]->name;
        if (strlen(field) == (size_t)(bracket - name) &&
            memcmp(field, name, (size_t)(bracket - name)) == 0)
            return true;
    }
    return false;
}

static MilvusStatus *add_name(struct resolving *with, const char *name)
{
    while (*name == ' ') name++;
    const MilvusField *field = milvus_field_find(with->collection, name);
    if (strcmp(name, "*") == 0) {
        add_all(with);
    } else if (strcmp(name, "$meta") == 0 &&
               with->collection->record->schema->enable_dynamic_field) {
        add_meta(with->out);
    } else if (field && milvus_field_computed(with->collection, field)) {
        return milvus_status(with->call, MILVUS_PLAIN,
                             "not allowed to retrieve raw data of field %.255s", name);
    } else if (field) {
        add_field(with->out, field);
    } else if (is_json_path(with, name)) {
        return milvus_status(with->call, MILVUS_PLAIN, "parse output field name failed: %.255s",
                             name);
    } else {
        return add_key(with, name);
    }
    return NULL;
}

MilvusStatus *milvus_output_resolve(struct milvus_call *call,
                                    const struct milvus_collection *collection,
                                    char *const *names, size_t count, bool with_key,
                                    struct milvus_output *out)
{
    const size_t room = count + collection->record->schema->n_fields + 3;
    struct resolving with = { call, collection, out };
    *out = (struct milvus_output){ 0 };
    out->names = arena_alloc_array(call->arena, room, sizeof *out->names);
    out->asked = arena_alloc_array(call->arena, room, sizeof *out->asked);
    out->fields = arena_alloc_array(call->arena, room, sizeof *out->fields);
    out->keys = arena_alloc_array(call->arena, room, sizeof *out->keys);
    if (!out->names || !out->asked || !out->fields || !out->keys) return milvus_no_memory(call);
    MilvusStatus *refused = NULL;
    for (size_t i = 0; !refused && i < count; i++) refused = add_name(&with, names[i]);
    if (!refused && with_key) add_field(out, collection->primary);
    return refused;
}
