/*
 * The tables of command.h that have no file of their own yet, empty, so that the door links.
 * Whoever writes one takes it out here.
 */
#include "redis/command.h"

#define EMPTY_TABLE(table) const struct command table[] = {{.name = NULL}}

EMPTY_TABLE(scache_commands);
