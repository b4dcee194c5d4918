#include "row_gpu_split.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "cost.h"
#include "row_support.h"

enum { MOST_PARTS = 8, LEAST_DEPTH = 128, GROUP = 64 };

/* Where the kernels that multiply have these arguments. */
enum { RESIDUAL = 2, Y = 3, OUT = 5, RESIDUAL_STRIDE = 7, FUNCTION = 8, ARGUMENTS = 11 };

int64_t icn_split_parts(const icn_config *config) { return icn_max64(config->value[ICN_SPLIT], 1); }

/* Elements of a pixel in a part: every group's channels are whole vectors. */
static int64_t line_of(const icn_gpu_matrix *x) { return x->groups * icn_round_up(x->columns, 4); }

static double parts_bytes(const icn_gpu_matrix *x, const icn_config *config) {
  return 4.0 * (double)icn_split_parts(config) * (double)x->rows * (double)line_of(x);
}

bool icn_split_valid(const icn_gpu_matrix *x, int64_t steps, const icn_config *config, icn_reason *why_not) {
  const int32_t parts = config->value[ICN_SPLIT];
  int64_t elems;
  if (parts == 0 || parts == 1) return true;
  if (parts != 2 && parts != 4 && parts != MOST_PARTS) return icn_decline(why_not, "the depth is not split in %d parts", (int)parts);
  if (parts > steps) return icn_decline(why_not, "%d parts of a depth of %lld steps", (int)parts, (long long)steps);
  if (!icn_mul_ok(x->rows, line_of(x) * parts, &elems) || elems > INT32_MAX)
    return icn_decline(why_not, "the sums of %d parts do not fit 31 bits", (int)parts);
  return true;
}

void icn_split_choose(const icn_gpu_matrix *x, const icn_problem *problem, const icn_device_desc *device, double units, double enough,
                      icn_split_cost_fn *cost, icn_config *config) {
  double least = cost(x, problem, device, config);
  icn_config candidate = *config;
  if (device->memory_is_short) return;
  for (int32_t parts = 2; parts <= MOST_PARTS && x->depth / parts >= LEAST_DEPTH && units * parts / 2 < enough; parts *= 2) {
    candidate.value[ICN_SPLIT] = parts;
    if (!icn_split_valid(x, x->depth, &candidate, NULL) || parts_bytes(x, &candidate) > (double)device->max_allocation_bytes) return;
    const double seconds = cost(x, problem, device, &candidate);
    if (seconds >= least) continue;
    least = seconds;
    *config = candidate;
  }
}

double icn_split_seconds(const icn_gpu_matrix *x, const icn_problem *problem, const icn_device_desc *device, const icn_config *config,
                         double flop, double efficiency) {
  const double bytes = icn_problem_bytes(problem), parts = parts_bytes(x, config);
  const double out = 4.0 * (double)icn_shape_elems(&problem->out.shape);
  if (icn_split_parts(config) == 1) return icn_cost_of(device, flop, bytes, efficiency, 1);
  return icn_cost_of(device, flop, bytes - out + parts, efficiency, 1) + icn_cost_of(device, 0, parts + out, 1, 1);
}

/* ------------------------------------------------------------ launches */

/* Adds the parts and does what the whole product does at its end. */
static void add_parts(icn_emit *emit, const icn_launch *whole, const icn_gpu_matrix *x, const icn_device_desc *device, int64_t parts,
                      int64_t width, int64_t depth) {
  const int64_t panels = icn_div_up(x->columns, width), biases = panels * width;
  const int32_t *out = whole->args[OUT].as.i8;
  icn_launch *launch = icn_emit_launch(emit, "sum_parts.cl", "sum_parts");
  icn_launch_grid(launch, device, GROUP, true, icn_div_up(x->columns, 4), x->rows, x->groups);
  icn_launch_tensor(launch, ICN_OPERAND_SCRATCH);
  icn_launch_tensor(launch, ICN_OPERAND_PACKED);
  /* Without a residual something that is there anyway: naming x would keep it alive. */
  icn_launch_tensor(launch, whole->args[RESIDUAL_STRIDE].as.i != 0 ? whole->args[RESIDUAL].as.operand : ICN_OPERAND_SCRATCH);
  icn_launch_tensor(launch, whole->args[Y].as.operand);
  icn_launch_int8(launch, (const int64_t[8]){x->rows, x->columns, line_of(x), out[3], out[5], parts, x->groups * biases * depth, biases});
  icn_launch_int(launch, whole->args[RESIDUAL_STRIDE].as.i);
  icn_launch_int(launch, whole->args[FUNCTION].as.i);
  icn_launch_float(launch, whole->args[FUNCTION + 1].as.f);
  icn_launch_float(launch, whole->args[FUNCTION + 2].as.f);
}

/* The same product of a share of the depth: no epilogue, y is the scratch. */
static void write_parts(icn_launch *launch, const icn_gpu_matrix *x, int64_t parts) {
  const size_t length = strlen(launch->options);
  const int written = snprintf(launch->options + length, sizeof launch->options - length, " -D SPLIT");
  assert(written > 0 && length + (size_t)written < sizeof launch->options);
  (void)written;
  launch->global[2] *= (size_t)parts;
  launch->args[RESIDUAL].as.operand = launch->args[0].as.operand;
  launch->args[RESIDUAL_STRIDE].as.i = 0;
  launch->args[Y].as.operand = ICN_OPERAND_SCRATCH;
  launch->args[OUT].as.i8[3] = (int32_t)line_of(x);
  launch->args[OUT].as.i8[5] = 0;
  launch->args[OUT].as.i8[7] = (int32_t)parts;
}

void icn_split_emit(icn_emit *emit, const icn_gpu_matrix *x, const icn_problem *problem, const icn_device_desc *device,
                    const icn_config *config, int64_t width, int64_t depth) {
  const int64_t parts = icn_split_parts(config);
  icn_launch *product = &emit->launch[emit->launch_count - 1];
  if (parts == 1) return;
  assert(product->arg_count == ARGUMENTS && product->args[OUT].kind == ICN_ARG_INT8);
  const double out = 4.0 * (double)icn_shape_elems(&problem->out.shape) * (product->args[RESIDUAL_STRIDE].as.i != 0 ? 2 : 1);
  const double sums = parts_bytes(x, config);
  add_parts(emit, product, x, device, parts, width, depth);
  write_parts(product, x, parts);
  icn_launch_work(product, icn_problem_flop(problem), icn_problem_bytes(problem) - out + sums);
  icn_launch_work(product + 1, sums / 4, sums + out);
  emit->scratch_bytes[0] = (uint64_t)sums;
}
