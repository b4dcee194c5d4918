/* The built-in networks: what they consist of, that their weights are the same bits everywhere, and how specs are refused. */
#include "support/icn_test.h"

#include "source.h"

static const uint64_t CHECKSUM = 0x8d638c1f85a62a69u;
static icn_source source;
static icn_error error;

static icn_status make(const char *spec) {
  icn_allocator allocator = icn_allocator_default();
  icn_source_init(&source, &allocator);
  icn_error_clear(&error);
  return icn_builtin_make(spec, NULL, &source, &error);
}

static size_t count_ops(const char *op) {
  size_t count = 0;
  for (size_t i = 0; i < source.node_count; i++) count += strcmp(source.nodes[i].op, op) == 0;
  return count;
}

static const icn_source_tensor *tensor_named(const char *name) {
  for (size_t i = 0; i < source.tensor_count; i++) {
    if (strcmp(source.tensors[i].name, name) == 0) return &source.tensors[i];
  }
  return NULL;
}

static const icn_source_node *node_named(const char *name) {
  for (size_t i = 0; i < source.node_count; i++) {
    if (strcmp(source.nodes[i].name, name) == 0) return &source.nodes[i];
  }
  return NULL;
}

/* What training learns: not the running statistics. */
static int64_t parameters(void) {
  int64_t sum = 0;
  for (size_t i = 0; i < source.tensor_count; i++) {
    if (strstr(source.tensors[i].name, ".running_") == NULL) sum += icn_shape_elems(&source.tensors[i].shape);
  }
  return sum;
}

/* FNV-1a over the words of all tensors. */
static uint64_t checksum(void) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < source.tensor_count; i++) {
    const uint32_t *words = source.tensors[i].data;
    int64_t elems = icn_shape_elems(&source.tensors[i].shape);
    for (int64_t k = 0; k < elems; k++) hash = (hash ^ words[k]) * 0x100000001b3u;
  }
  return hash;
}

static void inception_v3_is_what_was_published(void **state) {
  (void)state;
  assert_int_equal(make("inception_v3"), ICN_OK);
  assert_int_equal(source.node_count, 314);
  assert_int_equal(count_ops("Conv"), 94);
  assert_int_equal(count_ops("BatchNormalization"), 94);
  assert_int_equal(count_ops("Relu"), 94);
  assert_int_equal(count_ops("MaxPool"), 4);
  assert_int_equal(count_ops("AveragePool"), 9);
  assert_int_equal(count_ops("Concat"), 15);
  assert_int_equal(count_ops("Gemm"), 1);
  assert_int_equal(count_ops("Softmax"), 1);
  assert_int_equal(parameters(), 23834568);
  assert_int_equal(source.input_count, 1);
  icn_shape image = icn_shape_make(4, (const int64_t[]){-1, 3, 299, 299});
  assert_string_equal(source.inputs[0].name, "image");
  assert_true(source.inputs[0].has_shape && icn_shape_equal(&source.inputs[0].shape, &image));
  assert_int_equal(source.output_count, 1);
  assert_string_equal(source.outputs[0], "probabilities");
  assert_int_equal(source.opset, 13);

  icn_shape factor = icn_shape_make(4, (const int64_t[]){192, 160, 7, 1});
  assert_true(icn_shape_equal(&tensor_named("Mixed_6c.branch7x7_3.conv.weight")->shape, &factor));
  const icn_source_node *conv = node_named("Mixed_6c.branch7x7_3.conv");
  assert_string_equal(conv->attrs[2].name, "pads");
  assert_memory_equal(conv->attrs[2].ints, ((const int64_t[]){3, 0, 3, 0}), 32);
  assert_string_equal(node_named("Mixed_7c.pool")->attrs[3].name, "count_include_pad");
  assert_int_equal(node_named("Mixed_7c.pool")->attrs[3].i, 1);
  icn_source_fini(&source);
}

/* Every node reads what stands before it, so the order is one to run in, and no name is made twice. */
static void check_names(const char *spec) {
  if (make(spec) != ICN_OK) fail_msg("%s", error.message);
  for (size_t i = 0; i < source.node_count; i++) {
    for (size_t k = 0; k < source.nodes[i].input_count; k++) {
      const char *name = source.nodes[i].inputs[k];
      const icn_source_node *producer = node_named(name);
      bool known = strcmp(name, "image") == 0 || tensor_named(name) != NULL || (producer != NULL && producer < &source.nodes[i]);
      if (!known) fail_msg("%s reads %s, which nothing before it makes", source.nodes[i].name, name);
    }
    if (node_named(source.nodes[i].name) != &source.nodes[i]) fail_msg("two nodes are called %s", source.nodes[i].name);
  }
  icn_source_fini(&source);
}

static void names_fit_together(void **state) {
  (void)state;
  check_names("inception_v3:input=75,classes=10");
  check_names("inception_v3:width=0.1,aux=1,aux_bn=0");
  check_names("inception_v2:width=0.1,aux=1");
  check_names("googlenet:width=0.1,aux=1");
  check_names("googlenet_bn:width=0.1,aux=1,aux_bn=1");
  check_names("bn_inception:width=0.1");
}

/* The constants were computed once; another value means that somebody's file of results no longer belongs to this network. */
static void weights_are_the_same_bits_everywhere(void **state) {
  (void)state;
  assert_int_equal(make("inception_v3:input=299,classes=1000,seed=1"), ICN_OK);
  uint64_t usual = checksum();
  const float *first = tensor_named("Conv2d_1a_3x3.conv.weight")->data;
  const uint32_t *bits = (const uint32_t *)(const void *)first;
  print_message("checksum %016llx, first weight %08x\n", (unsigned long long)usual, bits[0]);
  assert_true(usual == CHECKSUM);
  icn_source_fini(&source);

  assert_int_equal(make("inception_v3:classes=1000"), ICN_OK); /* the usual values */
  assert_true(checksum() == usual);
  icn_source_fini(&source);
  assert_int_equal(make("inception_v3:seed=2"), ICN_OK);
  assert_true(checksum() != usual);
  icn_source_fini(&source);
}

/* The same of every network, small, with all that can be chosen. */
static void weights_of_every_network_are_the_same_bits(void **state) {
  (void)state;
  const struct {
    const char *spec;
    uint64_t checksum;
  } cases[] = {
      {"googlenet:width=0.1,aux=1", 0xda5afb90d19198ddu},
      {"googlenet_bn:width=0.1,aux=1,aux_bn=1", 0xf277feb298499bc0u},
      {"bn_inception:width=0.1", 0x6fb7740e30100ed2u},
      {"inception_v2:width=0.1,aux=1", 0x1db4ed1969711d66u},
      {"inception_v3:width=0.1,aux=1,aux_bn=0,seed=7", 0xae04cf123a62c825u},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(make(cases[i].spec), ICN_OK);
    const uint64_t sum = checksum();
    if (sum != cases[i].checksum) fail_msg("%s: %016llx", cases[i].spec, (unsigned long long)sum);
    icn_source_fini(&source);
  }
}

static void weights_have_their_scale(void **state) {
  (void)state;
  assert_int_equal(make("inception_v3:classes=7"), ICN_OK);
  const icn_source_tensor *tensor = tensor_named("Mixed_7c.branch3x3dbl_2.conv.weight");
  const float *weights = tensor->data;
  int64_t elems = icn_shape_elems(&tensor->shape);
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < elems; i++) {
    sum += (double)weights[i];
    squares += (double)weights[i] * (double)weights[i];
  }
  double variance = squares / (double)elems, expected = 2.625 / (448 * 9);
  assert_true(sum / (double)elems < 1e-4 && sum / (double)elems > -1e-4);
  assert_true(variance > 0.99 * expected && variance < 1.01 * expected);
  const float *running = tensor_named("Mixed_7c.branch3x3dbl_2.bn.running_var")->data;
  for (int i = 0; i < 384; i++) assert_true(running[i] >= 0.75f && running[i] < 1.25f);
  assert_true(tensor_named("fc.weight")->shape.dim[0] == 7);
  icn_source_fini(&source);
}

static void wrong_specs_are_explained(void **state) {
  (void)state;
  const struct {
    const char *spec, *words;
  } cases[] = {
      {"", "there is no built-in network ''; there are: googlenet, googlenet_bn, bn_inception, inception_v2, inception_v3"},
      {"inception_v33", "there is no built-in network 'inception_v33'"},
      {"inception", "there is no built-in network 'inception'"},
      {"Inception_v3", "there are: googlenet"},
      {"inception_v3:size=299",
       "no option 'size'; its options are input (1 to 2048), classes (1 to 100000), width (0.01 to 4), aux (0 to 1)"},
      {"inception_v3:", "no option ''"},
      {"inception_v3:input=299,", "no option ''"},
      {"inception_v3:input", "the option 'input' of the built-in network inception_v3 should be input=NUMBER, the number from 1 to 2048"},
      {"inception_v3:input=", "input=NUMBER"},
      {"inception_v3:input=0", "from 1 to 2048"},
      {"inception_v3:input=2049", "from 1 to 2048"},
      {"inception_v3:classes=0", "from 1 to 100000"},
      {"inception_v3:classes=100001", "from 1 to 100000"},
      {"inception_v3:classes=1000000000", "from 1 to 100000"},
      {"inception_v3:classes=-1", "from 1 to 100000"},
      {"inception_v3:classes=1e3", "from 1 to 100000"},
      {"inception_v3:classes=1.5", "from 1 to 100000"},
      {"inception_v3:seed=9223372036854775808", "seed=NUMBER"},
      {"inception_v3:seed=1,seed=1", "the option seed of the built-in network inception_v3 is given twice"},
      {"inception_v3:input=299:seed=1", "input=NUMBER"},
      {"googlenet:width=0", "should be width=NUMBER, the number from 0.01 to 4 with at most three decimals"},
      {"googlenet:width=0.009", "from 0.01 to 4"},
      {"googlenet:width=4.001", "from 0.01 to 4"},
      {"googlenet:width=0.0625", "at most three decimals"},
      {"googlenet:width=.5", "width=NUMBER"},
      {"googlenet:width=1.", "width=NUMBER"},
      {"googlenet:width=1.2.3", "width=NUMBER"},
      {"googlenet:width=0x1", "width=NUMBER"},
      {"googlenet:width=99999999999999999999", "width=NUMBER"},
      {"googlenet:width=9223372036854775807", "width=NUMBER"},
      {"googlenet:aux=2", "the number from 0 to 1"},
      {"googlenet:aux_bn=1", "no option 'aux_bn'"},
      {"googlenet_bn:aux_bn=1", "aux_bn of the built-in network googlenet_bn says how its auxiliary heads are made: it needs aux=1"},
      {"bn_inception:aux=1", "the built-in network bn_inception has no option 'aux'"},
      {"inception_v3:first_stride=3", "the number from 1 to 2"},
      {"googlenet_bn:first_stride=1", "no option 'first_stride'"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(make(cases[i].spec), ICN_ARGUMENT);
    if (strstr(error.message, cases[i].words) == NULL) fail_msg("'%s' is not in '%s'", cases[i].words, error.message);
    icn_source_fini(&source);
  }
}

/* The smallest input is said, and is right. torchvision names 75 and 15 for its networks. */
static void an_input_too_small_is_told_the_smallest(void **state) {
  (void)state;
  const struct {
    const char *options;
    int least;
  } cases[] = {
      {"inception_v3", 75},
      {"inception_v3:first_stride=1", 39},
      {"inception_v3:first_stride=1,first_pool=0", 21},
      {"inception_v3:aux=1", 299},
      {"inception_v2", 75},
      {"googlenet_bn", 15},
      {"googlenet_bn:aux=1", 15},
      {"googlenet", 31},
      {"googlenet:aux=1", 47},
      {"bn_inception", 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char spec[120], words[120];
    const char *joint = strchr(cases[i].options, ':') != NULL ? "," : ":";
    for (int input = 1; input<cases[i].least; input += cases[i].least> 40 ? 13 : 1) {
      snprintf(spec, sizeof spec, "%s%swidth=0.01,input=%d", cases[i].options, joint, input);
      snprintf(words, sizeof words, "an input of %d is too small for the built-in network", input);
      if (input == 79) continue; /* another network */
      assert_int_equal(make(spec), ICN_ARGUMENT);
      if (strstr(error.message, words) == NULL) fail_msg("%s: %s", spec, error.message);
      snprintf(words, sizeof words, "with these options the smallest is input=%d", cases[i].least);
      if (strstr(error.message, words) == NULL) fail_msg("%s: %s", spec, error.message);
      icn_source_fini(&source);
    }
    snprintf(spec, sizeof spec, "%s%swidth=0.01,classes=2,input=%d", cases[i].options, joint, cases[i].least);
    icn_graph graph;
    icn_allocator allocator = icn_allocator_default();
    icn_graph_init(&graph, &allocator);
    if (make(spec) != ICN_OK) fail_msg("%s: %s", spec, error.message);
    if (icn_import(&source, NULL, 0, 2, &graph, &error) != ICN_OK) fail_msg("%s: %s", spec, error.message);
    icn_graph_fini(&graph);
    icn_source_fini(&source);
  }
}

/* An allocator that gives up after some bytes. */
static void *limited_allocate(void *user, size_t bytes) {
  size_t *left = user;
  icn_allocator plain = icn_allocator_default();
  if (bytes > *left) return NULL;
  *left -= bytes;
  return plain.allocate(plain.user, bytes);
}

static void limited_release(void *user, void *memory) {
  (void)user;
  icn_allocator plain = icn_allocator_default();
  plain.release(plain.user, memory);
}

static void running_out_of_memory_is_a_status(void **state) {
  (void)state;
  static const size_t limits[] = {0, 1000, 100000, 200000, 1000000, 10000000, 90000000};
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    size_t left = limits[i];
    icn_allocator allocator = {&left, limited_allocate, limited_release};
    icn_source_init(&source, &allocator);
    assert_int_equal(icn_builtin_make("inception_v3", NULL, &source, &error), ICN_NO_MEMORY);
    assert_non_null(strstr(error.message, "bytes for a built-in network"));
    icn_source_fini(&source);
  }
}

/* Each allocation of a description fails once. */
static void a_description_without_memory_is_a_status(void **state) {
  (void)state;
  const icn_builtin_layer *layers;
  size_t count = 0, failures = 0;
  for (size_t i = 0; count == 0; i++) {
    size_t left = i << 12;
    icn_allocator allocator = {&left, limited_allocate, limited_release};
    icn_source_init(&source, &allocator);
    icn_status status = icn_builtin_layers("googlenet:aux=1", &source, &layers, &count, &error);
    failures += status == ICN_NO_MEMORY;
    if (status != ICN_NO_MEMORY) assert_int_equal(status, ICN_OK);
    icn_source_fini(&source);
  }
  assert_true(failures > 5);
}

static void the_list_names_what_can_be_made(void **state) {
  (void)state;
  assert_true(icn_builtin_count() == 6);
  for (size_t i = 0; i < icn_builtin_count(); i++) {
    const icn_builtin_info info = icn_builtin_get_info(i);
    assert_true(strlen(info.summary) > 10 && strlen(info.source) > 10);
    if (make(info.name) != ICN_OK) fail_msg("%s", error.message);
    icn_source_fini(&source);
  }
  assert_null(icn_builtin_get_info(icn_builtin_count()).name);
}

/* Each option that a network lists can be given at its least, its largest and its usual value. */
static void options_are_what_is_listed(void **state) {
  (void)state;
  for (size_t i = 0; i < icn_builtin_count(); i++) {
    assert_true(icn_builtin_option_count(i) >= 4);
    for (size_t k = 0; k < icn_builtin_option_count(i); k++) {
      const icn_builtin_option o = icn_builtin_get_option(i, k);
      const bool seed = strcmp(o.name, "seed") == 0, width = strcmp(o.name, "width") == 0, input = strcmp(o.name, "input") == 0;
      const double least = input ? o.usual : o.least, largest = seed || input ? o.usual : width ? 0.02 : o.largest;
      const double values[] = {least, largest, o.usual < 0 ? o.largest : o.usual};
      for (size_t v = 0; v < 3; v++) {
        char spec[160];
        const char *more = width ? "" : strcmp(o.name, "aux_bn") == 0 ? "aux=1,width=0.01," : "width=0.01,";
        snprintf(spec, sizeof spec, "%s:%s%s=%.10g", icn_builtin_get_info(i).name, more, o.name, values[v]);
        if (make(spec) != ICN_OK) fail_msg("%s: %s", spec, error.message);
        icn_source_fini(&source);
      }
    }
    assert_null(icn_builtin_get_option(i, icn_builtin_option_count(i)).name);
  }
  assert_int_equal(icn_builtin_option_count(icn_builtin_count()), 0);
  assert_null(icn_builtin_get_option(99, 0).name);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(inception_v3_is_what_was_published),
      cmocka_unit_test(names_fit_together),
      cmocka_unit_test(weights_are_the_same_bits_everywhere),
      cmocka_unit_test(weights_of_every_network_are_the_same_bits),
      cmocka_unit_test(weights_have_their_scale),
      cmocka_unit_test(wrong_specs_are_explained),
      cmocka_unit_test(running_out_of_memory_is_a_status),
      cmocka_unit_test(the_list_names_what_can_be_made),
      cmocka_unit_test(an_input_too_small_is_told_the_smallest),
      cmocka_unit_test(a_description_without_memory_is_a_status),
      cmocka_unit_test(options_are_what_is_listed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
