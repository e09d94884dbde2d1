/*
 * A session in one line: CLIENT LIST, CLIENT INFO, ACL LOG.
 */
#ifndef KITH_REDIS_CLIENT_LINE_H
#define KITH_REDIS_CLIENT_LINE_H

#include "redis/redis_internal.h"

void client_line(const struct session *session, struct buffer *out); /* ends with \n */
#define CLIENT_NAME_ERROR                                                                          \
    "ERR Client names cannot contain spaces, newlines or special characters."
bool client_name_is_good(struct kith_str name); /* may be empty */
/* An empty text is NULL. false: no memory, nothing changed. */
bool client_set_text(char **at, struct kith_str text);
enum client_type { CLIENT_NORMAL, CLIENT_REPLICA, CLIENT_PUBSUB };
enum client_type client_type(const struct session *session);

#endif
