/* host_flow [FAMILY]: every kernel case, or those of one family, through a driver whose device does not execute kernels (a vendor's driver
 * without its hardware).
 *
 * On the first GPU, each row that takes a case is configured, packed, built, bound, enqueued and its buffers are read back. What stands in
 * them is not judged; that each call succeeds is, and where local memory is real every row for GPUs must take some case (without FAMILY).
 * Prints what failed, then the counts. Exit: 0 good, 1 something failed, 2 no GPU. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel_check.h"

enum { MAX_ROWS = 256, SHOWN = 20 };

typedef struct flow {
  icn_context *context;
  icn_runtime *runtime;
  const icn_device_desc *device;
  size_t ran[MAX_ROWS], total, failed, judged_wrong;
} flow;

static void try_row(flow *f, size_t row_index, const icn_problem *problem, const icn_case_data *data) {
  const icn_row *row = icn_row_at(row_index);
  icn_check_result result;
  char key[ICN_KEY_BYTES];
  const icn_check_outcome outcome = icn_kernel_check(f->runtime, f->device, row, problem, data, false, &result);
  if (outcome == ICN_CHECK_DECLINED) return;
  f->ran[row_index]++;
  f->total++;
  if (outcome == ICN_CHECK_WRONG) f->judged_wrong++;
  if (outcome == ICN_CHECK_RIGHT || outcome == ICN_CHECK_WRONG) return;
  if (f->failed++ < SHOWN) printf("row %s, %s: %s\n", row->name, icn_problem_key(problem, key), result.text);
}

static bool try_case(flow *f, const icn_case *c, icn_error *error) {
  icn_case_data data;
  if (icn_case_data_make(&data, c, ICN_CASE_RANDOM, NULL, error) != ICN_OK) return false;
  for (icn_case_layout layout = ICN_CASE_DENSE; layout < ICN_CASE_LAYOUTS; layout++) {
    icn_problem problem;
    if (!icn_case_problem(c, layout, &problem)) continue;
    for (size_t i = 0; i < icn_row_count(); i++)
      if (icn_row_at(i)->op == problem.op) try_row(f, i, &problem, &data);
  }
  icn_case_data_free(&data);
  return true;
}

static bool try_family(flow *f, const char *family, icn_error *error) {
  icn_case_list list;
  if (icn_cases_make(family, NULL, &list, error) != ICN_OK) return false;
  bool ok = true;
  for (size_t i = 0; i < list.count && ok; i++)
    if ((list.cases[i].flags & ICN_CASE_LARGE) == 0) ok = try_case(f, &list.cases[i], error);
  icn_cases_free(&list);
  return ok;
}

/* 0 when there is no GPU. */
static int open_gpu(flow *f, icn_error *error) {
  if (icn_context_create(NULL, &f->context, error) != ICN_OK) return -1;
  for (size_t i = 0; i < icn_context_device_count(f->context); i++) {
    const icn_device *device = icn_context_device(f->context, i);
    if (icn_device_get_info(device).kind != ICN_DEVICE_GPU) continue;
    if (icn_runtime_create(f->context, device, NULL, &f->runtime, error) != ICN_OK) return -1;
    f->device = icn_runtime_desc(f->runtime);
    return 1;
  }
  return 0;
}

static void close_gpu(flow *f) {
  icn_runtime_destroy(f->runtime);
  icn_context_destroy(f->context);
}

/* Rows for GPUs that took no case. */
static size_t unused_rows(const flow *f) {
  size_t unused = 0;
  for (size_t i = 0; i < icn_row_count(); i++) {
    const icn_row *row = icn_row_at(i);
    if (row->target != ICN_TARGET_GPU || f->ran[i] > 0 || !f->device->local_is_real) continue;
    printf("row %s took no case\n", row->name);
    unused++;
  }
  return unused;
}

int main(int argc, char **argv) {
  static flow f;
  icn_error error = {ICN_OK, ""};
  if (icn_row_count() > MAX_ROWS) return 1;
  const int found = open_gpu(&f, &error);
  if (found == 0) printf("no GPU: %s\n", icn_context_opencl_problem(f.context));
  bool ok = found > 0;
  if (ok && argc > 1) ok = try_family(&f, argv[1], &error);
  for (size_t i = 0; ok && argc < 2 && icn_case_family(i) != NULL; i++) ok = try_family(&f, icn_case_family(i), &error);
  if (!ok && found != 0) printf("%s\n", error.message);
  const size_t unused = ok && argc < 2 ? unused_rows(&f) : 0;
  if (ok)
    printf("%s, driver %s: %zu runs of rows, %zu failed calls, %zu with wrong results\n", f.device->name, f.device->driver, f.total,
           f.failed, f.judged_wrong);
  const int code = found == 0 ? 2 : ok && f.failed == 0 && unused == 0 ? 0 : 1;
  close_gpu(&f);
  return code;
}
