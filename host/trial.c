#include "trial.h"

#include <inttypes.h>
#include <string.h>

#include "os.h"

enum { MAX_COPIES = 12 };
static const double BATCH_SECONDS = 0.005;          /* long beside a clock's step, short beside a budget */
static const uint64_t COPIES_BYTES = 40u << 20;     /* of weights: above most caches */
static const uint64_t MOST_PACKED_BYTES = 1u << 30; /* of one copy */

struct icn_trial {
  icn_runtime *runtime;
  const icn_row *row;
  const icn_problem *problem;
  icn_allocator allocator;
  icn_config config;
  icn_emit emit;
  icn_buffer *operands[ICN_OPERAND_COUNT], *packed[MAX_COPIES];
  icn_bound *bound[MAX_COPIES][ICN_MAX_LAUNCHES];
  float *values[ICN_MAX_INPUTS];
  int copies, next; /* next: the copy whose turn it is */
};

/* Made-up values between -1 and 1; an index that is in range. */
static icn_status make_input(icn_trial *t, int input, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_view *view = &t->problem->in[input];
  const uint64_t bytes = (uint64_t)icn_view_extent(view) * sizeof(float);
  float *values = icn_allocate_array(&t->allocator, (size_t)icn_view_extent(view) + 1, sizeof *values);
  if (values == NULL) return icn_error_memory(error, (size_t)bytes, "a measurement");
  t->values[input] = values;
  uint32_t seed = (uint32_t)input + 1;
  const bool is_index = t->problem->op == ICN_OP_RESAMPLE && input == 1;
  for (int64_t i = 0; i < icn_view_extent(view) && !is_index; i++) {
    seed = seed * 1664525U + 1013904223U;
    values[i] = (float)((int)(seed >> 16) - 32768) / 32768.0f;
  }
  ICN_TRY(icn_buffer_create(t->runtime, bytes, values, &t->operands[ICN_OPERAND_IN + input], error));
done:
  return status;
}

static icn_status make_rest(icn_trial *t, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_emit *emit = &t->emit;
  icn_buffer **operands = t->operands;
  ICN_TRY(icn_buffer_create(t->runtime, (uint64_t)icn_view_extent(&t->problem->out) * 4, NULL, &operands[ICN_OPERAND_OUT], error));
  if (emit->zeros_elems > 0) {
    float *zeros = icn_allocate_array(&t->allocator, (size_t)emit->zeros_elems, sizeof *zeros);
    if (zeros == NULL) return icn_error_memory(error, (size_t)emit->zeros_elems * 4, "a measurement");
    status = icn_buffer_create(t->runtime, emit->zeros_elems * 4, zeros, &operands[ICN_OPERAND_ZEROS], error);
    icn_release(&t->allocator, zeros);
    ICN_TRY(status);
  }
  for (int i = 0; i < ICN_MAX_SCRATCH; i++)
    if (emit->scratch_bytes[i] > 0)
      ICN_TRY(icn_buffer_create(t->runtime, emit->scratch_bytes[i], NULL, &operands[ICN_OPERAND_SCRATCH + i], error));
  if (emit->library_bytes > 0) ICN_TRY(icn_buffer_create(t->runtime, emit->library_bytes, NULL, &operands[ICN_OPERAND_LIBRARY], error));
done:
  return status;
}

static icn_status make_packed(icn_trial *t, icn_error *error) {
  icn_status status = ICN_OK;
  icn_value values[ICN_MAX_INPUTS];
  const icn_value *constants[ICN_MAX_INPUTS] = {NULL};
  float *packed = NULL;
  const uint64_t bytes = icn_row_pack_bytes(t->row, t->problem, &t->config);
  t->copies = 1;
  if (bytes == 0) return ICN_OK;
  ICN_REQUIRE(bytes <= MOST_PACKED_BYTES, ICN_UNSUPPORTED, "row %s packs %" PRIu64 " bytes of weights", t->row->name, bytes);
  memset(values, 0, sizeof values);
  for (int i = 0; i < ICN_MAX_INPUTS; i++) {
    if (!icn_problem_has(t->problem, i) || !icn_problem_is_constant(t->problem, i)) continue;
    values[i] = (icn_value){.name = "constant", .shape = t->problem->in[i].shape, .dtype = ICN_F32, .producer = -1, .data = t->values[i]};
    constants[i] = &values[i];
  }
  const size_t room = (size_t)icn_row_pack_room(t->row, t->problem, &t->config) * sizeof(float);
  packed = icn_allocate(&t->allocator, room);
  if (packed == NULL) return icn_error_memory(error, room, "a measurement");
  icn_row_pack(t->row, t->problem, &t->config, constants, packed);
  t->copies = (int)icn_min64((int64_t)(COPIES_BYTES / bytes) + 1, MAX_COPIES);
  for (int copy = 0; copy < t->copies; copy++) ICN_TRY(icn_buffer_create(t->runtime, bytes, packed, &t->packed[copy], error));
done:
  icn_release(&t->allocator, packed);
  return status;
}

static icn_status bind_all(icn_trial *t, icn_error *error) {
  icn_status status = ICN_OK;
  int64_t offsets[ICN_OPERAND_COUNT] = {0};
  for (int i = 0; i < ICN_MAX_INPUTS; i++) offsets[ICN_OPERAND_IN + i] = t->problem->in[i].offset;
  offsets[ICN_OPERAND_OUT] = t->problem->out.offset;
  for (int copy = 0; copy < t->copies; copy++) {
    t->operands[ICN_OPERAND_PACKED] = t->packed[copy];
    for (int i = 0; i < t->emit.launch_count; i++)
      ICN_TRY(icn_bound_create(t->runtime, &t->emit.launch[i], t->operands, offsets, t->row->name, &t->bound[copy][i], error));
  }
done:
  t->operands[ICN_OPERAND_PACKED] = NULL;
  return status;
}

/* What is not needed any more once all is on the device. */
static void free_values(icn_trial *t) {
  for (int i = 0; i < ICN_MAX_INPUTS; i++) {
    icn_release(&t->allocator, t->values[i]);
    t->values[i] = NULL;
  }
}

static icn_status fill(icn_trial *t, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_TRY(icn_row_emit(t->row, t->problem, icn_runtime_desc(t->runtime), &t->config, &t->emit, error));
  for (int i = 0; i < ICN_MAX_INPUTS; i++)
    if (icn_problem_has(t->problem, i)) ICN_TRY(make_input(t, i, error));
  ICN_TRY(make_rest(t, error));
  ICN_TRY(make_packed(t, error));
  ICN_TRY(bind_all(t, error));
done:
  free_values(t);
  return status;
}

icn_status icn_trial_create(icn_runtime *runtime, const icn_row *row, const icn_problem *problem, const icn_config *config,
                            icn_trial **trial, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_allocator allocator = icn_allocator_default();
  icn_trial *t = icn_allocate_array(&allocator, 1, sizeof *t);
  *trial = NULL;
  if (t == NULL) return icn_error_memory(error, sizeof *t, "a measurement");
  t->runtime = runtime;
  t->row = row;
  t->problem = problem;
  t->allocator = allocator;
  if (config != NULL) t->config = *config;
  if (config == NULL) row->configure(problem, icn_runtime_desc(runtime), &t->config);
  ICN_TRY(fill(t, error));
  *trial = t;
done:
  if (status != ICN_OK) icn_trial_destroy(t);
  return status;
}

void icn_trial_destroy(icn_trial *t) {
  if (t == NULL) return;
  for (int copy = 0; copy < MAX_COPIES; copy++) {
    for (int i = 0; i < ICN_MAX_LAUNCHES; i++) icn_bound_destroy(t->bound[copy][i]);
    icn_buffer_destroy(t->packed[copy]);
  }
  for (int i = 0; i < ICN_OPERAND_COUNT; i++) icn_buffer_destroy(t->operands[i]);
  free_values(t);
  const icn_allocator allocator = t->allocator;
  icn_release(&allocator, t);
}

icn_status icn_trial_run(icn_trial *t, int runs, double *seconds, icn_error *error) {
  icn_status status = ICN_OK;
  const double start = icn_os_seconds();
  for (int n = 0; n < runs; n++) {
    for (int i = 0; i < t->emit.launch_count; i++) ICN_TRY(icn_bound_enqueue(t->runtime, t->bound[t->next][i], error));
    t->next = (t->next + 1) % t->copies;
  }
  ICN_TRY(icn_runtime_finish(t->runtime, error));
  *seconds = (icn_os_seconds() - start) / runs;
done:
  return status;
}

int icn_trial_runs(double seconds) { return seconds >= BATCH_SECONDS ? 1 : (int)(BATCH_SECONDS / (seconds > 1e-7 ? seconds : 1e-7)) + 1; }
