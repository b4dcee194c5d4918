/* clinception bench: how long a run takes, in all and layer by layer. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "json.h"
#include "os.h"
#include "session.h"
#include "tensors.h"

enum { WARM_UP_RUNS = 2, DEFAULT_RUNS = 20, LEAST_RUNS = 3 };
static const double default_seconds = 10.0; /* without --repeat: no more runs after this */

typedef struct bench {
  session s;
  session_options so;
  const char *model_path;
  long repeat; /* 0: not given */
  bool json, layers, slowest_first;
  const char *sort;
  icn_model *model;
  cJSON *results;
} bench;

typedef struct timing {
  size_t runs;
  double median, least, low, high; /* seconds; low and high: a tenth of the runs are below, above */
} timing;

typedef struct layer_times {
  size_t count;
  double *seconds; /* medians */
  double total;
} layer_times;

/* ---------------------------------------------------------------- measuring */

static int by_size(const void *a, const void *b) {
  double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

/* The value below which `part` of the sorted values are, between neighbours in proportion. */
static double quantile(const double *sorted, size_t count, double part) {
  double place = part * (double)(count - 1);
  size_t below = (size_t)place;
  if (below + 1 >= count) return sorted[count - 1];
  return sorted[below] + (place - (double)below) * (sorted[below + 1] - sorted[below]);
}

static int check_finite(const bench *b, const tensors *outputs) {
  for (size_t i = 0; i < outputs->count; i++) {
    size_t count = tensor_elems(&outputs->info[i]);
    for (size_t k = 0; k < count; k++)
      if (!isfinite(outputs->data[i][k]))
        return tool_fail("model '%s' is not timed because element %zu of its output '%s' is not finite", b->model_path, k,
                         outputs->info[i].name);
  }
  return TOOL_OK;
}

static bool enough(const bench *b, size_t runs, double seconds) {
  if (b->repeat > 0) return runs >= (size_t)b->repeat;
  return runs >= DEFAULT_RUNS || (runs >= LEAST_RUNS && seconds > default_seconds);
}

static int measure(const bench *b, icn_executor *executor, const tensors *inputs, tensors *outputs, timing *result) {
  double *seconds = NULL, began = icn_os_seconds();
  size_t runs = 0;
  int code = tensors_run(executor, inputs, outputs);
  if (code == TOOL_OK) code = check_finite(b, outputs);
  bool slow = icn_os_seconds() - began > default_seconds / LEAST_RUNS;
  for (int i = 1; i < WARM_UP_RUNS && code == TOOL_OK && !slow; i++) code = tensors_run(executor, inputs, outputs);
  began = icn_os_seconds();
  while (code == TOOL_OK && !enough(b, runs, icn_os_seconds() - began)) {
    if (slow) progress_show("runs", runs, b->repeat > 0 ? (size_t)b->repeat : LEAST_RUNS);
    double start = icn_os_seconds();
    code = tensors_run(executor, inputs, outputs);
    seconds = tool_grow(seconds, runs + 1, sizeof *seconds);
    seconds[runs++] = icn_os_seconds() - start;
  }
  progress_clear();
  if (code == TOOL_OK) {
    qsort(seconds, runs, sizeof *seconds, by_size);
    *result = (timing){runs, quantile(seconds, runs, 0.5), seconds[0], quantile(seconds, runs, 0.1), quantile(seconds, runs, 0.9)};
  }
  free(seconds);
  return code;
}

/* Medians of each layer's device time over some runs. */
static int measure_layers(icn_executor *executor, const tensors *inputs, tensors *outputs, size_t runs, layer_times *result) {
  size_t count = icn_executor_layer_count(executor);
  double *times = tool_allocate(count * runs, sizeof *times);
  int code = TOOL_OK;
  for (size_t r = 0; r < runs && code == TOOL_OK; r++) {
    code = tensors_run(executor, inputs, outputs);
    for (size_t i = 0; i < count; i++) times[i * runs + r] = icn_executor_layer(executor, i).seconds;
  }
  *result = (layer_times){count, tool_allocate(count, sizeof(double)), 0.0};
  for (size_t i = 0; i < count; i++) {
    qsort(times + i * runs, runs, sizeof *times, by_size);
    result->seconds[i] = quantile(times + i * runs, runs, 0.5);
    result->total += result->seconds[i];
  }
  free(times);
  return code;
}

/* ---------------------------------------------------------------- reporting */

static double spread(const timing *t) { return t->median > 0.0 ? (t->high - t->low) / t->median : 0.0; }

static double batch_of(const tensors *inputs) {
  return inputs->count > 0 && inputs->info[0].rank > 1 ? (double)inputs->info[0].dim[0] : 1.0;
}

static double total_flop(const icn_executor *executor) {
  double flop = 0.0;
  for (size_t i = 0; i < icn_executor_layer_count(executor); i++) flop += icn_executor_layer(executor, i).flop;
  return flop;
}

static void add_row(table *t, const icn_executor *executor, const timing *time, const tensors *inputs) {
  const icn_device *device = icn_executor_device(executor);
  icn_memory_account memory;
  icn_memory_account_init(&memory);
  (void)icn_executor_account(executor, &memory, NULL);
  char label[16], bytes[BYTES_TEXT_BYTES];
  bool is_reference = icn_device_get_info(device).kind == ICN_DEVICE_REFERENCE;
  double flop = total_flop(executor);
  table_add(t, "%s", device_label(device, label));
  table_add(t, "%s", is_reference ? "plain C" : icn_device_get_info(device).name);
  table_add(t, "%.0f", batch_of(inputs));
  table_add(t, "%.2f ms", time->median * 1e3);
  table_add(t, "%.2f ms", time->least * 1e3);
  table_add(t, "%.1f %%", spread(time) * 100.0);
  table_add(t, "%zu", time->runs);
  table_add(t, "%.2f", batch_of(inputs) / time->median);
  table_add(t, "%.1f", flop / time->median * 1e-9);
  if (is_reference)
    table_add(t, "-"); /* it has no plan, so none that is known beforehand */
  else
    table_add(t, "%s", bytes_text((double)memory.peak_bytes, bytes));
}

/* A layer cannot be faster than its row's arithmetic and memory traffic allow: the longer of the two at the measured peaks. 0: unknown. */
static double bound_seconds(const icn_layer_info *layer, double flops, double bandwidth) {
  if (flops <= 0.0 || bandwidth <= 0.0) return 0.0;
  double compute = layer->row_flop / flops, traffic = layer->row_bytes / bandwidth;
  return compute > traffic ? compute : traffic;
}

/* `part` of `whole` as percent, "-" where the whole is unknown. */
static void add_part(table *t, double part, double whole) {
  if (whole > 0.0)
    table_add(t, "%.0f%%", part / whole * 100.0);
  else
    table_add(t, "-");
}

/* The layers' numbers as they are to be printed: as they run, or the slowest first. NEW. */
static size_t *order_of_layers(const bench *b, const layer_times *times) {
  size_t *order = tool_allocate(times->count, sizeof *order);
  for (size_t i = 0; i < times->count; i++) {
    size_t place = i;
    for (; b->slowest_first && place > 0 && times->seconds[i] > times->seconds[order[place - 1]]; place--) order[place] = order[place - 1];
    order[place] = i;
  }
  return order;
}

/* Which layers run more than once. */
static void print_slices(const icn_executor *executor) {
  size_t count = icn_executor_layer_count(executor), sliced = 0;
  int runs = 1;
  for (size_t i = 0; i < count; i++) {
    const icn_layer_info layer = icn_executor_layer(executor, i);
    if (layer.runs <= 1) continue;
    runs = layer.runs;
    sliced++;
  }
  if (sliced == 0) return;
  printf("%zu of %zu layers run %d times, once for each slice of the batch; their figures are sums, the problem is that of one slice\n",
         sliced, count, runs);
}

/* Units stand in the headings: lines are long enough with the problem. */
static void print_layers(const bench *b, const icn_executor *executor, const layer_times *times, double flops, double bandwidth) {
  table t;
  size_t *order = order_of_layers(b, times);
  static const char *const headings[] = {"layer", "row", "us", "share", "GFLOP/s", "row's", "peak", "GB/s", "bound", "KiB", "problem"};
  double bounds = 0.0;
  table_init(&t, "llrrrrrrrrl");
  for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++) table_add(&t, "%s", headings[i]);
  for (size_t i = 0; i < times->count; i++) {
    icn_layer_info layer = icn_executor_layer(executor, order[i]);
    double seconds = times->seconds[order[i]], bound = bound_seconds(&layer, flops, bandwidth);
    bounds += bound;
    table_add(&t, "%s", layer.name);
    table_add(&t, "%s", layer.row);
    table_add(&t, "%.1f", seconds * 1e6);
    table_add(&t, "%.1f%%", times->total > 0.0 ? seconds / times->total * 100.0 : 0.0);
    table_add(&t, "%.1f", seconds > 0.0 ? layer.flop / seconds * 1e-9 : 0.0);
    table_add(&t, "%.1f", seconds > 0.0 ? layer.row_flop / seconds * 1e-9 : 0.0);
    add_part(&t, layer.row_flop, seconds * flops);
    add_part(&t, layer.row_bytes, seconds * bandwidth);
    if (bound > 0.0)
      table_add(&t, "%.2f", seconds / bound);
    else
      table_add(&t, "-");
    table_add(&t, "%.1f", layer.row_bytes / 1024.0);
    table_add(&t, "%s", layer.problem);
  }
  table_print(&t);
  table_fini(&t);
  free(order);
  printf("all layers: %.2f ms of device time\n", times->total * 1e3);
  print_slices(executor);
  if (flops > 0.0)
    printf(
        "measured peaks of the device: %.1f GFLOP/s, %.1f GB/s\n"
        "GFLOP/s: on the direct count of operations; row's: on what the row does (Winograd: fewer products, and transforms);\n"
        "peak, GB/s: the row's operations and KiB as parts of the measured peaks; bound: time over what the peaks allow, %.2f in all\n",
        flops * 1e-9, bandwidth * 1e-9, bounds > 0.0 ? times->total / bounds : 0.0);
  putchar('\n');
}

static cJSON *add_json(const bench *b, const icn_executor *executor, const timing *time, const tensors *inputs) {
  cJSON *o = json_object_in(b->results);
  icn_memory_info memory = icn_executor_memory(executor);
  icn_memory_account account;
  icn_memory_account_init(&account);
  (void)icn_executor_account(executor, &account, NULL);
  json_device(o, "device", icn_executor_device(executor));
  json_real(o, "batch", batch_of(inputs));
  json_whole(o, "runs", time->runs);
  json_real(o, "median_seconds", time->median);
  json_real(o, "least_seconds", time->least);
  json_real(o, "tenth_seconds", time->low);
  json_real(o, "ninetieth_seconds", time->high);
  json_real(o, "spread", spread(time));
  json_real(o, "flop", total_flop(executor));
  json_whole(o, "arena_bytes", memory.arena_bytes);
  json_whole(o, "weight_bytes", memory.weight_bytes);
  json_whole(o, "input_bytes", memory.input_bytes);
  json_whole(o, "output_bytes", memory.output_bytes);
  json_whole(o, "weight_padding_bytes", account.padding_bytes);
  json_whole(o, "peak_bytes", account.peak_bytes);
  return o;
}

static void add_json_layers(cJSON *o, const icn_executor *executor, const layer_times *times, double flops, double bandwidth) {
  cJSON *list = cJSON_AddArrayToObject(o, "layers");
  json_real(o, "peak_flop_per_second", flops);
  json_real(o, "peak_bytes_per_second", bandwidth);
  for (size_t i = 0; i < times->count; i++) {
    icn_layer_info layer = icn_executor_layer(executor, i);
    cJSON *entry = json_object_in(list);
    cJSON_AddStringToObject(entry, "name", layer.name);
    cJSON_AddStringToObject(entry, "problem", layer.problem);
    cJSON_AddStringToObject(entry, "row", layer.row);
    json_real(entry, "seconds", times->seconds[i]);
    json_real(entry, "share", times->total > 0.0 ? times->seconds[i] / times->total : 0.0);
    json_whole(entry, "runs", (uint64_t)layer.runs);
    json_real(entry, "flop", layer.flop);
    json_real(entry, "bytes", layer.bytes);
    json_real(entry, "row_flop", layer.row_flop);
    json_real(entry, "row_bytes", layer.row_bytes);
    if (flops > 0.0) json_real(entry, "bound_seconds", bound_seconds(&layer, flops, bandwidth));
  }
}

/* A second executor with profiling on, so that it does not slow the first one. */
static int bench_layers(const bench *b, const icn_device *device, const tensors *inputs, tensors *outputs, const timing *time,
                        cJSON *json) {
  icn_error error;
  icn_executor *executor = NULL;
  layer_times times = {0};
  double flops = 0.0, bandwidth = 0.0;
  int code = session_executor(&b->s, &b->so, b->model, device, false, true, &executor);
  if (code == TOOL_OK && icn_device_get_info(device).kind != ICN_DEVICE_REFERENCE &&
      icn_device_measure(b->s.context, device, &flops, &bandwidth, &error) != ICN_OK)
    code = tool_error(&error);
  if (code == TOOL_OK) code = measure_layers(executor, inputs, outputs, time->runs, &times);
  if (code == TOOL_OK && json != NULL) add_json_layers(json, executor, &times, flops, bandwidth);
  if (code == TOOL_OK && json == NULL) print_layers(b, executor, &times, flops, bandwidth);
  free(times.seconds);
  icn_executor_destroy(executor);
  return code;
}

static int bench_device(bench *b, const icn_device *device, table *t) {
  icn_executor *executor = NULL;
  tensors inputs = {0}, outputs = {0};
  timing time = {0};
  int code = session_executor(&b->s, &b->so, b->model, device, false, false, &executor);
  if (code == TOOL_OK) {
    inputs = tensors_of_inputs(executor);
    outputs = tensors_of_outputs(executor);
    tensors_randomise(&inputs);
    code = measure(b, executor, &inputs, &outputs, &time);
  }
  cJSON *json = NULL;
  if (code == TOOL_OK && b->json) json = add_json(b, executor, &time, &inputs);
  if (code == TOOL_OK && b->layers) code = bench_layers(b, device, &inputs, &outputs, &time, json);
  if (code == TOOL_OK) add_row(t, executor, &time, &inputs);
  tensors_fini(&inputs);
  tensors_fini(&outputs);
  icn_executor_destroy(executor);
  return code;
}

static int bench_model(bench *b) {
  table t;
  static const char *const headings[] = {"device", "name", "batch", "median", "least", "spread", "runs", "per second", "GFLOP/s", "memory"};
  int code = session_open(&b->s, "bench", &b->so);
  if (code == TOOL_OK) code = session_load_model(&b->s, &b->so, b->model_path, &b->model);
  if (code != TOOL_OK) return code;
  cJSON *root = cJSON_CreateObject();
  cJSON_AddStringToObject(root, "model", b->model_path);
  b->results = cJSON_AddArrayToObject(root, "results");
  table_init(&t, "rlrrrrrrrr");
  for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++) table_add(&t, "%s", headings[i]);
  for (size_t i = 0; i < b->s.device_count && code == TOOL_OK; i++) code = bench_device(b, b->s.devices[i], &t);
  if (code == TOOL_OK && b->json) {
    code = json_print(root);
    root = NULL;
  } else if (code == TOOL_OK) {
    table_print(&t);
  }
  cJSON_Delete(root);
  table_fini(&t);
  return code;
}

static int run(int argc, char **argv) {
  bench b = {0};
  const option options[] = {
      SESSION_BATCH_OPTION(b.so),
      {"repeat", "N", OPTION_INTEGER, &b.repeat, 1, 1000000, "time N runs; default: 20, or fewer where they take more than 10 seconds"},
      {"layers", NULL, OPTION_FLAG, &b.layers, 0, 0,
       "also each layer: device time, share, GFLOP/s on the direct count and on what the row does, parts of the device's measured peaks, "
       "and "
       "how far above what these allow"},
      {"sort", "ORDER", OPTION_TEXT, &b.sort, 0, 0, "with --layers: time (the slowest first) or order (as they run, the default)"},
      {"json", NULL, OPTION_FLAG, &b.json, 0, 0, "print JSON"},
      SESSION_DEVICE_OPTION(b.so),
      SESSION_TUNING_OPTION(b.so),
      SESSION_WINDOW_OPTION(b.so),
      SESSION_SCHEDULE_OPTION(b.so),
      SESSION_MEMORY_OPTION(b.so),
      SESSION_SELF_TEST_OPTION(b.so),
      SESSION_CORES_OPTION(b.so),
      SESSION_MODEL_OPTIONS(b.so),
  };
  text_list positionals = {0};
  int code = options_parse(&command_bench, options, sizeof options / sizeof options[0], argc, argv, &positionals);
  if (code == TOOL_OK && positionals.count != 1) code = tool_usage("bench: expected one model, got %zu", positionals.count);
  if (code == TOOL_OK && b.sort != NULL && strcmp(b.sort, "time") != 0 && strcmp(b.sort, "order") != 0)
    code = tool_usage("bench: option --sort expects time or order, got '%s'", b.sort);
  if (code == TOOL_OK && b.sort != NULL && !b.layers) code = tool_usage("bench: --sort needs --layers");
  if (code == TOOL_OK) {
    b.slowest_first = b.sort != NULL && strcmp(b.sort, "time") == 0;
    b.model_path = positionals.items[0];
    code = bench_model(&b);
  }
  icn_model_destroy(b.model);
  session_close(&b.s);
  text_list_fini(&b.so.shapes);
  text_list_fini(&positionals);
  return code == OPTIONS_HELP ? TOOL_OK : code;
}

const command command_bench = {
    "bench",
    "M.onnx [--batch N] [--repeat N] [--layers [--sort ORDER]] [--json] [options]",
    "times a model, in all and layer by layer",
    "Runs a model on seeded random input, checks that its outputs are finite, then times it: from the input in memory to the output in "
    "memory. Printed are the "
    "median, the least, and the spread (from the 10th to the 90th percentile, as a part of the median). With --device all, a row a device.",
    "  clinception bench M.onnx\n"
    "  clinception bench M.onnx --batch 8 --device gpu --layers\n"
    "  clinception bench builtin:inception_v3 --device all --json\n",
    run};
