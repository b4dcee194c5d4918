#include "kernel_check.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "magnitude.h"
#include "winograd_bound.h"

enum { GUARD = 256 };                                                       /* elements before everything, and behind what is written */
static const uint32_t INPUT_GUARD = 0x7FC0DEADU, OUTPUT_FILL = 0x7FC1BEEFU; /* quiet NaNs */

typedef struct operand {
  uint32_t *before, *after; /* contents before and after the run, guards included */
  size_t elems;             /* guards included */
  size_t behind;            /* elements of the guard behind */
  icn_buffer *buffer;
  bool written; /* by the kernels */
} operand;

typedef struct run {
  icn_runtime *runtime;
  const icn_device_desc *device;
  const icn_row *row;
  const icn_problem *problem;
  const icn_case_data *data;
  icn_config config;
  const icn_config *given; /* NULL: the row's own choice */
  icn_emit emit;
  operand operands[ICN_OPERAND_COUNT];
  icn_bound *bound[ICN_MAX_LAUNCHES];
  icn_check_bounds *bounds;
  const float *winograd; /* what the error of a Winograd row is relative to, in either mode; NULL for direct rows */
  icn_check_result *result;
} run;

static bool ends(run *r, icn_check_outcome outcome, const char *format, ...) ICN_PRINTF(3, 4);
static bool ends(run *r, icn_check_outcome outcome, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(r->result->text, sizeof r->result->text, format, arguments);
  va_end(arguments);
  r->result->outcome = outcome;
  return false;
}

static bool out_of_memory(run *r, uint64_t bytes) { return ends(r, ICN_CHECK_FAILED, "out of memory: %" PRIu64 " bytes", bytes); }

/* A call of ours that failed: what it means for the row. */
static bool call_failed(run *r, icn_status status, const icn_error *error) {
  const icn_check_outcome outcome =
      status == ICN_BUILD ? ICN_CHECK_NOT_BUILT : (status == ICN_UNSUPPORTED ? ICN_CHECK_DECLINED : ICN_CHECK_FAILED);
  return ends(r, outcome, "%s", error->message);
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

/* What is only read ends with its buffer, so that a checker of accesses (Oclgrind) sees it when a kernel reads on. */
static bool operand_init(run *r, int number, size_t elems, uint32_t fill) {
  operand *o = &r->operands[number];
  o->written = number == ICN_OPERAND_OUT || number == ICN_OPERAND_LIBRARY ||
               (number >= ICN_OPERAND_SCRATCH && number < ICN_OPERAND_SCRATCH + ICN_MAX_SCRATCH);
  o->behind = o->written ? GUARD : 0;
  o->elems = GUARD + elems + o->behind;
  o->before = icn_allocate(&r->data->allocator, o->elems * sizeof(uint32_t));
  o->after = icn_allocate(&r->data->allocator, o->elems * sizeof(uint32_t));
  if (o->before == NULL || o->after == NULL) return out_of_memory(r, o->elems * sizeof(uint32_t));
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
  return operand_init(r, ICN_OPERAND_OUT, (size_t)icn_view_extent(&r->problem->out), OUTPUT_FILL);
}

static bool prepare_packed(run *r) {
  if (r->row->pack == NULL) return true;
  const uint64_t floats = r->row->pack_bytes(r->problem, &r->config), bytes = icn_row_pack_bytes(r->row, r->problem, &r->config);
  if (bytes == 0) return true;
  if (floats % 4 != 0 || floats > (1U << 30)) return ends(r, ICN_CHECK_WRONG, "pack_bytes gives %" PRIu64, floats);
  if (!operand_init(r, ICN_OPERAND_PACKED, (size_t)(bytes + 3) / 4, INPUT_GUARD)) return false;
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
  float *packed = (float *)(r->operands[ICN_OPERAND_PACKED].before + GUARD); /* aligned to 64 bytes, on which pack() may count */
  float *room = bytes == floats ? packed : icn_allocate(&r->data->allocator, (size_t)floats);
  if (room == NULL) return out_of_memory(r, (size_t)floats);
  icn_row_pack(r->row, r->problem, &r->config, constants, room);
  if (room != packed) {
    memcpy(packed, room, (size_t)bytes);
    icn_release(&r->data->allocator, room);
  }
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
  }
  if (r->emit.library_bytes > 0) {
    if (!operand_init(r, ICN_OPERAND_LIBRARY, (size_t)r->emit.library_bytes / 4, 0xA5A5A5A5U)) return false;
  }
  return true;
}

static icn_status bind_all(run *r, icn_error *error) {
  icn_status status = ICN_OK;
  icn_buffer *buffers[ICN_OPERAND_COUNT];
  int64_t offsets[ICN_OPERAND_COUNT];
  for (int i = 0; i < ICN_OPERAND_COUNT; i++) {
    operand *o = &r->operands[i];
    buffers[i] = NULL;
    offsets[i] = i == ICN_OPERAND_LIBRARY ? 0 : GUARD;
    if (o->elems == 0) continue;
    ICN_TRY(icn_buffer_create(r->runtime, o->elems * 4, o->before, &o->buffer, error));
    buffers[i] = o->buffer;
    if (i < ICN_MAX_INPUTS) offsets[i] += r->problem->in[i].offset;
    if (i == ICN_OPERAND_OUT) offsets[i] += r->problem->out.offset;
    if (i == ICN_OPERAND_PACKED && icn_row_packs_halves(r->row, r->problem)) offsets[i] *= 2; /* in elements of the operand */
  }
  for (int i = 0; i < r->emit.launch_count; i++) {
    ICN_TRY(icn_bound_create(r->runtime, &r->emit.launch[i], buffers, offsets, r->row->name, &r->bound[i], error));
    const uint64_t taken = icn_bound_local_bytes(r->bound[i]), said = icn_launch_local_bytes(&r->emit.launch[i]);
    if (taken > said && taken - said > r->result->undeclared_local_bytes) r->result->undeclared_local_bytes = taken - said;
  }
done:
  return status;
}

static icn_status run_once(run *r, icn_error *error) {
  icn_status status = ICN_OK;
  for (int i = 0; i < r->emit.launch_count; i++) ICN_TRY(icn_bound_enqueue(r->runtime, r->bound[i], error));
  ICN_TRY(icn_runtime_finish(r->runtime, error));
  for (int i = 0; i < ICN_OPERAND_COUNT; i++) {
    operand *o = &r->operands[i];
    if (o->elems > 0) ICN_TRY(icn_buffer_read(r->runtime, o->buffer, 0, o->elems * 4, o->after, error));
  }
done:
  return status;
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
      if (o->written && (k >= GUARD || i == ICN_OPERAND_LIBRARY) && k < o->elems - o->behind) continue;
      return ends(r, ICN_CHECK_WRONG, "%s: element %lld of %lld was overwritten", operand_name(i), (long long)k - GUARD,
                  (long long)(o->elems - GUARD - o->behind));
    }
  }
  return true;
}

/* Keeps the largest difference in units of what is allowed. */
static bool close_enough(const run *r, float got, int64_t i, double *allowed) {
  const float want = r->data->want[i];
  const bool exact = r->data->mode == ICN_CASE_EXACT && r->winograd == NULL; /* the same bits */
  const float magnitude = r->winograd != NULL ? r->winograd[i] : (exact ? 0 : r->data->magnitude[i]);
  const double tolerance = exact ? 0 : icn_row_tolerance(r->row, r->problem);
  *allowed = icn_error_allowed(tolerance, magnitude);
  const double part = icn_error_part(got, want, magnitude, tolerance, r->winograd != NULL);
  if (isfinite(part) && part > r->result->error) r->result->error = part;
  return part <= 1;
}

/* Transforms round even where direct sums of small integers are exact: Winograd rows have a bound of their own in both modes. */
static icn_status prepare_bound(run *r, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_winograd_form form = icn_row_winograd_form(r->row, &r->config);
  const void *in[ICN_MAX_INPUTS];
  if (form.m == 0) goto done;
  for (int i = 0; i < ICN_MAX_INPUTS; i++) in[i] = r->data->input[i];
  float **kept = &r->bounds->magnitude[form.folded][form.m];
  if (*kept == NULL) {
    *kept = icn_allocate_array(&r->data->allocator, (size_t)icn_shape_elems(&r->problem->out.shape), sizeof(float));
    ICN_REQUIRE(*kept != NULL, ICN_NO_MEMORY, "out of memory: a kernel case");
    status = icn_winograd_magnitude(&r->data->dense, form, in, *kept, &r->data->allocator, error);
    if (status != ICN_OK) {
      icn_release(&r->data->allocator, *kept);
      *kept = NULL;
      goto done;
    }
  }
  r->winograd = *kept;
done:
  return status;
}

void icn_check_bounds_free(icn_check_bounds *bounds, const icn_case_data *data) {
  for (size_t i = 0; i < 2 * (ICN_WINOGRAD_MAX_M + 1); i++) {
    float **kept = &bounds->magnitude[i / (ICN_WINOGRAD_MAX_M + 1)][i % (ICN_WINOGRAD_MAX_M + 1)];
    icn_release(&data->allocator, *kept);
    *kept = NULL;
  }
}

static bool check_output(run *r) {
  const icn_view *view = &r->problem->out;
  const operand *o = &r->operands[ICN_OPERAND_OUT];
  uint8_t *inside = icn_allocate_array(&r->data->allocator, o->elems, 1);
  if (inside == NULL) return out_of_memory(r, o->elems);
  int64_t count = icn_shape_elems(&view->shape), wrong = 0;
  for (int64_t i = 0; i < count; i++) {
    size_t at = (size_t)(GUARD + element_at(view, i));
    inside[at] = 1;
    float got;
    double allowed;
    memcpy(&got, &o->after[at], sizeof got);
    if (close_enough(r, got, i, &allowed)) continue;
    if (wrong++ == 0)
      ends(r, ICN_CHECK_WRONG, "element %lld (of %lld, model's order): got %.9g%s, want %.9g, allowed difference %.3g", (long long)i,
           (long long)count, (double)got, o->after[at] == OUTPUT_FILL ? " (never written)" : "", (double)r->data->want[i], allowed);
  }
  for (size_t k = 0; k < o->elems && wrong == 0; k++)
    if (!inside[k] && o->after[k] != o->before[k]) {
      wrong++;
      ends(r, ICN_CHECK_WRONG, "output: element %lld outside the view was overwritten", (long long)k - GUARD);
    }
  icn_release(&r->data->allocator, inside);
  if (wrong > 1) {
    size_t length = strlen(r->result->text);
    snprintf(r->result->text + length, sizeof r->result->text - length, "; %lld elements are wrong", (long long)wrong);
  }
  return wrong == 0;
}

/* The second run finds the first one's scratch and output, and must give the same bits. */
static bool check_again(run *r) {
  icn_error error;
  const operand *o = &r->operands[ICN_OPERAND_OUT];
  uint32_t *first = icn_allocate(&r->data->allocator, o->elems * 4);
  if (first == NULL) return out_of_memory(r, o->elems * 4);
  memcpy(first, o->after, o->elems * 4);
  const icn_status status = run_once(r, &error);
  bool ok = status == ICN_OK || call_failed(r, status, &error);
  if (ok && memcmp(first, o->after, o->elems * 4) != 0) ok = ends(r, ICN_CHECK_WRONG, "a second run gives other bits");
  icn_release(&r->data->allocator, first);
  return ok;
}

static bool run_all(run *r, bool twice) {
  icn_status status = ICN_OK;
  icn_error error;
  icn_reason why = {"(no reason given)"};
  icn_error_clear(&error);
  if (!icn_row_common_ok(r->problem, &why) || !r->row->applies(r->problem, r->device, &why))
    return ends(r, ICN_CHECK_DECLINED, "%s", why.text);
  if (r->given != NULL) r->config = *r->given;
  if (r->given == NULL) r->row->configure(r->problem, r->device, &r->config);
  const double cost = r->row->cost(r->problem, r->device, &r->config);
  if (!(cost > 0) || isinf(cost)) return ends(r, ICN_CHECK_WRONG, "cost() gives %g seconds", cost);
  if (icn_row_emit(r->row, r->problem, r->device, &r->config, &r->emit, &error) != ICN_OK)
    return ends(r, ICN_CHECK_WRONG, "emit: %s", error.message);
  if (!prepare_tensors(r) || !prepare_packed(r) || !prepare_rest(r)) return false;
  ICN_TRY(prepare_bound(r, &error));
  ICN_TRY(bind_all(r, &error));
  ICN_TRY(run_once(r, &error));
  if (!check_untouched(r) || !check_output(r)) return false;
done:
  if (status != ICN_OK) return call_failed(r, status, &error);
  return !twice || check_again(r);
}

icn_check_outcome icn_kernel_check(icn_runtime *runtime, const icn_device_desc *device, const icn_row *row, const icn_problem *problem,
                                   const icn_case_data *data, bool twice, icn_check_result *result) {
  icn_check_bounds bounds;
  memset(&bounds, 0, sizeof bounds);
  icn_kernel_check_config(runtime, device, row, NULL, problem, data, &bounds, twice, result);
  icn_check_bounds_free(&bounds, data);
  return result->outcome;
}

icn_check_outcome icn_kernel_check_config(icn_runtime *runtime, const icn_device_desc *device, const icn_row *row, const icn_config *config,
                                          const icn_problem *problem, const icn_case_data *data, icn_check_bounds *bounds, bool twice,
                                          icn_check_result *result) {
  run r;
  memset(&r, 0, sizeof r);
  r.runtime = runtime;
  r.device = device;
  r.row = row;
  r.given = config;
  r.problem = problem;
  r.data = data;
  r.bounds = bounds;
  r.result = result;
  memset(result, 0, sizeof *result);
  (void)run_all(&r, twice);
  for (int i = 0; i < ICN_MAX_LAUNCHES; i++) icn_bound_destroy(r.bound[i]);
  for (int i = 0; i < ICN_OPERAND_COUNT; i++) {
    icn_buffer_destroy(r.operands[i].buffer);
    icn_release(&data->allocator, r.operands[i].before);
    icn_release(&data->allocator, r.operands[i].after);
  }
  return result->outcome;
}
