/* Device descriptions: what is written is read back; every kind of damage is named with its line. */

#include "cost.h"
#include "support/icn_test.h"

static char *printed(const icn_device_desc *desc) {
  icn_allocator allocator = icn_allocator_default();
  icn_text text;
  icn_text_init(&text, &allocator);
  icn_device_desc_print(desc, &text);
  assert_false(text.failed);
  return text.data; /* released by release() */
}

static void release(char *text) {
  icn_allocator allocator = icn_allocator_default();
  icn_release(&allocator, text);
}

static void round_trip(void **state) {
  (void)state;
  const icn_device_kind kinds[] = {ICN_DEVICE_CPU, ICN_DEVICE_GPU, ICN_DEVICE_OTHER};
  for (int i = 0; i < 3; i++) {
    icn_device_desc desc = icn_device_desc_example(kinds[i]), back;
    desc.flop_per_second = 123456789012.0;
    desc.bytes_per_second = 25e9;
    desc.launch_seconds = 12345e-9;
    icn_error error;
    char *text = printed(&desc);
    assert_int_equal(icn_device_desc_parse(text, strlen(text), &back, &error), ICN_OK);
    assert_string_equal(back.name, desc.name);
    assert_string_equal(back.extensions, desc.extensions);
    assert_int_equal(back.kind, kinds[i]);
    assert_int_equal(back.max_work_item[2], desc.max_work_item[2]);
    assert_true(back.flop_per_second == desc.flop_per_second);
    char *again = printed(&back);
    assert_string_equal(text, again);
    release(text);
    release(again);
  }
}

static void odd_strings_stay_one_line(void **state) {
  (void)state;
  icn_device_desc desc = icn_device_desc_example(ICN_DEVICE_GPU), back;
  snprintf(desc.name, sizeof desc.name, "  two\nlines: and a tab\t ");
  memset(desc.extensions, 'x', sizeof desc.extensions - 1);
  char *text = printed(&desc);
  assert_int_equal(icn_device_desc_parse(text, strlen(text), &back, NULL), ICN_OK);
  assert_string_equal(back.name, "two lines: and a tab");
  assert_int_equal(strlen(back.extensions), sizeof desc.extensions - 1);
  release(text);
}

static void calibration_may_be_missing_and_lines_may_end_in_crlf(void **state) {
  (void)state;
  icn_device_desc desc = icn_device_desc_example(ICN_DEVICE_CPU), back;
  char *text = printed(&desc);
  *strstr(text, "flop_per_second") = '\0';
  char dos[16384];
  size_t length = 0;
  for (const char *c = text; *c != '\0'; c++) {
    if (*c == '\n') dos[length++] = '\r';
    dos[length++] = *c;
  }
  assert_int_equal(icn_device_desc_parse(dos, length, &back, NULL), ICN_OK);
  assert_true(back.flop_per_second == 0);
  release(text);
}

/* Descriptions that were recorded before the sizes of sub-groups were asked for. */
static void sizes_of_sub_groups_may_be_missing(void **state) {
  (void)state;
  icn_device_desc desc = icn_device_desc_example(ICN_DEVICE_GPU), back;
  desc.subgroup_sizes = 56;
  char *text = printed(&desc), *line = strstr(text, "subgroup_sizes: 56\n");
  assert_non_null(line);
  assert_int_equal(icn_device_desc_parse(text, strlen(text), &back, NULL), ICN_OK);
  assert_int_equal(back.subgroup_sizes, 56);
  char *rest = strchr(line, '\n') + 1;
  memmove(line, rest, strlen(rest) + 1);
  assert_int_equal(icn_device_desc_parse(text, strlen(text), &back, NULL), ICN_OK);
  assert_int_equal(back.subgroup_sizes, 0);
  release(text);
}

static void comments_are_skipped(void **state) {
  (void)state;
  icn_device_desc desc = icn_device_desc_example(ICN_DEVICE_GPU), back;
  char *text = printed(&desc), commented[16384];
  const char *rest = strchr(text, '\n') + 1;
  snprintf(commented, sizeof commented, "clinception device 1\n# source: a report\n  # name: not this one\n%s# the end", rest);
  assert_int_equal(icn_device_desc_parse(commented, strlen(commented), &back, NULL), ICN_OK);
  assert_string_equal(back.name, desc.name);
  assert_int_equal(back.compute_units, desc.compute_units);
  snprintf(commented, sizeof commented, "# before the first line\n%s", text);
  icn_error error;
  assert_int_equal(icn_device_desc_parse(commented, strlen(commented), &back, &error), ICN_FORMAT);
  assert_non_null(strstr(error.message, "line 1"));
  release(text);
}

/* Replaces the first `from` in the example's text by `to` and expects a refusal that contains `want`. */
static void damaged(const char *from, const char *to, const char *want) {
  icn_device_desc desc = icn_device_desc_example(ICN_DEVICE_CPU), back;
  char *text = printed(&desc);
  char changed[16384];
  const char *at = strstr(text, from);
  assert_non_null(at);
  snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
  icn_error error;
  assert_int_equal(icn_device_desc_parse(changed, strlen(changed), &back, &error), ICN_FORMAT);
  if (strstr(error.message, want) == NULL) fail_msg("'%s' does not say '%s'", error.message, want);
  release(text);
}

static void damage_is_named(void **state) {
  (void)state;
  damaged("clinception device 1", "clinception device 2", "line 1");
  damaged("compute_units: 2", "compute_units: two", "compute_units is 'two'");
  damaged("compute_units: 2", "compute_units: -2", "line 10");
  damaged("compute_units: 2", "compute_units: 0", "expected 1 to");
  damaged("compute_units: 2", "compute_units: 99999999999999999999999", "whole number");
  damaged("compute_units: 2\n", "", "without compute_units");
  damaged("compute_units: 2\n", "compute_units: 2\ncompute_units: 2\n", "twice");
  damaged("compute_units: 2", "compute_unit: 2", "unknown key 'compute_unit'");
  damaged("compute_units: 2", "compute_units 2", "key: value");
  damaged("kind: cpu", "kind: tpu", "'tpu'");
  damaged("fast_fma: 1", "fast_fma: 2", "fast_fma is 2");
  damaged("example CPU", "example \x01 CPU", "control character");
  char many[200];
  memset(many, 'n', sizeof many - 1);
  many[sizeof many - 1] = '\0';
  damaged("example CPU", many, "at most 127");
}

static void no_cut_text_is_accepted(void **state) {
  (void)state;
  icn_device_desc desc = icn_device_desc_example(ICN_DEVICE_GPU), back;
  char *text = printed(&desc);
  size_t whole = (size_t)(strstr(text, "extensions: ") - text);
  for (size_t length = 0; length < whole; length++) assert_int_equal(icn_device_desc_parse(text, length, &back, NULL), ICN_FORMAT);
  release(text);
}

static void extensions_match_whole_words(void **state) {
  (void)state;
  icn_device_desc desc = icn_device_desc_example(ICN_DEVICE_CPU);
  snprintf(desc.extensions, sizeof desc.extensions, "cl_khr_fp16_extra cl_khr_fp64 cl_khr_fp16");
  assert_true(icn_device_desc_has_extension(&desc, "cl_khr_fp16"));
  assert_true(icn_device_desc_has_extension(&desc, "cl_khr_fp64"));
  assert_false(icn_device_desc_has_extension(&desc, "cl_khr_fp"));
  assert_false(icn_device_desc_has_extension(&desc, "fp64"));
  assert_false(icn_device_desc_has_extension(&desc, ""));
}

static void costs_follow_the_device(void **state) {
  (void)state;
  icn_device_desc cpu = icn_device_desc_example(ICN_DEVICE_CPU), gpu = icn_device_desc_example(ICN_DEVICE_GPU);
  assert_true(icn_cost_flop_per_second(&gpu) > icn_cost_flop_per_second(&cpu));
  double guess = icn_cost_of(&cpu, 1e9, 1e3, 0.5, 1);
  cpu.flop_per_second = 2 * icn_cost_flop_per_second(&cpu);
  assert_true(icn_cost_of(&cpu, 1e9, 1e3, 0.5, 1) < guess);
  assert_true(icn_cost_of(&cpu, 1e9, 1e12, 0.5, 1) > guess); /* memory limits it */
  assert_true(icn_cost_on_target(&cpu, ICN_TARGET_GPU, 1.0) > 4 * icn_cost_on_target(&cpu, ICN_TARGET_CPU, 1.0));
  assert_true(icn_cost_on_target(&gpu, ICN_TARGET_ANY, 1.0) == 1.0);
  assert_true(icn_cost_utilisation(65, 64) < 0.6 && icn_cost_utilisation(64, 64) == 1.0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(round_trip),
      cmocka_unit_test(odd_strings_stay_one_line),
      cmocka_unit_test(calibration_may_be_missing_and_lines_may_end_in_crlf),
      cmocka_unit_test(sizes_of_sub_groups_may_be_missing),
      cmocka_unit_test(comments_are_skipped),
      cmocka_unit_test(damage_is_named),
      cmocka_unit_test(no_cut_text_is_accepted),
      cmocka_unit_test(extensions_match_whole_words),
      cmocka_unit_test(costs_follow_the_device),
  };
  return cmocka_run_group_tests_name("device_desc", tests, NULL, NULL);
}
