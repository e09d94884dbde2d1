/*
 * The load tester, `kith bench`. This is the room's whole contract with the program.
 *
 * argv[0] is "bench", argv[1] the kind of measurement. Results go to standard output, progress and
 * errors to standard error. Returns the process's exit status: 0; 1 something failed; 2 the command
 * line is wrong.
 */
#ifndef KITH_BENCH_BENCH_H
#define KITH_BENCH_BENCH_H

int bench_main(int argc, char **argv);

#endif
