/* The tuner: every applicable row and configuration on a problem, first against the reference, then against the clock. */
#ifndef ICN_HOST_TUNE_H
#define ICN_HOST_TUNE_H

#include "kernel_check.h"
#include "tunedb.h"

/* A distinct problem of a plan, or of what it might have had instead of a layer or two. */
typedef struct icn_tune_problem {
  icn_problem problem;
  char key[ICN_KEY_BYTES];
  size_t layers;      /* that have it, each as often as a run of the plan computes it */
  const icn_row *row; /* what selection takes, and how configured, before anything is measured here */
  icn_config config;
  double expected_seconds; /* of one layer */
} icn_tune_problem;

/* Those of the plan that the options ask for (icn_model_plan), the most expensive first. *problems is NEW, of the context's allocator.
 * Fails: as icn_model_plan. */
icn_status icn_tune_problems(icn_model *model, const icn_plan_options *options, icn_tune_problem **problems, size_t *count,
                             icn_error *error);

/* How many configurations of how many rows there are to try. */
size_t icn_tune_candidate_count(const icn_tune_problem *problem, const icn_device_desc *device);
/* About how long it takes to know what the first one is worth: the reference, a program, some runs. */
double icn_tune_least_seconds(const icn_tune_problem *problem);

typedef struct icn_tune_watch {
  double until;                /* icn_os_seconds() at which no further candidate is begun */
  bool (*stopped)(void *user); /* the same, asked for; may be NULL */
  /* Before each candidate; may be NULL. */
  void (*begins)(void *user, const icn_row *row, const icn_config *config, size_t number, size_t count);
  void *user;
} icn_tune_watch;

enum { ICN_TUNE_MOST_RESULTS = 12 };

/* What was measured of a problem. */
typedef struct icn_tune_outcome {
  size_t candidates, tried, wrong, refused;       /* refused: its program does not build here, or a call failed */
  char problem[800];                              /* the first wrong one, else the first refused one */
  icn_tune_row results[ICN_TUNE_MOST_RESULTS];    /* the best configuration of each row, the fastest first; keys are the problem's */
  size_t result_count;                            /* 0: not even two could be compared */
  icn_tune_row wrong_rows[ICN_TUNE_MOST_RESULTS]; /* with 0 seconds: those that compute wrongly and have no result */
  size_t wrong_row_count;
  double untuned_seconds; /* what selection takes by itself, measured beside them */
} icn_tune_outcome;

/* Wrong rows are counted, told, and in no result. Fails: ICN_NO_MEMORY, ICN_DEVICE (timing what had computed rightly). */
icn_status icn_tune_run(icn_runtime *runtime, const icn_tune_problem *problem, const icn_tune_watch *watch, icn_tune_outcome *outcome,
                        icn_error *error);

#endif
