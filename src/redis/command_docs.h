/*
 * What commands are for and how they are written, for COMMAND DOCS: redis-cli makes its help and
 * its hints of it.
 *
 * The arguments of a command are one line, as a manual has it:
 *
 *     key value [NX|XX] [GET] [EX seconds|PX milliseconds|KEEPTTL]
 *
 * Upper case is a word to type, lower case the name of a value; [] may be missing, <> is a choice
 * that must be made, () belongs together; "..." may be repeated. What type a value has follows from
 * its name.
 */
#ifndef KITH_REDIS_COMMAND_DOCS_H
#define KITH_REDIS_COMMAND_DOCS_H

#include "proto/resp.h"

struct command_doc {
    const char *name; /* "config|get" */
    const char *since;
    const char *summary;
    const char *arguments;
};

extern const struct command_doc value_docs[];  /* ends with a NULL name: strings, keys, lists ... */
extern const struct command_doc server_docs[]; /* the connection, the server, users */
extern const struct command_doc search_docs[]; /* vector sets, JSON, indexes, semantic caches */

/* NULL: there is none. */
const struct command_doc *command_doc(const char *name);
/* An array of maps; arguments is not "". */
void command_doc_arguments(struct resp *reply, const char *arguments);

#endif
