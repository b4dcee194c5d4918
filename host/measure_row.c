/* The time of one kernel row on one problem. */
#include "measure.h"
#include "os.h"
#include "trial.h"

enum { LEAST_BATCHES = 2 };

static icn_status time_batches(icn_trial *t, double budget, double *best, icn_error *error) {
  icn_status status = ICN_OK;
  double seconds = 0;
  const double start = icn_os_seconds();
  ICN_TRY(icn_trial_run(t, 1, &seconds, error)); /* touches the pages; some drivers compile here */
  ICN_TRY(icn_trial_run(t, 1, best, error));
  const int runs = icn_trial_runs(*best);
  for (int batch = 0; batch < LEAST_BATCHES || icn_os_seconds() - start < budget; batch++) {
    ICN_TRY(icn_trial_run(t, runs, &seconds, error));
    if (seconds < *best) *best = seconds;
  }
done:
  return status;
}

icn_status icn_row_measure(icn_runtime *runtime, const icn_row *row, const icn_problem *problem, double budget_seconds, double *seconds,
                           icn_error *error) {
  icn_trial *trial = NULL;
  icn_status status = icn_trial_create(runtime, row, problem, NULL, &trial, error);
  if (status == ICN_OK) status = time_batches(trial, budget_seconds, seconds, error);
  icn_trial_destroy(trial);
  return status;
}
