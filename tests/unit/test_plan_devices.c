/* Inception-v3 and GoogLeNet planned for every recorded device: the plans are right, no limit of the device is broken, and what was chosen
 * is what tests/data/plans has kept. Quirks are obeyed, because they stand in the description that rows see. After a change of selection
 * that is meant: ICN_REWRITE_PLANS=1 ctest -R unit.plan_devices, and look at the diff. */
#include "kernels_embedded.h"
#include "lower.h"
#include "quirks.h"
#include "slice.h"
#include "support/device_files.h"
#include "support/fake_rows.h"
#include "support/icn_test.h"
#include "support/network.h"
#include "support/plan_digest.h"

static const struct {
  const char *name, *exported; /* exported NULL: built-in */
} NETWORKS[] = {{"inception_v3", NULL}, {"googlenet", "exported/tv_googlenet.dynamo.onnx"}};
enum { NETWORK_COUNT = sizeof NETWORKS / sizeof NETWORKS[0], LEAST_ARGUMENT_BYTES = 1024 };

static void load(int network, int64_t batch, test_network *loaded) {
  char name[4096];
  icn_error error = {ICN_OK, ""};
  if (NETWORKS[network].exported == NULL) {
    snprintf(name, sizeof name, "builtin:%s", NETWORKS[network].name);
  } else {
    snprintf(name, sizeof name, "%s/%s", getenv("ICN_TEST_DATA"), NETWORKS[network].exported);
  }
  if (test_network_load(name, batch, loaded, &error) != ICN_OK) fail_msg("%s: %s", name, error.message);
}

/* ------------------------------------------------------------------ limits */

/* What must hold beyond the device's own limits, which icn_plan_make has checked: a device may record more than OpenCL 1.2 promises, and
 * GPUs without local memory of their own get no row that uses any. */
static void check_launches(const icn_plan *plan, const device_file *device) {
  for (size_t s = 0; s < plan->step_count; s++) {
    const icn_plan_layer *layer = &plan->layers[plan->steps[s].layer];
    const icn_launch *launch = &layer->emit.launch[plan->steps[s].launch];
    const bool no_local = device->desc.kind == ICN_DEVICE_GPU && !device->desc.local_is_real;
    if (icn_launch_argument_bytes(launch) > LEAST_ARGUMENT_BYTES)
      fail_msg("%s, layer '%s': row %s passes %d bytes of arguments", device->name, layer->name, layer->choice.row->name,
               (int)icn_launch_argument_bytes(launch));
    if (no_local && icn_launch_local_bytes(launch) > 0)
      fail_msg("%s, layer '%s': row %s uses local memory", device->name, layer->name, layer->choice.row->name);
    for (uint32_t k = 0; k < launch->dims; k++) assert_true(launch->global[k] > 0);
  }
}

static void check_targets(const icn_plan *plan, const device_file *device) {
  for (size_t l = 0; l < plan->layer_count; l++) {
    const icn_plan_layer *layer = &plan->layers[l];
    const icn_target wrong = device->desc.kind == ICN_DEVICE_GPU ? ICN_TARGET_CPU : ICN_TARGET_GPU;
    if (layer->problem.op == ICN_OP_CONV && layer->choice.row->target == wrong)
      fail_msg("%s, layer '%s': row %s is not made for such a device", device->name, layer->name, layer->choice.row->name);
  }
}

static void plan_graph(const icn_graph *graph, const device_file *device, plan_digest *digest) {
  icn_plan plan;
  icn_error error = {ICN_OK, ""};
  icn_status status = icn_plan_make(graph, &device->desc, NULL, &plan, &error);
  if (status == ICN_DEVICE_MEMORY) { /* a network may be too large for a device: then the kept text says so */
    plan_digest_refuse(digest, device->name, error.message);
    return;
  }
  if (status != ICN_OK) fail_msg("%s: %s", device->name, error.message);
  if (icn_plan_check(&plan, &error) != ICN_OK) fail_msg("%s: %s", device->name, error.message);
  if (icn_plan_check_limits(&plan, graph, &device->desc, &error) != ICN_OK) fail_msg("%s: %s", device->name, error.message);
  check_launches(&plan, device);
  check_targets(&plan, device);
  plan_digest_add(digest, device->name, &plan);
  icn_plan_fini(&plan);
}

/* As an executor does: on a CPU the first layers of a batch may go in slices, of a graph of their own. */
static void plan_one(int network, int64_t batch, const icn_graph *graph, const device_file *device, plan_digest *digest) {
  test_network own;
  icn_error error = {ICN_OK, ""};
  if (device->desc.kind != ICN_DEVICE_CPU || batch == 1) {
    plan_graph(graph, device, digest);
    return;
  }
  load(network, batch, &own);
  if (icn_slice_batch(&own.graph, &device->desc, NULL, &error) != ICN_OK) fail_msg("%s: %s", device->name, error.message);
  if (icn_graph_validate(&own.graph, &error) != ICN_OK) fail_msg("%s: %s", device->name, error.message);
  plan_graph(&own.graph, device, digest);
  test_network_unload(&own);
}

/* -------------------------------------------------------------- kept plans */

static char *read_text(const char *path) {
  enum { MOST = 4 << 20 };
  char *text = calloc(1, MOST);
  FILE *file = fopen(path, "rb");
  assert_non_null(text);
  if (file != NULL) {
    assert_true(fread(text, 1, MOST - 1, file) < MOST - 1);
    fclose(file);
  }
  return text;
}

static void rewrite(const char *path, const icn_text *text) {
  FILE *file = fopen(path, "wb");
  if (file == NULL) fail_msg("'%s' cannot be written", path);
  assert_int_equal(fwrite(text->data, 1, text->length, file), text->length);
  assert_int_equal(fclose(file), 0);
  print_message("wrote %s\n", path);
}

/* Shows the first lines that differ. */
static void compare(const char *path, const char *kept, const char *made) {
  int line = 1, shown = 0;
  const char *problem = "", *a = kept, *b = made;
  size_t problem_bytes = 0;
  while ((*a != '\0' || *b != '\0') && shown < 3) {
    size_t a_bytes = strcspn(a, "\n"), b_bytes = strcspn(b, "\n");
    if (a_bytes != b_bytes || memcmp(a, b, a_bytes) != 0) {
      print_message("%s:%d%s%.*s\n  kept: %.*s\n  now:  %.*s\n", path, line, problem_bytes > 0 ? ", below " : "", (int)problem_bytes,
                    problem, (int)a_bytes, a, (int)b_bytes, b);
      shown++;
    }
    if (*b != ' ' && b_bytes > 0) problem = b, problem_bytes = b_bytes;
    a += a_bytes + (a[a_bytes] == '\n' ? 1 : 0);
    b += b_bytes + (b[b_bytes] == '\n' ? 1 : 0);
    line++;
  }
  if (shown > 0) fail_msg("plans differ from %s; if that is meant: ICN_REWRITE_PLANS=1 ctest -R unit.plan_devices", path);
}

static void check_text(const char *file, const icn_text *text) {
  char path[4096];
  snprintf(path, sizeof path, "%s/plans/%s", getenv("ICN_TEST_DATA"), file);
  assert_false(text->failed);
  if (getenv("ICN_REWRITE_PLANS") != NULL) {
    rewrite(path, text);
  } else {
    char *kept = read_text(path);
    compare(path, kept, text->data);
    free(kept);
  }
}

static void check_plans(int network, int64_t batch, const plan_digest *digest) {
  char file[64];
  icn_allocator allocator = icn_allocator_default();
  icn_text text;
  snprintf(file, sizeof file, "%s.b%d.txt", NETWORKS[network].name, (int)batch);
  icn_text_init(&text, &allocator);
  icn_text_append(&text,
                  "# %s, batch %d, planned for every device of tests/data/devices. Devices with equal plans are one group under the first "
                  "name;\n# below, each problem with the choices and the groups that make them (*N: in N layers). Written by "
                  "tests/unit/test_plan_devices.c.\n",
                  NETWORKS[network].name, (int)batch);
  plan_digest_print(digest, &text);
  check_text(file, &text);
  icn_text_fini(&text);
}

/* What today's table of quirks makes of each device. */
static void check_quirks(const device_file *devices, size_t count) {
  icn_allocator allocator = icn_allocator_default();
  icn_text text;
  icn_text_init(&text, &allocator);
  icn_text_append(
      &text,
      "# The devices of tests/data/devices with their quirks applied (lib/quirks.def): family, limits, active quirks.\n# Written by "
      "tests/unit/test_plan_devices.c.\n");
  for (size_t d = 0; d < count; d++) {
    const icn_device_desc *desc = &devices[d].desc;
    icn_text_append(&text, "\n%s: %s, %u units, groups of %d, %s local memory\n", devices[d].name,
                    icn_device_family_name(icn_device_family_of(desc)), (unsigned)desc->compute_units, (int)desc->max_work_group,
                    desc->local_is_real ? "real" : "no real");
    for (size_t q = 0; q < icn_quirk_count(); q++)
      if (icn_quirk_active(desc, q)) icn_text_append(&text, "  %s\n", icn_quirk_at(q)->name);
  }
  check_text("devices.txt", &text);
  icn_text_fini(&text);
}

static void plans_for_recorded_devices(void **state) {
  (void)state;
  size_t count;
  device_file *devices = device_files_read(&count);
  for (size_t d = 0; d < count; d++)
    if (!devices[d].has_source) fail_msg("devices/%s.txt has no line '# source: ...' below its first", devices[d].name);
  check_quirks(devices, count);
  for (int network = 0; network < NETWORK_COUNT; network++) {
    for (int64_t batch = 1; batch <= 8; batch += 7) {
      test_network loaded;
      plan_digest *digest = plan_digest_new();
      load(network, batch, &loaded);
      for (size_t d = 0; d < count; d++) plan_one(network, batch, &loaded.graph, &devices[d], digest);
      check_plans(network, batch, digest);
      plan_digest_free(digest);
      test_network_unload(&loaded);
    }
  }
  print_message("%d devices, %d plans\n", (int)count, (int)count * NETWORK_COUNT * 2);
  free(devices);
}

/* The other built-in networks, and one whose channels divide by nothing: planned within limits everywhere; what they choose is not kept. */
static void built_in_networks_are_planned_for_every_device(void **state) {
  (void)state;
  static const char *const SPECS[] = {"builtin:googlenet:aux=1", "builtin:bn_inception", "builtin:inception_v2:aux=1",
                                      "builtin:googlenet_bn:width=0.03,aux=1"};
  size_t count;
  device_file *devices = device_files_read(&count);
  for (size_t i = 0; i < sizeof SPECS / sizeof SPECS[0]; i++) {
    test_network network;
    icn_error error = {ICN_OK, ""};
    plan_digest *digest = plan_digest_new();
    if (test_network_load(SPECS[i], 1, &network, &error) != ICN_OK) fail_msg("%s: %s", SPECS[i], error.message);
    for (size_t d = 0; d < count; d++) plan_graph(&network.graph, &devices[d], digest);
    plan_digest_free(digest);
    test_network_unload(&network);
  }
  free(devices);
}

/* --------------------------------------------------------- planted breaches */

typedef struct breach {
  const char *what; /* of the sentence */
  icn_status status;
  icn_device_desc device;
} breach;

/* Of a good plan, each limit of its device in turn is lowered below what the plan needs. */
static void a_limit_that_is_broken_is_named(void **state) {
  (void)state;
  test_network network;
  icn_plan plan;
  icn_error error = {ICN_OK, ""};
  const icn_device_desc gpu = icn_device_desc_example(ICN_DEVICE_GPU);
  load(0, 1, &network);
  if (icn_plan_make(&network.graph, &gpu, NULL, &plan, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_int_equal(icn_plan_check_limits(&plan, &network.graph, &gpu, &error), ICN_OK);
  breach breaches[] = {{"items, device 'example GPU' has at most 255", ICN_UNSUPPORTED, gpu},
                       {"along dimension 0, device 'example GPU' has at most 15 there", ICN_UNSUPPORTED, gpu},
                       {"along dimension 1, device 'example GPU' has at most 3 there", ICN_UNSUPPORTED, gpu},
                       {"bytes of local memory, device 'example GPU' has 8447", ICN_UNSUPPORTED, gpu},
                       {"bytes of arguments, device 'example GPU' takes at most 128", ICN_UNSUPPORTED, gpu},
                       {"allocates at most 4000000 bytes at once", ICN_DEVICE_MEMORY, gpu},
                       {"needs more than the 90000000 bytes", ICN_DEVICE_MEMORY, gpu}};
  breaches[0].device.max_work_group = 255;
  breaches[1].device.max_work_item[0] = 15;
  breaches[2].device.max_work_item[1] = 3;
  breaches[3].device.local_bytes = 8447; /* conv_gpu's tiles of 64 need one more */
  breaches[4].device.argument_bytes = 128;
  breaches[5].device.max_allocation_bytes = 4000000;
  breaches[6].device.global_bytes = 90000000;
  for (size_t i = 0; i < sizeof breaches / sizeof breaches[0]; i++) {
    icn_error_clear(&error);
    assert_int_equal(icn_plan_check_limits(&plan, &network.graph, &breaches[i].device, &error), breaches[i].status);
    if (strstr(error.message, breaches[i].what) == NULL) fail_msg("'%s' does not say '%s'", error.message, breaches[i].what);
  }
  icn_plan_fini(&plan);
  test_network_unload(&network);
}

/* For such devices a plan is made all the same: rows decline what is above a limit before anything is made of it. */
static void small_devices_get_other_rows(void **state) {
  (void)state;
  test_network network;
  icn_error error = {ICN_OK, ""};
  load(0, 1, &network);
  for (int i = 0; i < 5; i++) {
    icn_device_desc device = icn_device_desc_example(ICN_DEVICE_GPU);
    icn_plan plan;
    if (i == 0) device.max_work_group = 1;
    if (i == 1) device.max_work_item[0] = device.max_work_item[1] = device.max_work_item[2] = 1;
    if (i == 2) device.max_work_item[1] = 1;
    if (i == 3) device.local_bytes = 0;
    if (i == 4) device.max_work_item[0] = 7;
    if (icn_plan_make(&network.graph, &device, NULL, &plan, &error) != ICN_OK) fail_msg("device %d: %s", i, error.message);
    icn_plan_fini(&plan);
  }
  test_network_unload(&network);
}

/* Weights that are packed into more than they are give way where memory is short, and the network runs. */
static void a_plan_shrinks_until_it_fits(void **state) {
  (void)state;
  test_network network;
  icn_plan plan;
  icn_error error = {ICN_OK, ""};
  icn_device_desc device = icn_device_desc_example(ICN_DEVICE_GPU);
  uint64_t bytes[2];
  load(0, 1, &network);
  for (int small = 0; small < 2; small++) {
    if (small != 0) device.global_bytes = 128U << 20;
    if (icn_plan_make(&network.graph, &device, NULL, &plan, &error) != ICN_OK) fail_msg("%s", error.message);
    bytes[small] = plan.weight_bytes;
    icn_plan_fini(&plan);
  }
  assert_true(bytes[0] > 128U << 20 && bytes[1] < 110U << 20);
  device.global_bytes = 90U << 20; /* below the weights as they are */
  assert_int_equal(icn_plan_make(&network.graph, &device, NULL, &plan, &error), ICN_DEVICE_MEMORY);
  assert_non_null(strstr(error.message, "needs more than"));
  test_network_unload(&network);
}

/* A row that does not look at the device is caught by the plan, not by the driver. */
static icn_status emit_too_much(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                icn_error *error) {
  icn_status status = icn_fake_plain.at(0)->emit(problem, device, config, emit, error);
  icn_launch_range(&emit->launch[0], 1, 4096, 1, 1, 4096, 1, 1);
  return status;
}

static icn_row greedy;
static const icn_row *greedy_at(size_t index) {
  if (index == 0) return icn_fake_plain.at(0);
  greedy = *icn_fake_plain.at(index);
  greedy.name = "greedy";
  greedy.emit = emit_too_much;
  return &greedy;
}

static void a_row_that_breaks_a_limit_is_refused(void **state) {
  (void)state;
  test_network network;
  icn_plan plan;
  icn_error error = {ICN_OK, ""};
  const icn_row_table rows = {greedy_at, icn_fake_plain.count};
  const icn_device_desc gpu = icn_device_desc_example(ICN_DEVICE_GPU);
  load(0, 1, &network);
  assert_int_equal(icn_plan_make_from(&rows, &network.graph, &gpu, NULL, &plan, &error), ICN_UNSUPPORTED);
  if (strstr(error.message, "row 'greedy' launches work-groups of 4096 items") == NULL) fail_msg("%s", error.message);
  test_network_unload(&network);
}

/* One kernel has a __constant argument, one: how many there may be (8 at least) need not be counted. */
static void only_one_kernel_takes_constant_memory(void **state) {
  (void)state;
  for (size_t i = 0; i < icn_kernel_source_count; i++) {
    const char *text = icn_kernel_sources[i].text;
    if (strstr(text, "__constant") != NULL && strcmp(icn_kernel_sources[i].name, "conv_first.cl") != 0)
      fail_msg("%s uses constant memory: its size and number must be stated and checked (lib/plan_limits.c)", icn_kernel_sources[i].name);
  }
}

/* Its size is stated, and a plan whose device has less is refused. */
static void constant_memory_is_bounded(void **state) {
  (void)state;
  test_network network;
  icn_plan plan;
  icn_error error = {ICN_OK, ""};
  icn_device_desc gpu = icn_device_desc_example(ICN_DEVICE_GPU);
  snprintf(gpu.vendor, sizeof gpu.vendor, "Advanced Micro Devices, Inc.");
  snprintf(gpu.name, sizeof gpu.name, "gfx1030");
  load(0, 1, &network);
  if (icn_plan_make(&network.graph, &gpu, NULL, &plan, &error) != ICN_OK) fail_msg("%s", error.message);
  uint64_t most = 0;
  for (size_t l = 0; l < plan.layer_count; l++) {
    const icn_launch *launch = &plan.layers[l].emit.launch[0];
    assert_int_equal(strstr(launch->options, "CONSTANT") != NULL, launch->constant_bytes > 0);
    if (launch->constant_bytes > most) most = launch->constant_bytes;
  }
  assert_int_equal(most, (27 + 1) * 32 * 4);
  gpu.constant_bytes = most;
  assert_int_equal(icn_plan_check_limits(&plan, &network.graph, &gpu, &error), ICN_OK);
  gpu.constant_bytes = most - 1;
  assert_int_equal(icn_plan_check_limits(&plan, &network.graph, &gpu, &error), ICN_UNSUPPORTED);
  if (strstr(error.message, "reads 3584 bytes of constant memory, device 'gfx1030' has 3583") == NULL) fail_msg("%s", error.message);
  icn_plan_fini(&plan);
  test_network_unload(&network);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plans_for_recorded_devices),           cmocka_unit_test(built_in_networks_are_planned_for_every_device),
      cmocka_unit_test(a_limit_that_is_broken_is_named),      cmocka_unit_test(small_devices_get_other_rows),
      cmocka_unit_test(a_row_that_breaks_a_limit_is_refused), cmocka_unit_test(only_one_kernel_takes_constant_memory),
      cmocka_unit_test(a_plan_shrinks_until_it_fits),         cmocka_unit_test(constant_memory_is_bounded),
  };
  return cmocka_run_group_tests_name("plan_devices", tests, NULL, NULL);
}
