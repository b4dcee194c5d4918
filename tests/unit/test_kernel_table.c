/* The table of kernel rows: names, files, universal rows, and the helpers that build launches. */

#include "kernel.h"
#include "kernels_embedded.h"
#include "support/icn_test.h"
#include "winograd.h"

typedef struct row_line {
  const char *name;
  icn_op op;
  icn_target target;
  const char *file;
} row_line;

#define ICN_ROW(name, op, target, file, applies, configure, cost, pack_bytes, pack, emit, tolerance) {name, op, target, file},
static const row_line lines[] = {
#include "kernels.def"
};
#undef ICN_ROW

static void names_are_unique(void **state) {
  (void)state;
  assert_int_equal(icn_row_count(), sizeof lines / sizeof lines[0]);
  for (size_t i = 0; i < icn_row_count(); i++) {
    const icn_row *row = icn_row_at(i);
    assert_string_equal(row->name, lines[i].name);
    assert_ptr_equal(icn_row_find(row->name), row); /* the first of that name */
    assert_null(strchr(row->name, ','));            /* names stand in comma-separated lists */
    assert_true(strlen(row->name) > 0 && strlen(row->name) < 32);
  }
  assert_null(icn_row_find("no such row"));
}

static void rows_are_complete(void **state) {
  (void)state;
  for (size_t i = 0; i < icn_row_count(); i++) {
    const icn_row *row = icn_row_at(i);
    assert_non_null(row->applies);
    assert_non_null(row->configure);
    assert_non_null(row->cost);
    assert_non_null(row->emit);
    assert_true((row->pack == NULL) == (row->pack_bytes == NULL));
    assert_true(row->tolerance >= 0 && row->tolerance < 1000);
  }
}

static void files_are_embedded(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    bool found = lines[i].file[0] == '\0';
    for (size_t k = 0; k < icn_kernel_source_count; k++) found = found || strcmp(icn_kernel_sources[k].name, lines[i].file) == 0;
    if (!found) fail_msg("row %s: kernels/%s is not embedded", lines[i].name, lines[i].file);
  }
}

/* Every line `#include "NAME"` of an embedded file names an embedded file, or the one that is made. */
static void includes_are_embedded(void **state) {
  (void)state;
  for (size_t i = 0; i < icn_kernel_source_count; i++) {
    const char *text = icn_kernel_sources[i].text;
    while ((text = strstr(text, "\n#include \"")) != NULL) {
      text += strlen("\n#include \"");
      size_t length = strcspn(text, "\"");
      bool found = strncmp(text, ICN_WINOGRAD_SOURCE "\"", length + 1) == 0;
      for (size_t k = 0; k < icn_kernel_source_count; k++) {
        const char *name = icn_kernel_sources[k].name;
        found = found || (strlen(name) == length && strncmp(name, text, length) == 0);
      }
      if (!found) fail_msg("%s includes %.*s, which is not embedded", icn_kernel_sources[i].name, (int)length, text);
    }
  }
}

/* The first row of each operation is the one that applies everywhere. */
static void every_operation_has_a_universal_row(void **state) {
  (void)state;
  for (icn_op op = ICN_OP_CONV; op <= ICN_OP_COPY; op++) {
    const row_line *first = NULL;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0] && first == NULL; i++)
      if (lines[i].op == op) first = &lines[i];
    if (first == NULL) fail_msg("operation number %d has no kernel row", (int)op);
    assert_non_null(first);
    if (first->target != ICN_TARGET_ANY) fail_msg("the first row of %s is not universal", first->name);
  }
}

static void common_check_declines_what_no_row_can_do(void **state) {
  (void)state;
  icn_problem problem;
  memset(&problem, 0, sizeof problem);
  problem.op = ICN_OP_COPY;
  problem.present = 1;
  icn_shape shape = icn_shape_make(2, (const int64_t[]){3, 5});
  problem.in[0] = problem.out = icn_view_dense(&shape);
  icn_reason why;
  assert_true(icn_row_common_ok(&problem, &why));
  problem.precision = ICN_PRECISION_FP16;
  assert_false(icn_row_common_ok(&problem, &why));
  assert_string_equal(why.text, "only fp32 is computed");
  problem.precision = ICN_PRECISION_FP16W; /* has no weights */
  assert_false(icn_row_common_ok(&problem, &why));
  problem.precision = ICN_PRECISION_FP32;
  problem.in[0].offset = INT32_MAX - 14;
  assert_false(icn_row_common_ok(&problem, &why));
  problem.in[0].offset = INT32_MAX - 64 - 14; /* inside, but not with the last work-group filled up */
  assert_false(icn_row_common_ok(&problem, &why));
  problem.in[0].offset = 14;
  problem.in[0].stride[0] = -5;
  problem.in[0].stride[1] = -1;
  assert_true(icn_row_common_ok(&problem, &why));
  problem.in[0].offset = 13;
  assert_false(icn_row_common_ok(&problem, NULL));
}

static void launches_hold_what_was_pushed(void **state) {
  (void)state;
  icn_emit emit;
  memset(&emit, 0, sizeof emit);
  icn_launch *launch = icn_emit_launch(&emit, "copy.cl", "copy_any");
  assert_non_null(launch);
  icn_launch_options(launch, "-D VW=%d", 8);
  icn_launch_range(launch, 2, 64, 3, 1, 16, 1, 1);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int(launch, -7);
  icn_launch_float(launch, 0.5F);
  icn_launch_int8(launch, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, INT32_MAX});
  icn_launch_local(launch, 1024);
  assert_int_equal(emit.launch_count, 1);
  assert_string_equal(launch->options, "-D VW=8");
  assert_int_equal(launch->arg_count, 5);
  assert_int_equal(launch->args[0].as.operand, ICN_OPERAND_OUT);
  assert_int_equal(launch->args[1].as.i, -7);
  assert_int_equal(launch->args[3].as.i8[7], INT32_MAX);
  assert_int_equal(launch->args[4].as.local_bytes, 1024);
  assert_int_equal(launch->global[1], 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_unique),
      cmocka_unit_test(rows_are_complete),
      cmocka_unit_test(files_are_embedded),
      cmocka_unit_test(includes_are_embedded),
      cmocka_unit_test(every_operation_has_a_universal_row),
      cmocka_unit_test(common_check_declines_what_no_row_can_do),
      cmocka_unit_test(launches_hold_what_was_pushed),
  };
  return cmocka_run_group_tests_name("kernel_table", tests, NULL, NULL);
}
