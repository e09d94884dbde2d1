/*
 * Clients that mean harm, or are very many: idle ones (N1), those that ask and do not read (N2),
 * those that announce what nobody could send (N3), and a storm of connections (N4). What must hold
 * is memory, and that others are served meanwhile.
 *
 * Small by default; KITH_N1, KITH_N2 and KITH_N4 say how many clients, for the long run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/hostile.h"

#include "base/alloc.h"

/* ---- no memory ---- */

/* Whoever comes while there is no memory is turned away; whoever comes later is served. */
static void test_accept_without_memory(void **state)
{
    (void)state;
    struct hostile hostile = { 0 };
    const uint16_t port = hostile_start(&hostile, (struct net_limits){ 0 });
    char byte;
    assert_true(hostile_works(port));
    alloc_fault_arm(1, true);
    int fds[8];
    for (int i = 0; i < 8; i++) fds[i] = hostile_dial(port);
    for (int i = 0; i < 8; i++) assert_int_equal(recv(fds[i], &byte, 1, 0), 0);
    alloc_fault_disarm();
    for (int i = 0; i < 8; i++) (void)close(fds[i]);
    assert_true(hostile_works(port));
    struct net_stats stats;
    net_stats_get(hostile.net, &stats);
    assert_int_equal(stats.refused, 8);
    hostile_stop(&hostile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accept_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
