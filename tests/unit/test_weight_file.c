/* The format of a plan's packed weights, in memory: what is written is read, and no change of any byte or length goes unnoticed. */

#include "support/icn_test.h"
#include "weight_file.h"

enum { WEIGHTS = 4 };
static const uint64_t BYTES[WEIGHTS] = {4, 4096, 5000, 12};
static const icn_cache_key KEY = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

typedef struct image {
  unsigned char *data;
  uint64_t bytes;
} image;

static image make(void) {
  icn_weight_file_row rows[WEIGHTS];
  memset(rows, 0, sizeof rows);
  for (int i = 0; i < WEIGHTS; i++) rows[i].bytes = BYTES[i];
  image file = {NULL, icn_weight_file_place(rows, WEIGHTS)};
  file.data = calloc(1, (size_t)file.bytes);
  assert_non_null(file.data);
  for (int i = 0; i < WEIGHTS; i++) {
    assert_int_equal(rows[i].offset % ICN_WEIGHT_FILE_PAGE, 0);
    for (uint64_t k = 0; k < BYTES[i]; k++) file.data[rows[i].offset + k] = (unsigned char)(k * 31 + (uint64_t)i);
    rows[i].hash = icn_weight_hash_of(file.data + rows[i].offset, BYTES[i]);
  }
  memcpy(file.data + sizeof(icn_weight_file_header), rows, sizeof rows);
  icn_weight_file_seal(file.data, &KEY, "a model", file.bytes, WEIGHTS);
  return file;
}

/* Header, table and every weight are right. */
static bool is_whole(const unsigned char *data, uint64_t bytes) {
  icn_weight_file_header header;
  if (icn_weight_file_problem(data, bytes, &KEY) != NULL) return false;
  icn_weight_file_read_header(data, &header);
  for (size_t i = 0; i < header.count; i++) {
    icn_weight_file_row row;
    icn_weight_file_read_row(data, i, &row);
    if (!icn_weight_file_whole(data, &row)) return false;
  }
  return true;
}

static void what_is_written_is_read(void **state) {
  (void)state;
  image file = make();
  icn_weight_file_header header;
  assert_null(icn_weight_file_problem(file.data, file.bytes, &KEY));
  assert_null(icn_weight_file_problem(file.data, file.bytes, NULL));
  assert_true(is_whole(file.data, file.bytes));
  icn_weight_file_read_header(file.data, &header);
  assert_string_equal(header.subject, "a model");
  assert_int_equal(header.count, WEIGHTS);
  assert_int_equal(header.bytes, file.bytes);
  free(file.data);
}

static void no_byte_can_be_changed(void **state) {
  (void)state;
  static const unsigned char CHANGES[] = {1, 0x80, 0xFF};
  image file = make();
  for (uint64_t i = 0; i < file.bytes; i++) {
    for (size_t c = 0; c < sizeof CHANGES; c++) {
      file.data[i] ^= CHANGES[c];
      if (is_whole(file.data, file.bytes)) fail_msg("byte %llu can be changed", (unsigned long long)i);
      file.data[i] ^= CHANGES[c];
    }
  }
  assert_true(is_whole(file.data, file.bytes));
  free(file.data);
}

/* Each length, in memory of exactly that length: whoever reads behind it is seen by the sanitizers. */
static void no_length_will_do_but_the_right_one(void **state) {
  (void)state;
  image file = make();
  for (uint64_t bytes = 0; bytes < file.bytes; bytes += bytes < 3000 ? 1 : 509) {
    unsigned char *part = malloc((size_t)bytes + 1);
    assert_non_null(part);
    memcpy(part, file.data, (size_t)bytes);
    unsigned char *exact = realloc(part, bytes == 0 ? 1 : (size_t)bytes);
    assert_non_null(exact);
    assert_non_null(icn_weight_file_problem(exact, bytes, &KEY));
    free(exact);
  }
  unsigned char *longer = calloc(1, (size_t)file.bytes + 4096);
  assert_non_null(longer);
  memcpy(longer, file.data, (size_t)file.bytes);
  assert_non_null(icn_weight_file_problem(longer, file.bytes + 4096, &KEY));
  free(longer);
  free(file.data);
}

/* A reader that holds header and table of as many weights as it expects. */
static void a_head_alone_will_do(void **state) {
  (void)state;
  image file = make();
  const uint64_t head = icn_weight_file_room(icn_weight_file_head_bytes(WEIGHTS));
  for (uint64_t there = 0; there <= head; there++) {
    unsigned char *part = malloc((size_t)there + 1), *exact = part == NULL ? NULL : realloc(part, there == 0 ? 1 : (size_t)there);
    assert_non_null(exact);
    memcpy(exact, file.data, (size_t)there);
    const char *problem = icn_weight_file_head_problem(exact, there, file.bytes, &KEY);
    if ((problem == NULL) != (there == head))
      fail_msg("%llu bytes are there: %s", (unsigned long long)there, problem == NULL ? "" : problem);
    free(exact);
  }
  free(file.data);
}

static void assert_problem(const image *file, const icn_cache_key *key, const char *words) {
  const char *problem = icn_weight_file_problem(file->data, file->bytes, key);
  assert_non_null(problem);
  if (strstr(problem, words) == NULL) fail_msg("'%s' does not say '%s'", problem, words);
}

static void what_is_wrong_is_said(void **state) {
  (void)state;
  image file = make();
  icn_weight_file_header header;
  icn_cache_key other = KEY;
  other.bytes[15]++;
  assert_problem(&file, &other, "other weights");
  icn_weight_file_read_header(file.data, &header);
  memcpy(header.version, "9.9.9", 6);
  memcpy(file.data, &header, sizeof header);
  assert_problem(&file, &KEY, "another version");
  icn_weight_file_seal(file.data, &KEY, "a model", file.bytes, WEIGHTS);
  file.data[7]++;
  assert_problem(&file, &KEY, "another version");
  file.data[0]++;
  assert_problem(&file, &KEY, "not one of ours");
  icn_weight_file_seal(file.data, &KEY, "a model", file.bytes, WEIGHTS);
  for (int i = 0; i < 4; i++) { /* the other order of bytes */
    const unsigned char kept = file.data[8 + i];
    file.data[8 + i] = file.data[15 - i];
    file.data[15 - i] = kept;
  }
  assert_problem(&file, &KEY, "order of bytes");
  free(file.data);
}

/* Headers and tables whose checksum is right and whose numbers are not. */
static void sealed_nonsense_is_refused(void **state) {
  (void)state;
  image file = make();
  icn_weight_file_row rows[WEIGHTS], changed;
  memcpy(rows, file.data + sizeof(icn_weight_file_header), sizeof rows);
  static const uint64_t NUMBERS[] = {0, 1, 4095, 4097, 1u << 31, UINT64_MAX / 2, UINT64_MAX - 4095, UINT64_MAX};
  for (size_t n = 0; n < sizeof NUMBERS / sizeof NUMBERS[0]; n++) {
    for (int i = 0; i < WEIGHTS; i++) {
      for (int which = 0; which < 2; which++) {
        unsigned char *at = file.data + sizeof(icn_weight_file_header) + (size_t)i * sizeof rows[0];
        changed = rows[i];
        *(which == 0 ? &changed.offset : &changed.bytes) = NUMBERS[n];
        memcpy(at, &changed, sizeof changed);
        icn_weight_file_seal(file.data, &KEY, "a model", file.bytes, WEIGHTS);
        assert_false(is_whole(file.data, file.bytes));
        memcpy(at, &rows[i], sizeof rows[i]);
      }
    }
  }
  for (size_t count = 0; count < WEIGHTS; count++) {
    icn_weight_file_seal(file.data, &KEY, "a model", file.bytes, count);
    assert_problem(&file, &KEY, "table");
  }
  icn_weight_file_seal(file.data, &KEY, "a model", file.bytes, WEIGHTS);
  assert_true(is_whole(file.data, file.bytes));
  free(file.data);
}

/* Counts and lengths that no file has, with the checksum as it was: nothing may be read or added up before they are bounded. */
static void huge_numbers_are_bounded(void **state) {
  (void)state;
  static const uint64_t COUNTS[] = {5, 1u << 20, (uint64_t)1 << 40, UINT64_MAX / 32, UINT64_MAX / 32 + 1, UINT64_MAX};
  image file = make();
  for (size_t i = 0; i < sizeof COUNTS / sizeof COUNTS[0]; i++) {
    icn_weight_file_header header;
    icn_weight_file_read_header(file.data, &header);
    header.count = COUNTS[i];
    unsigned char *changed = malloc((size_t)file.bytes);
    assert_non_null(changed);
    memcpy(changed, file.data, (size_t)file.bytes);
    memcpy(changed, &header, sizeof header);
    assert_non_null(icn_weight_file_problem(changed, file.bytes, &KEY));
    free(changed);
  }
  icn_weight_file_row rows[2] = {{.bytes = UINT64_MAX - 3}, {.bytes = 8}};
  assert_int_equal(icn_weight_file_place(rows, 2), UINT64_MAX);
  assert_int_equal(icn_weight_file_head_bytes(UINT64_MAX), UINT64_MAX);
  free(file.data);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_is_read),
      cmocka_unit_test(no_byte_can_be_changed),
      cmocka_unit_test(no_length_will_do_but_the_right_one),
      cmocka_unit_test(a_head_alone_will_do),
      cmocka_unit_test(what_is_wrong_is_said),
      cmocka_unit_test(sealed_nonsense_is_refused),
      cmocka_unit_test(huge_numbers_are_bounded),
  };
  return cmocka_run_group_tests_name("weight_file", tests, NULL, NULL);
}
