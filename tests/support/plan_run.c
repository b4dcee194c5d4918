#include "plan_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ref.h"

uint32_t icn_test_random(uint32_t *seed) {
  *seed = *seed * 1664525U + 1013904223U;
  return *seed >> 8;
}

static size_t elems_of(const icn_plan_buffer *buffer) { return (size_t)(buffer->bytes / sizeof(float)); }

static void fill_constant(const icn_value *value, float *to) {
  int64_t count = icn_shape_elems(&value->shape);
  for (int64_t i = 0; i < count; i++) {
    int32_t whole = value->dtype == ICN_I32 ? (int32_t)icn_const_i64(value, i) : 0;
    to[i] = icn_const_f32(value, i);
    if (value->dtype == ICN_I32) memcpy(&to[i], &whole, sizeof whole);
  }
}

static void fill_buffers(const icn_plan *plan, const icn_graph *graph, const float *const *inputs, icn_test_run *run) {
  for (size_t b = 0; b < plan->buffer_count; b++) {
    const icn_plan_buffer *buffer = &plan->buffers[b];
    size_t count = elems_of(buffer);
    run->buffers[b] = malloc(count * sizeof(float));
    for (size_t i = 0; i < count; i++) run->buffers[b][i] = buffer->kind == ICN_BUFFER_ZEROS ? 0 : NAN;
    if (buffer->kind == ICN_BUFFER_CONSTANT) fill_constant(&graph->values[buffer->value], run->buffers[b]);
    if (buffer->kind != ICN_BUFFER_INPUT) continue;
    const icn_shape shape = icn_graph_whole_shape(graph, graph->inputs[buffer->index]);
    int64_t elems = icn_shape_elems(&shape);
    memcpy(run->buffers[b], inputs[buffer->index], (size_t)elems * sizeof(float));
  }
}

static float *operand(const icn_test_run *run, const icn_plan_layer *layer, int index, int slice) {
  return run->buffers[layer->place[index].buffer] + layer->place[index].offset + slice * layer->slice_elems[index];
}

static bool touch_scratch(const icn_test_run *run, const icn_plan_layer *layer, int number, bool fill) {
  bool kept = true;
  for (int s = 0; s < ICN_MAX_SCRATCH; s++) {
    if (layer->place[ICN_OPERAND_SCRATCH + s].buffer < 0) continue;
    float *scratch = operand(run, layer, ICN_OPERAND_SCRATCH + s, 0);
    size_t count = (size_t)(layer->emit.scratch_bytes[s] / sizeof(float));
    for (size_t i = 0; i < count; i++) {
      if (fill) scratch[i] = (float)(number * 2 + s);
      kept = kept && scratch[i] == (float)(number * 2 + s);
    }
  }
  return kept;
}

static icn_status run_step(const icn_plan *plan, const icn_graph *graph, const icn_plan_step *step, int slice, const icn_test_run *run,
                           icn_error *error) {
  const icn_plan_layer *layer = &plan->layers[step->layer];
  const void *in[ICN_MAX_INPUTS] = {NULL};
  float *unpacked[ICN_MAX_INPUTS] = {NULL};
  if (step->launch == 0) touch_scratch(run, layer, step->layer, true);
  if (step->launch + 1 < layer->emit.launch_count) return ICN_OK;
  if (!touch_scratch(run, layer, step->layer, false)) {
    return icn_error_set(error, ICN_MISMATCH, "the scratch of layer '%s' was overwritten", layer->name);
  }
  for (int i = 0; i < ICN_MAX_INPUTS; i++) {
    if (!icn_problem_has(&layer->problem, i)) continue;
    if (layer->place[i].buffer >= 0) {
      in[i] = operand(run, layer, i, slice);
    } else { /* packed */
      in[i] = unpacked[i] = malloc((size_t)icn_plan_constant_elems(graph, layer, i) * sizeof(float));
      icn_plan_constant(graph, layer, i, unpacked[i]);
    }
  }
  icn_status status = icn_ref_compute(&layer->problem, in, operand(run, layer, ICN_OPERAND_OUT, slice), NULL, error);
  for (int i = 0; i < ICN_MAX_INPUTS; i++) free(unpacked[i]);
  return status;
}

static bool ready(const icn_plan_step *step, const bool *done) {
  for (int d = 0; d < step->depend_count; d++) {
    if (!done[step->depends[d]]) return false;
  }
  return true;
}

/* Steps [begin, end) once, in their order or, with a seed, in another one that their dependencies allow. */
static icn_status run_steps(const icn_plan *plan, const icn_graph *graph, size_t begin, size_t end, int slice, bool *done, uint32_t *seed,
                            const icn_test_run *run, icn_error *error) {
  icn_status status = ICN_OK;
  const size_t count = end - begin;
  for (size_t i = begin; i < end; i++) done[i] = false;
  for (size_t finished = 0; finished < count && status == ICN_OK; finished++) {
    size_t step = *seed == 0 ? finished : icn_test_random(seed) % count;
    while (done[begin + step] || !ready(&plan->steps[begin + step], done)) step = (step + 1) % count;
    status = run_step(plan, graph, &plan->steps[begin + step], slice, run, error);
    done[begin + step] = true;
  }
  return status;
}

icn_status icn_test_run_plan(const icn_plan *plan, const icn_graph *graph, const float *const *inputs, uint32_t seed, icn_test_run *run,
                             icn_error *error) {
  icn_status status = ICN_OK;
  run->count = plan->buffer_count;
  run->buffers = calloc(plan->buffer_count, sizeof *run->buffers);
  bool *done = calloc(plan->step_count + 1, sizeof *done);
  fill_buffers(plan, graph, inputs, run);
  status = run_steps(plan, graph, 0, plan->sliced_begin, 0, done, &seed, run, error);
  for (int slice = 0; slice < plan->slices && plan->slices > 1 && status == ICN_OK; slice++)
    status = run_steps(plan, graph, plan->sliced_begin, plan->sliced_end, slice, done, &seed, run, error);
  if (status == ICN_OK) status = run_steps(plan, graph, plan->sliced_end, plan->step_count, 0, done, &seed, run, error);
  free(done);
  return status;
}

void icn_test_run_fini(icn_test_run *run) {
  for (size_t b = 0; b < run->count; b++) free(run->buffers[b]);
  free(run->buffers);
}

const float *icn_test_run_output(const icn_test_run *run, const icn_plan *plan, int index) {
  for (size_t b = 0; b < plan->buffer_count; b++) {
    if (plan->buffers[b].kind == ICN_BUFFER_OUTPUT && plan->buffers[b].index == index) return run->buffers[b];
  }
  return NULL;
}
