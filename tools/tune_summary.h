/* The parts of `clinception tune`: what there is to measure, what was found of each problem, and how it is told. */
#ifndef ICN_TOOLS_TUNE_SUMMARY_H
#define ICN_TOOLS_TUNE_SUMMARY_H

#include "session.h"
#include "tune.h"

typedef struct tuned_problem {
  const icn_tune_problem *problem;
  size_t candidates;
  bool begun;
  icn_tune_outcome outcome;
} tuned_problem;

/* A model in one batch. */
typedef struct tuned_network {
  const char *path;
  long batch;
  size_t problems, added; /* distinct ones; those that no network before it has */
} tuned_network;

typedef struct tune {
  session s;
  session_options so;
  const char *path; /* the tuning file */
  double budget;
  bool dry_run, json, all, fresh;
  text_list models; /* those that were named */
  tuned_network *networks;
  size_t network_count;
  const icn_device *device;
  icn_tune_problem *problems; /* of all networks, each once, the most expensive first */
  tuned_problem *results;     /* one for each problem, the same order */
  size_t problem_count, current;
  size_t known; /* problems that the file knows already; without --fresh they are left out */
  double began, took;
  bool too_short; /* some problems were left out: what was left of the budget was less than one measurement takes */
} tune;

/* Fills networks and problems. */
int tune_find_problems(tune *t);
/* Takes away what the file knows already, unless --fresh asks for it. `device`: what it is called there. */
int tune_leave_known(tune *t, const char *device);
void tune_free_problems(tune *t);

/* Totals over the problems that were measured, each as often as the plan has it. */
typedef struct tune_totals {
  size_t tuned, improved, tried, wrong, refused;
  double expected, untuned, best; /* seconds: of the cost model, measured before, measured after */
} tune_totals;
tune_totals tune_totals_of(const tune *t);
/* What was to be measured, for --dry-run and a budget of 0. */
int tune_print_work(const tune *t);
int tune_print_summary(const tune *t);

#endif
