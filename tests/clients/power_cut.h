/*
 * Cutting the power of a folder: it is an ext4 file system in an image behind a loop device. A cut
 * stops the process, copies the image as it is (with what the file system had pushed to its device,
 * nothing else), kills the process, and mounts the copy in place of the image. Needs root, loop
 * devices and mkfs.ext4.
 *
 * disk_open proves first that a cut is one: a file that was synced is kept, one that was not is
 * lost.
 */
#ifndef KITH_TESTS_CLIENTS_POWER_CUT_H
#define KITH_TESTS_CLIENTS_POWER_CUT_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char disk_base[64]; /* holds d.img, cut.img and mnt */

/* In the folder of the disk; true: it worked. */
static bool disk_shell(const char *what)
{
    char command[512];
    (void)snprintf(command, sizeof command, "cd '%s' && (%s) >/dev/null 2>&1", disk_base, what);
    return system(command) == 0;
}

static double disk_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Copies what a power cut now would leave. What waits for the device meanwhile is not in it. */
static bool disk_copy(void) { return disk_shell("cp --sparse=always d.img cut.img"); }

/* The copy becomes the disk; nobody uses the old one any more. */
static bool disk_swap(void)
{
    return disk_shell("umount mnt && mount -o loop cut.img mnt && mv cut.img d.img");
}

static bool disk_proves_itself(void)
{
    return disk_shell("echo kept > mnt/kept && sync mnt/kept && echo lost > mnt/lost && "
                      "cp --sparse=always d.img cut.img") &&
           disk_swap() && disk_shell("test -s mnt/kept && ! test -s mnt/lost");
}

/* false: this machine cannot. */
static bool disk_open(void)
{
    (void)snprintf(disk_base, sizeof disk_base, "/tmp/kith-power-cut-XXXXXX");
    if (geteuid() != 0 || !mkdtemp(disk_base)) return false;
    return disk_shell("truncate -s 192M d.img && mkdir mnt && mkfs.ext4 -qF d.img && "
                      "mount -o loop d.img mnt") &&
           disk_proves_itself();
}

static void disk_close(void)
{
    if (!*disk_base) return;
    (void)disk_shell("umount mnt");
    (void)disk_shell("rm -rf \"$PWD\"");
}

#endif
