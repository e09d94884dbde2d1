/*
 * Databases.
 */
#include <string.h>

#include "base/checksum.h"
#include "milvus/milvus_internal.h"

#define NUMBER_MASK UINT64_C(0x1fffffffffffff) /* exact in a double, which some clients use */

int64_t milvus_database_id(const char *database)
{
    if (strcmp(database, "default") == 0) return 1;
    return (int64_t)(hash64(database, strlen(database), 1) & NUMBER_MASK) | 2;
}
