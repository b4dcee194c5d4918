/* Schedules of random plans: proven, and refused when a wait, a place in a queue or a command is taken away. */
#include "schedule.h"

#include "slice.h"
#include "support/fake_rows.h"
#include "support/icn_test.h"
#include "support/random_graph.h"

static const icn_schedule_kind KINDS[] = {ICN_SCHEDULE_IN_ORDER, ICN_SCHEDULE_OUT_OF_ORDER, ICN_SCHEDULE_QUEUES, ICN_SCHEDULE_RECORDED};

static icn_schedule schedule_for(const icn_plan *plan, icn_schedule_kind kind) {
  const icn_allocator allocator = icn_allocator_default();
  icn_schedule schedule;
  icn_error error;
  if (icn_schedule_make(plan, kind, &allocator, &schedule, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_int_equal(schedule.kind, kind);
  if (icn_schedule_check(plan, &schedule, &error) != ICN_OK) fail_msg("%s: %s", icn_schedule_name(kind), error.message);
  return schedule;
}

static void assert_refused(const icn_plan *plan, const icn_schedule *schedule, const char *what) {
  icn_error error = {ICN_OK, ""};
  if (icn_schedule_check(plan, schedule, &error) != ICN_MISMATCH) fail_msg("%s: %s is not seen", icn_schedule_name(schedule->kind), what);
  assert_true(strlen(error.message) > 10);
}

/* No wait is there for nothing: without any one of them two commands that share bytes, or two slices, may run at once. Returns how many
 * there are. */
static int break_each_wait(const icn_plan *plan, icn_schedule *schedule) {
  int waits = 0;
  for (size_t c = 0; c < schedule->count; c++) {
    icn_command *command = &schedule->commands[c];
    for (int w = 0; w < command->wait_count; w++) {
      const int kept = command->waits[w];
      assert_true(kept >= 0 && (size_t)kept < c && schedule->commands[kept].awaited);
      command->waits[w] = command->waits[command->wait_count - 1];
      command->wait_count--;
      assert_refused(plan, schedule, "a missing wait");
      command->wait_count++;
      command->waits[w] = kept;
      waits++;
    }
  }
  return waits;
}

/* A command that goes to another queue keeps the waits that it has: either what comes before and behind it on its old queue is independent
 * of it, or that is seen. */
static int move_each_command(const icn_plan *plan, icn_schedule *schedule) {
  int seen = 0;
  icn_error error;
  for (size_t c = 0; c < schedule->count && schedule->kind == ICN_SCHEDULE_QUEUES; c++) {
    const int kept = schedule->commands[c].queue;
    schedule->commands[c].queue = (kept + 1) % schedule->queue_count;
    seen += icn_schedule_check(plan, schedule, &error) == ICN_MISMATCH;
    schedule->commands[c].queue = kept;
  }
  return seen;
}

static void check_breakages(const icn_plan *plan, int *waits, int *moved) {
  for (size_t k = 0; k < sizeof KINDS / sizeof KINDS[0]; k++) {
    icn_schedule schedule = schedule_for(plan, KINDS[k]);
    waits[KINDS[k]] += break_each_wait(plan, &schedule);
    *moved += move_each_command(plan, &schedule);
    if (schedule.count > 0) {
      schedule.commands[0].step++;
      assert_refused(plan, &schedule, "another step");
      schedule.commands[0].step--;
      schedule.count--;
      assert_refused(plan, &schedule, "a missing command");
    }
    icn_schedule_fini(&schedule);
  }
}

static void random_plans_are_proven(void **state) {
  (void)state;
  uint32_t seed = 77;
  int waits[ICN_SCHEDULE_RECORDED + 1] = {0}, moved = 0;
  for (int round = 0; round < 60; round++) {
    builder *b = random_graph(&seed, 4 + round % 25, 1 + round % 2, 3);
    const icn_plan_request request = {.disabled_passes = round % 3 == 0 ? "memory_reuse" : NULL};
    icn_plan plan = plan_for(b, round % 2 == 0 ? &icn_fake_plain : &icn_fake_two_launches, &request, ICN_DEVICE_CPU);
    check_breakages(&plan, waits, &moved);
    icn_plan_fini(&plan);
    builder_free(b);
  }
  print_message("%d waits out of order, %d between queues, %d moves seen\n", waits[ICN_SCHEDULE_OUT_OF_ORDER], waits[ICN_SCHEDULE_QUEUES],
                moved);
  assert_true(waits[ICN_SCHEDULE_OUT_OF_ORDER] > 100 && waits[ICN_SCHEDULE_QUEUES] > 20 && moved > 100);
  assert_true(waits[ICN_SCHEDULE_QUEUES] < waits[ICN_SCHEDULE_OUT_OF_ORDER]); /* the rest is the queues' own order */
  assert_int_equal(waits[ICN_SCHEDULE_IN_ORDER] + waits[ICN_SCHEDULE_RECORDED], 0);
}

static void random_plans_in_slices_are_proven(void **state) {
  (void)state;
  const icn_device_desc device = icn_device_desc_example(ICN_DEVICE_CPU);
  uint32_t seed = 78;
  int waits[ICN_SCHEDULE_RECORDED + 1] = {0}, moved = 0, cuts = 0;
  for (uint32_t round = 0; round < 2000 && cuts < 60; round++) {
    builder *b = random_graph(&seed, 2 + (int)(round % 16), 4, 1 + (int)(round % 3));
    bool done = false;
    icn_error error = {ICN_OK, ""};
    const int nodes = 1 + (int)(seed % (uint32_t)b->graph.node_count);
    assert_int_equal(icn_slice_nodes(&b->graph, nodes, 1 + round % 2, &done, &error), ICN_OK);
    if (done) {
      icn_plan plan;
      const icn_plan_request request = {.disabled_passes = NULL};
      if (icn_plan_make_from(&icn_fake_two_launches, &b->graph, &device, &request, &plan, &error) != ICN_OK) fail_msg("%s", error.message);
      check_breakages(&plan, waits, &moved);
      icn_plan_fini(&plan);
      cuts++;
    }
    builder_free(b);
  }
  assert_true(cuts >= 30 && waits[ICN_SCHEDULE_OUT_OF_ORDER] > 100);
}

/* Commands of a queue follow a command that they depend on where they can, so that chains do not change queues. */
static void a_chain_stays_on_its_queue(void **state) {
  (void)state;
  builder *b = builder_new();
  const int x = add_input(b, shape4(1, 4, 3, 3));
  int ends[2] = {x, x};
  for (int i = 0; i < 6; i++) ends[i % 2] = add_max_pool(b, ends[i % 2]);
  add_output(b, add_sum(b, ends[0], ends[1]));
  const icn_plan_request request = {.disabled_passes = "memory_reuse"};
  icn_plan plan = plan_for(b, &icn_fake_plain, &request, ICN_DEVICE_CPU);
  icn_schedule schedule = schedule_for(&plan, ICN_SCHEDULE_QUEUES);
  int waits = 0, on_queue[ICN_SCHEDULE_QUEUES_MAX] = {0};
  for (size_t c = 0; c < schedule.count; c++) {
    waits += schedule.commands[c].wait_count;
    on_queue[schedule.commands[c].queue]++;
  }
  assert_true(on_queue[0] >= 3 && on_queue[1] + on_queue[2] + on_queue[3] >= 3);
  assert_true(waits <= 2);
  icn_schedule_fini(&schedule);
  icn_plan_fini(&plan);
  builder_free(b);
}

static void what_is_no_kind_is_refused(void **state) {
  (void)state;
  builder *b = builder_new();
  add_output(b, add_unary(b, add_input(b, shape2(2, 3)), NULL));
  const icn_plan_request request = {.disabled_passes = NULL};
  const icn_allocator allocator = icn_allocator_default();
  icn_plan plan = plan_for(b, &icn_fake_plain, &request, ICN_DEVICE_CPU);
  icn_schedule schedule;
  icn_error error;
  assert_int_equal(icn_schedule_make(&plan, ICN_SCHEDULE_DEFAULT, &allocator, &schedule, &error), ICN_ARGUMENT);
  assert_int_equal(icn_schedule_make(&plan, (icn_schedule_kind)9, &allocator, &schedule, &error), ICN_ARGUMENT);
  plan.layers[0].emit.launch[0].kind = ICN_LAUNCH_CLBLAST_GEMM;
  assert_int_equal(icn_schedule_make(&plan, ICN_SCHEDULE_QUEUES, &allocator, &schedule, &error), ICN_UNSUPPORTED);
  assert_non_null(strstr(error.message, "in order only"));
  assert_int_equal(icn_schedule_make(&plan, ICN_SCHEDULE_IN_ORDER, &allocator, &schedule, &error), ICN_OK);
  icn_schedule_fini(&schedule);
  icn_plan_fini(&plan);
  builder_free(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_plans_are_proven),
      cmocka_unit_test(random_plans_in_slices_are_proven),
      cmocka_unit_test(a_chain_stays_on_its_queue),
      cmocka_unit_test(what_is_no_kind_is_refused),
  };
  return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
