/*
 * What names may be: section 8 of the protocol notes. The texts are looked at by programs, blanks
 * and all.
 */
#include <stdio.h>
#include <string.h>

#include "milvus/milvus_internal.h"

#define NAME_BYTES_MAX 255

enum fault { FINE, EMPTY, LONG, FIRST, OTHER };

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static enum fault judge(const char *name, bool digit_first, const char *also)
{
    if (!*name) return EMPTY;
    if (strlen(name) > NAME_BYTES_MAX) return LONG;
    if (!is_letter(*name) && !(digit_first && is_digit(*name))) return FIRST;
    for (const char *c = name; *c; c++)
        if (!is_letter(*c) && !is_digit(*c) && !strchr(also, *c)) return OTHER;
    return FINE;
}

/* Names of collections and aliases: the same rules, each with its own word. */
static MilvusStatus *entity(struct milvus_call *call, const char *what, const char *name)
{
    switch (judge(name, false, "")) {
    case FINE: return NULL;
    case EMPTY:
        return milvus_status(call, MILVUS_INVALID,
                             "collection name should not be empty: invalid parameter");
    case LONG:
        return milvus_status(call, MILVUS_INVALID,
                             "Invalid %s name: %.300s.  the length of a %s name must be less than "
                             "255 characters: invalid parameter",
                             what, name, what);
    case FIRST:
        return milvus_status(call, MILVUS_INVALID,
                             "Invalid %s name: %s.  the first character of a %s name must be an "
                             "underscore or letter: invalid parameter",
                             what, name, what);
    case OTHER: break;
    }
    return milvus_status(call, MILVUS_INVALID,
                         "Invalid %s name: %s.  %s name can only contain numbers, letters and "
                         "underscores: invalid parameter",
                         what, name, what);
}

MilvusStatus *milvus_check_collection_name(struct milvus_call *call, const char *name)
{
    return entity(call, "collection", name);
}

MilvusStatus *milvus_check_alias_name(struct milvus_call *call, const char *name)
{
    if (!*name)
        return milvus_status(call, MILVUS_INVALID,
                             "alias name should not be empty: invalid parameter");
    return entity(call, "alias", name);
}

/* Words that a filter reads as something else; three spellings of the booleans, two of the rest. */
static bool is_reserved(const char *name)
{
    static const char *const words[] = {"$meta",
                                        "like",
                                        "exists",
                                        "EXISTS",
                                        "and",
                                        "or",
                                        "not",
                                        "in",
                                        "true",
                                        "True",
                                        "TRUE",
                                        "false",
                                        "False",
                                        "FALSE",
                                        "json_contains",
                                        "JSON_CONTAINS",
                                        "json_contains_all",
                                        "JSON_CONTAINS_ALL",
                                        "json_contains_any",
                                        "JSON_CONTAINS_ANY",
                                        "array_contains",
                                        "ARRAY_CONTAINS",
                                        "array_contains_all",
                                        "ARRAY_CONTAINS_ALL",
                                        "array_contains_any",
                                        "ARRAY_CONTAINS_ANY",
                                        "array_length",
                                        "ARRAY_LENGTH",
                                        "text_match",
                                        "TEXT_MATCH",
                                        "phrase_match",
                                        "PHRASE_MATCH",
                                        "random_sample",
                                        "RANDOM_SAMPLE"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(name, words[i]) == 0) return true;
    return false;
}

static MilvusStatus *bad_field(struct milvus_call *call, const char *name, const char *why)
{
    return milvus_status(call, MILVUS_FIELD_NAME,
                         "Invalid field name: %.300s. %s: field name invalid[field=%.300s]", name,
                         why, name);
}

MilvusStatus *milvus_check_field_name(struct milvus_call *call, const char *name)
{
    if (!*name)
        return milvus_status(call, MILVUS_FIELD_NAME,
                             "field name should not be empty: field name invalid[field=]");
    if (is_reserved(name)) {
        char why[320];
        (void)snprintf(why, sizeof why, "%s is keyword in milvus.", name);
        return bad_field(call, name, why);
    }
    switch (judge(name, false, "")) {
    case FINE:
    case EMPTY: return NULL;
    case LONG:
        return bad_field(call, name,
                         "The length of a field name must be less than 255 characters.");
    case FIRST:
        return bad_field(call, name,
                         "The first character of a field name must be an underscore or letter.");
    case OTHER: break;
    }
    return bad_field(call, name, "Field name can only contain numbers, letters, and underscores.");
}

static MilvusStatus *plain(struct milvus_call *call, const char *what, const char *name,
                           const char *why)
{
    return milvus_status(call, MILVUS_PLAIN, "Invalid %s name: %.300s. %s", what, name, why);
}

MilvusStatus *milvus_check_partition_name(struct milvus_call *call, const char *name)
{
    static const char what[] = "partition";
    switch (judge(name, true, "-")) {
    case FINE: return NULL;
    case EMPTY: return plain(call, what, name, "Partition name should not be empty.");
    case LONG:
        return plain(call, what, name,
                     "The length of a partition name must be less than 255 characters.");
    case FIRST:
        return plain(call, what, name,
                     "The first character of a partition name must be an underscore or letter.");
    case OTHER: break;
    }
    return plain(call, what, name,
                 "Partition name can only contain numbers, letters and underscores.");
}

MilvusStatus *milvus_check_index_name(struct milvus_call *call, const char *name)
{
    static const char what[] = "index";
    switch (judge(name, false, "")) {
    case FINE:
    case EMPTY: return NULL; /* it gets the field's */
    case LONG:
        return plain(call, what, name,
                     "The length of a index name must be less than 255 characters.");
    case FIRST:
        return plain(call, what, name,
                     "The first character of a index name must be an underscore or letter.");
    case OTHER: break;
    }
    return plain(call, what, name,
                 "Index name can only contain numbers, letters, and underscores.");
}

static MilvusStatus *bad_database(struct milvus_call *call, const char *name, const char *why)
{
    return milvus_status(call, MILVUS_DATABASE_NAME, "%s: invalid database name[database=%.300s]",
                         why, name);
}

MilvusStatus *milvus_check_database_name(struct milvus_call *call, const char *name)
{
    switch (judge(name, false, "")) {
    case FINE: return NULL;
    case EMPTY: return bad_database(call, name, "database name couldn't be empty");
    case LONG:
        return bad_database(call, name,
                            "the length of a database name must be less than 255 characters");
    case FIRST:
        return bad_database(
            call, name, "the first character of a database name must be an underscore or letter");
    case OTHER: break;
    }
    return bad_database(call, name,
                        "database name can only contain numbers, letters and underscores");
}
