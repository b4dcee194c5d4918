/* Times kernel rows on every distinct convolution of Inception-v3: bench_rows [--device NAME] [--rows A,B] [--layer N] [--repeat N]
 * [--peak GFLOPS], measured where it is not given.
 * Without --rows each layer runs on the row that selection takes. Each result is compared with conv_direct's first; weights rotate through
 * copies, so that they come from memory as they do in a network. Least wall time of a launch, in an idle machine equal to the median. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "network_layers.h"
#include "os.h"
#include "runtime.h"
#include "select.h"

enum { MAX_COPIES = 12, CLASSES = 6 };

static const char *const CLASS_NAMES[CLASSES] = {"1x1", "3x3", "3x3/2", "1x7, 7x1", "5x5", "1x3, 3x1"};

typedef struct bench {
  icn_runtime *runtime;
  const char *rows;
  int repeat;
  double peak;
  double seconds[CLASSES], flop[CLASSES];
} bench;

static void check(icn_status status, const icn_error *error) {
  if (status == ICN_OK) return;
  fprintf(stderr, "bench_rows: %s\n", error->message);
  exit(1);
}

static int class_of(const icn_network_layer *l) {
  if (l->stride == 2) return 2;
  if (l->kh * l->kw == 1) return 0;
  if (l->kh * l->kw == 9) return 1;
  return l->kh * l->kw == 25 ? 4 : l->kh * l->kw == 7 ? 3 : 5;
}

static icn_problem problem_of(const icn_network_layer *l) {
  icn_problem p;
  memset(&p, 0, sizeof p);
  const int64_t oh = (l->h + 2 * l->pad_h - l->kh) / l->stride + 1, ow = (l->w + 2 * l->pad_w - l->kw) / l->stride + 1;
  const icn_shape x = icn_shape_make(4, (const int64_t[]){1, l->ic, l->h, l->w}),
                  y = icn_shape_make(4, (const int64_t[]){1, l->oc, oh, ow});
  const icn_shape w = icn_shape_make(4, (const int64_t[]){l->oc, l->ic, l->kh, l->kw}), b = icn_shape_make(1, (const int64_t[]){l->oc});
  p.op = ICN_OP_CONV;
  p.params = icn_network_layer_params(l);
  p.epilogue.function = ICN_FN_RELU;
  p.present = 7;
  p.constant = 6;
  p.in[0] = icn_view_device(&x, 0);
  p.in[1] = icn_view_dense(&w);
  p.in[2] = icn_view_dense(&b);
  p.out = icn_view_device(&y, 0);
  return p;
}

static float *random_floats(int64_t count, uint32_t seed) {
  float *values = malloc((size_t)count * sizeof *values);
  for (int64_t i = 0; i < count; i++) {
    seed = seed * 1664525U + 1013904223U;
    values[i] = (float)((int)(seed >> 16) - 32768) / 32768.0f;
  }
  return values;
}

/* One row on one problem with everything it needs on the device. */
typedef struct trial {
  icn_emit emit;
  icn_buffer *in[3], *out, *zeros, *library, *scratch[ICN_MAX_SCRATCH], *packed[MAX_COPIES];
  icn_bound *bound[MAX_COPIES][ICN_MAX_LAUNCHES];
  int copies;
} trial;

static void trial_bind(trial *t, icn_runtime *runtime, const icn_row *row, int copy, icn_error *error) {
  icn_buffer *operands[ICN_OPERAND_COUNT] = {t->in[0], t->in[1], t->in[2]};
  const int64_t offsets[ICN_OPERAND_COUNT] = {0};
  operands[ICN_OPERAND_OUT] = t->out;
  operands[ICN_OPERAND_PACKED] = t->packed[copy];
  operands[ICN_OPERAND_ZEROS] = t->zeros;
  operands[ICN_OPERAND_LIBRARY] = t->library;
  for (int i = 0; i < ICN_MAX_SCRATCH; i++) operands[ICN_OPERAND_SCRATCH + i] = t->scratch[i];
  for (int i = 0; i < t->emit.launch_count; i++)
    check(icn_bound_create(runtime, &t->emit.launch[i], operands, offsets, row->name, &t->bound[copy][i], error), error);
}

/* BENCH_CONFIG=4,9,3,16,...: parameters to try instead of the chosen ones; an empty one stays. */
static void override(icn_config *config) {
  const char *text = getenv("BENCH_CONFIG");
  for (int i = 0; text != NULL && *text != '\0' && i < 8; i++) {
    if (*text != ',') config->value[i] = atoi(text);
    text += strcspn(text, ",");
    text += *text == ',';
  }
}

static void trial_make(trial *t, icn_runtime *runtime, const icn_row *row, const icn_problem *p, float *const data[3], uint64_t out_bytes) {
  icn_error error;
  icn_config config;
  const icn_device_desc *device = icn_runtime_desc(runtime);
  icn_value constant[ICN_MAX_INPUTS];
  const icn_value *constants[ICN_MAX_INPUTS] = {NULL, &constant[1], &constant[2]};
  memset(t, 0, sizeof *t);
  memset(constant, 0, sizeof constant);
  row->configure(p, device, &config);
  override(&config);
  check(row->emit(p, device, &config, &t->emit, &error), &error);
  for (int i = 0; i < 3; i++) {
    constant[i].shape = p->in[i].shape;
    constant[i].data = data[i];
    check(icn_buffer_create(runtime, (uint64_t)icn_shape_elems(&p->in[i].shape) * 4, data[i], &t->in[i], &error), &error);
  }
  check(icn_buffer_create(runtime, out_bytes, NULL, &t->out, &error), &error);
  float *zeros = calloc((size_t)t->emit.zeros_elems + 1, sizeof *zeros);
  check(icn_buffer_create(runtime, (t->emit.zeros_elems + 1) * 4, zeros, &t->zeros, &error), &error);
  free(zeros);
  check(icn_buffer_create(runtime, t->emit.library_bytes + 4, NULL, &t->library, &error), &error);
  for (int i = 0; i < ICN_MAX_SCRATCH; i++)
    check(icn_buffer_create(runtime, t->emit.scratch_bytes[i] + 4, NULL, &t->scratch[i], &error), &error);
  const uint64_t bytes = row->pack_bytes != NULL ? row->pack_bytes(p, &config) : 0;
  t->copies = bytes == 0 ? 1 : (int)(40e6 / (double)bytes) + 1;
  if (t->copies > MAX_COPIES) t->copies = MAX_COPIES;
  float *packed = bytes > 0 ? malloc((size_t)bytes) : NULL;
  if (packed != NULL) row->pack(p, &config, constants, packed);
  for (int copy = 0; copy < t->copies; copy++) {
    if (packed != NULL) check(icn_buffer_create(runtime, bytes, packed, &t->packed[copy], &error), &error);
    trial_bind(t, runtime, row, copy, &error);
  }
  free(packed);
}

static void trial_free(trial *t) {
  for (int copy = 0; copy < t->copies; copy++) {
    for (int i = 0; i < t->emit.launch_count; i++) icn_bound_destroy(t->bound[copy][i]);
    icn_buffer_destroy(t->packed[copy]);
  }
  for (int i = 0; i < 3; i++) icn_buffer_destroy(t->in[i]);
  icn_buffer_destroy(t->out);
  icn_buffer_destroy(t->zeros);
  icn_buffer_destroy(t->library);
  for (int i = 0; i < ICN_MAX_SCRATCH; i++) icn_buffer_destroy(t->scratch[i]);
}

static void trial_run(trial *t, icn_runtime *runtime, int times) {
  icn_error error;
  for (int n = 0; n < times; n++)
    for (int i = 0; i < t->emit.launch_count; i++) check(icn_bound_enqueue(runtime, t->bound[n % t->copies][i], &error), &error);
  check(icn_runtime_finish(runtime, &error), &error);
}

/* BENCH_CPU: processor time over compute units, for comparing rows while the machine has other work too. */
static double seconds_now(icn_runtime *runtime) {
  if (getenv("BENCH_CPU") == NULL) return icn_os_seconds();
  return (double)clock() / CLOCKS_PER_SEC / icn_runtime_desc(runtime)->compute_units;
}

static double trial_time(trial *t, icn_runtime *runtime, double flop, double peak, int repeat) {
  const int times = t->copies + (int)(0.01 * peak / flop);
  double best = 1e9;
  for (int r = 0; r < repeat; r++) {
    const double start = seconds_now(runtime);
    trial_run(t, runtime, times);
    best = fmin(best, (seconds_now(runtime) - start) / times);
  }
  return best;
}

/* Largest difference of two rows' outputs over the largest output. */
static double difference(icn_runtime *runtime, icn_buffer *a, icn_buffer *b, uint64_t bytes) {
  icn_error error;
  float *x = malloc((size_t)bytes), *y = malloc((size_t)bytes);
  check(icn_buffer_read(runtime, a, 0, bytes, x, &error), &error);
  check(icn_buffer_read(runtime, b, 0, bytes, y, &error), &error);
  double worst = 0, largest = 1e-30;
  for (size_t i = 0; i < bytes / 4; i++) {
    largest = fmax(largest, fabs((double)y[i]));
    const double delta = fabs((double)x[i] - (double)y[i]);
    worst = delta <= worst ? worst : delta;
  }
  free(x);
  free(y);
  return worst / largest;
}

static void bench_row(bench *b, const icn_network_layer *l, const icn_problem *p, const icn_row *row, float *const data[3], trial *direct,
                      bool counts) {
  const double flop = icn_problem_flop(p);
  const uint64_t out_bytes = (uint64_t)icn_shape_elems(&p->out.shape) * 4;
  trial t;
  trial_make(&t, b->runtime, row, p, data, out_bytes);
  trial_run(&t, b->runtime, 1);
  const double wrong = difference(b->runtime, t.out, direct->out, out_bytes);
  const double seconds = trial_time(&t, b->runtime, flop, b->peak, b->repeat);
  printf("%3dx%-3d %4d->%-4d %dx%d/%d x%-2d %-14s %-46s %8.3f ms %7.1f GFLOP/s %5.1f %% error %.1e%s\n", l->h, l->w, l->ic, l->oc, l->kh,
         l->kw, l->stride, l->count, row->name, t.emit.launch[0].options, seconds * 1e3, flop / seconds * 1e-9,
         100 * flop / seconds / b->peak, wrong, wrong < 1e-4 ? "" : "  WRONG");
  fflush(stdout);
  if (counts) {
    b->seconds[class_of(l)] += l->count * seconds;
    b->flop[class_of(l)] += l->count * flop;
  }
  trial_free(&t);
}

static void bench_layer(bench *b, const icn_network_layer *l) {
  icn_error error;
  const icn_problem p = problem_of(l);
  const icn_device_desc *device = icn_runtime_desc(b->runtime);
  float *data[3];
  for (int i = 0; i < 3; i++) data[i] = random_floats(icn_shape_elems(&p.in[i].shape), (uint32_t)i + 1);
  trial direct;
  trial_make(&direct, b->runtime, icn_row_find("conv_direct"), &p, data, (uint64_t)icn_shape_elems(&p.out.shape) * 4);
  trial_run(&direct, b->runtime, 1);
  if (b->rows == NULL) {
    icn_choice choice;
    check(icn_select(&p, device, NULL, "layer", &choice, NULL, &error), &error);
    bench_row(b, l, &p, choice.row, data, &direct, true);
  }
  for (size_t r = 0; b->rows != NULL && r < icn_row_count(); r++) {
    const icn_row *row = icn_row_at(r);
    if (row->op == ICN_OP_CONV && icn_list_has(b->rows, row->name) && row->applies(&p, device, NULL))
      bench_row(b, l, &p, row, data, &direct, true);
  }
  trial_free(&direct);
  for (int i = 0; i < 3; i++) free(data[i]);
}

static void print_classes(const bench *b) {
  double seconds = 0, flop = 0;
  for (int c = 0; c < CLASSES; c++) {
    if (b->seconds[c] > 0)
      printf("%-10s %8.2f ms %7.1f GFLOP/s %5.1f %% of peak\n", CLASS_NAMES[c], b->seconds[c] * 1e3, b->flop[c] / b->seconds[c] * 1e-9,
             100 * b->flop[c] / b->seconds[c] / b->peak);
    seconds += b->seconds[c];
    flop += b->flop[c];
  }
  printf("%-10s %8.2f ms %7.1f GFLOP/s %5.1f %% of peak (%.1f GFLOP/s)\n", "all", seconds * 1e3, flop / seconds * 1e-9,
         100 * flop / seconds / b->peak, b->peak * 1e-9);
}

int main(int argc, char **argv) {
  bench b = {.repeat = 5};
  const char *wanted = NULL;
  int only = -1;
  double peak = 0, bandwidth;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--device") == 0) wanted = argv[i + 1];
    if (strcmp(argv[i], "--rows") == 0) b.rows = argv[i + 1];
    if (strcmp(argv[i], "--layer") == 0) only = atoi(argv[i + 1]);
    if (strcmp(argv[i], "--peak") == 0) peak = atof(argv[i + 1]);
    if (strcmp(argv[i], "--repeat") == 0) b.repeat = atoi(argv[i + 1]);
  }
  icn_error error;
  icn_context *context;
  const icn_device *device;
  check(icn_context_create(NULL, &context, &error), &error);
  check(icn_context_find_device(context, wanted, &device, &error), &error);
  check(icn_runtime_create(context, device, NULL, &b.runtime, &error), &error);
  b.peak = peak * 1e9;
  if (peak <= 0) check(icn_device_measure(context, device, &b.peak, &bandwidth, &error), &error);
  size_t count;
  const icn_network_layer *layers = icn_inception_v3_layers(&count);
  for (size_t i = 0; i < count; i++)
    if (only < 0 || (size_t)only == i) bench_layer(&b, &layers[i]);
  print_classes(&b);
  icn_runtime_destroy(b.runtime);
  icn_context_destroy(context);
  return 0;
}
