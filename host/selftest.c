#include "selftest.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "problem_part.h"

enum { NOISE = 16381 };                      /* random values, repeated: a prime, so that no dim of a tensor falls in step with it */
static const uint64_t MOST_BYTES = 64 << 20; /* of a layer's images on the host: of a large batch only the first ones are looked at */

/* Elements [first, end) of a buffer of activations, before and after the run. Tensors that overlap (parts of a join) share one. */
typedef struct region {
  int buffer;
  int64_t first, end;
  float *before, *after;
} region;

typedef struct test {
  icn_executor *executor;
  const icn_plan_layer *layer;
  const icn_allocator *allocator;
  icn_problem problem; /* the layer's, or that of its first images; offsets of activations are those in their region */
  bool cut;
  region regions[ICN_MAX_INPUTS + 1];
  size_t region_count;
  int region_of[ICN_MAX_INPUTS + 1]; /* by operand: inputs, then the output; -1: none */
  const void *base[ICN_MAX_INPUTS];  /* what the reference reads */
  float *constant[ICN_MAX_INPUTS];   /* own ones among them */
  float *noise;
  uint32_t seed;
} test;

/* ----------------------------------------------------------------- regions */

static bool is_activation(const test *t, int operand) {
  const int buffer = t->layer->place[operand].buffer;
  if (buffer < 0) return false;
  const icn_buffer_kind kind = t->executor->plan.buffers[buffer].kind;
  return kind == ICN_BUFFER_ARENA || kind == ICN_BUFFER_INPUT || kind == ICN_BUFFER_OUTPUT;
}

static icn_view *view_of(test *t, int operand) { return operand == ICN_OPERAND_OUT ? &t->problem.out : &t->problem.in[operand]; }

/* The lowest element that a view touches. */
static int64_t view_begin(const icn_view *view) {
  int64_t begin = view->offset;
  for (int k = 0; k < view->shape.rank; k++)
    if (view->stride[k] < 0) begin += (view->shape.dim[k] - 1) * view->stride[k];
  return begin;
}

static void add_region(test *t, region added) {
  for (size_t i = 0; i < t->region_count;) {
    const region *r = &t->regions[i];
    if (r->buffer != added.buffer || r->end <= added.first || added.end <= r->first) {
      i++;
      continue;
    }
    added.first = icn_min64(added.first, r->first);
    added.end = icn_max64(added.end, r->end);
    t->regions[i] = t->regions[--t->region_count];
    i = 0;
  }
  t->regions[t->region_count++] = added;
}

static bool is_uploaded(const test *t, int input) {
  return icn_problem_has(&t->problem, input) && t->layer->place[input].buffer >= 0 && !is_activation(t, input);
}

/* Constants that are read from the device are then dense. */
static void begin_problem(test *t) {
  t->problem = t->layer->problem;
  for (int i = 0; i < ICN_MAX_INPUTS; i++)
    if (is_uploaded(t, i)) t->problem.in[i] = icn_view_dense(&t->problem.in[i].shape);
}

static uint64_t find_regions(test *t) {
  uint64_t bytes = 0;
  t->region_count = 0;
  for (int k = 0; k <= ICN_OPERAND_OUT; k++) {
    const bool there = k == ICN_OPERAND_OUT || icn_problem_has(&t->problem, k);
    const icn_view *view = there ? view_of(t, k) : NULL;
    if (!there || !is_activation(t, k) || icn_shape_elems(&view->shape) == 0) continue;
    const icn_place *place = &t->layer->place[k];
    add_region(t, (region){place->buffer, place->offset + view_begin(view), place->offset + icn_view_extent(view), NULL, NULL});
  }
  for (size_t i = 0; i < t->region_count; i++) bytes += (uint64_t)(t->regions[i].end - t->regions[i].first) * sizeof(float);
  return bytes;
}

/* Fewer images where all of them are many bytes. */
static void choose_images(test *t) {
  const uint64_t bytes = find_regions(t);
  const icn_shape *shape = &t->problem.out.shape;
  if (bytes <= MOST_BYTES || shape->rank == 0 || shape->dim[0] <= 1 || t->problem.turned != 0) return;
  icn_box box = icn_box_whole(&t->problem);
  box.count[0] = icn_max64(1, (int64_t)((double)shape->dim[0] * (double)MOST_BYTES / (double)bytes));
  const icn_problem whole = t->problem;
  icn_problem_part(&whole, &box, &t->problem);
  t->cut = true;
  (void)find_regions(t);
}

void icn_selftest_room_free(icn_selftest_room *room, const icn_executor *executor) {
  icn_release(&executor->context->allocator, room->memory);
  *room = (icn_selftest_room){NULL, 0};
}

static icn_status make_room(test *t, icn_selftest_room *room, icn_error *error) {
  size_t elems = NOISE, used = NOISE;
  for (size_t i = 0; i < t->region_count; i++) elems += 2 * (size_t)(t->regions[i].end - t->regions[i].first);
  if (elems > room->elems) {
    icn_selftest_room_free(room, t->executor);
    room->memory = icn_allocate(t->allocator, elems * sizeof(float));
    if (room->memory == NULL) return icn_error_memory(error, elems * sizeof(float), "a kernel's self-test");
    room->elems = elems;
  }
  t->noise = room->memory;
  for (size_t i = 0; i < t->region_count; i++) {
    region *r = &t->regions[i];
    r->before = room->memory + used;
    r->after = r->before + (r->end - r->first);
    used += 2 * (size_t)(r->end - r->first);
  }
  return ICN_OK;
}

/* Which region each operand lies in; its view counts from there. */
static void place_operands(test *t) {
  for (int k = 0; k <= ICN_OPERAND_OUT; k++) {
    t->region_of[k] = -1;
    if (!is_activation(t, k)) continue;
    const icn_place *place = &t->layer->place[k];
    icn_view *view = view_of(t, k);
    for (size_t i = 0; i < t->region_count; i++) {
      const region *r = &t->regions[i];
      const int64_t at = place->offset + view->offset;
      if (r->buffer != place->buffer || at < r->first || at >= r->end) continue;
      t->region_of[k] = (int)i;
      view->offset = at - r->first;
      break;
    }
  }
}

/* ------------------------------------------------------------------ values */

static uint32_t next_random(test *t) { /* xorshift */
  t->seed ^= t->seed << 13;
  t->seed ^= t->seed >> 17;
  t->seed ^= t->seed << 5;
  return t->seed;
}

/* Roots, logarithms and powers of negative numbers would be NaN. */
static bool wants_positive(const icn_problem *problem) {
  if (problem->op != ICN_OP_UNARY && problem->op != ICN_OP_BINARY) return false;
  const icn_function function = problem->params.function;
  return function == ICN_FN_LOG || function == ICN_FN_SQRT || function == ICN_FN_RSQRT || function == ICN_FN_POW;
}

/* In [-1, 1), or in [0.05, 1.05). */
static float random_value(test *t, bool positive) {
  const float unit = (float)(next_random(t) >> 8) * 0x1p-24F;
  return positive ? unit + 0.05F : 2 * unit - 1;
}

typedef enum element_source { FROM_RANDOM, UNWRITTEN, FROM_OTHER } element_source;

static void set_elements(test *t, const icn_view *view, element_source source, float *base, const float *other) {
  const uint32_t unwritten = ICN_UNWRITTEN;
  const bool positive = wants_positive(&t->problem);
  const int64_t elems = icn_shape_elems(&view->shape);
  int64_t index[ICN_MAX_RANK] = {0}, at = view->offset;
  for (int64_t i = 0; i < elems; i++) {
    if (source == FROM_RANDOM) base[at] = random_value(t, positive);
    if (source == UNWRITTEN) memcpy(&base[at], &unwritten, sizeof unwritten);
    if (source == FROM_OTHER) memcpy(&base[at], &other[at], sizeof *base);
    for (int k = view->shape.rank - 1; k >= 0; k--) {
      at += view->stride[k];
      if (++index[k] < view->shape.dim[k]) break;
      at -= view->stride[k] * view->shape.dim[k];
      index[k] = 0;
    }
  }
}

/* Each region begins elsewhere in the noise: a - b of two alike is 0 whatever a kernel does with them. */
static void fill_regions(test *t) {
  const bool positive = wants_positive(&t->problem);
  for (int i = 0; i < NOISE; i++) t->noise[i] = random_value(t, positive);
  for (size_t i = 0; i < t->region_count; i++) {
    const region *r = &t->regions[i];
    int64_t from = (int64_t)i * (NOISE / (ICN_MAX_INPUTS + 1));
    for (int64_t k = 0, count; k < r->end - r->first; k += count, from = 0) {
      count = icn_min64(NOISE - from, r->end - r->first - k);
      memcpy(&r->before[k], &t->noise[from], (size_t)count * sizeof(float));
    }
  }
  const int out = t->region_of[ICN_OPERAND_OUT];
  if (out < 0) return;
  set_elements(t, &t->problem.out, UNWRITTEN, t->regions[out].before, NULL);
  for (int k = 0; k < ICN_MAX_INPUTS; k++) /* one that shares elements with the output keeps them */
    if (t->region_of[k] == out && icn_problem_has(&t->problem, k))
      set_elements(t, &t->problem.in[k], FROM_RANDOM, t->regions[out].before, NULL);
}

/* ------------------------------------------------------------------ inputs */

/* From the device's own copy: what kernels that do not pack it read. */
static icn_status read_constant(test *t, int input, icn_error *error) {
  const icn_view *view = &t->layer->problem.in[input];
  const size_t elems = (size_t)icn_max64(icn_shape_elems(&view->shape), 1);
  t->constant[input] = icn_allocate_array(t->allocator, elems, sizeof(float));
  if (t->constant[input] == NULL) return icn_error_memory(error, elems * sizeof(float), "a kernel's self-test");
  t->base[input] = t->constant[input];
  return icn_exec_device_read_view(t->executor, &t->layer->place[input], view, t->constant[input], error);
}

/* From the graph: where only packed weights are on the device. In place, as far as that can be read as floats. */
static icn_status take_constant(test *t, int input, icn_error *error) {
  const icn_graph *graph = &t->executor->graph;
  const icn_node *node = t->layer->node < 0 ? NULL : &graph->nodes[t->layer->node];
  if (node == NULL || input >= node->input_count || graph->values[node->inputs[input]].data == NULL)
    return icn_error_set(error, ICN_UNSUPPORTED, "layer '%s': its input %d is not stored", t->layer->name, input);
  const icn_value *value = &graph->values[node->inputs[input]];
  if (t->layer->beside < 0 && value->dtype == ICN_F32 && (uintptr_t)value->data % sizeof(float) == 0) {
    t->base[input] = value->data;
    return ICN_OK;
  }
  const size_t elems = (size_t)icn_max64(icn_plan_constant_elems(graph, t->layer, input), 1);
  t->constant[input] = icn_allocate_array(t->allocator, elems, sizeof(float));
  if (t->constant[input] == NULL) return icn_error_memory(error, elems * sizeof(float), "a kernel's self-test");
  icn_plan_constant(graph, t->layer, input, t->constant[input]);
  t->base[input] = t->constant[input];
  return ICN_OK;
}

static icn_status find_inputs(test *t, icn_error *error) {
  icn_status status = ICN_OK;
  for (int i = 0; i < ICN_MAX_INPUTS; i++) {
    if (!icn_problem_has(&t->problem, i)) continue;
    if (t->region_of[i] >= 0) {
      t->base[i] = t->regions[t->region_of[i]].before;
    } else if (is_uploaded(t, i)) {
      ICN_TRY(read_constant(t, i, error));
    } else {
      ICN_TRY(take_constant(t, i, error));
    }
  }
done:
  return status;
}

/* --------------------------------------------------------------------- run */

static icn_status run(test *t, icn_error *error) {
  icn_status status = ICN_OK;
  icn_runtime *runtime = t->executor->runtime;
  for (size_t i = 0; i < t->region_count; i++) {
    const region *r = &t->regions[i];
    ICN_TRY(icn_buffer_write(runtime, t->executor->buffers[r->buffer], (uint64_t)r->first * sizeof(float),
                             (uint64_t)(r->end - r->first) * sizeof(float), r->before, error));
  }
  ICN_TRY(icn_exec_device_enqueue_layer(t->executor, (size_t)(t->layer - t->executor->plan.layers), error));
  ICN_TRY(icn_runtime_finish(runtime, error));
  for (size_t i = 0; i < t->region_count; i++) {
    const region *r = &t->regions[i];
    ICN_TRY(icn_buffer_read(runtime, t->executor->buffers[r->buffer], (uint64_t)r->first * sizeof(float),
                            (uint64_t)(r->end - r->first) * sizeof(float), r->after, error));
  }
done:
  return status;
}

/* A layer of several launches may have its scratch where its output comes later, or where an input was that no later launch reads. */
static void allow_scratch(test *t) {
  for (int n = 0; n < ICN_MAX_SCRATCH; n++) {
    const icn_place *place = &t->layer->place[ICN_OPERAND_SCRATCH + n];
    const int64_t begin = place->offset, end = begin + (int64_t)((t->layer->emit.scratch_bytes[n] + sizeof(float) - 1) / sizeof(float));
    for (size_t i = 0; i < t->region_count; i++) {
      const region *r = &t->regions[i];
      const int64_t from = icn_max64(begin, r->first), to = icn_min64(end, r->end);
      if (place->buffer != r->buffer || from >= to) continue;
      memcpy(&r->before[from - r->first], &r->after[from - r->first], (size_t)(to - from) * sizeof(float));
    }
  }
}

/* Everything but the output and scratch is as it was. */
static void check_rest(test *t, icn_part_check *check) {
  const int out = t->region_of[ICN_OPERAND_OUT];
  if (t->cut || check->wrong) return; /* of a part of the images the others' outputs may lie between */
  allow_scratch(t);
  if (out >= 0) set_elements(t, &t->problem.out, FROM_OTHER, t->regions[out].before, t->regions[out].after);
  for (size_t i = 0; i < t->region_count; i++) {
    const region *r = &t->regions[i];
    if (memcmp(r->before, r->after, (size_t)(r->end - r->first) * sizeof(float)) == 0) continue;
    int64_t k = 0;
    while (memcmp(&r->before[k], &r->after[k], sizeof(float)) == 0) k++;
    check->wrong = true;
    snprintf(check->text, sizeof check->text, "element %lld of %s was overwritten, which is none of its output's",
             (long long)(r->first + k), t->executor->plan.buffers[r->buffer].kind == ICN_BUFFER_ARENA ? "the arena" : "an input or output");
    return;
  }
}

icn_status icn_selftest_layer(icn_executor *executor, size_t layer, icn_selftest_room *room, icn_part_check *check, icn_error *error) {
  icn_status status = ICN_OK;
  test t;
  memset(&t, 0, sizeof t);
  memset(check, 0, sizeof *check);
  t.executor = executor;
  t.layer = &executor->plan.layers[layer];
  t.allocator = &executor->context->allocator;
  begin_problem(&t);
  t.seed = 0x2545F491U;
  if (icn_shape_elems(&t.problem.out.shape) == 0) return ICN_OK;
  choose_images(&t);
  ICN_TRY(make_room(&t, room, error));
  place_operands(&t);
  fill_regions(&t);
  ICN_TRY(find_inputs(&t, error));
  ICN_TRY(run(&t, error));
  const int out = t.region_of[ICN_OPERAND_OUT];
  ICN_REQUIRE(out >= 0, ICN_UNSUPPORTED, "layer '%s' writes to no buffer of the plan", t.layer->name);
  ICN_TRY(
      icn_check_parts(&t.problem, t.layer->choice.row, &t.layer->choice.config, t.base, t.regions[out].after, t.allocator, check, error));
  check_rest(&t, check);
done:
  for (int i = 0; i < ICN_MAX_INPUTS; i++) icn_release(t.allocator, t.constant[i]);
  return status;
}
