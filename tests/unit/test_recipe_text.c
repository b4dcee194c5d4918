/* Recipes as text: what is read, what is refused, that what is written reads back, in any locale; and in ONNX metadata. */
#include <locale.h>

#include "recipe_text.h"
#include "source.h"
#include "support/icn_test.h"
#include "support/proto_writer.h"

static icn_error error;

static icn_preprocess read_recipe(const char *text) {
  icn_preprocess p;
  if (icn_recipe_read(text, &p, &error) != ICN_OK) fail_msg("'%s': %s", text, error.message);
  return p;
}

static void texts_are_read(void **state) {
  (void)state;
  icn_preprocess p = read_recipe("torchvision");
  assert_string_equal(p.name, "torchvision");
  assert_int_equal(p.resize_shorter, -1);
  p = read_recipe("unit  resize=bilinear shorter=256 central=87.5% order=bgr scale=1/128 mean=104,117,-1.5e1 std=2 ");
  assert_int_equal(p.resize, ICN_RESIZE_BILINEAR);
  assert_int_equal(p.resize_shorter, 256);
  assert_true(p.central == 0.875F && p.bgr == 1 && p.scale == 1.0F / 128.0F);
  assert_true(p.mean[0] == 104.0F && p.mean[1] == 117.0F && p.mean[2] == -15.0F);
  assert_true(p.std[0] == 2.0F && p.std[1] == 2.0F && p.std[2] == 2.0F);
  assert_memory_equal(p.name, "unit  resize", 12);
  p = read_recipe("caffe order=rgb shorter=8/7");
  assert_true(p.bgr == 0 && p.resize_shorter == -1);
  p = read_recipe("torchvision shorter=none");
  assert_int_equal(p.resize_shorter, 0);
}

static void what_is_not_right_is_named(void **state) {
  (void)state;
  static const struct {
    const char *text, *says;
  } bad[] = {
      {"", "does not begin with the name"},
      {" unit", "does not begin with the name"},
      {"tensorflow", "there are unit, torchvision, tf-slim, keras and caffe"},
      {"a-name-that-is-much-too-long-to-be-one", "does not begin with the name"},
      {"unit bgr", "'bgr' that nobody knows"},
      {"unit size=3", "'size=3' that nobody knows"},
      {"unit resize=lanczos", "bicubic, bilinear or nearest"},
      {"unit shorter=0", "from 1 to 32768"},
      {"unit shorter=32769", "from 1 to 32768"},
      {"unit shorter=1.5", "from 1 to 32768"},
      {"unit shorter=", "from 1 to 32768"},
      {"unit central=87.5", "a percentage"},
      {"unit central=0%", "a percentage"},
      {"unit central=1e-20%", "a percentage"}, /* the picture around such a middle has no size */
      {"unit central=101%", "a percentage"},
      {"unit central=%", "a percentage"},
      {"unit order=BGR", "rgb or bgr"},
      {"unit scale=nan", "1/255"},
      {"unit scale=1/0", "1/255"},
      {"unit scale=1/2/3", "1/255"},
      {"unit scale=1e23", "1/255"},
      {"unit scale=1e", "1/255"},
      {"unit scale=.", "1/255"},
      {"unit scale=1,5", "1/255"},
      {"unit scale=0x1p3", "1/255"},
      {"unit scale=1234567890123456", "1/255"},
      {"unit mean=1,2", "or three"},
      {"unit mean=1,2,3,4", "or three"},
      {"unit mean=1,,3", "or three"},
      {"unit std=0", "none of them 0"},
      {"unit std=1,0,1", "none of them 0"},
  };
  icn_preprocess p;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(icn_recipe_read(bad[i].text, &p, &error), ICN_FORMAT);
    if (strstr(error.message, bad[i].says) == NULL) fail_msg("'%s': '%s' does not say '%s'", bad[i].text, error.message, bad[i].says);
  }
  char longer[ICN_RECIPE_TEXT_BYTES + 1];
  memset(longer, ' ', sizeof longer);
  memcpy(longer, "unit", 4);
  longer[ICN_RECIPE_TEXT_BYTES] = '\0';
  assert_int_equal(icn_recipe_read(longer, &p, &error), ICN_FORMAT);
  assert_non_null(strstr(error.message, "a text of 256 characters"));
}

static void assert_same(const icn_preprocess *a, const icn_preprocess *b) {
  assert_true(a->resize == b->resize && a->resize_shorter == b->resize_shorter && (a->bgr != 0) == (b->bgr != 0) && a->scale == b->scale);
  assert_memory_equal(a->mean, b->mean, sizeof a->mean);
  assert_memory_equal(a->std, b->std, sizeof a->std);
  assert_true(a->central == b->central);
}

static void check_round_trips(void) {
  static const char *const texts[] = {"unit",
                                      "torchvision",
                                      "tf-slim",
                                      "keras",
                                      "caffe",
                                      "unit order=bgr",
                                      "torchvision resize=nearest shorter=300 central=33.3% std=0.1,0.2,1e-20"};
  char text[ICN_RECIPE_TEXT_BYTES];
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    const icn_preprocess p = read_recipe(texts[i]);
    assert_int_equal(icn_recipe_write(&p, text, &error), ICN_OK);
    if (i < 6) assert_string_equal(text, texts[i]);
    const icn_preprocess back = read_recipe(text);
    assert_same(&p, &back);
  }
  uint32_t seed = 1;
  for (int i = 0; i < 2000; i++) { /* any number keeps its last bit */
    icn_preprocess p = read_recipe("unit");
    for (int c = 0; c < 3; c++) {
      seed = seed * 1664525U + 1013904223U;
      p.mean[c] = (float)(int32_t)seed * 1.7e-8F * (i % 3 == 0 ? 1e-6F : i % 3 == 1 ? 1.0F : 1e4F);
    }
    assert_int_equal(icn_recipe_write(&p, text, &error), ICN_OK);
    const icn_preprocess back = read_recipe(text);
    assert_same(&p, &back);
  }
}

static void what_is_written_reads_back(void **state) {
  (void)state;
  check_round_trips();
  icn_preprocess p = read_recipe("unit");
  char text[ICN_RECIPE_TEXT_BYTES];
  p.scale = 1e37F;
  assert_int_equal(icn_recipe_write(&p, text, &error), ICN_ARGUMENT);
  p.scale = 1.0F, p.std[0] = 0.0F;
  assert_int_equal(icn_recipe_write(&p, text, &error), ICN_ARGUMENT);
}

static void a_decimal_comma_changes_nothing(void **state) {
  (void)state;
  if (setlocale(LC_ALL, "de_DE.UTF-8") == NULL) {
    print_message("skipped: there is no de_DE.UTF-8 locale\n");
    skip();
  }
  check_round_trips();
  setlocale(LC_ALL, "C");
}

/* ---------------------------------------------------------------- metadata */

static icn_source source;

static icn_status parse_with(const char *const *pairs, size_t count) {
  static const int64_t SHAPE[] = {1, 3, 8, 8};
  const icn_allocator allocator = icn_allocator_default();
  model_writer model = model_begin(13);
  model_input(&model, "x", ONNX_FLOAT, 4, SHAPE);
  model_node(&model, "Relu", "relu", "x", "y");
  model_output(&model, "y");
  proto_writer file = model_end(&model);
  for (size_t i = 0; i < count; i++) {
    proto_writer entry = {0};
    proto_text(&entry, 1, pairs[2 * i]);
    if (pairs[2 * i + 1] != NULL) proto_text(&entry, 2, pairs[2 * i + 1]);
    proto_sub(&file, 14, &entry);
  }
  icn_source_fini(&source);
  icn_source_init(&source, &allocator);
  const icn_status status = icn_onnx_parse(file.data, file.bytes, NULL, &source, &error);
  if (status == ICN_OK && source.recipe_bytes > 0)
    assert_true(source.recipe_at + source.recipe_bytes <= file.bytes && file.data[source.recipe_at] == (14 << 3 | 2));
  proto_free(&file);
  return status;
}

static void metadata_hold_the_text(void **state) {
  (void)state;
  const char *one[] = {"author", "somebody", ICN_RECIPE_KEY, "torchvision", "clinception.preprocess2", "caffe"};
  const char *two[] = {ICN_RECIPE_KEY, "torchvision", ICN_RECIPE_KEY, "keras"}, *none[] = {ICN_RECIPE_KEY, NULL};
  assert_int_equal(parse_with(one, 3), ICN_OK);
  assert_string_equal(source.recipe, "torchvision");
  assert_int_equal(parse_with(two, 2), ICN_OK);
  assert_string_equal(source.recipe, "keras"); /* as protocol buffers have it: the last one holds */
  assert_int_equal(parse_with(none, 1), ICN_OK);
  assert_string_equal(source.recipe, "");
  assert_int_equal(parse_with(one, 1), ICN_OK);
  assert_null(source.recipe);
  assert_int_equal(source.recipe_bytes, 0);
  icn_source_fini(&source);
}

static void built_in_networks_know_theirs(void **state) {
  (void)state;
  icn_preprocess p;
  for (size_t i = 0; i < icn_builtin_count(); i++)
    assert_int_equal(icn_preprocess_recipe(&p, icn_builtin_get_info(i).recipe, &error), ICN_OK);
  assert_string_equal(icn_builtin_get_info(0).recipe, "caffe");
}

int main(void) {
  const icn_allocator allocator = icn_allocator_default();
  icn_source_init(&source, &allocator);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(texts_are_read),
      cmocka_unit_test(what_is_not_right_is_named),
      cmocka_unit_test(what_is_written_reads_back),
      cmocka_unit_test(a_decimal_comma_changes_nothing),
      cmocka_unit_test(metadata_hold_the_text),
      cmocka_unit_test(built_in_networks_know_theirs),
  };
  return cmocka_run_group_tests_name("recipe_text", tests, NULL, NULL);
}
