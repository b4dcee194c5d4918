/* Every pass does what its name says, and the reference gives the same results with it and without it. */
#include "support/icn_test.h"

#include <math.h>

#include "passes.h"
#include "ref.h"

/* ---------------------------------------------------------------- builder */

typedef struct builder {
  icn_graph graph;
  uint32_t seed;
} builder;

static icn_shape shape4(int64_t n, int64_t c, int64_t h, int64_t w) { return icn_shape_make(4, (const int64_t[]){n, c, h, w}); }
static icn_shape shape2(int64_t m, int64_t n) { return icn_shape_make(2, (const int64_t[]){m, n}); }
static icn_shape shape1(int64_t n) { return icn_shape_make(1, &n); }

static float random_float(uint32_t *seed) {
  *seed = *seed * 1664525U + 1013904223U;
  return (float)(int32_t)(*seed >> 8 & 0xFFFFU) / 32768.0F - 1.0F;
}

static void start(builder *b) {
  icn_allocator allocator = icn_allocator_default();
  icn_graph_init(&b->graph, &allocator);
  b->seed = 4711;
}

static int input(builder *b, icn_shape shape) {
  int v = icn_graph_add_value(&b->graph, NULL, &shape, ICN_F32);
  b->graph.values[v].is_input = true;
  int *inputs = icn_arena_array(&b->graph.arena, b->graph.input_count + 1, sizeof(int));
  for (size_t i = 0; i < b->graph.input_count; i++) inputs[i] = b->graph.inputs[i];
  inputs[b->graph.input_count++] = v;
  b->graph.inputs = inputs;
  return v;
}

static void output(builder *b, int v, const char *name) {
  icn_graph *g = &b->graph;
  int *outputs = icn_arena_array(&g->arena, g->output_count + 1, sizeof(int));
  const char **names = icn_arena_array(&g->arena, g->output_count + 1, sizeof(char *));
  for (size_t i = 0; i < g->output_count; i++) {
    outputs[i] = g->outputs[i];
    names[i] = g->output_names[i];
  }
  outputs[g->output_count] = v;
  names[g->output_count++] = name;
  g->outputs = outputs;
  g->output_names = names;
}

static int constant(builder *b, icn_shape shape, const float *data) {
  int64_t count = icn_shape_elems(&shape);
  float *copy = icn_arena_array(&b->graph.arena, (size_t)count, sizeof *copy);
  for (int64_t i = 0; i < count; i++) copy[i] = data != NULL ? data[i] : random_float(&b->seed);
  return icn_graph_add_constant(&b->graph, NULL, &shape, ICN_F32, copy);
}

static int scalar(builder *b, float x) { return constant(b, icn_shape_make(0, NULL), &x); }

static icn_shape shape_of(const builder *b, int v) { return b->graph.values[v].shape; }

static int node(builder *b, icn_op op, const int *inputs, int count, icn_params params, icn_shape out) {
  return icn_graph_add_node(&b->graph, op, NULL, icn_op_name(op), inputs, count, &params, NULL, &out);
}

static int unary(builder *b, icn_function function, int x) {
  return node(b, ICN_OP_UNARY, &x, 1, (icn_params){.function = function, .alpha = 0.25F, .beta = 0.75F}, shape_of(b, x));
}

static int binary(builder *b, icn_function function, int x, int y) {
  icn_shape sx = shape_of(b, x), sy = shape_of(b, y);
  return node(b, ICN_OP_BINARY, (const int[]){x, y}, 2, (icn_params){.function = function},
              icn_shape_elems(&sx) >= icn_shape_elems(&sy) ? sx : sy);
}

static int conv(builder *b, int x, int64_t oc, int64_t kernel, int64_t pad, int64_t groups, bool bias) {
  icn_shape s = shape_of(b, x);
  int w = constant(b, shape4(oc, s.dim[1] / groups, kernel, kernel), NULL);
  int inputs[3] = {x, w, bias ? constant(b, shape1(oc), NULL) : ICN_NO_VALUE};
  icn_params p = {.kernel = {kernel, kernel}, .stride = {1, 1}, .dilation = {1, 1}, .pad_begin = {pad, pad}, .pad_end = {pad, pad}};
  p.groups = groups;
  return node(b, ICN_OP_CONV, inputs, bias ? 3 : 2, p,
              shape4(s.dim[0], oc, s.dim[2] + 2 * pad - kernel + 1, s.dim[3] + 2 * pad - kernel + 1));
}

static int affine(builder *b, int x) {
  int64_t c = shape_of(b, x).dim[1];
  int inputs[3] = {x, constant(b, shape1(c), NULL), constant(b, shape1(c), NULL)};
  return node(b, ICN_OP_AFFINE, inputs, 3, (icn_params){.function = ICN_FN_IDENTITY}, shape_of(b, x));
}

static int reshape(builder *b, int x, icn_shape to) {
  return node(b, ICN_OP_RESHAPE, &x, 1, (icn_params){.function = ICN_FN_IDENTITY}, to);
}

static int matmul(builder *b, int x, int64_t n, bool transpose_b) {
  icn_shape s = shape_of(b, x);
  int w = constant(b, transpose_b ? shape2(n, s.dim[s.rank - 1]) : shape2(s.dim[s.rank - 1], n), NULL);
  icn_shape out = s;
  out.dim[s.rank - 1] = n;
  return node(b, ICN_OP_MATMUL, (const int[]){x, w}, 2, (icn_params){.alpha = 0.5F, .transpose_b = transpose_b ? 1 : 0}, out);
}

static int concat(builder *b, const int *parts, int count) {
  icn_shape out = shape_of(b, parts[0]);
  for (int i = 1; i < count; i++) out.dim[1] += shape_of(b, parts[i]).dim[1];
  return node(b, ICN_OP_CONCAT, parts, count, (icn_params){.axis = 1}, out);
}

static int channel(builder *b, int x, int64_t first, int64_t count) {
  icn_shape out = shape_of(b, x);
  out.dim[1] = count;
  return node(b, ICN_OP_SLICE, &x, 1, (icn_params){.begin = {0, first}, .step = {1, 1, 1, 1}}, out);
}

static int gather_channel(builder *b, int x, int32_t k) {
  int32_t *index = icn_arena_array(&b->graph.arena, 1, sizeof *index);
  index[0] = k;
  icn_shape one = shape2(1, 1), out = shape_of(b, x);
  out.dim[1] = 1;
  int inputs[3] = {x, icn_graph_add_constant(&b->graph, NULL, &one, ICN_I32, index), constant(b, one, (const float[]){1.0F})};
  return node(b, ICN_OP_RESAMPLE, inputs, 3, (icn_params){.axis = 1}, out);
}

/* ------------------------------------------------------------------ graphs */

/* torchvision's transform_input as the two exporters write it, then a convolution. */
static void make_normalised(builder *b, bool gathered) {
  int x = input(b, shape4(2, 3, 6, 6)), parts[3];
  for (int c = 0; c < 3; c++) {
    int v = gathered ? gather_channel(b, x, c) : channel(b, x, c, 1);
    if (gathered) v = reshape(b, reshape(b, v, icn_shape_make(3, (const int64_t[]){2, 6, 6})), shape4(2, 1, 6, 6));
    v = binary(b, ICN_FN_MUL, v, scalar(b, 0.4F + 0.1F * (float)c));
    parts[c] = c == 1 ? binary(b, ICN_FN_SUB, v, scalar(b, 0.3F)) : binary(b, ICN_FN_ADD, v, scalar(b, -0.2F * (float)c));
  }
  output(b, unary(b, ICN_FN_RELU, affine(b, conv(b, concat(b, parts, 3), 4, 3, 0, 1, false))), "y");
}
static void make_sliced_input(builder *b) { make_normalised(b, false); }
static void make_gathered_input(builder *b) { make_normalised(b, true); }

/* Two branches with everything that folds after a convolution, joined, pooled to a classifier. */
static void make_inception(builder *b) {
  int x = input(b, shape4(2, 4, 5, 5));
  int left = unary(b, ICN_FN_RELU, affine(b, conv(b, x, 6, 3, 1, 2, true)));
  int right = conv(b, x, 4, 1, 0, 1, false);
  right = binary(b, ICN_FN_ADD, right, constant(b, shape4(1, 4, 1, 1), NULL));
  right = binary(b, ICN_FN_MUL, constant(b, icn_shape_make(3, (const int64_t[]){4, 1, 1}), NULL), right);
  right = unary(b, ICN_FN_CLIP, binary(b, ICN_FN_DIV, right, scalar(b, 3.0F)));
  int joined = concat(b, (const int[]){left, right}, 2);
  icn_params mean = {.function = ICN_FN_MEAN, .kernel = {5, 5}, .stride = {1, 1}, .dilation = {1, 1}};
  int pooled = node(b, ICN_OP_POOL, &joined, 1, mean, shape4(2, 10, 1, 1));
  int flat = reshape(b, reshape(b, pooled, icn_shape_make(3, (const int64_t[]){2, 10, 1})), shape2(2, 10));
  int bias = constant(b, shape1(7), NULL); /* before the matrix product: compilers differ in which argument they evaluate first */
  int classes = binary(b, ICN_FN_ADD, matmul(b, flat, 7, true), bias);
  output(b, node(b, ICN_OP_SOFTMAX, &classes, 1, (icn_params){.function = ICN_FN_EXP, .axis = 1}, shape2(2, 7)), "p");
}

/* A residual block whose shortcut has its own convolution. */
static void make_residual(builder *b) {
  int x = input(b, shape4(1, 4, 6, 6));
  int main_path = affine(b, conv(b, unary(b, ICN_FN_RELU, conv(b, x, 8, 3, 1, 1, true)), 8, 3, 1, 1, false));
  int shortcut = affine(b, conv(b, x, 8, 1, 0, 1, false));
  int sum = unary(b, ICN_FN_RELU, binary(b, ICN_FN_ADD, main_path, shortcut));
  int again = binary(b, ICN_FN_ADD, sum, conv(b, sum, 8, 1, 0, 1, true));
  output(b, unary(b, ICN_FN_LEAKY_RELU, again), "y");
}

/* Scales of transposed convolutions (grouped too) and matrix products go into new weights. */
static void make_other_weights(builder *b) {
  int x = input(b, shape4(1, 4, 3, 3));
  int w = constant(b, shape4(4, 3, 2, 2), NULL);
  icn_params p = {.kernel = {2, 2}, .stride = {2, 2}, .dilation = {1, 1}, .groups = 2};
  int up = node(b, ICN_OP_CONV_TRANSPOSE, (const int[]){x, w}, 2, p, shape4(1, 6, 6, 6));
  up = unary(b, ICN_FN_CLIP, affine(b, up));
  int flat = reshape(b, up, shape2(6, 36));
  int factor = constant(b, shape1(5), NULL); /* before the matrix product: compilers differ in which argument they evaluate first */
  int a = binary(b, ICN_FN_MUL, matmul(b, flat, 5, true), factor);
  int c = affine(b, matmul(b, a, 3, false));
  output(b, unary(b, ICN_FN_RELU, binary(b, ICN_FN_SUB, constant(b, shape2(1, 3), NULL), c)), "y");
}

/* Scale and shift before convolutions: the first is exact only where nothing is padded. */
static void make_before(builder *b) {
  int x = input(b, shape4(1, 4, 6, 6));
  int padded = conv(b, affine(b, x), 4, 3, 1, 1, false);
  int scaled = conv(b, binary(b, ICN_FN_MUL, unary(b, ICN_FN_TANH, padded), constant(b, shape4(1, 4, 1, 1), NULL)), 4, 3, 1, 2, true);
  int shifted = conv(b, affine(b, unary(b, ICN_FN_TANH, scaled)), 6, 3, 0, 2, true);
  output(b, shifted, "y");
}

/* Everything that changes nothing. */
static void make_identities(builder *b) {
  static const float ones[4] = {1, 1, 1, 1}, zeros[4] = {0};
  int x = input(b, shape4(1, 4, 3, 3));
  int v = unary(b, ICN_FN_IDENTITY, x);
  v = node(b, ICN_OP_COPY, &v, 1, (icn_params){.axis = 0}, shape_of(b, v));
  v = reshape(b, v, shape_of(b, v));
  v = node(b, ICN_OP_TRANSPOSE, &v, 1, (icn_params){.perm = {0, 1, 2, 3}}, shape_of(b, v));
  v = channel(b, v, 0, 4);
  v = node(b, ICN_OP_EXPAND, &v, 1, (icn_params){.axis = 0}, shape_of(b, v));
  v = node(b, ICN_OP_PAD, &v, 1, (icn_params){.alpha = 3.0F}, shape_of(b, v));
  v = concat(b, &v, 1);
  v = binary(b, ICN_FN_MUL, v, scalar(b, 1.0F));
  v = binary(b, ICN_FN_ADD, constant(b, shape4(1, 4, 1, 1), zeros), v);
  v = node(b, ICN_OP_AFFINE, (const int[]){v, constant(b, shape1(4), ones), constant(b, shape1(4), zeros)}, 3, (icn_params){.axis = 0},
           shape_of(b, v));
  icn_params pool = {.function = ICN_FN_MAX, .kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
  v = node(b, ICN_OP_POOL, &v, 1, pool, shape_of(b, v));
  output(b, v, "same");
  int reversed = node(b, ICN_OP_SLICE, &v, 1, (icn_params){.begin = {0, 3}, .step = {1, -1, 1, 1}}, shape_of(b, v));
  output(b, binary(b, ICN_FN_ADD, reversed, scalar(b, 1.0F)), "reversed"); /* neither of these two is an identity */
}

/* Chains of reshapes and transposes; a transpose that moves only dims of 1; nodes that nobody reads. */
static void make_chains(builder *b) {
  int x = input(b, shape4(1, 4, 3, 1));
  int t = node(b, ICN_OP_TRANSPOSE, &x, 1, (icn_params){.perm = {3, 2, 1, 0}}, shape4(1, 3, 4, 1));
  t = node(b, ICN_OP_TRANSPOSE, &t, 1, (icn_params){.perm = {0, 2, 1, 3}}, shape4(1, 4, 3, 1));
  t = reshape(b, reshape(b, t, shape2(6, 2)), shape2(3, 4));
  t = node(b, ICN_OP_TRANSPOSE, &t, 1, (icn_params){.perm = {1, 0}}, shape2(4, 3));
  unary(b, ICN_FN_EXP, unary(b, ICN_FN_TANH, t));
  output(b, t, "y");
}

/* Joins in joins; the one along another axis and the one that is read twice stay. */
static void make_joins(builder *b) {
  int x = input(b, shape4(1, 2, 4, 4)), parts[3];
  for (int i = 0; i < 3; i++) parts[i] = unary(b, i == 0 ? ICN_FN_TANH : i == 1 ? ICN_FN_EXP : ICN_FN_ABS, x);
  int inner = concat(b, parts, 2);
  int other_axis = node(b, ICN_OP_CONCAT, (const int[]){parts[2], parts[0]}, 2, (icn_params){.axis = 2}, shape4(1, 2, 8, 4));
  int cut = node(b, ICN_OP_SLICE, &other_axis, 1, (icn_params){.begin = {0, 0, 2, 0}, .step = {1, 1, 1, 1}}, shape4(1, 2, 4, 4));
  int twice = concat(b, (const int[]){cut, parts[1]}, 2);
  int outer = concat(b, (const int[]){parts[2], inner, twice}, 3);
  output(b, concat(b, (const int[]){outer, twice}, 2), "y");
}

/* A value in the middle is a graph output too: it must stay. */
static void make_observed(builder *b) {
  int x = input(b, shape4(1, 3, 4, 4));
  int c = conv(b, x, 5, 3, 1, 1, true);
  int n = affine(b, c);
  int r = unary(b, ICN_FN_RELU, n);
  output(b, n, "before relu");
  output(b, r, "after relu");
  output(b, conv(b, r, 2, 1, 0, 1, false), "end");
}

typedef void (*maker)(builder *b);
static const maker MAKERS[] = {make_sliced_input, make_gathered_input, make_inception, make_residual, make_other_weights,
                               make_before,       make_identities,     make_chains,    make_observed};
enum { MAKER_COUNT = sizeof MAKERS / sizeof MAKERS[0], MOST_OUTPUTS = 3, MOST_ELEMS = 512 };

/* ------------------------------------------------------------------ running */

typedef struct results {
  size_t count;
  int64_t elems[MOST_OUTPUTS];
  float data[MOST_OUTPUTS][MOST_ELEMS];
  int nodes;
} results;

static int count_op(const icn_graph *graph, icn_op op) {
  int count = 0;
  for (size_t n = 0; n < graph->node_count; n++) {
    if (graph->nodes[n].op != ICN_OP_NONE && (op == ICN_OP_NONE || graph->nodes[n].op == op)) count++;
  }
  return count;
}

static void compute(builder *b, results *r) {
  icn_error error;
  icn_error_clear(&error);
  if (icn_graph_validate(&b->graph, &error) != ICN_OK) fail_msg("%s", error.message);
  const float **values = icn_arena_array(&b->graph.arena, b->graph.value_count, sizeof *values);
  uint32_t seed = 99;
  for (size_t i = 0; i < b->graph.input_count; i++) {
    icn_shape shape = shape_of(b, b->graph.inputs[i]);
    int64_t count = icn_shape_elems(&shape);
    float *data = icn_arena_array(&b->graph.arena, (size_t)count, sizeof *data);
    for (int64_t k = 0; k < count; k++) data[k] = random_float(&seed);
    values[b->graph.inputs[i]] = data;
  }
  assert_int_equal(icn_ref_run(&b->graph, values, &b->graph.arena, NULL, NULL, &error), ICN_OK);
  r->count = b->graph.output_count;
  for (size_t i = 0; i < r->count; i++) {
    icn_shape shape = shape_of(b, b->graph.outputs[i]);
    r->elems[i] = icn_shape_elems(&shape);
    memcpy(r->data[i], values[b->graph.outputs[i]], (size_t)r->elems[i] * sizeof(float));
  }
  r->nodes = count_op(&b->graph, ICN_OP_NONE);
}

/* Builds the graph, runs the passes but the disabled ones; the graph stays in *b. */
static void make_and_run(maker make, const char *disabled, builder *b, results *r) {
  icn_error error;
  icn_error_clear(&error);
  start(b);
  make(b);
  if (icn_passes_run(&b->graph, disabled, NULL, &error) != ICN_OK) fail_msg("%s", error.message);
  compute(b, r);
}

static void assert_agree(const results *a, const results *b, double tolerance) {
  assert_int_equal(a->count, b->count);
  for (size_t i = 0; i < a->count; i++) {
    assert_int_equal(a->elems[i], b->elems[i]);
    double largest = 0.0;
    for (int64_t k = 0; k < a->elems[i]; k++) {
      const double size = fabs((double)a->data[i][k]);
      if (size > largest) largest = size; /* gcc 12 for aarch64 at -O3 breaks on fmax() here */
    }
    assert_true(largest > 0.0);
    for (int64_t k = 0; k < a->elems[i]; k++) {
      double difference = fabs((double)a->data[i][k] - (double)b->data[i][k]);
      if (!(difference <= tolerance * largest)) {
        fail_msg("output %zu, element %lld: %.9g and %.9g", i, (long long)k, (double)a->data[i][k], (double)b->data[i][k]);
      }
    }
  }
}

/* "a,b,c" of all passes but `one`. */
static void all_but(const char *one, char *list, size_t bytes) {
  list[0] = '\0';
  for (size_t i = 0; i < icn_pass_count(); i++) {
    const char *name = icn_pass_at(i)->name;
    if (strcmp(name, one) == 0) continue;
    size_t length = strlen(list);
    snprintf(list + length, bytes - length, length == 0 ? "%s" : ",%s", name);
  }
}

/* ------------------------------------------------------------------- tests */

static void results_agree_with_and_without_each_pass(void **state) {
  (void)state;
  static results none, some;
  builder b;
  for (size_t m = 0; m < MAKER_COUNT; m++) {
    make_and_run(MAKERS[m], "all", &b, &none);
    icn_graph_fini(&b.graph);
    make_and_run(MAKERS[m], NULL, &b, &some);
    assert_agree(&none, &some, 1e-6);
    assert_true(some.nodes < none.nodes);
    icn_graph_fini(&b.graph);
    for (size_t i = 0; i < icn_pass_count(); i++) {
      char others[512];
      all_but(icn_pass_at(i)->name, others, sizeof others);
      make_and_run(MAKERS[m], others, &b, &some); /* only this one */
      assert_agree(&none, &some, 1e-6);
      icn_graph_fini(&b.graph);
      make_and_run(MAKERS[m], icn_pass_at(i)->name, &b, &some); /* all but this one */
      assert_agree(&none, &some, 1e-6);
      icn_graph_fini(&b.graph);
    }
  }
}

/* Passes that only move or drop work give the same bits. */
static void moves_are_exact(void **state) {
  (void)state;
  static const char *const exact[] = {"remove_identity", "merge_reshape",   "merge_concat",
                                      "fuse_residual",   "fuse_activation", "remove_dead"};
  static results none, some;
  builder b;
  for (size_t m = 0; m < MAKER_COUNT; m++) {
    make_and_run(MAKERS[m], "all", &b, &none);
    icn_graph_fini(&b.graph);
    for (size_t i = 0; i < sizeof exact / sizeof exact[0]; i++) {
      char others[512];
      all_but(exact[i], others, sizeof others);
      make_and_run(MAKERS[m], others, &b, &some);
      bool rounds_less =
          strcmp(exact[i], "fuse_residual") == 0 || strcmp(exact[i], "fuse_activation") == 0; /* one rounding instead of two */
      assert_agree(&none, &some, rounds_less ? 1.2e-7 : 0.0);
      icn_graph_fini(&b.graph);
    }
  }
}

static icn_node *only(builder *b, icn_op op) {
  for (size_t n = 0; n < b->graph.node_count; n++) {
    if (b->graph.nodes[n].op == op) return &b->graph.nodes[n];
  }
  fail();
  return NULL;
}

static void input_normalisation_disappears(void **state) {
  (void)state;
  static results r;
  builder b;
  for (int gathered = 0; gathered < 2; gathered++) {
    make_and_run(gathered != 0 ? make_gathered_input : make_sliced_input, NULL, &b, &r);
    assert_int_equal(r.nodes, 1); /* slices, scales, join, batch-norm and relu are all in the convolution */
    icn_node *c = only(&b, ICN_OP_CONV);
    assert_int_equal(c->inputs[ICN_CONV_X], b.graph.inputs[0]);
    assert_int_equal(c->epilogue.function, ICN_FN_RELU);
    icn_graph_fini(&b.graph);
    make_and_run(gathered != 0 ? make_gathered_input : make_sliced_input, "fold_input_normalisation", &b, &r);
    assert_int_equal(count_op(&b.graph, ICN_OP_CONCAT), 1);
    icn_graph_fini(&b.graph);
  }
}

/* Channels in another order, or not all of them, are no normalisation. */
static void other_joins_stay(void **state) {
  (void)state;
  for (int variant = 0; variant < 3; variant++) {
    builder b;
    start(&b);
    int x = input(&b, shape4(1, 3, 2, 2)), parts[3];
    for (int c = 0; c < 3; c++) parts[c] = channel(&b, x, variant == 0 ? 2 - c : c, 1);
    if (variant == 2) parts[1] = unary(&b, ICN_FN_TANH, parts[1]);
    output(&b, concat(&b, parts, variant == 1 ? 2 : 3), "y");
    icn_error error;
    assert_int_equal(icn_passes_run(&b.graph, NULL, NULL, &error), ICN_OK);
    assert_int_equal(count_op(&b.graph, ICN_OP_CONCAT), 1);
    icn_graph_fini(&b.graph);
  }
}

static void inception_block_becomes_convolutions(void **state) {
  (void)state;
  static results r;
  builder b;
  make_and_run(make_inception, NULL, &b, &r);
  assert_int_equal(r.nodes, 7); /* conv, conv, concat, pool, reshape, matmul, softmax */
  assert_int_equal(count_op(&b.graph, ICN_OP_CONV), 2);
  assert_int_equal(count_op(&b.graph, ICN_OP_AFFINE) + count_op(&b.graph, ICN_OP_BINARY) + count_op(&b.graph, ICN_OP_UNARY), 0);
  icn_node *left = only(&b, ICN_OP_CONV);
  assert_int_not_equal(left->inputs[ICN_CONV_SCALE], ICN_NO_VALUE);
  assert_int_equal(left->inputs[ICN_CONV_RESIDUAL], ICN_NO_VALUE);
  assert_int_equal(only(&b, ICN_OP_MATMUL)->input_count, 3);
  icn_graph_fini(&b.graph);
}

static void residuals_go_to_the_later_convolution(void **state) {
  (void)state;
  static results r;
  builder b;
  make_and_run(make_residual, NULL, &b, &r);
  assert_int_equal(r.nodes, 4);
  int with_residual = 0;
  for (size_t n = 0; n < b.graph.node_count; n++) {
    const icn_node *c = &b.graph.nodes[n];
    if (c->op == ICN_OP_CONV && c->input_count > ICN_CONV_RESIDUAL && c->inputs[ICN_CONV_RESIDUAL] != ICN_NO_VALUE) with_residual++;
  }
  assert_int_equal(with_residual, 2);
  icn_graph_fini(&b.graph);
}

static void other_weights_are_scaled(void **state) {
  (void)state;
  static results r;
  builder b;
  make_and_run(make_other_weights, NULL, &b, &r);
  assert_int_equal(r.nodes, 4); /* conv_transpose, reshape, matmul, matmul */
  assert_int_equal(only(&b, ICN_OP_CONV_TRANSPOSE)->epilogue.function, ICN_FN_CLIP);
  icn_graph_fini(&b.graph);
}

static void folding_before_padding_needs_no_shift(void **state) {
  (void)state;
  static results r;
  builder b;
  make_and_run(make_before, NULL, &b, &r);
  assert_int_equal(count_op(&b.graph, ICN_OP_AFFINE), 1); /* the one before the padded convolution */
  assert_int_equal(count_op(&b.graph, ICN_OP_BINARY), 0);
  assert_int_equal(r.nodes, 6);
  icn_graph_fini(&b.graph);
}

static void identities_vanish(void **state) {
  (void)state;
  static results r;
  builder b;
  make_and_run(make_identities, NULL, &b, &r);
  assert_int_equal(r.nodes, 2);
  assert_int_equal(b.graph.outputs[0], b.graph.inputs[0]); /* an output that is the input, under its own name */
  assert_string_equal(b.graph.output_names[0], "same");
  icn_graph_fini(&b.graph);
  make_and_run(make_chains, NULL, &b, &r);
  assert_int_equal(r.nodes, 2); /* one reshape, one transpose */
  icn_graph_fini(&b.graph);
}

static void joins_merge(void **state) {
  (void)state;
  static results r;
  builder b;
  make_and_run(make_joins, NULL, &b, &r);
  assert_int_equal(count_op(&b.graph, ICN_OP_CONCAT), 3); /* inner and outer are in the last one */
  assert_int_equal(b.graph.nodes[b.graph.node_count - 1].input_count, 5);
  icn_graph_fini(&b.graph);
}

static void outputs_stay(void **state) {
  (void)state;
  static results r;
  builder b;
  make_and_run(make_observed, NULL, &b, &r);
  assert_int_equal(r.count, 3);
  assert_int_equal(r.nodes, 3); /* conv with batch-norm, relu, conv: relu is not fused, its input is asked for */
  for (int64_t k = 0; k < r.elems[0]; k++) assert_true(r.data[1][k] == fmaxf(r.data[0][k], 0.0F));
  icn_graph_fini(&b.graph);
}

/* Factors whose product with each other or with a weight is above the range of float, though every value is inside. */
static void make_outsized(builder *b) {
  int x = input(b, shape4(1, 2, 4, 4));
  int tiny = unary(b, ICN_FN_ABS, binary(b, ICN_FN_MUL, x, scalar(b, 1e-30F)));
  output(b, binary(b, ICN_FN_MUL, binary(b, ICN_FN_MUL, tiny, scalar(b, 1e25F)), scalar(b, 1e25F)), "twice");
  output(b, binary(b, ICN_FN_DIV, conv(b, tiny, 3, 1, 0, 1, false), scalar(b, 1e-40F)), "divided");
}

static void outsized_factors_are_not_folded(void **state) {
  (void)state;
  builder plain, folded;
  results want, got;
  make_and_run(make_outsized, "all", &plain, &want);
  make_and_run(make_outsized, NULL, &folded, &got);
  assert_agree(&want, &got, 1e-5);
  icn_graph_fini(&plain.graph);
  icn_graph_fini(&folded.graph);
}

static void names_are_checked(void **state) {
  (void)state;
  builder b;
  start(&b);
  make_chains(&b);
  icn_error error;
  assert_int_equal(icn_passes_run(&b.graph, "fuse_bias,no_such_pass", NULL, &error), ICN_ARGUMENT);
  assert_non_null(strstr(error.message, "no_such_pass"));
  assert_non_null(strstr(error.message, "fuse_activation"));
  assert_int_equal(icn_passes_run(&b.graph, "", NULL, &error), ICN_OK);
  assert_true(icn_pass_known("concat_view") && icn_pass_known("all") && !icn_pass_known("concat"));
  assert_null(icn_pass_at(icn_pass_count()));
  icn_text report;
  icn_text_init(&report, &b.graph.arena.allocator);
  assert_int_equal(icn_passes_run(&b.graph, "remove_dead,concat_view", &report, &error), ICN_OK);
  assert_non_null(strstr(report.data, " off  nodes that nobody reads are removed\n"));
  assert_null(strstr(report.data, " 0  "));
  const char *idle = strstr(report.data, "  nothing to do: ");
  assert_non_null(idle);
  assert_non_null(strstr(idle, "merge_reshape"));
  assert_null(strstr(idle, "remove_dead"));
  icn_text_fini(&report);
  icn_graph_fini(&b.graph);
}

/* An allocator that fails from the n-th request on: every pass must say so and leak nothing. */
typedef struct failing {
  int left;
} failing;

static void *allocate_or_fail(void *user, size_t bytes) {
  failing *f = user;
  if (f->left-- <= 0) return NULL;
  icn_allocator allocator = icn_allocator_default();
  return allocator.allocate(allocator.user, bytes);
}

static void release(void *user, void *memory) {
  (void)user;
  icn_allocator allocator = icn_allocator_default();
  allocator.release(allocator.user, memory);
}

static void no_memory_is_reported(void **state) {
  (void)state;
  icn_status last = ICN_NO_MEMORY;
  for (int allowed = 0; allowed < 400 && last != ICN_OK; allowed++) {
    builder b;
    failing f = {INT32_MAX};
    icn_allocator allocator = {&f, allocate_or_fail, release};
    icn_graph_init(&b.graph, &allocator);
    b.seed = 4711;
    make_inception(&b);
    f.left = allowed;
    icn_error error;
    last = icn_passes_run(&b.graph, NULL, NULL, &error);
    assert_true(last == ICN_OK || last == ICN_NO_MEMORY);
    icn_graph_fini(&b.graph);
  }
  assert_int_equal(last, ICN_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(results_agree_with_and_without_each_pass),
      cmocka_unit_test(moves_are_exact),
      cmocka_unit_test(input_normalisation_disappears),
      cmocka_unit_test(other_joins_stay),
      cmocka_unit_test(inception_block_becomes_convolutions),
      cmocka_unit_test(residuals_go_to_the_later_convolution),
      cmocka_unit_test(other_weights_are_scaled),
      cmocka_unit_test(folding_before_padding_needs_no_shift),
      cmocka_unit_test(identities_vanish),
      cmocka_unit_test(joins_merge),
      cmocka_unit_test(outputs_stay),
      cmocka_unit_test(outsized_factors_are_not_folded),
      cmocka_unit_test(names_are_checked),
      cmocka_unit_test(no_memory_is_reported),
  };
  return cmocka_run_group_tests_name("passes", tests, NULL, NULL);
}
