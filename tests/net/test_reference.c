/* A real Inception-v3 through the passes and the plain C reference: what it becomes, and that its numbers are right. */
#include "support/icn_test.h"

#include <math.h>

#include "image.h"
#include "passes.h"
#include "ref.h"
#include "source.h"

enum { SIZE = 299 };

static unsigned char *read_file(const char *path, size_t *bytes) {
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  assert_int_equal(fseek(file, 0, SEEK_END), 0);
  *bytes = (size_t)ftell(file);
  rewind(file);
  unsigned char *data = malloc(*bytes + 1);
  assert_non_null(data);
  assert_int_equal(fread(data, 1, *bytes, file), *bytes);
  fclose(file);
  return data;
}

static int count_op(const icn_graph *graph, icn_op op) {
  int count = 0;
  for (size_t n = 0; n < graph->node_count; n++) count += graph->nodes[n].op == op ? 1 : 0;
  return count;
}

static int value_named(const icn_graph *graph, const char *name) {
  for (size_t v = 0; v < graph->value_count; v++) {
    if (strcmp(graph->values[v].name, name) == 0) return (int)v;
  }
  fail_msg("there is no value \"%s\"", name);
  return -1;
}

typedef struct model {
  unsigned char *file;
  icn_source source;
  icn_graph graph;
  icn_arena arena;
} model;

static void load(model *m, const char *path) {
  icn_error error;
  icn_error_clear(&error);
  size_t bytes;
  icn_allocator allocator = icn_allocator_default();
  m->file = read_file(path, &bytes);
  icn_source_init(&m->source, &allocator);
  icn_graph_init(&m->graph, &allocator);
  icn_arena_init(&m->arena, &allocator);
  if (icn_onnx_parse(m->file, bytes, NULL, &m->source, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_import(&m->source, NULL, 0, 1, &m->graph, &error) != ICN_OK) fail_msg("%s", error.message);
}

static void unload(model *m) {
  icn_arena_fini(&m->arena);
  icn_graph_fini(&m->graph);
  icn_source_fini(&m->source);
  free(m->file);
}

static void run_passes(model *m, const char *disabled) {
  icn_error error;
  icn_error_clear(&error);
  if (icn_passes_run(&m->graph, disabled, NULL, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_graph_validate(&m->graph, &error) != ICN_OK) fail_msg("%s", error.message);
}

/* The picture as float[3][299][299], RGB / 255, in the model's arena. */
static float *picture(model *m, const char *path) {
  icn_error error;
  icn_error_clear(&error);
  size_t bytes;
  icn_allocator allocator = icn_allocator_default();
  unsigned char *file = read_file(path, &bytes);
  icn_image *image = NULL;
  if (icn_image_decode(&allocator, file, bytes, path, &image, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_int_equal(image->width, SIZE);
  assert_int_equal(image->height, SIZE);
  float *tensor = icn_arena_array(&m->arena, 3 * SIZE * SIZE, sizeof *tensor);
  for (int c = 0; c < 3; c++) {
    for (int i = 0; i < SIZE * SIZE; i++) tensor[c * SIZE * SIZE + i] = (float)image->pixels[i * 3 + c] / 255.0F;
  }
  icn_image_destroy(image);
  free(file);
  return tensor;
}

static const float **compute(model *m, const float *tensor) {
  icn_error error;
  icn_error_clear(&error);
  const float **values = icn_arena_array(&m->arena, m->graph.value_count, sizeof *values);
  values[m->graph.inputs[0]] = tensor;
  if (icn_ref_run(&m->graph, values, &m->arena, NULL, NULL, &error) != ICN_OK) fail_msg("%s", error.message);
  return values;
}

/* `tolerance` is relative to the largest expected value, or absolute for probabilities. */
static void assert_expected(const model *m, const float **values, const char *name, const char *file, bool relative, double tolerance) {
  char path[512], relative_path[256];
  snprintf(relative_path, sizeof relative_path, "expected/parrot.%s.f32", file);
  assert_non_null(icn_test_shared(relative_path, path, sizeof path));
  int v = value_named(&m->graph, name);
  size_t bytes, count = (size_t)icn_shape_elems(&m->graph.values[v].shape);
  unsigned char *data = read_file(path, &bytes);
  assert_int_equal(bytes, count * sizeof(float));
  double largest = 0.0, worst = 0.0;
  for (size_t i = 0; i < count; i++) {
    float want;
    memcpy(&want, data + i * sizeof want, sizeof want);
    largest = fmax(largest, fabs((double)want));
    double difference = fabs((double)values[v][i] - (double)want);
    worst = difference <= worst ? worst : difference; /* NaN becomes the worst and stays */
  }
  free(data);
  double bound = relative ? tolerance * largest : tolerance;
  print_message("%s: largest difference %.3g, bound %.3g\n", name, worst, bound);
  assert_true(worst <= bound);
}

static void inception_v3_is_right(void **state) {
  (void)state;
  char model_path[512], image_path[512];
  if (icn_test_shared("models/inception_v3_moderation.onnx", model_path, sizeof model_path) == NULL ||
      icn_test_shared("images/parrot.299.png", image_path, sizeof image_path) == NULL) {
    print_message("skipped: the shared model and pictures are not here\n");
    skip();
  }
  model m;
  load(&m, model_path);
  assert_int_equal(count_op(&m.graph, ICN_OP_CONV), 94);
  run_passes(&m, "swap_pool");                      /* which gives some bias and relu to the pool behind */
  for (size_t n = 0; n < m.graph.node_count; n++) { /* every convolution has its batch-norm, bias and relu in it */
    const icn_node *node = &m.graph.nodes[n];
    if (node->op != ICN_OP_CONV) continue;
    assert_int_equal(node->epilogue.function, ICN_FN_RELU);
    assert_int_equal(node->input_count, 5);
    assert_int_not_equal(node->inputs[ICN_CONV_BIAS], ICN_NO_VALUE);
    assert_int_not_equal(node->inputs[ICN_CONV_SCALE], ICN_NO_VALUE);
  }
  assert_int_equal(count_op(&m.graph, ICN_OP_CONV), 94 - 19); /* nine blocks with three alike that read one tensor, one with two */
  assert_int_equal(count_op(&m.graph, ICN_OP_MATMUL), 3);
  assert_int_equal(count_op(&m.graph, ICN_OP_AFFINE) + count_op(&m.graph, ICN_OP_UNARY) + count_op(&m.graph, ICN_OP_BINARY), 0);
  const float **values = compute(&m, picture(&m, image_path));
  assert_expected(&m, values, "mixed0", "mixed0.1x256x35x35", true, 1e-5);
  assert_expected(&m, values, "mixed3", "mixed3.1x768x17x17", true, 1e-5);
  assert_expected(&m, values, "mixed8", "mixed8.1x1280x8x8", true, 1e-5);
  assert_expected(&m, values, "mixed10", "mixed10.1x2048x8x8", true, 1e-5);
  assert_expected(&m, values, "flatten_1", "flatten_1.1x2048", true, 1e-5);
  assert_expected(&m, values, "probabilities", "probabilities.1x5", false, 2e-6);
  unload(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(inception_v3_is_right)};
  return cmocka_run_group_tests_name("reference", tests, NULL, NULL);
}
