/* Greedy: from the fastest plan on, the move that loses the least time for a byte, until all moves are made; the fastest plan on the way
 * that fits is the one. */
#include "plan_fit.h"

#include <inttypes.h>
#include <string.h>

#include "plan_memory.h"

typedef struct fit_layer {
  icn_fit_option *options;
  size_t count, chosen, best; /* best: as the plan that was found has chosen */
  uint64_t beside;            /* the most bytes of the arena that are alive with the layer's scratch, which is not among them */
} fit_layer;

typedef struct fit {
  const icn_row_table *rows;
  const icn_graph *graph;
  const icn_device_desc *device;
  icn_plan_request request; /* without the limit */
  uint64_t limit;
  const icn_plan *base; /* the fastest, above the limit */
  icn_arena arena;
  fit_layer *layers;
  size_t layer_count;
  uint64_t others; /* of the account: neither weights of layers nor the arena's bound */
  icn_fixed_choice *fixed;
} fit;

/* ----------------------------------------------------------------- reckoning */

static const icn_fit_option *chosen(const fit_layer *layer) { return &layer->options[layer->chosen]; }

static uint64_t alive(const fit_layer *layer) { return layer->beside + (layer->count > 0 ? chosen(layer)->scratch_bytes : 0); }

/* The layer where the most of the arena is alive at once, and how much is at most alive at all others. */
static size_t peak_layer(const fit *f, uint64_t *most, uint64_t *at_others) {
  size_t peak = 0;
  *most = *at_others = 0;
  for (size_t l = 0; l < f->layer_count; l++) {
    const uint64_t bytes = alive(&f->layers[l]);
    if (bytes > *most) {
      *at_others = *most;
      *most = bytes;
      peak = l;
    } else if (bytes > *at_others) {
      *at_others = bytes;
    }
  }
  return peak;
}

static uint64_t reckoned_bytes(const fit *f) {
  uint64_t most, at_others, bytes = f->others;
  (void)peak_layer(f, &most, &at_others);
  for (size_t l = 0; l < f->layer_count; l++) bytes += f->layers[l].count > 0 ? chosen(&f->layers[l])->weight_bytes : 0;
  return bytes + most;
}

static double reckoned_seconds(const fit *f) {
  double seconds = 0;
  for (size_t l = 0; l < f->layer_count; l++) seconds += f->layers[l].count > 0 ? chosen(&f->layers[l])->seconds : 0;
  return seconds;
}

/* --------------------------------------------------------------------- moves */

/* Bytes that the option takes less than the layer's own; less than 1: none. Where several layers are the arena's peak, less scratch in one
 * of them saves nothing yet, and is worth a byte: it is a step on the way. */
static double bytes_saved(const fit *f, size_t l, const icn_fit_option *option, size_t peak, uint64_t most, uint64_t at_others) {
  const fit_layer *layer = &f->layers[l];
  const icn_fit_option *now = chosen(layer);
  const uint64_t then = layer->beside + option->scratch_bytes;
  double saved = (double)now->weight_bytes - (double)option->weight_bytes;
  if (then > most) saved -= (double)(then - most);
  if (l != peak || option->scratch_bytes >= now->scratch_bytes) return saved;
  const uint64_t bound = then > at_others ? then : at_others;
  return saved + (bound < most ? (double)(most - bound) : 1);
}

typedef struct move {
  size_t layer, option;
  double price, saved; /* price: seconds a byte */
} move;

static bool find_move(const fit *f, move *best) {
  uint64_t most, at_others;
  const size_t peak = peak_layer(f, &most, &at_others);
  bool found = false;
  for (size_t l = 0; l < f->layer_count; l++) {
    for (size_t o = 0; o < f->layers[l].count; o++) {
      const icn_fit_option *option = &f->layers[l].options[o];
      const double saved = bytes_saved(f, l, option, peak, most, at_others);
      if (o == f->layers[l].chosen || saved < 1) continue;
      const double lost = option->seconds - chosen(&f->layers[l])->seconds, price = (lost > 0 ? lost : 0) / saved;
      if (found && (price > best->price || (price == best->price && saved <= best->saved))) continue;
      *best = (move){l, o, price, saved};
      found = true;
    }
  }
  return found;
}

/* --------------------------------------------------------------------- plans */

static const char *explain(fit *f, const fit_layer *layer) {
  const icn_fit_option *fast = &layer->options[0], *now = chosen(layer);
  return icn_arena_format(
      &f->arena,
      "memory limit: takes the place of %s, which would take %.1f us (this one %.1f us), %.1f KiB of weights (%.1f KiB) "
      "and %.1f KiB of scratch (%.1f KiB)\n",
      fast->choice.row->name, fast->seconds * 1e6, now->seconds * 1e6, (double)fast->weight_bytes / 1024, (double)now->weight_bytes / 1024,
      (double)fast->scratch_bytes / 1024, (double)now->scratch_bytes / 1024);
}

static icn_status fix_choices(fit *f, icn_error *error) {
  memset(f->fixed, 0, f->graph->node_count * sizeof *f->fixed);
  for (size_t l = 0; l < f->layer_count; l++) {
    const fit_layer *layer = &f->layers[l];
    if (layer->count == 0 || layer->chosen == 0) continue;
    icn_fixed_choice *fixed = &f->fixed[f->base->layers[l].node];
    *fixed = (icn_fixed_choice){chosen(layer)->choice, explain(f, layer)};
    if (fixed->why == NULL) return icn_error_memory(error, 256, "the reasons of a choice");
  }
  return ICN_OK;
}

/* The plan as the layers have chosen. */
static icn_status plan_chosen(fit *f, icn_plan *plan, uint64_t *bytes, icn_error *error) {
  icn_status status = fix_choices(f, error);
  if (status != ICN_OK) return status;
  f->request.fixed = f->fixed;
  status = icn_plan_make_from(f->rows, f->graph, f->device, &f->request, plan, error);
  f->request.fixed = NULL;
  if (status == ICN_OK) *bytes = icn_plan_memory_of(plan, f->device).peak_bytes;
  return status;
}

static icn_status describe(const fit *f, icn_plan *plan, uint64_t bytes, icn_error *error) {
  const double more = icn_plan_seconds(plan) - icn_plan_seconds(f->base);
  size_t changed = 0;
  for (size_t l = 0; l < plan->layer_count; l++) changed += strcmp(plan->layers[l].choice.rule, "memory") == 0;
  plan->lost_seconds = more > 0 ? more : 0;
  plan->fitted = icn_arena_format(&plan->arena,
                                  "memory limit %" PRIu64
                                  " bytes: %zu of %zu layers take a row with less memory (%.2f MiB in all, not %.2f "
                                  "MiB), %.1f us more expected",
                                  f->limit, changed, plan->layer_count, (double)bytes / 1048576,
                                  (double)icn_plan_memory_of(f->base, f->device).peak_bytes / 1048576, more * 1e6);
  return plan->fitted == NULL ? icn_error_memory(error, 256, "the plan") : ICN_OK;
}

/* ------------------------------------------------------------------ the search */

static icn_status prepare(fit *f, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_plan *base = f->base;
  f->layer_count = base->layer_count;
  f->layers = icn_arena_array(&f->arena, base->layer_count, sizeof *f->layers);
  f->fixed = icn_arena_array(&f->arena, f->graph->node_count, sizeof *f->fixed);
  if (f->layers == NULL || f->fixed == NULL)
    ICN_TRY(icn_error_memory(error, base->layer_count * sizeof *f->layers, "looking for a smaller plan"));
  for (size_t s = 0; s < base->step_count; s++) {
    fit_layer *layer = &f->layers[base->steps[s].layer];
    if (base->alive_bytes[s] > layer->beside) layer->beside = base->alive_bytes[s];
  }
  for (size_t l = 0; l < base->layer_count; l++) {
    fit_layer *layer = &f->layers[l];
    if (base->layers[l].node < 0 || base->layers[l].problem.op == ICN_OP_COPY) continue; /* a node's copies have its number */
    ICN_TRY(
        icn_fit_options(f->rows, &base->layers[l], f->device, f->request.forced_rows, &f->arena, &layer->options, &layer->count, error));
    const uint64_t scratch = layer->count > 0 ? chosen(layer)->scratch_bytes : 0;
    layer->beside = layer->beside > scratch ? layer->beside - scratch : 0;
  }
  f->others = 0;
  const uint64_t all = icn_plan_memory_of(base, f->device).peak_bytes, reckoned = reckoned_bytes(f);
  f->others = all > reckoned ? all - reckoned : 0;
done:
  return status;
}

/* What is missing, and who has it. */
static icn_status too_small(const fit *f, const icn_plan *plan, uint64_t least, icn_error *error) {
  const char *heaviest = "", *widest = "";
  uint64_t weights = 0, activations = 0;
  for (size_t l = 0; l < plan->layer_count; l++) {
    const int packed = plan->layers[l].place[ICN_OPERAND_PACKED].buffer;
    if (packed < 0 || plan->buffers[packed].bytes <= weights) continue;
    weights = plan->buffers[packed].bytes;
    heaviest = plan->layers[l].name;
  }
  for (size_t s = 0; s < plan->step_count; s++) {
    if (plan->alive_bytes[s] <= activations) continue;
    activations = plan->alive_bytes[s];
    widest = plan->layers[plan->steps[s].layer].name;
  }
  return icn_error_set(error, ICN_DEVICE_MEMORY,
                       "the memory limit of %" PRIu64 " bytes is too small by %" PRIu64 ": the plan needs %" PRIu64
                       " with every layer at its least; layer '%.80s' has the most activations at once (%" PRIu64
                       " bytes), layer '%.80s' the most weights (%" PRIu64 " of %" PRIu64 ")",
                       f->limit, least - f->limit, least, widest, activations, heaviest, weights, plan->weight_bytes);
}

/* The fastest that fits among what the moves lead to: *found and *plan. */
static icn_status search(fit *f, icn_plan *plan, bool *found, icn_error *error) {
  icn_status status = ICN_OK;
  double least_seconds = 0;
  move next;
  *found = false;
  for (;;) {
    const double seconds = reckoned_seconds(f);
    if (reckoned_bytes(f) <= f->limit && (!*found || seconds < least_seconds)) {
      icn_plan trial;
      uint64_t bytes = 0;
      ICN_TRY(plan_chosen(f, &trial, &bytes, error));
      if (bytes <= f->limit) {
        if (*found) icn_plan_fini(plan);
        *plan = trial;
        *found = true;
        least_seconds = seconds;
        for (size_t l = 0; l < f->layer_count; l++) f->layers[l].best = f->layers[l].chosen;
        ICN_TRY(describe(f, plan, bytes, error));
      } else {
        icn_plan_fini(&trial);
      }
    }
    if (!find_move(f, &next)) break;
    f->layers[next.layer].chosen = next.option;
  }
done:
  if (status != ICN_OK && *found) icn_plan_fini(plan);
  return status;
}

/* The same rows where every value is kept. */
static icn_status keep_values(fit *f, icn_plan *plan, icn_error *error) {
  icn_plan reusing = *plan;
  uint64_t bytes;
  for (size_t l = 0; l < f->layer_count; l++) f->layers[l].chosen = f->layers[l].best;
  f->request.keep_values = true;
  icn_status status = plan_chosen(f, plan, &bytes, error);
  if (status == ICN_OK) {
    plan->lost_seconds = reusing.lost_seconds;
    plan->fitted = icn_arena_format(&plan->arena, "%s; values are kept, which is not counted", reusing.fitted);
    if (plan->fitted == NULL) status = icn_error_memory(error, 256, "the plan");
    if (status != ICN_OK) icn_plan_fini(plan);
  }
  icn_plan_fini(&reusing);
  return status;
}

icn_status icn_plan_fit(const icn_row_table *rows, const icn_graph *graph, const icn_device_desc *device, const icn_plan_request *request,
                        icn_plan *plan, uint64_t *least, icn_error *error) {
  icn_status status = ICN_OK;
  icn_plan base = *plan, fitted;
  fit f = {rows, graph, device, *request, request->memory_limit, &base, .layers = NULL};
  bool found = false;
  f.request.memory_limit = 0;
  f.request.keep_values = false;
  icn_arena_init(&f.arena, &graph->arena.allocator);
  ICN_TRY(prepare(&f, error));
  ICN_TRY(search(&f, &fitted, &found, error));
  if (!found) { /* what is reckoned may be above what it is */
    ICN_TRY(plan_chosen(&f, &fitted, least, error));
    status = *least > f.limit ? too_small(&f, &fitted, *least, error) : describe(&f, &fitted, *least, error);
    if (status != ICN_OK) icn_plan_fini(&fitted);
    ICN_TRY(status);
    for (size_t l = 0; l < f.layer_count; l++) f.layers[l].best = f.layers[l].chosen;
  }
  if (request->keep_values) ICN_TRY(keep_values(&f, &fitted, error));
  *plan = fitted;
done:
  icn_arena_fini(&f.arena);
  icn_plan_fini(&base);
  if (status != ICN_OK) *plan = base;
  return status;
}
