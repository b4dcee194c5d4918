#include "fake_rows.h"

#include <string.h>

static bool takes_all(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)problem, (void)device, (void)why_not;
  return true;
}

static bool view_is(const icn_view *view, bool nhwc) {
  if (view->shape.rank != 4) return true;
  if (!nhwc) return icn_view_is_dense(view);
  icn_view compact = icn_view_device(&view->shape, 0);
  return icn_view_is_nhwc(view) && icn_view_pixel_stride(view) == icn_view_pixel_stride(&compact);
}

static bool views_are(const icn_problem *problem, bool nhwc, icn_reason *why_not) {
  if (problem->op == ICN_OP_COPY) return true;
  for (int i = 0; i < ICN_MAX_INPUTS; i++) {
    if (!icn_problem_has(problem, i) || icn_problem_is_constant(problem, i)) continue;
    if (!view_is(&problem->in[i], nhwc)) return icn_decline(why_not, "input %d has gaps", i);
  }
  return view_is(&problem->out, nhwc) || icn_decline(why_not, "the output has gaps");
}

static bool takes_compact(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  return views_are(problem, true, why_not);
}

static bool takes_model_order(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  return views_are(problem, false, why_not);
}

static void no_config(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  (void)problem, (void)device;
  memset(config, 0, sizeof *config);
}

static double one_second(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)problem, (void)device, (void)config;
  return 1;
}

static void push_inputs(const icn_problem *problem, icn_launch *launch, bool packed) {
  for (int i = 0; i < ICN_MAX_INPUTS; i++) {
    bool weight = packed && i == 1 && icn_problem_is_constant(problem, 1);
    if (icn_problem_has(problem, i)) icn_launch_tensor(launch, weight ? ICN_OPERAND_PACKED : ICN_OPERAND_IN + i);
  }
}

static icn_status emit_one(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                           icn_error *error) {
  (void)device, (void)config, (void)error;
  icn_launch *launch = icn_emit_launch(emit, "fake.cl", "fake");
  push_inputs(problem, launch, false);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  return ICN_OK;
}

static icn_status emit_two(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                           icn_error *error) {
  (void)device, (void)config, (void)error;
  icn_launch *launch = icn_emit_launch(emit, "fake.cl", "prepare");
  emit->scratch_bytes[0] = 1000;
  emit->zeros_elems = (uint64_t)problem->out.shape.dim[1];
  push_inputs(problem, launch, true);
  icn_launch_tensor(launch, ICN_OPERAND_SCRATCH);
  launch = icn_emit_launch(emit, "fake.cl", "finish");
  icn_launch_tensor(launch, ICN_OPERAND_SCRATCH);
  push_inputs(problem, launch, true); /* the test's run computes everything here */
  icn_launch_tensor(launch, ICN_OPERAND_ZEROS);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  return ICN_OK;
}

static uint64_t weight_bytes(const icn_problem *problem, const icn_config *config) {
  (void)config;
  return (uint64_t)icn_shape_elems(&problem->in[1].shape) * 4;
}

#define FAKE_ROWS(APPLIES, EMIT)                                                                                                        \
  {                                                                                                                                     \
    {"copy", ICN_OP_COPY, ICN_TARGET_ANY, takes_all, no_config, one_second, NULL, NULL, emit_one, 0}, FAKE(ICN_OP_CONV, APPLIES, EMIT), \
        FAKE(ICN_OP_MATMUL, APPLIES, EMIT), FAKE(ICN_OP_POOL, APPLIES, EMIT), FAKE(ICN_OP_UNARY, APPLIES, EMIT),                        \
        FAKE(ICN_OP_BINARY, APPLIES, EMIT), FAKE(ICN_OP_AFFINE, APPLIES, EMIT), FAKE(ICN_OP_REDUCE, APPLIES, EMIT),                     \
        FAKE(ICN_OP_SOFTMAX, APPLIES, EMIT), FAKE(ICN_OP_PAD, APPLIES, EMIT),                                                           \
  }
#define FAKE(OP, APPLIES, EMIT) \
  { "fake", OP, ICN_TARGET_ANY, APPLIES, no_config, one_second, weight_bytes, NULL, EMIT, 0 }

static const icn_row PLAIN[] = FAKE_ROWS(takes_all, emit_one);
static const icn_row TWO[] = FAKE_ROWS(takes_all, emit_two);
static const icn_row COMPACT[] = FAKE_ROWS(takes_compact, emit_one);
static const icn_row MODEL_ORDER[] = FAKE_ROWS(takes_model_order, emit_one);

static const icn_row *plain_at(size_t index) { return &PLAIN[index]; }
static const icn_row *two_at(size_t index) { return &TWO[index]; }
static const icn_row *compact_at(size_t index) { return &COMPACT[index]; }
static const icn_row *model_order_at(size_t index) { return &MODEL_ORDER[index]; }

enum { FAKE_COUNT = sizeof PLAIN / sizeof PLAIN[0] };
const icn_row_table icn_fake_plain = {plain_at, FAKE_COUNT};
const icn_row_table icn_fake_two_launches = {two_at, FAKE_COUNT};
const icn_row_table icn_fake_compact = {compact_at, FAKE_COUNT};
const icn_row_table icn_fake_model_order = {model_order_at, FAKE_COUNT};
