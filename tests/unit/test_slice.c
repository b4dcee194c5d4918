/* slice_batch: the first layers of a batch in slices give the same bits, with every kind of row and in every order that the plan allows;
 * nothing that mixes images is cut apart; and what one slice leaves is safe from the next. */
#include "lower.h"
#include "ref.h"
#include "slice.h"
#include "support/fake_rows.h"
#include "support/graph_builder.h"
#include "support/icn_test.h"
#include "support/plan_run.h"

enum { IMAGES = 4, LARGE = 64, WIDTH = LARGE + 1 }; /* a layer reads and writes a little more than a quarter of 1 MiB an image */

/* A CPU on which launches cost nothing and whose caches are small, so that everything large is worth slices. */
static icn_device_desc small_cpu(uint32_t units) {
  icn_device_desc device = icn_device_desc_example(ICN_DEVICE_CPU);
  device.compute_units = units;
  device.local_bytes = 512 << 10;
  device.launch_seconds = 1e-12;
  device.bytes_per_second = 1e9;
  return device;
}

static void slice(builder *b, const icn_device_desc *device, const char *disabled) {
  icn_error error = {ICN_OK, ""};
  if (icn_slice_batch(&b->graph, device, disabled, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_graph_validate(&b->graph, &error) != ICN_OK) fail_msg("%s", error.message);
}

/* ------------------------------------------------------------------- graphs */

static int add_large_input(builder *b) { return add_input(b, shape4(IMAGES, 8, LARGE, WIDTH)); }

/* A module of two branches, then what looks at all images together. */
static builder *module(void) {
  builder *b = builder_new();
  const int x = add_unary(b, add_large_input(b), "stem"), left = add_max_pool(b, add_unary(b, x, "left")), right = add_unary(b, x, "right");
  const int joined = add_concat(b, (const int[]){left, right, x}, 3, 1);
  add_output(b, add_softmax(b, add_max_pool(b, joined), 0));
  return b;
}

/* The sliced value is a graph output itself, in the model's order, and a part of a join behind the cut. */
static builder *output_of_slices(void) {
  builder *b = builder_new();
  const int x = add_max_pool(b, add_unary(b, add_large_input(b), "stem"));
  const int mean = add_mean(b, x, 0);
  add_output(b, x);
  add_output(b, mean);
  return b;
}

static builder *part_of_a_join(void) {
  builder *b = builder_new();
  const int x = add_max_pool(b, add_unary(b, add_large_input(b), "stem")), twin = add_transpose(b, x, (const int[]){3, 1, 2, 0});
  const int back = add_transpose(b, add_softmax(b, twin, 0), (const int[]){3, 1, 2, 0});
  add_output(b, add_concat(b, (const int[]){back, x}, 2, 1));
  return b;
}

/* Views inside of a slice: channels cut out, a reshape that keeps images, a value that two read. */
static builder *views(void) {
  builder *b = builder_new();
  const int x = add_unary(b, add_large_input(b), "stem");
  const int first = add_slice(b, x, 1, 0, 4, 1), second = add_slice(b, x, 1, 4, 4, 1), sum = add_sum(b, first, second);
  const int flat = add_reshape(b, add_max_pool(b, sum), shape2(IMAGES, 4 * LARGE * WIDTH));
  add_output(b, add_softmax(b, add_unary(b, flat, "flat"), 1));
  add_output(b, add_mean(b, flat, 0));
  return b;
}

static builder *two_inputs(void) {
  builder *b = builder_new();
  const int x = add_large_input(b), y = add_large_input(b), sum = add_sum(b, add_unary(b, x, "left"), add_max_pool(b, y));
  add_output(b, add_mean(b, add_unary(b, sum, "both"), 0));
  return b;
}

static const struct {
  const char *name;
  builder *(*make)(void);
} GRAPHS[] = {{"module", module},
              {"output of slices", output_of_slices},
              {"part of a join", part_of_a_join},
              {"views", views},
              {"two inputs", two_inputs}};
enum { GRAPH_COUNT = sizeof GRAPHS / sizeof GRAPHS[0] };

/* ------------------------------------------------------------------ results */

static void check_graph(int graph, const icn_row_table *rows, const char *disabled, uint32_t units) {
  icn_plan plan;
  icn_error error = {ICN_OK, ""};
  const icn_device_desc device = small_cpu(units);
  const icn_plan_request request = {.disabled_passes = disabled};
  builder *whole = GRAPHS[graph].make(), *sliced = GRAPHS[graph].make();
  slice(sliced, &device, NULL);
  const int slices = sliced->graph.slices; /* of one image, or of two where two units have room for them */
  if (units == 1 ? slices != IMAGES : slices < 2) fail_msg("%s: %d slices", GRAPHS[graph].name, slices);
  if (icn_plan_make_from(rows, &sliced->graph, &device, &request, &plan, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_plan_check(&plan, &error) != ICN_OK) fail_msg("%s: %s", GRAPHS[graph].name, error.message);
  assert_int_equal(plan.slices, slices);
  assert_true(plan.sliced_end > plan.sliced_begin);
  check_sliced_run(whole, sliced, &plan, (uint32_t)graph + units);
  icn_plan_fini(&plan);
  builder_free(whole);
  builder_free(sliced);
}

static void slices_give_the_same_bits(void **state) {
  (void)state;
  static const char *const disabled[] = {NULL, "memory_reuse", "concat_view,reshape_view"};
  const icn_row_table real = {icn_row_at, icn_row_count()};
  const icn_row_table *const tables[] = {&icn_fake_plain, &icn_fake_two_launches, &icn_fake_compact, &icn_fake_model_order, &real};
  for (int graph = 0; graph < GRAPH_COUNT; graph++) {
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) check_graph(graph, tables[t], disabled[t % 3], 1 + t % 2);
    check_graph(graph, &real, NULL, 1);
  }
}

/* ---------------------------------------------------------------- decisions */

static int slices_of(builder *b, const icn_device_desc *device, const char *disabled) {
  slice(b, device, disabled);
  const int slices = b->graph.slices;
  builder_free(b);
  return slices;
}

static void only_cpus_and_only_when_asked(void **state) {
  (void)state;
  icn_device_desc device = small_cpu(1), gpu = small_cpu(1), roomy = small_cpu(64), slow = small_cpu(1);
  gpu.kind = ICN_DEVICE_GPU;
  slow.launch_seconds = 1;
  assert_int_equal(slices_of(module(), &device, NULL), IMAGES);
  assert_int_equal(slices_of(module(), &device, "slice_batch"), 0);
  assert_int_equal(slices_of(module(), &device, "all"), 0);
  assert_int_equal(slices_of(module(), &gpu, NULL), 0);
  assert_int_equal(slices_of(module(), &roomy, NULL), 0); /* all of it is in the caches */
  assert_int_equal(slices_of(module(), &slow, NULL), 0);
}

/* As many images as the caches have room for, where that divides the batch, whether a layer reads the network's input or another layer's
 * result. An image's input and output of a layer are 512 KiB. */
static void slices_take_what_the_caches_hold(void **state) {
  (void)state;
  const int expected[] = {4, 2, 2, 0, 0}; /* units 1, 2, 3: one, two and (three do not divide four) two images; then all of them */
  for (int which = 0; which < 10; which++) {
    const int units = 1 + which / 2;
    const bool behind = which % 2 == 1;
    const icn_device_desc device = small_cpu((uint32_t)units);
    builder *b = builder_new();
    const int input = add_input(b, shape4(IMAGES, 8, 64, 128)), x = behind ? add_reshape(b, input, shape4(IMAGES, 8, 128, 64)) : input;
    add_output(b, add_mean(b, add_unary(b, add_unary(b, x, "a"), "b"), 0));
    assert_int_equal(slices_of(b, &device, NULL), expected[units - 1]);
  }
}

/* Each ends before the node that mixes images. */
static void images_that_meet_are_not_cut_apart(void **state) {
  (void)state;
  const icn_device_desc device = small_cpu(1);
  for (int kind = 0; kind < 6; kind++) {
    builder *b = builder_new();
    const int x = add_max_pool(b, add_unary(b, add_large_input(b), "stem"));
    int mixed = -1;
    if (kind == 0) mixed = add_mean(b, x, 0);
    if (kind == 1) mixed = add_softmax(b, x, 0);
    if (kind == 2) mixed = add_transpose(b, x, (const int[]){1, 0, 2, 3});
    if (kind == 3) mixed = add_reshape(b, x, shape4(1, IMAGES * 8, LARGE, WIDTH));
    if (kind == 4) mixed = add_slice(b, x, 0, 1, 2, 1);
    if (kind == 5) mixed = add_gram(b, x);
    const icn_op op = b->graph.nodes[b->graph.values[mixed].producer].op;
    add_output(b, add_unary(b, mixed, "end"));
    slice(b, &device, NULL);
    assert_int_equal(b->graph.slices, IMAGES);
    assert_int_equal(b->graph.nodes[b->graph.sliced_nodes - 1].op, ICN_OP_STACK);
    assert_int_equal(b->graph.nodes[b->graph.sliced_nodes].op, op);
    builder_free(b);
  }
}

/* The input goes on whole: a slice of it cannot stand for both. */
static void an_input_that_both_sides_read_stays_whole(void **state) {
  (void)state;
  const icn_device_desc device = small_cpu(1);
  builder *b = builder_new();
  const int x = add_large_input(b), y = add_max_pool(b, add_unary(b, x, "stem"));
  add_output(b, add_sum(b, add_softmax(b, y, 0), x));
  slice(b, &device, NULL);
  assert_int_equal(b->graph.slices, 0);
  builder_free(b);
}

/* ------------------------------------------------------------ planted fault */

/* A temporary of the slices moved onto what they leave behind: dependencies within one slice do not show it. */
static void what_a_slice_leaves_is_proved_safe(void **state) {
  (void)state;
  icn_plan plan;
  icn_error error = {ICN_OK, ""};
  const icn_device_desc device = small_cpu(1);
  builder *b = module();
  slice(b, &device, NULL);
  if (icn_plan_make_from(&icn_fake_plain, &b->graph, &device, NULL, &plan, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_int_equal(icn_plan_check(&plan, &error), ICN_OK);
  icn_plan_layer *first = &plan.layers[plan.steps[plan.sliced_begin].layer], *last = &plan.layers[plan.steps[plan.sliced_end - 1].layer];
  assert_true(last->slice_elems[ICN_OPERAND_OUT] > 0);
  assert_int_equal(first->slice_elems[ICN_OPERAND_OUT], 0);
  assert_int_equal(first->place[ICN_OPERAND_OUT].buffer, last->place[ICN_OPERAND_OUT].buffer);
  first->place[ICN_OPERAND_OUT].offset = last->place[ICN_OPERAND_OUT].offset;
  assert_int_equal(icn_plan_check(&plan, &error), ICN_MISMATCH);
  assert_non_null(strstr(error.message, "slice"));
  icn_plan_fini(&plan);
  builder_free(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(slices_give_the_same_bits),
      cmocka_unit_test(only_cpus_and_only_when_asked),
      cmocka_unit_test(slices_take_what_the_caches_hold),
      cmocka_unit_test(images_that_meet_are_not_cut_apart),
      cmocka_unit_test(an_input_that_both_sides_read_stays_whole),
      cmocka_unit_test(what_a_slice_leaves_is_proved_safe),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
