/* The table of kernel rows and the helpers that rows write their launches with. */
#include "kernel.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "rows.h"

#define icn_none_pack_bytes NULL
#define icn_none_pack       NULL
#define ICN_ROW(name, op, target, file, applies, configure, cost, pack_bytes, pack, emit, tolerance) \
  {name, op, target, applies, configure, cost, pack_bytes, pack, emit, tolerance},
static const icn_row rows[] = {
#include "kernels/kernels.def"
};
#undef ICN_ROW

size_t icn_row_count(void) { return sizeof rows / sizeof rows[0]; }

const icn_row *icn_row_at(size_t index) {
  assert(index < icn_row_count());
  return &rows[index];
}

const icn_row *icn_row_find(const char *name) {
  for (size_t i = 0; i < icn_row_count(); i++)
    if (strcmp(rows[i].name, name) == 0) return &rows[i];
  return NULL;
}

void icn_none_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  (void)problem;
  (void)device;
  memset(config, 0, sizeof *config);
}

bool icn_decline(icn_reason *why, const char *format, ...) {
  if (why == NULL) return false;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(why->text, sizeof why->text, format, arguments);
  va_end(arguments);
  return false;
}

/* ------------------------------------------------------------ what holds for every row */

/* The least element index that the view touches. */
static int64_t view_begin(const icn_view *view) {
  int64_t first = view->offset;
  for (int k = 0; k < view->shape.rank; k++)
    if (view->stride[k] < 0 && view->shape.dim[k] > 0) first += (view->shape.dim[k] - 1) * view->stride[k];
  return first;
}

/* Ranges are rounded up to whole work-groups, tiles and vectors: positions behind the last element must fit 31 bits too. */
enum { MOST_ELEMS = INT32_MAX - 4096 };

static bool view_ok(const icn_view *view, const char *what, int number, icn_reason *why_not) {
  if (view->shape.rank < 0 || view->shape.rank > ICN_MAX_RANK)
    return icn_decline(why_not, "%s %d has rank %d, at most %d is possible", what, number, (int)view->shape.rank, ICN_MAX_RANK);
  for (int k = 0; k < view->shape.rank; k++)
    if (view->shape.dim[k] > INT32_MAX || view->stride[k] > INT32_MAX || view->stride[k] < -INT32_MAX)
      return icn_decline(why_not, "dimension %d of %s %d does not fit 31 bits", k, what, number);
  int64_t elems = icn_shape_elems(&view->shape);
  if (elems < 0 || elems > MOST_ELEMS) return icn_decline(why_not, "%s %d has 2^31 elements or more", what, number);
  if (icn_view_extent(view) > MOST_ELEMS) return icn_decline(why_not, "%s %d reaches beyond 2^31 elements", what, number);
  if (elems > 0 && view_begin(view) < 0) return icn_decline(why_not, "%s %d reaches below its first element", what, number);
  return true;
}

bool icn_row_common_ok(const icn_problem *problem, icn_reason *why_not) {
  const bool weights = problem->op == ICN_OP_CONV || problem->op == ICN_OP_CONV_TRANSPOSE || problem->op == ICN_OP_MATMUL;
  if (problem->precision != ICN_PRECISION_FP32 && !(problem->precision == ICN_PRECISION_FP16W && weights))
    return icn_decline(why_not, "only fp32 is computed");
  if (problem->epilogue.from != 0 && problem->op != ICN_OP_CONV) return icn_decline(why_not, "only a convolution has linear channels");
  if (problem->turned != 0 && problem->op != ICN_OP_CONV) return icn_decline(why_not, "only a convolution has a turned window");
  for (int i = 0; i < ICN_MAX_INPUTS; i++)
    if (icn_problem_has(problem, i) && !view_ok(&problem->in[i], "input", i, why_not)) return false;
  return view_ok(&problem->out, "output", 0, why_not);
}

/* ------------------------------------------------------------ launches */

icn_launch *icn_emit_launch(icn_emit *emit, const char *file, const char *kernel) {
  assert(emit->launch_count < ICN_MAX_LAUNCHES);
  if (emit->launch_count >= ICN_MAX_LAUNCHES) return NULL;
  icn_launch *launch = &emit->launch[emit->launch_count++];
  memset(launch, 0, sizeof *launch);
  launch->kind = ICN_LAUNCH_KERNEL;
  launch->file = file;
  launch->kernel = kernel;
  launch->dims = 1;
  for (int k = 0; k < 3; k++) launch->global[k] = 1;
  return launch;
}

void icn_launch_options(icn_launch *launch, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(launch->options, sizeof launch->options, format, arguments);
  va_end(arguments);
  assert(length >= 0 && (size_t)length < sizeof launch->options);
  assert(strchr(launch->options, ',') == NULL); /* AMD's driver for the HD 7000 cuts -D there */
  (void)length;
}

void icn_launch_range(icn_launch *launch, uint32_t dims, size_t g0, size_t g1, size_t g2, size_t l0, size_t l1, size_t l2) {
  assert(dims >= 1 && dims <= 3);
  assert((l0 == 0) == (l1 == 0) && (l1 == 0) == (l2 == 0));
  assert(l0 == 0 || (g0 % l0 == 0 && g1 % l1 == 0 && g2 % l2 == 0));
  launch->dims = dims;
  const size_t global[3] = {g0, g1, g2}, local[3] = {l0, l1, l2};
  memcpy(launch->global, global, sizeof global);
  memcpy(launch->local, local, sizeof local);
}

static icn_arg *next_argument(icn_launch *launch, icn_arg_kind kind) {
  assert(launch->arg_count < ICN_MAX_ARGS);
  icn_arg *argument = &launch->args[launch->arg_count++];
  memset(argument, 0, sizeof *argument);
  argument->kind = kind;
  return argument;
}

void icn_launch_tensor(icn_launch *launch, int operand) {
  assert(operand >= 0 && operand < ICN_OPERAND_COUNT);
  next_argument(launch, ICN_ARG_TENSOR)->as.operand = operand;
}

void icn_launch_int(icn_launch *launch, int64_t value) {
  assert(value >= INT32_MIN && value <= INT32_MAX);
  next_argument(launch, ICN_ARG_INT)->as.i = (int32_t)value;
}

void icn_launch_float(icn_launch *launch, float value) { next_argument(launch, ICN_ARG_FLOAT)->as.f = value; }

void icn_launch_int8(icn_launch *launch, const int64_t value[8]) {
  icn_arg *argument = next_argument(launch, ICN_ARG_INT8);
  for (int k = 0; k < 8; k++) {
    assert(value[k] >= INT32_MIN && value[k] <= INT32_MAX);
    argument->as.i8[k] = (int32_t)value[k];
  }
}

void icn_launch_local(icn_launch *launch, size_t bytes) {
  assert(bytes <= UINT32_MAX);
  next_argument(launch, ICN_ARG_LOCAL)->as.local_bytes = (uint32_t)bytes;
}

void icn_launch_work(icn_launch *launch, double flop, double bytes) {
  launch->flop = flop;
  launch->bytes = bytes;
}

bool icn_emit_uses(const icn_emit *emit, int operand) {
  for (int l = 0; l < emit->launch_count; l++) {
    for (int a = 0; a < emit->launch[l].arg_count; a++) {
      const icn_arg *arg = &emit->launch[l].args[a];
      if (arg->kind == ICN_ARG_TENSOR && arg->as.operand == operand) return true;
    }
  }
  return false;
}

void icn_emit_work(const icn_emit *emit, const icn_problem *problem, double *flop, double *bytes) {
  *flop = *bytes = 0;
  for (int i = 0; i < emit->launch_count; i++) {
    *flop += emit->launch[i].flop;
    *bytes += emit->launch[i].bytes;
  }
  if (*flop > 0 || *bytes > 0) return;
  *flop = icn_problem_flop(problem);
  *bytes = icn_problem_bytes(problem);
}

/* ------------------------------------------------------------ precision */

bool icn_row_packs_halves(const icn_row *row, const icn_problem *problem) {
  return row->pack != NULL && problem->precision == ICN_PRECISION_FP16W;
}

uint64_t icn_row_pack_room(const icn_row *row, const icn_problem *problem, const icn_config *config) {
  return row->pack_bytes == NULL ? 0 : row->pack_bytes(problem, config) / sizeof(float);
}

uint64_t icn_row_pack_bytes(const icn_row *row, const icn_problem *problem, const icn_config *config) {
  return icn_row_pack_room(row, problem, config) * (icn_row_packs_halves(row, problem) ? sizeof(uint16_t) : sizeof(float));
}

void icn_row_pack(const icn_row *row, const icn_problem *problem, const icn_config *config, const icn_value *const *constants,
                  float *packed) {
  row->pack(problem, config, constants, packed);
  if (!icn_row_packs_halves(row, problem)) return;
  const uint64_t count = icn_row_pack_room(row, problem, config);
  unsigned char *bytes = (unsigned char *)packed;
  for (uint64_t i = 0; i < count; i++) { /* in place: a half lies before what is still to be read, or where it was read */
    const uint16_t half = icn_float_to_half(packed[i]);
    memcpy(bytes + i * sizeof half, &half, sizeof half);
  }
}

static bool reads_packed(const icn_launch *launch) {
  for (int a = 0; a < launch->arg_count; a++)
    if (launch->args[a].kind == ICN_ARG_TENSOR && launch->args[a].as.operand == ICN_OPERAND_PACKED) return true;
  return false;
}

static void add_option(icn_launch *launch, const char *option) {
  const size_t length = strlen(launch->options);
  assert(length + strlen(option) < sizeof launch->options);
  snprintf(launch->options + length, sizeof launch->options - length, "%s", option);
}

icn_status icn_row_emit(const icn_row *row, const icn_problem *problem, const icn_device_desc *device, const icn_config *config,
                        icn_emit *emit, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_TRY(row->emit(problem, device, config, emit, error));
  for (int i = 0; i < emit->launch_count; i++) {
    icn_launch *launch = &emit->launch[i];
    if (icn_row_packs_halves(row, problem) && reads_packed(launch)) add_option(launch, " -D HALF_WEIGHTS");
    if (problem->turned != 0 && strcmp(launch->kernel, "sum_parts") != 0) add_option(launch, " -D TURNED");
  }
done:
  return status;
}
