/* The ways to compute a layer, by memory and time. */
#include <string.h>

#include "plan_fit.h"
#include "plan_memory.h"
#include "row_space.h"
#include "row_winograd.h"

enum { MOST_OPTIONS = 64 };

static uint64_t weight_room(const icn_device_desc *device, uint64_t bytes) {
  if (bytes < 4) bytes = 4;
  return icn_weights_in_slabs(device) ? icn_weight_room(bytes) : bytes;
}

/* What the option takes; false where it cannot be asked or takes memory that is not counted here (a library's). */
static bool measure(const icn_problem *problem, const icn_device_desc *device, icn_fit_option *option) {
  const icn_row *row = option->choice.row;
  const icn_config *config = &option->choice.config;
  icn_emit emit;
  memset(&emit, 0, sizeof emit);
  if (icn_row_emit(row, problem, device, config, &emit, NULL) != ICN_OK || emit.library_bytes > 0) return false;
  option->weight_bytes = option->scratch_bytes = 0;
  for (int i = 0; i < ICN_MAX_SCRATCH; i++) option->scratch_bytes += (emit.scratch_bytes[i] + 255) / 256 * 256;
  if (icn_emit_uses(&emit, ICN_OPERAND_PACKED)) option->weight_bytes += weight_room(device, icn_row_pack_bytes(row, problem, config));
  for (int i = 0; i < ICN_MAX_INPUTS; i++)
    if (icn_problem_has(problem, i) && icn_problem_is_constant(problem, i) && icn_emit_uses(&emit, ICN_OPERAND_IN + i))
      option->weight_bytes += weight_room(device, (uint64_t)icn_shape_elems(&problem->in[i].shape) * sizeof(float));
  return true;
}

static bool is_no_better(const icn_fit_option *a, const icn_fit_option *b) {
  return a->weight_bytes >= b->weight_bytes && a->scratch_bytes >= b->scratch_bytes && a->seconds >= b->seconds;
}

typedef struct listing {
  const icn_plan_layer *layer;
  const icn_device_desc *device;
  icn_fit_option *options;
  size_t count;
} listing;

/* Takes the row's way with this configuration into the list, and those out of it (the first excepted) that it makes needless. */
static void consider(listing *list, const icn_row *row, const icn_config *config) {
  const icn_problem *problem = &list->layer->problem;
  icn_fit_option option = {.choice = {.row = row, .config = *config, .rule = "memory"}};
  if (!icn_row_takes(row, problem, list->device, config, NULL) || !measure(problem, list->device, &option)) return;
  const double once = row->cost(problem, list->device, config);
  option.choice.cost_seconds = once;
  option.seconds = once * list->layer->slices;
  if (!(option.seconds >= 0)) return; /* NaN */
  for (size_t i = 0; i < list->count; i++)
    if (is_no_better(&option, &list->options[i])) return;
  size_t kept = 1;
  for (size_t i = 1; i < list->count; i++)
    if (!is_no_better(&list->options[i], &option)) list->options[kept++] = list->options[i];
  list->count = kept;
  if (list->count < MOST_OPTIONS) list->options[list->count++] = option;
}

static void consider_row(listing *list, const icn_row *row) {
  const icn_problem *problem = &list->layer->problem;
  icn_device_desc device = *list->device;
  icn_config config;
  row->configure(problem, &device, &config);
  consider(list, row, &config);
  device.memory_is_short = true; /* no depth in parts */
  row->configure(problem, &device, &config);
  consider(list, row, &config);
  if (strncmp(row->name, "winograd", 8) != 0) return;
  for (const int32_t *m = icn_winograd_ms; *m != 0; m++) {
    device.most_winograd_m = *m;
    row->configure(problem, &device, &config);
    consider(list, row, &config);
  }
}

icn_status icn_fit_options(const icn_row_table *rows, const icn_plan_layer *layer, const icn_device_desc *device, const char *forced_rows,
                           icn_arena *arena, icn_fit_option **options, size_t *count, icn_error *error) {
  icn_fit_option own = {.choice = layer->choice};
  listing list = {layer, device, NULL, 1};
  *options = NULL;
  *count = 0;
  if (!measure(&layer->problem, device, &own) || own.weight_bytes + own.scratch_bytes == 0) return ICN_OK;
  /* Measured times and expected ones do not compare. */
  own.seconds = layer->choice.row->cost(&layer->problem, device, &layer->choice.config) * layer->slices;
  list.options = icn_arena_array(arena, MOST_OPTIONS, sizeof *list.options);
  if (list.options == NULL) return icn_error_memory(error, MOST_OPTIONS * sizeof *list.options, "looking for a smaller plan");
  list.options[0] = own;
  for (size_t i = 0; i < rows->count; i++) {
    const icn_row *row = rows->at(i);
    if (row->op == layer->problem.op && icn_select_may(row, &layer->problem, device, forced_rows, NULL)) consider_row(&list, row);
  }
  *options = list.options;
  *count = list.count;
  return ICN_OK;
}
