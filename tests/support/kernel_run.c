/* One row on one device: buffers with guard zones, the launches, and the comparison element by element. */
#include "kernel_run.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 256 };                                                       /* elements before and after everything */
static const uint32_t INPUT_GUARD = 0x7FC0DEADU, OUTPUT_FILL = 0x7FC1BEEFU; /* quiet NaNs */

typedef struct operand {
  uint32_t *before, *after; /* contents before and after the run, guards included */
  size_t elems;             /* guards included */
  icn_buffer *buffer;
  bool written; /* by the kernels */
} operand;

typedef struct run {
  icn_runtime *runtime;
  const icn_row *row;
  const icn_problem *problem;
  const kernel_data *data;
  icn_config config;
  icn_emit emit;
  operand operands[ICN_OPERAND_COUNT];
  icn_bound *bound[ICN_MAX_LAUNCHES];
  kernel_failure *failure;
} run;

static bool failed(run *r, const char *format, ...) ICN_PRINTF(2, 3);
static bool failed(run *r, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(r->failure->text, sizeof r->failure->text, format, arguments);
  va_end(arguments);
  return false;
}

/* The element index of logical element i (model's order) in a view. */
static int64_t element_at(const icn_view *view, int64_t i) {
  int64_t at = view->offset;
  for (int k = view->shape.rank - 1; k >= 0; k--) {
    at += i % view->shape.dim[k] * view->stride[k];
    i /= view->shape.dim[k];
  }
  return at;
}

static bool operand_init(run *r, int number, size_t elems, uint32_t fill) {
  operand *o = &r->operands[number];
  o->elems = elems + 2 * GUARD;
  o->before = malloc(o->elems * sizeof(uint32_t));
  o->after = malloc(o->elems * sizeof(uint32_t));
  if (o->before == NULL || o->after == NULL) return failed(r, "out of memory");
  for (size_t i = 0; i < o->elems; i++) o->before[i] = fill;
  return true;
}

static bool prepare_tensors(run *r) {
  for (int i = 0; i < ICN_MAX_INPUTS; i++) {
    if (!icn_problem_has(r->problem, i)) continue;
    const icn_view *view = &r->problem->in[i];
    if (!operand_init(r, ICN_OPERAND_IN + i, (size_t)icn_view_extent(view), INPUT_GUARD)) return false;
    uint32_t *base = r->operands[ICN_OPERAND_IN + i].before + GUARD;
    int64_t count = icn_shape_elems(&view->shape);
    for (int64_t k = 0; k < count; k++) memcpy(&base[element_at(view, k)], (const float *)r->data->input[i] + k, sizeof(float));
  }
  if (!operand_init(r, ICN_OPERAND_OUT, (size_t)icn_view_extent(&r->problem->out), OUTPUT_FILL)) return false;
  r->operands[ICN_OPERAND_OUT].written = true;
  return true;
}

static bool prepare_packed(run *r) {
  if (r->row->pack == NULL) return true;
  uint64_t bytes = r->row->pack_bytes(r->problem, &r->config);
  if (bytes == 0) return true;
  if (bytes % 4 != 0 || bytes > (1U << 30)) return failed(r, "pack_bytes gives %" PRIu64, bytes);
  if (!operand_init(r, ICN_OPERAND_PACKED, (size_t)bytes / 4, INPUT_GUARD)) return false;
  icn_value values[ICN_MAX_INPUTS];
  const icn_value *constants[ICN_MAX_INPUTS] = {NULL};
  memset(values, 0, sizeof values);
  for (int i = 0; i < ICN_MAX_INPUTS; i++) {
    if (!icn_problem_has(r->problem, i) || !icn_problem_is_constant(r->problem, i)) continue;
    values[i].name = "constant";
    values[i].shape = r->problem->in[i].shape;
    values[i].dtype = r->problem->op == ICN_OP_RESAMPLE && i == 1 ? ICN_I32 : ICN_F32;
    values[i].producer = -1;
    values[i].data = r->data->input[i];
    constants[i] = &values[i];
  }
  operand *o = &r->operands[ICN_OPERAND_PACKED];
  const icn_allocator allocator = icn_allocator_default(); /* pack() may count on alignment */
  float *aligned = icn_allocate(&allocator, (size_t)bytes);
  if (aligned == NULL) return failed(r, "out of memory");
  memcpy(aligned, o->before + GUARD, (size_t)bytes);
  r->row->pack(r->problem, &r->config, constants, aligned);
  memcpy(o->before + GUARD, aligned, (size_t)bytes);
  icn_release(&allocator, aligned);
  return true;
}

static bool prepare_rest(run *r) {
  if (r->emit.zeros_elems > 0) {
    if (!operand_init(r, ICN_OPERAND_ZEROS, (size_t)r->emit.zeros_elems, INPUT_GUARD)) return false;
    memset(r->operands[ICN_OPERAND_ZEROS].before + GUARD, 0, (size_t)r->emit.zeros_elems * 4);
  }
  for (int i = 0; i < ICN_MAX_SCRATCH; i++) {
    if (r->emit.scratch_bytes[i] == 0) continue;
    if (!operand_init(r, ICN_OPERAND_SCRATCH + i, (size_t)(r->emit.scratch_bytes[i] + 3) / 4, 0xA5A5A5A5U)) return false;
    r->operands[ICN_OPERAND_SCRATCH + i].written = true;
  }
  if (r->emit.library_bytes > 0) {
    if (!operand_init(r, ICN_OPERAND_LIBRARY, (size_t)r->emit.library_bytes / 4, 0xA5A5A5A5U)) return false;
    r->operands[ICN_OPERAND_LIBRARY].written = true;
  }
  return true;
}

static bool launch_all(run *r, icn_error *error) {
  icn_buffer *buffers[ICN_OPERAND_COUNT];
  int64_t offsets[ICN_OPERAND_COUNT];
  for (int i = 0; i < ICN_OPERAND_COUNT; i++) {
    operand *o = &r->operands[i];
    buffers[i] = NULL;
    offsets[i] = i == ICN_OPERAND_LIBRARY ? 0 : GUARD;
    if (o->elems == 0) continue;
    if (icn_buffer_create(r->runtime, o->elems * 4, o->before, &o->buffer, error) != ICN_OK) return false;
    buffers[i] = o->buffer;
    if (i < ICN_MAX_INPUTS) offsets[i] += r->problem->in[i].offset;
    if (i == ICN_OPERAND_OUT) offsets[i] += r->problem->out.offset;
  }
  for (int i = 0; i < r->emit.launch_count; i++)
    if (icn_bound_create(r->runtime, &r->emit.launch[i], buffers, offsets, "kernel test", &r->bound[i], error) != ICN_OK) return false;
  return true;
}

static bool run_once(run *r, icn_error *error) {
  for (int i = 0; i < r->emit.launch_count; i++)
    if (icn_bound_enqueue(r->runtime, r->bound[i], error) != ICN_OK) return false;
  if (icn_runtime_finish(r->runtime, error) != ICN_OK) return false;
  for (int i = 0; i < ICN_OPERAND_COUNT; i++) {
    operand *o = &r->operands[i];
    if (o->elems > 0 && icn_buffer_read(r->runtime, o->buffer, 0, o->elems * 4, o->after, error) != ICN_OK) return false;
  }
  return true;
}

/* ------------------------------------------------------------ checks */

static const char *operand_name(int number) {
  static const char *const names[] = {"input 0", "input 1", "input 2",   "input 3",   "input 4", "output",
                                      "packed",  "zeros",   "scratch 0", "scratch 1", "library"};
  return names[number];
}

/* Guards everywhere, and everything that kernels only read. */
static bool check_untouched(run *r) {
  for (int i = 0; i < ICN_OPERAND_COUNT; i++) {
    const operand *o = &r->operands[i];
    for (size_t k = 0; k < o->elems; k++) {
      if (o->after[k] == o->before[k]) continue;
      if (o->written && (k >= GUARD || i == ICN_OPERAND_LIBRARY) && k < o->elems - GUARD) continue;
      return failed(r, "%s: element %lld of %lld was overwritten", operand_name(i), (long long)k - GUARD, (long long)o->elems - 2 * GUARD);
    }
  }
  return true;
}

static bool close_enough(const run *r, float got, int64_t i, double *allowed) {
  float want = r->data->want[i];
  *allowed = 0;
  if (isnan(want)) return isnan(got);
  if (got == want) return true;
  if (r->data->mode == KERNEL_EXACT || isinf(want)) return false;
  *allowed = r->row->tolerance * 0x1p-24 * (double)r->data->magnitude[i] + (r->row->tolerance > 0 ? 0x1p-126 : 0); /* flushed denormals */
  return fabs((double)got - (double)want) <= *allowed;
}

static bool check_output(run *r) {
  const icn_view *view = &r->problem->out;
  const operand *o = &r->operands[ICN_OPERAND_OUT];
  uint8_t *inside = calloc(o->elems, 1);
  if (inside == NULL) return failed(r, "out of memory");
  int64_t count = icn_shape_elems(&view->shape), wrong = 0;
  for (int64_t i = 0; i < count; i++) {
    size_t at = (size_t)(GUARD + element_at(view, i));
    inside[at] = 1;
    float got;
    double allowed;
    memcpy(&got, &o->after[at], sizeof got);
    if (close_enough(r, got, i, &allowed)) continue;
    if (wrong++ == 0)
      failed(r, "element %lld (of %lld, model's order): got %.9g%s, want %.9g, allowed difference %.3g", (long long)i, (long long)count,
             (double)got, o->after[at] == OUTPUT_FILL ? " (never written)" : "", (double)r->data->want[i], allowed);
  }
  for (size_t k = 0; k < o->elems && wrong == 0; k++)
    if (!inside[k] && o->after[k] != o->before[k]) {
      wrong++;
      failed(r, "output: element %lld outside the view was overwritten", (long long)k - GUARD);
    }
  free(inside);
  if (wrong > 1) {
    size_t length = strlen(r->failure->text);
    snprintf(r->failure->text + length, sizeof r->failure->text - length, "; %lld elements are wrong", (long long)wrong);
  }
  return wrong == 0;
}

/* What a kernel that is wrong in one bit would have left: the lowest bit where results are exact, else one that no tolerance covers. */
static void flip_bit(run *r) {
  const size_t at = (size_t)(GUARD + element_at(&r->problem->out, 0));
  r->operands[ICN_OPERAND_OUT].after[at] ^= r->data->mode == KERNEL_EXACT ? 1U : 1U << 30;
}

/* The second run finds the first one's scratch and output, and must give the same bits. */
static bool check_again(run *r, icn_error *error) {
  operand *o = &r->operands[ICN_OPERAND_OUT];
  uint32_t *first = malloc(o->elems * 4);
  if (first == NULL) return failed(r, "out of memory");
  memcpy(first, o->after, o->elems * 4);
  bool ok = run_once(r, error);
  if (!ok) failed(r, "second run: %s", error->message);
  if (ok && memcmp(first, o->after, o->elems * 4) != 0) ok = failed(r, "a second run gives other bits");
  free(first);
  return ok;
}

static bool run_all(run *r) {
  icn_error error;
  icn_error_clear(&error);
  const icn_device_desc pretended = kernel_device(r->runtime), *device = &pretended;
  r->row->configure(r->problem, device, &r->config);
  double cost = r->row->cost(r->problem, device, &r->config);
  if (!(cost > 0) || isinf(cost)) return failed(r, "cost() gives %g seconds", cost);
  if (r->row->emit(r->problem, device, &r->config, &r->emit, &error) != ICN_OK) return failed(r, "emit: %s", error.message);
  if (!prepare_tensors(r) || !prepare_packed(r) || !prepare_rest(r)) return false;
  if (!launch_all(r, &error) || !run_once(r, &error)) return failed(r, "%s", error.message);
  if (r->data->flipped) flip_bit(r);
  if (!check_untouched(r) || !check_output(r)) return false;
  return r->data->once || (r->data->source->flags & KERNEL_LARGE) != 0 || check_again(r, &error);
}

icn_device_desc kernel_device(const icn_runtime *runtime) {
  icn_device_desc device = *icn_runtime_desc(runtime);
  const char *list = getenv("ICN_TEST_PRETEND");
  if (icn_list_has(list, "vector4")) device.vector_width = 4;
  if (icn_list_has(list, "vector8")) device.vector_width = 8;
  if (icn_list_has(list, "vector16")) device.vector_width = 16;
  if (icn_list_has(list, "gpu")) device.kind = ICN_DEVICE_GPU;
  return device;
}

bool kernel_run_row(icn_runtime *runtime, const icn_row *row, const icn_problem *problem, const kernel_data *data,
                    kernel_failure *failure) {
  run r;
  memset(&r, 0, sizeof r);
  r.runtime = runtime;
  r.row = row;
  r.problem = problem;
  r.data = data;
  r.failure = failure;
  bool ok = run_all(&r);
  for (int i = 0; i < ICN_MAX_LAUNCHES; i++)
    if (r.bound[i] != NULL) icn_bound_destroy(r.bound[i]);
  for (int i = 0; i < ICN_OPERAND_COUNT; i++) {
    if (r.operands[i].buffer != NULL) icn_buffer_destroy(r.operands[i].buffer);
    free(r.operands[i].before);
    free(r.operands[i].after);
  }
  return ok;
}
