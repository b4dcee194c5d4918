/* gzip files: as gzip writes them, with every part that a header may have, and damaged in every byte. */
#include "gzip.h"
#include "support/icn_test.h"

static const char TEXT[] = "clinception clinception clinception\n";
/* printf of that | gzip -9n */
static const uint8_t SMALL[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x4b, 0xce, 0xc9, 0xcc, 0x4b, 0x4e, 0x2d, 0x28,
                                0xc9, 0xcc, 0xcf, 0x53, 0x48, 0xc6, 0xce, 0xe6, 0x02, 0x00, 0x75, 0x56, 0xfc, 0x07, 0x24, 0x00, 0x00, 0x00};

/* From a block of exactly that size, so that AddressSanitizer sees every read past the end. */
static icn_status gunzip(const uint8_t *data, size_t bytes, char text[64], icn_error *error) {
  const icn_allocator allocator = icn_allocator_default();
  uint8_t *copy = malloc(bytes == 0 ? 1 : bytes), *out;
  size_t length;
  assert_non_null(copy);
  memcpy(copy, data, bytes);
  const icn_status status = icn_gunzip(&allocator, copy, bytes, "file.gz", &out, &length, error);
  if (status == ICN_OK) {
    assert_true(length < 64);
    memcpy(text, out, length);
    text[length] = '\0';
  } else {
    assert_null(out);
  }
  icn_release(&allocator, out);
  free(copy);
  return status;
}

static void a_file_is_restored(void **state) {
  (void)state;
  char text[64];
  assert_true(icn_is_gzip(SMALL, sizeof SMALL));
  assert_false(icn_is_gzip((const uint8_t *)"P6", 2));
  assert_int_equal(gunzip(SMALL, sizeof SMALL, text, NULL), ICN_OK);
  assert_string_equal(text, TEXT);
}

static void headers_may_have_more(void **state) {
  (void)state;
  static const char *const parts[] = {"\x02\x00xy", "name", "comment", "\x12\x34"}; /* extra, name, comment, check sum of the head */
  static const size_t bytes[] = {4, 5, 8, 2};
  char text[64];
  for (int flags = 0; flags < 16; flags++) {
    uint8_t file[sizeof SMALL + 32];
    size_t at = 10;
    memcpy(file, SMALL, 10);
    file[3] = (uint8_t)(((flags & 1) != 0 ? 4 : 0) | ((flags & 2) != 0 ? 8 : 0) | ((flags & 4) != 0 ? 16 : 0) | ((flags & 8) != 0 ? 2 : 0));
    for (int k = 0; k < 4; k++) {
      if ((flags >> k & 1) == 0) continue;
      memcpy(file + at, parts[k], bytes[k]);
      at += bytes[k];
    }
    memcpy(file + at, SMALL + 10, sizeof SMALL - 10);
    assert_int_equal(gunzip(file, at + sizeof SMALL - 10, text, NULL), ICN_OK);
    assert_string_equal(text, TEXT);
  }
}

static void damage_is_noticed(void **state) {
  (void)state;
  char text[64];
  uint8_t file[sizeof SMALL];
  icn_error error;
  for (size_t length = 0; length < sizeof SMALL; length++) {
    assert_int_equal(gunzip(SMALL, length, text, &error), ICN_FORMAT);
    assert_non_null(strstr(error.message, "file.gz"));
  }
  for (size_t i = 0; i < sizeof SMALL; i++) {
    for (int bit = 0; bit < 8; bit++) {
      memcpy(file, SMALL, sizeof file);
      file[i] = (uint8_t)(file[i] ^ 1 << bit);
      const icn_status status = gunzip(file, sizeof file, text, &error);
      const bool nothing_depends_on_it = (i >= 4 && i < 10) || (i == 3 && bit == 0); /* time, level, system; "it is a text" */
      if (nothing_depends_on_it || status == ICN_OK)
        assert_string_equal(text, TEXT); /* also a changed bit behind the last symbol */
      else
        assert_int_equal(status, ICN_FORMAT);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_file_is_restored),
      cmocka_unit_test(headers_may_have_more),
      cmocka_unit_test(damage_is_noticed),
  };
  return cmocka_run_group_tests_name("gzip", tests, NULL, NULL);
}
