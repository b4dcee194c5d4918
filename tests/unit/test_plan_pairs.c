/* merge_pairs: a 1x3 and a 3x1 convolution side by side in a join become one layer where that takes less time, and results stay the same
 * bits. */
#include "lower.h"
#include "support/graph_builder.h"
#include "support/icn_test.h"

enum { C = 8, HEIGHT = 5, WIDTH = 7, FIRST = 64, SECOND = 40, MOST = 4 };

/* One convolution of the block. */
typedef struct branch {
  int64_t outputs;
  int64_t kernel[2], pad[2], dilation[2];
  icn_function function;
  bool bias, scale, residual, other_x;
} branch;

static const branch ACROSS = {FIRST, {1, 3}, {0, 1}, {1, 1}, ICN_FN_RELU, true, true, false, false},
                    DOWN = {SECOND, {3, 1}, {1, 0}, {1, 1}, ICN_FN_RELU, true, true, false, false},
                    POINT = {16, {1, 1}, {0, 0}, {1, 1}, ICN_FN_RELU, true, true, false, false};

static int add_constant(builder *b, icn_shape shape, uint32_t seed) {
  const int64_t count = icn_shape_elems(&shape);
  float *data = icn_arena_array(&b->graph.arena, (size_t)count, sizeof *data);
  for (int64_t i = 0; i < count; i++) {
    seed = seed * 1664525U + 1013904223U;
    data[i] = (float)(int32_t)(seed >> 8 & 0xFFFFU) / 32768.0F - 1.0F;
  }
  return icn_graph_add_constant(&b->graph, NULL, &shape, ICN_F32, data);
}

static int add_branch(builder *b, const int x[2], const branch *c, int number) {
  const icn_shape in = *shape_of(b, x[0]), out = shape4(in.dim[0], c->outputs, in.dim[2], in.dim[3]);
  const icn_shape channels = icn_shape_make(1, &c->outputs);
  icn_params params = {.groups = 1, .stride = {1, 1}};
  for (int k = 0; k < 2; k++) {
    params.kernel[k] = c->kernel[k];
    params.pad_begin[k] = params.pad_end[k] = c->pad[k];
    params.dilation[k] = c->dilation[k];
  }
  const uint32_t seed = 100U * (uint32_t)number;
  const int inputs[5] = {x[c->other_x ? 1 : 0], add_constant(b, shape4(c->outputs, in.dim[1], c->kernel[0], c->kernel[1]), seed + 1),
                         c->bias ? add_constant(b, channels, seed + 2) : ICN_NO_VALUE,
                         c->residual ? add_constant(b, out, seed + 4) : ICN_NO_VALUE,
                         c->scale ? add_constant(b, channels, seed + 3) : ICN_NO_VALUE};
  char name[16];
  snprintf(name, sizeof name, "conv%d", number);
  const int y = icn_graph_add_node(&b->graph, ICN_OP_CONV, name, "Conv", inputs, 5, &params, NULL, &out);
  b->graph.nodes[b->graph.node_count - 1].epilogue.function = c->function;
  return y;
}

/* Branches in the order of their nodes; part i of the join is the result of branch places[i]. */
static builder *block_of(icn_shape in, const branch *branches, const int *places, int count) {
  builder *b = builder_new();
  const int x = add_input(b, in), both[2] = {add_unary(b, x, "stem"), add_unary(b, x, "other")};
  int made[MOST], parts[MOST];
  for (int i = 0; i < count; i++) made[i] = add_branch(b, both, &branches[i], i);
  for (int i = 0; i < count; i++) parts[i] = made[places[i]];
  add_output(b, add_unary(b, add_concat(b, parts, count, 1), "end"));
  return b;
}

static builder *small_block(const branch *branches, const int *places, int count) {
  return block_of(shape4(2, C, HEIGHT, WIDTH), branches, places, count);
}

static const icn_plan_layer *merged_layer(const icn_plan *plan) {
  for (size_t l = 0; l < plan->layer_count; l++)
    if (plan->layers[l].beside >= 0) return &plan->layers[l];
  return NULL;
}

static icn_plan plan_of(const builder *b, icn_device_kind kind, const icn_plan_request *request) {
  return plan_for(b, &(icn_row_table){icn_row_at, icn_row_count()}, request, kind);
}

/* Pairs in the plan; the plan's results must be the reference's bits. */
static int pairs_of(const builder *b, icn_device_kind kind, const icn_plan_request *request) {
  icn_plan plan = plan_of(b, kind, request);
  int pairs = 0;
  for (size_t l = 0; l < plan.layer_count; l++) {
    const icn_plan_layer *layer = &plan.layers[l];
    assert_int_equal(layer->beside >= 0, layer->problem.turned > 0);
    pairs += layer->beside >= 0;
  }
  icn_plan_fini(&plan);
  check_run(b, &(icn_row_table){icn_row_at, icn_row_count()}, request, kind, 3);
  return pairs;
}

static int pairs_in(const branch *branches, const int *places, int count) {
  const icn_plan_request keep = {.keep_values = true};
  builder *b = small_block(branches, places, count);
  const int pairs = pairs_of(b, ICN_DEVICE_GPU, NULL);
  assert_int_equal(pairs_of(b, ICN_DEVICE_GPU, &keep), pairs);
  builder_free(b);
  return pairs;
}

/* ------------------------------------------------------------------- tests */

static void a_pair_becomes_one_layer(void **state) {
  (void)state;
  const branch branches[2] = {ACROSS, DOWN};
  builder *b = small_block(branches, (const int[]){0, 1}, 2);
  const icn_plan_request off = {.disabled_passes = "merge_pairs"}, on = {.why = true};
  icn_plan apart = plan_of(b, ICN_DEVICE_GPU, &off), plan = plan_of(b, ICN_DEVICE_GPU, &on);
  const icn_plan_layer *layer = merged_layer(&plan);
  char key[ICN_KEY_BYTES];
  assert_null(merged_layer(&apart));
  assert_non_null(layer);
  assert_int_equal(plan.layer_count, apart.layer_count - 1);
  assert_string_equal(layer->name, "conv0 and 1 sibling");
  assert_int_equal(layer->problem.turned, FIRST);
  assert_string_equal(icn_problem_key(&layer->problem, key), "conv 2x8x5x7 k104 r1x3 s1x1 p0,1 turned64 bias scale relu f32");
  assert_int_equal(strncmp(layer->why, "merge_pairs: one layer, ", 24), 0);
  assert_non_null(strstr(layer->why, "winograd_gpu: declined, the window is turned from channel 64 on"));
  assert_non_null(strstr(layer->emit.launch[0].options, "-D TURNED"));
  assert_int_equal(plan.other_count, 2);
  assert_int_equal(apart.other_count, 0);
  assert_int_equal(icn_plan_constant_elems(&b->graph, layer, ICN_CONV_WEIGHT), (FIRST + SECOND) * C * 3);
  icn_plan_fini(&plan);
  icn_plan_fini(&apart);
  builder_free(b);
}

/* Whichever node comes first, whatever lies between or around. */
static void order_does_not_matter(void **state) {
  (void)state;
  branch tall = DOWN, wide = ACROSS;
  tall.outputs = FIRST;
  wide.outputs = SECOND;
  assert_int_equal(pairs_in((const branch[]){ACROSS, DOWN}, (const int[]){0, 1}, 2), 1);
  assert_int_equal(pairs_in((const branch[]){DOWN, ACROSS}, (const int[]){1, 0}, 2), 1);
  assert_int_equal(pairs_in((const branch[]){tall, wide}, (const int[]){0, 1}, 2), 1);
  assert_int_equal(pairs_in((const branch[]){wide, tall}, (const int[]){1, 0}, 2), 1);
  assert_int_equal(pairs_in((const branch[]){POINT, ACROSS, POINT, DOWN}, (const int[]){2, 1, 3, 0}, 4), 1);
  assert_int_equal(pairs_in((const branch[]){ACROSS, DOWN, ACROSS, DOWN}, (const int[]){0, 1, 2, 3}, 4), 2);
}

static void what_is_no_pair_stays_apart(void **state) {
  (void)state;
  const int straight[2] = {0, 1}, around[3] = {0, 2, 1};
  for (int variant = 0; variant < 10; variant++) {
    branch pair[2] = {ACROSS, DOWN};
    if (variant == 0) pair[1].function = ICN_FN_IDENTITY;
    if (variant == 1) pair[1].bias = false;
    if (variant == 2) pair[0].scale = false;
    if (variant == 3) pair[1].residual = true;
    if (variant == 4) pair[0].residual = pair[1].residual = true;
    if (variant == 5) pair[1].other_x = true;
    if (variant == 6) pair[1] = ACROSS;
    if (variant == 7) pair[1] = (branch){SECOND, {5, 1}, {2, 0}, {1, 1}, ICN_FN_RELU, true, true, false, false};
    if (variant == 8) pair[1] = (branch){SECOND, {3, 1}, {2, 0}, {2, 1}, ICN_FN_RELU, true, true, false, false};
    if (variant == 9) pair[0].outputs = 60; /* ends within a vector */
    assert_int_equal(pairs_in(pair, straight, 2), 0);
  }
  const branch between[3] = {ACROSS, DOWN, POINT};
  assert_int_equal(pairs_in(between, around, 3), 0);
}

static void other_lines_are_pairs_too(void **state) {
  (void)state;
  const branch wide[2] = {{FIRST, {1, 7}, {0, 3}, {1, 1}, ICN_FN_IDENTITY, false, false, false, false},
                          {SECOND, {7, 1}, {3, 0}, {1, 1}, ICN_FN_IDENTITY, false, false, false, false}};
  const branch dilated[2] = {{FIRST, {3, 1}, {2, 0}, {2, 1}, ICN_FN_RELU, true, false, false, false},
                             {SECOND, {1, 3}, {0, 2}, {1, 2}, ICN_FN_RELU, true, false, false, false}};
  assert_int_equal(pairs_in(wide, (const int[]){0, 1}, 2), 1);
  assert_int_equal(pairs_in(dilated, (const int[]){0, 1}, 2), 1);
}

static void it_can_be_turned_off(void **state) {
  (void)state;
  static const char *const SWITCHES[] = {"merge_pairs", "concat_view", "all"}; /* without views in a join there is no place side by side */
  builder *b = small_block((const branch[]){ACROSS, DOWN}, (const int[]){0, 1}, 2);
  for (size_t i = 0; i < sizeof SWITCHES / sizeof SWITCHES[0]; i++)
    assert_int_equal(pairs_of(b, ICN_DEVICE_GPU, &(icn_plan_request){.disabled_passes = SWITCHES[i]}), 0);
  builder_free(b);
}

/* ---------------------------------------------------------------- choosing */

/* As in Inception-v3, where a CPU has two Winograd layers for it. */
static builder *network_block(void) {
  branch pair[2] = {ACROSS, DOWN};
  pair[0].outputs = pair[1].outputs = 384;
  return block_of(shape4(1, 384, 8, 8), pair, (const int[]){0, 1}, 2);
}

static bool is_merged(const builder *b, icn_device_kind kind, const icn_plan_request *request, const char *row) {
  icn_plan plan = plan_of(b, kind, request);
  const icn_plan_layer *layer = merged_layer(&plan);
  if (layer != NULL && row != NULL) assert_string_equal(layer->choice.row->name, row);
  icn_plan_fini(&plan);
  return layer != NULL;
}

static void the_cheaper_form_is_taken(void **state) {
  (void)state;
  builder *b = network_block();
  assert_false(is_merged(b, ICN_DEVICE_CPU, NULL, NULL));
  assert_true(is_merged(b, ICN_DEVICE_GPU, NULL, "conv_gpu"));
  assert_true(is_merged(b, ICN_DEVICE_CPU, &(icn_plan_request){.forced_rows = "-winograd*"}, "conv_tile"));
  assert_true(is_merged(b, ICN_DEVICE_GPU, &(icn_plan_request){.forced_rows = "conv_item"}, "conv_item"));
  assert_false(
      is_merged(b, ICN_DEVICE_GPU, &(icn_plan_request){.forced_rows = "winograd_gpu"}, NULL));         /* asked for, and only there apart */
  assert_false(is_merged(b, ICN_DEVICE_GPU, &(icn_plan_request){.forced_rows = "conv_direct"}, NULL)); /* does not pack */
  icn_plan plan = plan_of(b, ICN_DEVICE_CPU, &(icn_plan_request){.why = true});
  bool said = false;
  for (size_t l = 0; l < plan.layer_count; l++)
    said = said || (plan.layers[l].why != NULL && strstr(plan.layers[l].why, "merge_pairs: apart from conv1, both ") != NULL);
  assert_true(said);
  assert_int_equal(plan.other_count, 1);
  assert_int_equal(plan.others[0].problem.turned, 384);
  icn_plan_fini(&plan);
  builder_free(b);
}

/* A tuning file with one row for each of the keys. */
static icn_tunedb tuning_of(const icn_device_desc *device, const char *const keys[], const char *const rows[], const double *seconds,
                            int count) {
  char name[ICN_TUNE_DEVICE_BYTES], line[ICN_TUNE_LINE_BYTES];
  const icn_allocator allocator = icn_allocator_default();
  icn_tunedb db;
  icn_text text;
  (void)icn_tunedb_device(device, NULL, name);
  icn_text_init(&text, &allocator);
  for (int i = 0; i < count; i++) {
    icn_tune_row tuned = {.key = keys[i], .row = rows[i], .seconds = seconds[i]};
    tuned.config.value[0] = tuned.config.value[1] = 32; /* conv_gpu's tile */
    assert_true(icn_tunedb_line(name, "", "", &tuned, line));
    icn_text_append(&text, "%s\n", line);
  }
  assert_int_equal(icn_tunedb_parse(&db, text.data, text.length, name, &allocator, NULL), ICN_OK);
  assert_int_equal(db.damaged, 0);
  icn_text_fini(&text);
  return db;
}

/* Measured times decide where there is one for every problem; one of them alone decides nothing. */
static void all_measured_or_none(void **state) {
  (void)state;
  static const char *const KEYS[] = {"conv 1x384x8x8 k768 r1x3 s1x1 p0,1 turned384 bias scale relu f32",
                                     "conv 1x384x8x8 k384 r1x3 s1x1 p0,1 bias scale y:/768 relu f32",
                                     "conv 1x384x8x8 k384 r3x1 s1x1 p1,0 bias scale y:/768+384 relu f32"};
  static const char *const ALL[] = {"conv_gpu", "conv_gpu", "conv_gpu"};
  static const struct {
    double seconds[3];
    int count;
    bool merged;
  } CASES[] = {{{3e-4, 1e-4, 1e-4}, 3, false}, {{1e-4, 1e-4, 1e-4}, 3, true}, {{1, 1e-4, 1e-4}, 1, true}};
  const icn_device_desc device = icn_device_desc_example(ICN_DEVICE_GPU);
  builder *b = network_block();
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    icn_tunedb db = tuning_of(&device, KEYS, ALL, CASES[i].seconds, CASES[i].count);
    assert_int_equal(is_merged(b, ICN_DEVICE_GPU, &(icn_plan_request){.tuning = &db}, NULL), CASES[i].merged);
    icn_tunedb_fini(&db);
  }
  builder_free(b);
}

/* What was measured here and what was measured elsewhere do not compare: as if nothing had been measured. */
static void a_shipped_time_is_not_held_against_one_of_here(void **state) {
  (void)state;
  static const char *const KEYS[] = {"conv 1x384x8x8 k768 r1x3 s1x1 p0,1 turned384 bias scale relu f32",
                                     "conv 1x384x8x8 k384 r1x3 s1x1 p0,1 bias scale y:/768 relu f32",
                                     "conv 1x384x8x8 k384 r3x1 s1x1 p1,0 bias scale y:/768+384 relu f32"};
  static const char *const ROW[] = {"conv_gpu"};
  const double here = 3e-4;
  const icn_device_desc device = icn_device_desc_example(ICN_DEVICE_GPU);
  const icn_allocator allocator = icn_allocator_default();
  char name[ICN_TUNE_DEVICE_BYTES], line[ICN_TUNE_LINE_BYTES];
  icn_tunedb db = tuning_of(&device, KEYS, ROW, &here, 1);
  builder *b = network_block();
  icn_text text;
  (void)icn_tunedb_device(&device, NULL, name);
  icn_text_init(&text, &allocator);
  for (int i = 1; i < 3; i++) {
    const icn_tune_row half = {.key = KEYS[i], .row = ROW[0], .config = {{32, 32}}, .seconds = 1e-4};
    assert_true(icn_tunedb_line(name, "", "", &half, line));
    icn_text_append(&text, "%s\n", line);
  }
  assert_int_equal(icn_tunedb_add_shipped(&db, text.data, text.length, name, NULL), ICN_OK);
  assert_int_equal(db.count, 3);
  assert_true(is_merged(b, ICN_DEVICE_GPU, &(icn_plan_request){.tuning = &db}, NULL)); /* by cost; 300 us against 200 would not be */
  icn_text_fini(&text);
  icn_tunedb_fini(&db);
  builder_free(b);
}

static void a_buffer_that_is_too_large_is_not_made(void **state) {
  (void)state;
  builder *b = network_block();
  icn_device_desc device = icn_device_desc_example(ICN_DEVICE_GPU);
  icn_plan plan;
  icn_error error = {ICN_OK, ""};
  const icn_plan_request direct = {.forced_rows = "-winograd*"};
  device.max_allocation_bytes = 2 << 20; /* 3.4 MiB together, 1.7 MiB apart */
  if (icn_plan_make(&b->graph, &device, &direct, &plan, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_null(merged_layer(&plan));
  icn_plan_fini(&plan);
  builder_free(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_pair_becomes_one_layer),
      cmocka_unit_test(order_does_not_matter),
      cmocka_unit_test(what_is_no_pair_stays_apart),
      cmocka_unit_test(other_lines_are_pairs_too),
      cmocka_unit_test(it_can_be_turned_off),
      cmocka_unit_test(the_cheaper_form_is_taken),
      cmocka_unit_test(all_measured_or_none),
      cmocka_unit_test(a_shipped_time_is_not_held_against_one_of_here),
      cmocka_unit_test(a_buffer_that_is_too_large_is_not_made),
  };
  return cmocka_run_group_tests_name("plan_pairs", tests, NULL, NULL);
}
