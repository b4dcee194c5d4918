#include "tune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os.h"
#include "row_space.h"
#include "trial.h"

enum { MOST_CANDIDATES = 1024, LEADERS = 4, LEAST_ROUNDS = 3, MOST_ROUNDS = 15 };
static const double HOPELESS = 8;            /* times the least expected: tried last */
static const double SLOW = 4;                /* times the fastest: no contender of the last rounds */
static const double NOISE = 1.02;            /* what a row chooses itself stays unless another is faster by more */
static const double REFERENCE_RATE = 4e8;    /* operations a second, about */
static const double OVERHEAD_SECONDS = 0.02; /* of a candidate, with its program at hand */
static const double LAST_ROUNDS_SECONDS = 2; /* at most, but for the least number of rounds */

typedef struct candidate {
  const icn_row *row;
  icn_config config;
  double cost, seconds; /* expected; measured (0: not yet, or not usable) */
  int group;            /* 0: what selection takes; 1: what a row chooses; 2: its other configurations; 3: hopeless ones */
} candidate;

typedef struct tuning {
  icn_runtime *runtime;
  const icn_device_desc *device;
  const icn_tune_problem *problem;
  const icn_tune_watch *watch;
  icn_allocator allocator;
  candidate *candidates;
  size_t count;
  icn_case source;
  icn_case_data data;
  icn_check_bounds bounds;
  double best; /* seconds of the fastest so far, 0: none */
  icn_tune_outcome *outcome;
} tuning;

/* -------------------------------------------------------------- candidates */

static bool same_config(const icn_config *a, const icn_config *b) { return memcmp(a, b, sizeof *a) == 0; }

static bool is_known(const candidate *list, size_t count, const icn_row *row, const icn_config *config) {
  for (size_t i = 0; i < count; i++)
    if (list[i].row == row && same_config(&list[i].config, config)) return true;
  return false;
}

static void add(const icn_tune_problem *p, const icn_device_desc *device, const icn_row *row, const icn_config *config, int group,
                candidate *list, size_t *count) {
  if (*count == MOST_CANDIDATES || is_known(list, *count, row, config) || !icn_row_takes(row, &p->problem, device, config, NULL)) return;
  const bool taken = row == p->row && same_config(config, &p->config);
  const double cost = row->cost(&p->problem, device, config);
  list[(*count)++] = (candidate){.row = row, .config = *config, .cost = cost, .group = taken ? 0 : group};
}

/* What selection takes comes first: it may be shipped, and not among the row's configurations. */
static void add_row(const icn_tune_problem *p, const icn_device_desc *device, const icn_row *row, candidate *list, size_t *count) {
  const size_t configs = icn_row_space(row, &p->problem, device, 0, NULL);
  icn_config config;
  if (row == p->row) add(p, device, row, &p->config, 0, list, count);
  for (size_t i = 0; i < configs; i++) {
    (void)icn_row_space(row, &p->problem, device, i, &config);
    add(p, device, row, &config, i == 0 ? 1 : 2, list, count);
  }
}

static int in_order(const void *left, const void *right) {
  const candidate *a = left, *b = right;
  if (a->group != b->group) return a->group - b->group;
  if (a->cost != b->cost) return a->cost < b->cost ? -1 : 1;
  const int rows = strcmp(a->row->name, b->row->name);
  return rows != 0 ? rows : memcmp(&a->config, &b->config, sizeof a->config);
}

/* Every row that applies, each configuration once, the most promising first. */
static size_t list_candidates(const icn_tune_problem *p, const icn_device_desc *device, candidate *list) {
  size_t count = 0;
  double least = -1;
  for (size_t i = 0; i < icn_row_count(); i++) {
    const icn_row *row = icn_row_at(i);
    if (row->op != p->problem.op || icn_list_has(device->refused_rows, row->name)) continue;
    if (icn_row_common_ok(&p->problem, NULL) && row->applies(&p->problem, device, NULL)) add_row(p, device, row, list, &count);
  }
  for (size_t i = 0; i < count; i++)
    if (least < 0 || list[i].cost < least) least = list[i].cost;
  for (size_t i = 0; i < count; i++)
    if (list[i].group > 0 && !(list[i].cost <= HOPELESS * least)) list[i].group = 3;
  qsort(list, count, sizeof *list, in_order);
  return count;
}

size_t icn_tune_candidate_count(const icn_tune_problem *problem, const icn_device_desc *device) {
  const icn_allocator allocator = icn_allocator_default();
  candidate *list = icn_allocate_array(&allocator, MOST_CANDIDATES, sizeof *list);
  const size_t count = list == NULL ? 0 : list_candidates(problem, device, list);
  icn_release(&allocator, list);
  return count;
}

double icn_tune_least_seconds(const icn_tune_problem *problem) {
  return icn_problem_flop(&problem->problem) / REFERENCE_RATE + 2 * OVERHEAD_SECONDS;
}

/* -------------------------------------------------------------- first look */

static bool is_over(const tuning *t) {
  return icn_os_seconds() >= t->watch->until || (t->watch->stopped != NULL && t->watch->stopped(t->watch->user));
}

static void note_problem(tuning *t, const candidate *c, const icn_check_result *result) {
  icn_tune_outcome *o = t->outcome;
  const bool wrong = result->outcome == ICN_CHECK_WRONG;
  if (o->problem[0] == '\0' || (wrong && o->wrong == 0))
    snprintf(o->problem, sizeof o->problem, "%s on %s (%d,%d,%d,%d,%d,%d): %.300s", c->row->name, t->problem->key, (int)c->config.value[0],
             (int)c->config.value[1], (int)c->config.value[2], (int)c->config.value[3], (int)c->config.value[4], (int)c->config.value[5],
             result->text);
  if (!wrong) {
    o->refused++;
    return;
  }
  o->wrong++;
  for (size_t i = 0; i < o->wrong_row_count; i++)
    if (strcmp(o->wrong_rows[i].row, c->row->name) == 0) return;
  if (o->wrong_row_count < ICN_TUNE_MOST_RESULTS)
    o->wrong_rows[o->wrong_row_count++] = (icn_tune_row){.key = t->problem->key, .row = c->row->name, .config = c->config, .seconds = 0};
}

/* A row that is right in another configuration has a result. */
static void forget_right_ones(icn_tune_outcome *o) {
  size_t kept = 0;
  for (size_t i = 0; i < o->wrong_row_count; i++) {
    bool right = false;
    for (size_t r = 0; r < o->result_count; r++) right = right || strcmp(o->results[r].row, o->wrong_rows[i].row) == 0;
    if (!right) o->wrong_rows[kept++] = o->wrong_rows[i];
  }
  o->wrong_row_count = kept;
}

/* The least of some runs; fewer for what is far behind. */
static icn_status first_time(tuning *t, candidate *c, icn_error *error) {
  icn_status status = ICN_OK;
  icn_trial *trial = NULL;
  double seconds = 0;
  ICN_TRY(icn_trial_create(t->runtime, c->row, &t->problem->problem, &c->config, &trial, error));
  ICN_TRY(icn_trial_run(trial, 1, &seconds, error)); /* touches the pages */
  ICN_TRY(icn_trial_run(trial, 1, &c->seconds, error));
  if (t->best > 0 && c->seconds > SLOW * t->best) goto done;
  const int runs = icn_trial_runs(c->seconds);
  for (int batch = 0; batch < 2; batch++) {
    ICN_TRY(icn_trial_run(trial, runs, &seconds, error));
    if (seconds < c->seconds) c->seconds = seconds;
  }
  if (t->best <= 0 || c->seconds < t->best) t->best = c->seconds;
done:
  if (status != ICN_OK) c->seconds = 0;
  icn_trial_destroy(trial);
  return status;
}

static icn_status look_at(tuning *t, candidate *c, icn_error *error) {
  icn_check_result result;
  icn_error problem;
  t->outcome->tried++;
  icn_kernel_check_config(t->runtime, t->device, c->row, &c->config, &t->problem->problem, &t->data, &t->bounds, false, &result);
  if (result.outcome != ICN_CHECK_RIGHT) {
    note_problem(t, c, &result);
    return ICN_OK;
  }
  icn_error_clear(&problem);
  icn_status status = first_time(t, c, &problem);
  if (status == ICN_OK || status == ICN_NO_MEMORY) return status == ICN_OK ? ICN_OK : icn_error_set(error, status, "%s", problem.message);
  result.outcome = ICN_CHECK_FAILED; /* it computed rightly, and has no room for its copies, or the device gave up */
  snprintf(result.text, sizeof result.text, "%s", problem.message);
  note_problem(t, c, &result);
  return ICN_OK;
}

static icn_status look_at_all(tuning *t, icn_error *error) {
  icn_status status = ICN_OK;
  t->source.problem = t->problem->problem;
  t->source.flags = ICN_CASE_VIEWS_GIVEN;
  t->source.seed = 1;
  const icn_op op = t->source.problem.op;
  if (op == ICN_OP_UNARY || op == ICN_OP_BINARY) t->source.flags |= ICN_CASE_POSITIVE; /* roots and logarithms */
  const icn_case_mode mode = icn_case_has_mode(&t->source, ICN_CASE_EXACT) ? ICN_CASE_EXACT : ICN_CASE_RANDOM;
  ICN_TRY(icn_case_data_make(&t->data, &t->source, mode, &t->allocator, error));
  for (size_t i = 0; i < t->count && (i == 0 || !is_over(t)); i++) {
    candidate *c = &t->candidates[i];
    if (t->watch->begins != NULL) t->watch->begins(t->watch->user, c->row, &c->config, i, t->count);
    ICN_TRY(look_at(t, c, error));
  }
done:
  return status;
}

/* ------------------------------------------------------------- last rounds */

typedef struct contender {
  candidate *c;
  icn_trial *trial;
  int runs;
  double seconds[MOST_ROUNDS], median;
} contender;

static int by_seconds(const void *left, const void *right) {
  const double a = *(const double *)left, b = *(const double *)right;
  return a < b ? -1 : a > b;
}

static int by_first_time(const void *left, const void *right) {
  const candidate *a = left, *b = right;
  if ((a->seconds > 0) != (b->seconds > 0)) return a->seconds > 0 ? -1 : 1;
  return a->seconds < b->seconds ? -1 : a->seconds > b->seconds;
}

static bool row_is_in(const contender *list, size_t count, const icn_row *row) {
  for (size_t i = 0; i < count; i++)
    if (list[i].c->row == row) return true;
  return false;
}

/* The fastest of all, what selection takes, what its row chooses, the best of each row that is not far behind. */
static size_t choose_contenders(tuning *t, contender list[ICN_TUNE_MOST_RESULTS]) {
  size_t count = 0;
  qsort(t->candidates, t->count, sizeof *t->candidates, by_first_time);
  for (size_t i = 0; i < t->count && count < ICN_TUNE_MOST_RESULTS; i++) {
    candidate *c = &t->candidates[i];
    if (c->seconds <= 0) break;
    const bool good = i < LEADERS || (c->seconds <= SLOW * t->best && !row_is_in(list, count, c->row));
    if (good || c->group == 0) list[count++] = (contender){.c = c};
  }
  for (size_t i = 0; i < t->count && count == ICN_TUNE_MOST_RESULTS; i++) /* it must be there to compare with */
    if (t->candidates[i].group == 0 && t->candidates[i].seconds > 0) list[count - 1].c = &t->candidates[i];
  return count;
}

static icn_status alternate(tuning *t, contender *list, size_t count, icn_error *error) {
  icn_status status = ICN_OK;
  const double start = icn_os_seconds();
  int rounds = 0;
  for (size_t i = 0; i < count; i++) {
    ICN_TRY(icn_trial_create(t->runtime, list[i].c->row, &t->problem->problem, &list[i].c->config, &list[i].trial, error));
    ICN_TRY(icn_trial_run(list[i].trial, 1, &list[i].median, error));
    list[i].runs = icn_trial_runs(list[i].c->seconds);
  }
  for (; rounds < MOST_ROUNDS; rounds++) {
    if (rounds >= LEAST_ROUNDS && (is_over(t) || icn_os_seconds() - start > LAST_ROUNDS_SECONDS)) break;
    for (size_t i = 0; i < count; i++) ICN_TRY(icn_trial_run(list[i].trial, list[i].runs, &list[i].seconds[rounds], error));
  }
  for (size_t i = 0; i < count; i++) {
    qsort(list[i].seconds, (size_t)rounds, sizeof(double), by_seconds);
    list[i].median = list[i].seconds[rounds / 2];
  }
done:
  for (size_t i = 0; i < count; i++) icn_trial_destroy(list[i].trial);
  return status;
}

static int by_median(const void *left, const void *right) {
  const contender *a = left, *b = right;
  /* What selection takes by itself needs no reason to stay. */
  const double slack_a = a->c->group <= 1 ? NOISE : 1, slack_b = b->c->group <= 1 ? NOISE : 1;
  const double x = a->median / slack_a, y = b->median / slack_b;
  return x < y ? -1 : x > y;
}

static int by_result(const void *left, const void *right) {
  const icn_tune_row *a = left, *b = right;
  return a->seconds < b->seconds ? -1 : a->seconds > b->seconds;
}

static void keep_results(tuning *t, contender *list, size_t count) {
  icn_tune_outcome *o = t->outcome;
  for (size_t i = 0; i < count; i++)
    if (list[i].c->group == 0) o->untuned_seconds = list[i].median;
  qsort(list, count, sizeof *list, by_median);
  for (size_t i = 0; i < count; i++) {
    if (row_is_in(list, i, list[i].c->row)) continue; /* its best stands before */
    o->results[o->result_count++] =
        (icn_tune_row){.key = t->problem->key, .row = list[i].c->row->name, .config = list[i].c->config, .seconds = list[i].median};
  }
  qsort(o->results, o->result_count, sizeof o->results[0], by_result);
}

static icn_status compare(tuning *t, icn_error *error) {
  contender list[ICN_TUNE_MOST_RESULTS];
  memset(list, 0, sizeof list);
  const size_t count = choose_contenders(t, list);
  bool own = false;
  for (size_t i = 0; i < count; i++) own = own || list[i].c->group == 0;
  /* One candidate of several says nothing, and others beside a choice that was not measured would say too much. */
  const bool chosen_is_bad = t->outcome->tried > 0 && !own && t->outcome->wrong + t->outcome->refused > 0;
  if (count == 0 || (count == 1 && t->count > 1 && !chosen_is_bad)) return ICN_OK;
  icn_status status = alternate(t, list, count, error);
  if (status == ICN_OK) keep_results(t, list, count);
  return status;
}

icn_status icn_tune_run(icn_runtime *runtime, const icn_tune_problem *problem, const icn_tune_watch *watch, icn_tune_outcome *outcome,
                        icn_error *error) {
  icn_status status = ICN_OK;
  tuning t;
  memset(&t, 0, sizeof t);
  memset(outcome, 0, sizeof *outcome);
  t.runtime = runtime;
  t.device = icn_runtime_desc(runtime);
  t.problem = problem;
  t.watch = watch;
  t.allocator = icn_allocator_default();
  t.data.allocator = t.allocator;
  t.outcome = outcome;
  t.candidates = icn_allocate_array(&t.allocator, MOST_CANDIDATES, sizeof *t.candidates);
  if (t.candidates == NULL) ICN_TRY(icn_error_memory(error, MOST_CANDIDATES * sizeof *t.candidates, "the tuner's candidates"));
  t.count = outcome->candidates = list_candidates(problem, t.device, t.candidates);
  ICN_TRY(look_at_all(&t, error));
  ICN_TRY(compare(&t, error));
  forget_right_ones(outcome);
done:
  t.data.allocator = t.allocator; /* also where making the data has failed */
  icn_check_bounds_free(&t.bounds, &t.data);
  icn_case_data_free(&t.data);
  icn_release(&t.allocator, t.candidates);
  return status;
}
