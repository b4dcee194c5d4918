/* What the tests of the self-test and of the quarantine share: a small network whose kernels are known, a cache folder of their own, what
 * stands in its kernels.txt. */
#ifndef ICN_TEST_VETTING_STAGE_H
#define ICN_TEST_VETTING_STAGE_H

#include "executor.h"
#include "fault/play.h"
#include "kernel_log.h"

/* What the network runs where nothing is wrong. */
enum { MOST_KERNELS = 32 };
typedef struct chosen {
  char row[64], kernel[64]; /* a kernel function, and the first row that launches it */
} chosen;
extern chosen chosen_kernels[MOST_KERNELS];
extern size_t chosen_count;

/* cmocka's set-up and tear-down of a group: *state is the stage. */
int vetting_set_up(void **state);
int vetting_tear_down(void **state);

/* The folder of this process, and the file in it. */
const char *vetting_cache(void);
const char *vetting_file(void);
void vetting_fresh_cache(void);
/* With the self-test on, in that folder. */
play_scenario vetting_scenario(void);
/* Plays, and asserts that it was orderly. */
icn_status vetting_play(play_stage *stage, const play_scenario *s, bool *right, icn_error *error);

/* What stands in kernels.txt, nothing where there is none; fini it. */
icn_kernel_log vetting_read_log(void);
void vetting_write_log(const icn_kernel_log *log);
size_t vetting_lines(icn_kernel_state state);
/* Runs the tool in that folder under settings; its exit code (128 and the signal, when it crashed). `said` has room for VETTING_SAID. */
enum { VETTING_SAID = 1 << 17 };
int vetting_tool(const char *settings, const char *arguments, char *said);

#endif
