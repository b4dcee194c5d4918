/* One configured kernel row on one problem, with everything on the device that it needs, to be timed: made-up values, and packed weights in
 * copies that take turns, so that they come from memory as in a network. */
#ifndef ICN_HOST_TRIAL_H
#define ICN_HOST_TRIAL_H

#include "runtime.h"

typedef struct icn_trial icn_trial;

/* `row` applies to `problem`; config NULL: what the row chooses itself. *trial is NEW. Fails: ICN_BUILD, ICN_UNSUPPORTED (the compiled
 * kernel is above the device's limits), ICN_DEVICE, ICN_NO_MEMORY. */
icn_status icn_trial_create(icn_runtime *runtime, const icn_row *row, const icn_problem *problem, const icn_config *config,
                            icn_trial **trial, icn_error *error);
void icn_trial_destroy(icn_trial *trial);
/* Seconds of one run, as the mean of `runs` one after another. */
icn_status icn_trial_run(icn_trial *trial, int runs, double *seconds, icn_error *error);
/* So many runs of `seconds` each that a clock measures them well. */
int icn_trial_runs(double seconds);

#endif
