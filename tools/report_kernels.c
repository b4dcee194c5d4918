/* Stages of `clinception report` that run kernels: rates, kernel cases, benchmarks. */
#include <stdio.h>
#include <string.h>

#include "bench_classes.h"
#include "measure.h"
#include "os.h"
#include "report.h"
#include "select.h"
#include "terminal.h"

enum { GIVE_UP_AFTER = 3 };              /* builds or calls that fail: each may take long, and the next will hardly do better */
static const double BUILD_SECONDS = 0.3; /* all programs of a row */
static const double QUICK_BENCH_SECONDS = 0.06, FULL_BENCH_SECONDS = 0.25;

bool report_row_is_skipped(const report *r, const icn_row *row) {
  return icn_list_has(r->skip, row->name) || (r->only != NULL && !icn_list_has(r->only, row->name));
}

/* ------------------------------------------------------------------- rates */

int report_measure(report *r) {
  icn_error error;
  int code = report_step(r, true, "measuring", "measuring the peak, the bandwidth and a launch of the device");
  if (code != TOOL_OK) return code;
  double flop = 0, bytes = 0, launch = 0;
  icn_status status = icn_device_measure(r->s.context, r->device, &flop, &bytes, &error);
  if (status == ICN_OK) status = icn_device_measure_launch(r->s.context, r->device, &launch, &error);
  if (status != ICN_OK) {
    snprintf(r->measure_problem, sizeof r->measure_problem, "%s", error.message);
    return TOOL_OK;
  }
  if (flop > r->desc.flop_per_second) r->desc.flop_per_second = flop;
  if (bytes > r->desc.bytes_per_second) r->desc.bytes_per_second = bytes;
  if (r->desc.launch_seconds <= 0 || launch < r->desc.launch_seconds) r->desc.launch_seconds = launch;
  return TOOL_OK;
}

/* ------------------------------------------------------------ kernel cases */

/* Of an operation; those that are skipped do not count. */
static size_t rows_of(const report *r, icn_op op) {
  size_t count = 0;
  for (size_t i = 0; i < icn_row_count(); i++) count += icn_row_at(i)->op == op && !report_row_is_skipped(r, icn_row_at(i));
  return count;
}

static bool is_wanted(const report *r, const icn_case *c) {
  return (!r->quick || (c->flags & ICN_CASE_LARGE) == 0) && rows_of(r, c->problem.op) > 0;
}

/* The reference computes at some 3 GFLOP/s, twice for random values; a kernel run twice costs some 0.8 ms for buffers and comparing. */
static double case_work(const report *r, const icn_case *c) {
  const double flop = icn_problem_flop(&c->problem), rows = (double)rows_of(r, c->problem.op);
  const double modes = icn_case_has_mode(c, ICN_CASE_EXACT) ? 2 : 1;
  return 1.5 * modes * flop / 3e9 + modes * 2 * rows * (0.8e-3 + flop / 10e9);
}

/* One row on one case in one layout. */
static int run_row(report *r, icn_runtime *runtime, size_t index, const icn_problem *problem, const icn_case_data *data,
                   icn_case_layout layout) {
  const icn_row *row = icn_row_at(index);
  row_result *result = &r->rows[index];
  char key[ICN_KEY_BYTES];
  if (result->given_up || result->skipped) return TOOL_OK;
  const icn_case *c = data->source;
  const char *layout_name = icn_case_layout_name(layout), *mode_name = icn_case_mode_name(data->mode);
  icn_problem_key(problem, key);
  const int code = report_step(r, result->runs == 0, row->name, "kernel cases: row %s on %s, layout %s, %s values", row->name, key,
                               layout_name, mode_name);
  if (code != TOOL_OK) return code;
  icn_check_result check;
  const double start = icn_os_seconds();
  icn_kernel_check(runtime, icn_runtime_desc(runtime), row, problem, data, (c->flags & ICN_CASE_LARGE) == 0, &check);
  result->seconds += icn_os_seconds() - start;
  if (check.outcome == ICN_CHECK_DECLINED) {
    result->declined++;
    snprintf(result->last_decline, sizeof result->last_decline, "%.*s", ICN_REASON_BYTES - 1, check.text);
    return TOOL_OK;
  }
  result->runs++;
  result->right += check.outcome == ICN_CHECK_RIGHT;
  result->wrong += check.outcome == ICN_CHECK_WRONG;
  result->not_built += check.outcome == ICN_CHECK_NOT_BUILT;
  result->failed += check.outcome == ICN_CHECK_FAILED;
  if (check.error > result->largest_error) result->largest_error = check.error;
  if (check.outcome != ICN_CHECK_RIGHT && result->problem[0] == '\0')
    snprintf(result->problem, sizeof result->problem, "%s, layout %s, %s values (seed %llu): %s", key, layout_name, mode_name,
             (unsigned long long)c->seed, check.text);
  result->given_up = result->not_built + result->failed >= GIVE_UP_AFTER;
  return TOOL_OK;
}

static int run_rows(report *r, icn_runtime *runtime, const icn_problem *problem, const icn_case_data *data, icn_case_layout layout) {
  int code = TOOL_OK;
  for (size_t i = 0; i < icn_row_count() && code == TOOL_OK && !terminal_interrupted(); i++)
    if (icn_row_at(i)->op == problem->op) code = run_row(r, runtime, i, problem, data, layout);
  return code;
}

static int run_case(report *r, icn_runtime *runtime, const icn_case *c) {
  icn_error error;
  int code = TOOL_OK;
  r->cases++;
  for (icn_case_mode mode = ICN_CASE_EXACT; mode < ICN_CASE_MODES && code == TOOL_OK && !terminal_interrupted(); mode++) {
    if (!icn_case_has_mode(c, mode)) continue;
    icn_case_data data;
    if (icn_case_data_make(&data, c, mode, NULL, &error) != ICN_OK) return tool_error(&error);
    for (icn_case_layout layout = ICN_CASE_DENSE; layout < ICN_CASE_LAYOUTS && code == TOOL_OK; layout++) {
      icn_problem problem;
      if (icn_case_problem(c, layout, &problem)) code = run_rows(r, runtime, &problem, &data, layout);
    }
    icn_case_data_free(&data);
  }
  r->work_done += case_work(r, c);
  return code;
}

/* Runs each case that is wanted; without a runtime it only adds up the work. */
static int each_case(report *r, icn_runtime *runtime) {
  icn_error error;
  int code = TOOL_OK;
  for (size_t f = 0; icn_case_family(f) != NULL && code == TOOL_OK; f++) {
    icn_case_list list;
    if (icn_cases_make(icn_case_family(f), NULL, &list, &error) != ICN_OK) return tool_error(&error);
    for (size_t i = 0; i < list.count && code == TOOL_OK && !terminal_interrupted(); i++) {
      if (!is_wanted(r, &list.cases[i])) continue;
      if (runtime == NULL)
        r->work += case_work(r, &list.cases[i]);
      else
        code = run_case(r, runtime, &list.cases[i]);
    }
    icn_cases_free(&list);
  }
  return code;
}

int report_plan_kernel_cases(report *r) {
  for (size_t i = 0; i < icn_row_count(); i++)
    if (!report_row_is_skipped(r, icn_row_at(i))) r->work += BUILD_SECONDS;
  return each_case(r, NULL);
}

int report_kernel_cases(report *r) {
  icn_error error;
  icn_runtime *runtime = NULL;
  if (icn_runtime_create(r->s.context, r->device, NULL, &runtime, &error) != ICN_OK) return tool_error(&error);
  for (size_t i = 0; i < icn_row_count(); i++) r->rows[i].skipped = report_row_is_skipped(r, icn_row_at(i));
  const int code = each_case(r, runtime);
  icn_runtime_destroy(runtime);
  return code;
}

/* -------------------------------------------------------------- benchmarks */

static double bench_seconds(const report *r) { return r->quick ? QUICK_BENCH_SECONDS : FULL_BENCH_SECONDS; }

static double class_work(const report *r, const icn_case *c) {
  const double flop = icn_problem_flop(&c->problem), rows = r->quick ? 1 : (double)rows_of(r, c->problem.op);
  return 2 * flop / 3e9 + rows * (bench_seconds(r) + 0.03);
}

int report_plan_benchmarks(report *r) {
  icn_error error;
  icn_case c;
  for (size_t i = 0; icn_bench_class(i) != NULL; i++) {
    if (icn_bench_class_case(i, &c, &error) != ICN_OK) return tool_error(&error);
    if (rows_of(r, c.problem.op) > 0) r->work += class_work(r, &c);
  }
  return TOOL_OK;
}

static int bench_row(report *r, icn_runtime *runtime, size_t class_index, const icn_row *row, bool chosen, const icn_problem *problem,
                     const icn_case_data *data) {
  icn_error error;
  if (r->bench_count == MAX_BENCHES) return TOOL_OK;
  bench_result *b = &r->benches[r->bench_count];
  memset(b, 0, sizeof *b);
  b->class_index = class_index;
  b->row = row;
  b->chosen = chosen;
  b->flop = icn_problem_flop(problem);
  b->bytes = icn_problem_bytes(problem);
  icn_problem_key(problem, b->key);
  const int code = report_step(r, true, icn_bench_class(class_index), "benchmark: row %s on %s", row->name, b->key);
  if (code != TOOL_OK) return code;
  icn_check_result check;
  if (icn_kernel_check(runtime, icn_runtime_desc(runtime), row, problem, data, false, &check) == ICN_CHECK_DECLINED) return TOOL_OK;
  r->bench_count++;
  b->error = check.error;
  if (check.outcome != ICN_CHECK_RIGHT)
    snprintf(b->problem, sizeof b->problem, "%s", check.text);
  else if (icn_row_measure(runtime, row, problem, bench_seconds(r), &b->seconds, &error) != ICN_OK)
    snprintf(b->problem, sizeof b->problem, "%s", error.message);
  return TOOL_OK;
}

static int bench_class(report *r, icn_runtime *runtime, size_t index) {
  icn_error error;
  icn_case c;
  icn_case_data data;
  icn_problem problem;
  icn_choice choice;
  int code = TOOL_OK;
  if (icn_bench_class_case(index, &c, &error) != ICN_OK) return tool_error(&error);
  if (rows_of(r, c.problem.op) == 0) return TOOL_OK;
  icn_case_problem(&c, ICN_CASE_DENSE, &problem);
  const icn_row *chosen = NULL; /* none: the device takes no row of this operation, which the kernel cases tell */
  if (icn_select(&problem, icn_runtime_desc(runtime), NULL, icn_bench_class(index), &choice, NULL, &error) == ICN_OK) chosen = choice.row;
  if (icn_case_data_make(&data, &c, ICN_CASE_RANDOM, NULL, &error) != ICN_OK) return tool_error(&error);
  for (size_t i = 0; i < icn_row_count() && code == TOOL_OK && !terminal_interrupted(); i++) {
    const icn_row *row = icn_row_at(i);
    if (row->op != problem.op || report_row_is_skipped(r, row) || (r->quick && row != chosen)) continue;
    if (r->rows[i].given_up) continue;
    code = bench_row(r, runtime, index, row, row == chosen, &problem, &data);
  }
  icn_case_data_free(&data);
  r->work_done += class_work(r, &c);
  return code;
}

int report_benchmarks(report *r) {
  icn_error error;
  icn_runtime *runtime = NULL;
  int code = TOOL_OK;
  if (icn_runtime_create(r->s.context, r->device, NULL, &runtime, &error) != ICN_OK) return tool_error(&error);
  for (size_t i = 0; icn_bench_class(i) != NULL && code == TOOL_OK && !terminal_interrupted(); i++) code = bench_class(r, runtime, i);
  icn_runtime_destroy(runtime);
  return code;
}
