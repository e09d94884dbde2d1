/*
 * A mutex that is taken only if nobody has it: for threads that have other work than to wait.
 */
#ifndef KITH_OS_THREAD_TRY_H
#define KITH_OS_THREAD_TRY_H

#include "os/thread.h"

bool os_mutex_try(struct os_mutex *mutex); /* false: somebody has it */

#endif
