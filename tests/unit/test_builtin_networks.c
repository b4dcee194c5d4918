/* The built-in networks against the literature: parameters, multiply-adds, the shapes of the papers' tables, and the networks that
 * torchvision exports. */
#include "passes.h"
#include "problem.h"
#include "source.h"
#include "support/icn_test.h"
#include "support/network.h"

typedef struct described {
  icn_source source;
  const icn_builtin_layer *layers;
  size_t count;
} described;

static void describe(const char *spec, described *d) {
  const icn_allocator allocator = icn_allocator_default();
  icn_error error = {ICN_OK, ""};
  icn_source_init(&d->source, &allocator);
  if (icn_builtin_layers(spec, &d->source, &d->layers, &d->count, &error) != ICN_OK) fail_msg("%s: %s", spec, error.message);
}

static const icn_builtin_layer *layer_named(const described *d, const char *name) {
  for (size_t i = 0; i < d->count; i++)
    if (strcmp(d->layers[i].name, name) == 0) return &d->layers[i];
  fail_msg("there is no layer '%s'", name);
  return NULL;
}

/* ------------------------------------------------------------------ totals */

/* From the issue and where each is published: torchvision's tables, TF-slim's test of inception_v2 (10173112 variables without the
 * classifier; see below), Caffe's bvlc_googlenet, and what the convolutions' sizes come to. inception_28: tools/train/network.py, counted.
 */
static const struct {
  const char *spec;
  uint64_t parameters, multiply_adds;
  size_t convolutions;
} TOTALS[] = {
    {"inception_v3", 23834568, 5713216096, 94},           {"inception_v3:aux=1", 27161264, 5718899296, 96},
    {"inception_v3:input=151", 23834568, 5713216096, 94}, {"googlenet_bn", 6624904, 1498376192, 57},
    {"googlenet_bn:aux=1", 13004888, 1506748416, 59},     {"googlenet", 6998552, 1582671872, 57},
    {"googlenet:aux=1", 13378280, 1591044096, 59},        {"inception_28", 568682, 49518592, 57},
};

static void totals_are_the_published_ones(void **state) {
  (void)state;
  for (size_t t = 0; t < sizeof TOTALS / sizeof TOTALS[0]; t++) {
    described d;
    uint64_t parameters = 0, multiply_adds = 0;
    size_t convolutions = 0;
    describe(TOTALS[t].spec, &d);
    for (size_t i = 0; i < d.count; i++) {
      parameters += d.layers[i].parameters;
      multiply_adds += d.layers[i].multiply_adds;
      convolutions += strstr(d.layers[i].kind, "conv") != NULL;
    }
    if (parameters != TOTALS[t].parameters || multiply_adds != TOTALS[t].multiply_adds || convolutions != TOTALS[t].convolutions)
      fail_msg("%s: %llu parameters, %llu multiply-adds, %zu convolutions", TOTALS[t].spec, (unsigned long long)parameters,
               (unsigned long long)multiply_adds, convolutions);
    icn_source_fini(&d.source);
  }
}

static void add_up(const char *spec, double *parameters, double *multiply_adds) {
  described d;
  describe(spec, &d);
  *parameters = *multiply_adds = 0;
  for (size_t i = 0; i < d.count; i++) {
    *parameters += (double)d.layers[i].parameters;
    *multiply_adds += (double)d.layers[i].multiply_adds;
  }
  icn_source_fini(&d.source);
}

/* TF-slim counts three variables a channel where we count two parameters: no scale, but the running mean and variance. */
static void bn_inception_has_slims_variables(void **state) {
  (void)state;
  described d;
  uint64_t variables = 0;
  describe("bn_inception", &d);
  for (size_t i = 0; i < d.count; i++) {
    const bool has_bn = strstr(d.layers[i].kind, "bn") != NULL, classifier = d.layers[i].output != NULL;
    variables += classifier ? 0 : d.layers[i].parameters + (has_bn ? (uint64_t)d.layers[i].dim[1] : 0);
  }
  assert_int_equal(variables, 10173112);
  icn_source_fini(&d.source);
  double parameters, multiply_adds;
  add_up("bn_inception", &parameters, &multiply_adds); /* the papers say 2.0 billion */
  assert_true(multiply_adds > 1.9e9 && multiply_adds < 2.05e9);
  add_up("bn_inception:separable=0", &parameters, &multiply_adds);
  assert_true(multiply_adds > 1.95e9 && multiply_adds < 2.05e9);
}

/* What the paper states of it: 5 billion multiply-adds, fewer than 25 million parameters (with its head, too). */
static void inception_v2_keeps_what_its_paper_states(void **state) {
  (void)state;
  double parameters, multiply_adds;
  add_up("inception_v2:aux=1", &parameters, &multiply_adds);
  assert_true(parameters < 25e6);
  add_up("inception_v2", &parameters, &multiply_adds);
  assert_true(multiply_adds > 4.8e9 && multiply_adds < 5.2e9);
  assert_true(parameters > 20e6);
  double before, plain;
  add_up("inception_v2:first_7x7=1", &before, &plain); /* the paper's ladder: it cost less before */
  assert_true(before < parameters && plain < multiply_adds);
}

/* The low-resolution networks cost about the same, which is the paper's point. */
static void low_resolution_costs_the_same(void **state) {
  (void)state;
  double parameters, usual, small;
  add_up("inception_v3", &parameters, &usual);
  add_up("inception_v3:input=79", &parameters, &small);
  assert_true(small > 0.9 * usual && small < 1.1 * usual);
  assert_true(parameters == 23834568);
}

/* ------------------------------------------------------------------ shapes */

typedef struct expected {
  const char *name;
  int64_t channels, size;
} expected;

static void check_shapes(const char *spec, const expected *table, size_t count) {
  described d;
  describe(spec, &d);
  for (size_t i = 0; i < count; i++) {
    const icn_builtin_layer *layer = layer_named(&d, table[i].name);
    assert_int_equal(layer->rank, 4);
    if (layer->dim[1] != table[i].channels || layer->dim[2] != table[i].size || layer->dim[3] != table[i].size)
      fail_msg("%s: %s is %dx%dx%d", spec, table[i].name, (int)layer->dim[1], (int)layer->dim[2], (int)layer->dim[3]);
  }
  icn_source_fini(&d.source);
}
#define CHECK_SHAPES(spec, ...)                                   \
  do {                                                            \
    static const expected table_[] = {__VA_ARGS__};               \
    check_shapes(spec, table_, sizeof table_ / sizeof table_[0]); \
  } while (0)

static void blocks_have_the_tables_shapes(void **state) {
  (void)state;
  CHECK_SHAPES("googlenet", {"conv1/7x7_s2", 64, 112}, {"pool1/3x3_s2", 64, 56}, {"conv2/3x3", 192, 56}, {"pool2/3x3_s2", 192, 28},
               {"inception_3a/output", 256, 28}, {"inception_3b/output", 480, 28}, {"pool3/3x3_s2", 480, 14},
               {"inception_4a/output", 512, 14}, {"inception_4b/output", 512, 14}, {"inception_4c/output", 512, 14},
               {"inception_4d/output", 528, 14}, {"inception_4e/output", 832, 14}, {"pool4/3x3_s2", 832, 7},
               {"inception_5a/output", 832, 7}, {"inception_5b/output", 1024, 7}, {"pool5/7x7_s1", 1024, 1});
  CHECK_SHAPES("googlenet:aux=1", {"loss1/ave_pool", 512, 4}, {"loss2/ave_pool", 528, 4}, {"loss1/conv", 128, 4});
  CHECK_SHAPES("googlenet_bn:aux=1", {"conv1", 64, 112}, {"maxpool1", 64, 56}, {"conv3", 192, 56}, {"maxpool2", 192, 28},
               {"inception3b", 480, 28}, {"inception4a", 512, 14}, {"inception4d", 528, 14}, {"inception4e", 832, 14}, {"maxpool4", 832, 7},
               {"inception5b", 1024, 7}, {"aux1.pool", 512, 4}, {"aux2.pool", 528, 4});
  CHECK_SHAPES("bn_inception", {"Conv2d_1a_7x7.pointwise", 64, 112}, {"MaxPool_2a_3x3", 64, 56}, {"Conv2d_2c_3x3", 192, 56},
               {"MaxPool_3a_3x3", 192, 28}, {"Mixed_3b", 256, 28}, {"Mixed_3c", 320, 28}, {"Mixed_4a", 576, 14}, {"Mixed_4b", 576, 14},
               {"Mixed_4c", 576, 14}, {"Mixed_4d", 576, 14}, {"Mixed_4e", 576, 14}, {"Mixed_5a", 1024, 7}, {"Mixed_5b", 1024, 7},
               {"Mixed_5c", 1024, 7});
  CHECK_SHAPES("inception_v2:aux=1", {"image", 3, 299}, {"Conv2d_1a_3x3", 32, 149}, {"Conv2d_2a_3x3", 32, 147}, {"Conv2d_2b_3x3", 64, 147},
               {"maxpool1", 64, 73}, {"Conv2d_3b_3x3", 80, 71}, {"Conv2d_4a_3x3", 192, 35}, {"Conv2d_5a_3x3", 288, 35},
               {"Mixed_5b", 288, 35}, {"Mixed_5d", 288, 35}, {"Mixed_6a", 768, 17}, {"Mixed_6b", 768, 17}, {"Mixed_6f", 768, 17},
               {"Mixed_7a", 1280, 8}, {"Mixed_7b", 2048, 8}, {"Mixed_7c", 2048, 8}, {"AuxLogits.pool", 768, 5},
               {"AuxLogits.conv1", 768, 1});
  CHECK_SHAPES("inception_v2:first_7x7=1", {"Conv2d_1a_7x7", 64, 147}, {"maxpool1", 64, 73}, {"Mixed_7c", 2048, 8});
  CHECK_SHAPES("inception_v3:aux=1", {"Conv2d_1a_3x3", 32, 149}, {"Conv2d_2a_3x3", 32, 147}, {"Conv2d_2b_3x3", 64, 147},
               {"maxpool1", 64, 73}, {"Conv2d_3b_1x1", 80, 73}, {"Conv2d_4a_3x3", 192, 71}, {"maxpool2", 192, 35}, {"Mixed_5b", 256, 35},
               {"Mixed_5c", 288, 35}, {"Mixed_5d", 288, 35}, {"Mixed_6a", 768, 17}, {"Mixed_6e", 768, 17}, {"Mixed_7a", 1280, 8},
               {"Mixed_7c", 2048, 8}, {"AuxLogits.pool", 768, 5}, {"AuxLogits.conv0", 128, 5}, {"AuxLogits.conv1", 768, 1});
  CHECK_SHAPES("inception_28:aux=1", {"image", 3, 28}, {"Conv2d_2a_3x3", 32, 28}, {"Mixed_3a", 112, 13}, {"Mixed_4a", 112, 13},
               {"Mixed_4c", 136, 13}, {"Mixed_5a", 296, 6}, {"Mixed_6b", 352, 6}, {"AuxLogits.conv1", 96, 1});
}

static void low_resolution_has_its_grids(void **state) {
  (void)state;
  CHECK_SHAPES("inception_v3:input=79", {"Conv2d_1a_3x3", 32, 77}, {"Conv2d_2a_3x3", 32, 75}, {"Conv2d_2b_3x3", 64, 75},
               {"Conv2d_4a_3x3", 192, 73}, {"maxpool2", 192, 36}, {"Mixed_6e", 768, 17}, {"Mixed_7c", 2048, 8});
  CHECK_SHAPES("inception_v3:input=151", {"Conv2d_1a_3x3", 32, 149}, {"Conv2d_2a_3x3", 32, 147}, {"maxpool1", 64, 73},
               {"Mixed_5b", 256, 35}, {"Mixed_7c", 2048, 8});
  /* The released network at these sizes, and the others elsewhere, when asked for. */
  CHECK_SHAPES("inception_v3:input=151,first_stride=2", {"Conv2d_1a_3x3", 32, 75}, {"Mixed_7c", 2048, 3});
  CHECK_SHAPES("inception_v3:input=79,first_stride=2,first_pool=1", {"Conv2d_1a_3x3", 32, 39}, {"maxpool1", 64, 18});
  CHECK_SHAPES("inception_v3:input=80,first_stride=1,first_pool=0", {"Conv2d_1a_3x3", 32, 78}, {"Conv2d_3b_1x1", 80, 76});
}

static void width_multiplies_channels(void **state) {
  (void)state;
  CHECK_SHAPES("inception_v3:width=0.5", {"image", 3, 299}, {"Conv2d_1a_3x3", 16, 149}, {"Mixed_5b", 128, 35}, {"Mixed_7c", 1024, 8});
  CHECK_SHAPES("googlenet_bn:width=2", {"conv1", 128, 112}, {"inception5b", 2048, 7});
  CHECK_SHAPES("googlenet:width=0.01", {"conv1/7x7_s2", 1, 112}, {"inception_3a/5x5_reduce", 1, 28}, {"inception_5b/3x3", 4, 7});
  CHECK_SHAPES("bn_inception:width=0.125", {"Conv2d_1a_7x7.depthwise", 6, 112}, {"Conv2d_1a_7x7.pointwise", 8, 112});
}

/* ------------------------------------------------- what is said and what is */

/* Each layer reads what stands before it and is read by another, but for outputs. */
static void check_order(const described *d, const char *spec) {
  bool *read = calloc(d->count, sizeof *read);
  assert_non_null(read);
  for (size_t i = 0; i < d->count; i++) {
    assert_int_equal(d->layers[i].input_count == 0, i == 0);
    for (size_t k = 0; k < d->layers[i].input_count; k++) {
      assert_true(d->layers[i].inputs[k] < i);
      read[d->layers[i].inputs[k]] = true;
    }
  }
  for (size_t i = 0; i < d->count; i++)
    if (read[i] == (d->layers[i].output != NULL)) fail_msg("%s: layer %s is %s", spec, d->layers[i].name, read[i] ? "read" : "not read");
  free(read);
}

/* The value of the graph that a layer is: NAME, NAME.relu, or the output. */
static const icn_value *value_of(const icn_graph *graph, const icn_builtin_layer *layer) {
  char relu[200], base[160];
  snprintf(base, sizeof base, "%s", layer->name);
  char *pointwise = strstr(base, ".pointwise");
  if (pointwise != NULL) *pointwise = '\0';
  snprintf(relu, sizeof relu, "%s.relu", base);
  const char *const names[] = {layer->output != NULL ? layer->output : relu, layer->name};
  for (size_t n = 0; n < 2; n++)
    for (size_t v = 0; v < graph->value_count; v++)
      if (graph->values[v].name != NULL && strcmp(graph->values[v].name, names[n]) == 0) return &graph->values[v];
  fail_msg("the graph has no value for layer %s", layer->name);
  return NULL;
}

static double graph_multiply_adds(const icn_graph *graph) {
  double sum = 0;
  for (size_t n = 0; n < graph->node_count; n++) {
    const icn_node *node = &graph->nodes[n];
    const bool means = strstr(node->name, ".pool") != NULL; /* an adaptive pool's matrices */
    if (node->op != ICN_OP_CONV && (node->op != ICN_OP_MATMUL || means)) continue;
    const icn_problem problem = icn_problem_from_node(graph, node, 0);
    const icn_shape *out = &graph->values[node->output].shape, *weight = &graph->values[node->inputs[1]].shape;
    int64_t terms = node->op == ICN_OP_MATMUL ? graph->values[node->inputs[0]].shape.dim[1] : 1;
    for (int k = 1; node->op == ICN_OP_CONV && k < 4; k++) terms *= weight->dim[k];
    assert_true(icn_problem_flop(&problem) > 0);
    sum += (double)icn_shape_elems(out) * (double)terms;
  }
  return sum;
}

/* The network that is made has the shapes, parameters and multiply-adds that are told of it. */
static void check_description(const char *spec) {
  described d;
  test_network made = {0};
  icn_error error = {ICN_OK, ""};
  double parameters = 0, stored = 0, multiply_adds = 0;
  const icn_allocator allocator = icn_allocator_default();
  describe(spec, &d);
  check_order(&d, spec);
  icn_source_init(&made.source, &allocator);
  icn_graph_init(&made.graph, &allocator);
  if (icn_builtin_make(spec, NULL, &made.source, &error) != ICN_OK) fail_msg("%s: %s", spec, error.message);
  if (icn_import(&made.source, NULL, 0, 1, &made.graph, &error) != ICN_OK) fail_msg("%s: %s", spec, error.message);
  for (size_t i = 0; i < d.count; i++) {
    const icn_shape shape = icn_shape_make(d.layers[i].rank, d.layers[i].dim);
    const icn_value *value = value_of(&made.graph, &d.layers[i]);
    if (!icn_shape_equal(&value->shape, &shape)) fail_msg("%s: layer %s has another shape than is said", spec, d.layers[i].name);
    parameters += (double)d.layers[i].parameters;
    multiply_adds += (double)d.layers[i].multiply_adds;
  }
  for (size_t t = 0; t < made.source.tensor_count; t++) {
    const icn_source_tensor *tensor = &made.source.tensors[t];
    const bool learned = strstr(tensor->name, ".running_") == NULL && strstr(tensor->name, ".means_") == NULL;
    stored += learned ? (double)icn_shape_elems(&tensor->shape) : 0;
  }
  assert_true(parameters == stored);
  if (multiply_adds != graph_multiply_adds(&made.graph)) fail_msg("%s: %.0f multiply-adds", spec, multiply_adds);
  icn_source_fini(&d.source);
  test_network_unload(&made);
}

static void what_is_said_is_what_is_made(void **state) {
  (void)state;
  static const char *const SPECS[] = {"googlenet:width=0.25,aux=1",
                                      "googlenet:input=97,width=0.1,aux=1",
                                      "googlenet_bn:width=0.25,aux=1",
                                      "googlenet_bn:input=63,width=0.1",
                                      "googlenet_bn:input=100,width=0.1,aux=1,aux_bn=1",
                                      "googlenet_bn:input=128,width=0.1,aux=1",
                                      "bn_inception:width=0.25",
                                      "bn_inception:input=97,width=0.1,separable=0",
                                      "inception_v2:width=0.25,aux=1",
                                      "inception_v2:width=0.1,first_7x7=1",
                                      "inception_v2:input=101,width=0.1",
                                      "inception_v3:width=0.25,aux=1",
                                      "inception_v3:input=79,width=0.1",
                                      "inception_v3:input=151,width=0.1,aux=1,aux_bn=0",
                                      "inception_28:aux=1",
                                      "inception_28:input=33,width=0.5,classes=3,aux=1,aux_bn=0"};
  for (size_t i = 0; i < sizeof SPECS / sizeof SPECS[0]; i++) check_description(SPECS[i]);
}

/* Mean pools over windows of nearly the same size, as PyTorch's formula has them: begin floor(i * 14 / 4), end ceil((i + 1) * 14 / 4). */
static void adaptive_pools_have_pytorchs_windows(void **state) {
  (void)state;
  static const int BEGIN[] = {0, 3, 7, 10}, END[] = {4, 7, 11, 14};
  const icn_allocator allocator = icn_allocator_default();
  icn_source source;
  icn_error error;
  icn_source_init(&source, &allocator);
  assert_int_equal(icn_builtin_make("googlenet_bn:width=0.1,aux=1", NULL, &source, &error), ICN_OK);
  size_t found = 0;
  for (size_t t = 0; t < source.tensor_count; t++) {
    const bool along_h = strcmp(source.tensors[t].name, "aux1.pool.means_h") == 0;
    if (!along_h && strcmp(source.tensors[t].name, "aux1.pool.means_w") != 0) continue;
    const float *values = source.tensors[t].data;
    found++;
    for (int i = 0; i < 4; i++)
      for (int k = 0; k < 14; k++) assert_true(values[along_h ? i * 14 + k : k * 4 + i] == (k >= BEGIN[i] && k < END[i] ? 0.25f : 0.0f));
  }
  assert_int_equal(found, 2);
  icn_source_fini(&source);
}

/* --------------------------------------------------- as torchvision exports */

enum { MOST_KEYS = 256 };
typedef struct keys {
  char text[MOST_KEYS][ICN_KEY_BYTES];
  size_t count;
} keys;

static int by_text(const void *left, const void *right) { return strcmp(left, right); }

/* Without `word`: an exporter may have folded batch normalisation or not. */
static void leave_out(char *key, const char *word) {
  char *at = strstr(key, word);
  if (at != NULL) memmove(at, at + strlen(word), strlen(at + strlen(word)) + 1);
}

/* The convolutions, pools and products of a network after its passes: what must be computed. A mean over everything is left out: some
 * exporters call it a reduction. */
static void list_problems(const char *name, keys *list) {
  test_network network;
  icn_error error = {ICN_OK, ""};
  if (test_network_load(name, 1, &network, &error) != ICN_OK) fail_msg("%s: %s", name, error.message);
  list->count = 0;
  for (size_t n = 0; n < network.graph.node_count; n++) {
    const icn_node *node = &network.graph.nodes[n];
    const icn_shape *out = &network.graph.values[node->output].shape;
    const bool pool = node->op == ICN_OP_POOL && out->dim[2] > 1;
    if (node->op != ICN_OP_CONV && !pool && node->op != ICN_OP_MATMUL) continue;
    const icn_problem problem = icn_problem_from_node(&network.graph, node, 0);
    assert_true(list->count < MOST_KEYS);
    char *key = list->text[list->count++];
    icn_problem_key(&problem, key);
    leave_out(key, " bias");
    leave_out(key, " scale");
  }
  qsort(list->text, list->count, sizeof list->text[0], by_text);
  test_network_unload(&network);
}

static void the_problems_are_those_of_torchvision(void **state) {
  (void)state;
  static const struct {
    const char *builtin, *exported;
  } PAIRS[] = {{"builtin:googlenet_bn", "tv_googlenet.dynamo"},
               {"builtin:googlenet_bn", "tv_googlenet.torchscript"},
               {"builtin:inception_v3", "tv_inception_v3.dynamo"},
               {"builtin:inception_v3", "tv_inception_v3.torchscript"}};
  static keys ours, theirs;
  for (size_t p = 0; p < sizeof PAIRS / sizeof PAIRS[0]; p++) {
    char path[1024];
    snprintf(path, sizeof path, "%s/exported/%s.onnx", getenv("ICN_TEST_DATA"), PAIRS[p].exported);
    list_problems(PAIRS[p].builtin, &ours);
    list_problems(path, &theirs);
    assert_true(ours.count > 40);
    for (size_t i = 0; i < ours.count && i < theirs.count; i++)
      if (strcmp(ours.text[i], theirs.text[i]) != 0) fail_msg("%s has '%s', %s '%s'", PAIRS[p].builtin, ours.text[i], path, theirs.text[i]);
    assert_int_equal(ours.count, theirs.count);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(totals_are_the_published_ones),
      cmocka_unit_test(bn_inception_has_slims_variables),
      cmocka_unit_test(inception_v2_keeps_what_its_paper_states),
      cmocka_unit_test(low_resolution_costs_the_same),
      cmocka_unit_test(blocks_have_the_tables_shapes),
      cmocka_unit_test(low_resolution_has_its_grids),
      cmocka_unit_test(width_multiplies_channels),
      cmocka_unit_test(what_is_said_is_what_is_made),
      cmocka_unit_test(adaptive_pools_have_pytorchs_windows),
      cmocka_unit_test(the_problems_are_those_of_torchvision),
  };
  return cmocka_run_group_tests_name("builtin_networks", tests, NULL, NULL);
}
