/* The plan as a person reads it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cost.h"
#include "plan_memory.h"

enum { MOST_NAME = 44, MOST_KEY = 84, MOST_ROW = 24 };

typedef struct widths {
  int name, key, row;
  int rule; /* 0 when every row was chosen by its expected time alone, and the column says nothing */
  int runs; /* 0 when no layer runs more than once */
} widths;

static void widen(int *width, size_t length, int most) {
  if (length > (size_t)most) length = (size_t)most;
  if ((int)length > *width) *width = (int)length;
}

static widths measure(const icn_plan *plan) {
  widths w = {5, 7, 3, 0, plan->slices > 1 ? 6 : 0};
  char key[ICN_KEY_BYTES];
  for (size_t l = 0; l < plan->layer_count; l++) {
    widen(&w.name, strlen(plan->layers[l].name), MOST_NAME);
    widen(&w.key, strlen(icn_problem_key(&plan->layers[l].problem, key)), MOST_KEY);
    widen(&w.row, strlen(plan->layers[l].choice.row->name), MOST_ROW);
    if (strcmp(plan->layers[l].choice.rule, "forced") == 0 || strcmp(plan->layers[l].choice.rule, "memory") == 0 ||
        plan->layers[l].choice.tuned)
      w.rule = (int)strlen("forced") + 2;
  }
  return w;
}

static void print_why(const char *why, icn_text *text) {
  while (why != NULL && *why != '\0') {
    size_t length = strcspn(why, "\n");
    icn_text_append(text, "        %.*s\n", (int)length, why);
    why += length + (why[length] == '\n' ? 1 : 0);
  }
}

static void print_layer(const icn_plan_layer *layer, const widths *w, icn_text *text) {
  char key[ICN_KEY_BYTES];
  icn_text_append(text, "%-*s  %-*s  %-*s  %-*s", w->name, layer->name, w->key, icn_problem_key(&layer->problem, key), w->row,
                  layer->choice.row->name, w->rule, w->rule > 0 ? layer->choice.rule : "");
  if (w->runs > 0) icn_text_append(text, "%*d", w->runs, layer->slices);
  icn_text_append(text, "%9.1f  %9.1f  %9.1f\n", icn_problem_flop(&layer->problem) / 1e6, icn_problem_bytes(&layer->problem) / 1024,
                  layer->choice.cost_seconds * 1e6);
  print_why(layer->why, text);
}

static bool same_program(const icn_launch *a, const icn_launch *b) {
  return a->kind == b->kind && a->kind == ICN_LAUNCH_KERNEL && strcmp(a->file, b->file) == 0 && strcmp(a->options, b->options) == 0;
}

/* True when no earlier step is of the same program. */
static bool first_of_program(const icn_plan *plan, size_t step) {
  const icn_launch *launch = &plan->layers[plan->steps[step].layer].emit.launch[plan->steps[step].launch];
  if (launch->kind != ICN_LAUNCH_KERNEL) return false;
  for (size_t s = 0; s < step; s++) {
    if (same_program(launch, &plan->layers[plan->steps[s].layer].emit.launch[plan->steps[s].launch])) return false;
  }
  return true;
}

static void append_count(icn_text *text, size_t count, const char *one, const char *many) {
  icn_text_append(text, "%zu %s", count, count == 1 ? one : many);
}

static void append_bytes(icn_text *text, uint64_t bytes) {
  const double kibi = (double)bytes / 1024.0;
  if (bytes < 1024) {
    icn_text_append(text, "%u B", (unsigned)bytes);
  } else {
    icn_text_append(text, kibi < 1024 ? "%.1f KiB" : "%.2f MiB", kibi < 1024 ? kibi : kibi / 1024.0);
  }
}

static void print_slices(const icn_plan *plan, icn_text *text) {
  if (plan->slices <= 1) return;
  icn_text_append(text, "the batch goes through ");
  append_count(text, plan->sliced_end - plan->sliced_begin, "launch", "launches");
  icn_text_append(text, " in %d slices, one after the other, %s; then on as a whole\n", plan->slices,
                  !plan->sliced_to_fit ? "so that activations stay in the caches" : "so that fewer activations are there at once");
}

static void print_totals(const icn_plan *plan, icn_text *text) {
  const double seconds = icn_plan_seconds(plan);
  double flop = 0;
  size_t programs = 0, copies = 0;
  const size_t launches = plan->step_count + (plan->sliced_end - plan->sliced_begin) * (size_t)(plan->slices - 1);
  for (size_t l = 0; l < plan->layer_count; l++) {
    flop += plan->layers[l].slices * icn_problem_flop(&plan->layers[l].problem);
    if (plan->layers[l].problem.op == ICN_OP_COPY) copies++;
  }
  for (size_t s = 0; s < plan->step_count; s++) programs += first_of_program(plan, s) ? 1 : 0;
  append_count(text, plan->layer_count, "layer", "layers");
  icn_text_append(text, " (copies: %zu), ", copies);
  append_count(text, launches, "launch", "launches");
  icn_text_append(text, " of ");
  append_count(text, programs, "program", "programs");
  if (flop < 1e4) {
    icn_text_append(text, ", %.0f FLOP", flop);
  } else {
    icn_text_append(text, flop < 1e7 ? ", %.3f MFLOP" : ", %.3f GFLOP", flop < 1e7 ? flop / 1e6 : flop / 1e9);
  }
  icn_text_append(text, seconds < 1e-3 ? ", %.1f us expected\n" : ", %.1f ms expected\n", seconds < 1e-3 ? seconds * 1e6 : seconds * 1e3);
  icn_text_append(text, "activations ");
  append_bytes(text, plan->arena_bytes);
  icn_text_append(text, " (at most ");
  append_bytes(text, plan->arena_lower_bound_bytes);
  icn_text_append(text, " are alive at once), weights ");
  append_bytes(text, plan->weight_bytes);
  if (plan->library_bytes > 0) {
    icn_text_append(text, ", CLBlast's own ");
    append_bytes(text, plan->library_bytes);
  }
  icn_text_append(text, "\n");
}

static void print_part(icn_text *text, uint64_t bytes, const char *what) {
  if (bytes > 0) icn_text_append(text, " + %" PRIu64 " %s", bytes, what);
}

/* To the byte, so that it can be compared with what a driver counts. */
static void print_memory(const icn_plan *plan, const icn_device_desc *device, icn_text *text) {
  const icn_plan_memory memory = icn_plan_memory_of(plan, device);
  icn_text_append(text, "device memory, exactly: %" PRIu64 " bytes at the peak = %" PRIu64 " activations and scratch", memory.peak_bytes,
                  memory.arena_bytes);
  print_part(text, memory.weight_bytes, "weights");
  print_part(text, memory.padding_bytes, "between weights");
  print_part(text, memory.input_bytes, "inputs");
  print_part(text, memory.output_bytes, "outputs");
  print_part(text, memory.library_bytes, "CLBlast's own");
  icn_text_append(text, "\n");
}

void icn_plan_print(const icn_plan *plan, const icn_graph *graph, const icn_device_desc *device, icn_text *text) {
  char shape[ICN_SHAPE_TEXT_BYTES];
  widths w = measure(plan);
  icn_text_append(text, "device %s (%s, ", device->name, device->platform);
  append_count(text, device->compute_units, "compute unit", "compute units");
  icn_text_append(text, ")\nrates  %.4g GFLOP/s, %.4g GB/s, %s\n", icn_cost_flop_per_second(device) / 1e9,
                  icn_cost_bytes_per_second(device) / 1e9,
                  device->flop_per_second > 0 ? "measured on the device or stated in its description"
                                              : "assumed for a middling device of its kind, not measured");
  for (size_t i = 0; i < graph->input_count; i++) {
    const icn_shape whole = icn_graph_whole_shape(graph, graph->inputs[i]);
    icn_text_append(text, "input  %s %s\n", graph->values[graph->inputs[i]].name, icn_shape_text(&whole, shape));
  }
  for (size_t o = 0; o < graph->output_count; o++) {
    const icn_value *value = &graph->values[graph->outputs[o]];
    icn_text_append(text, "output %s %s\n", graph->output_names[o], icn_shape_text(&value->shape, shape));
  }
  icn_text_append(text, "\n%-*s  %-*s  %-*s  %-*s%*s%9s  %9s  %9s\n", w.name, "layer", w.key, "problem", w.row, "row", w.rule,
                  w.rule > 0 ? "chosen" : "", w.runs, w.runs > 0 ? "runs" : "", "MFLOP", "KiB", "expect us");
  for (size_t l = 0; l < plan->layer_count; l++) print_layer(&plan->layers[l], &w, text);
  icn_text_append(text, "\n");
  if (plan->untuned != NULL) icn_text_append(text, "%s\n", plan->untuned);
  if (plan->fitted != NULL) icn_text_append(text, "%s\n", plan->fitted);
  print_slices(plan, text);
  print_totals(plan, text);
  print_memory(plan, device, text);
}
