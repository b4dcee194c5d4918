/* Where packed weights are kept: limits, folders that cannot be used, what is listed and removed. */

#define _XOPEN_SOURCE 700
#include "support/cache_play.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "os.h"
#include "support/icn_test.h"
#include "weight_file.h"

static const char *const ROWS[] = {"conv_tile,matmul_packed", "conv_direct,matmul_direct", "conv_gpu,matmul_packed_gpu"};

static void set_age(const char *path, long seconds) {
  struct timespec times[2];
  assert_int_equal(clock_gettime(CLOCK_REALTIME, &times[0]), 0);
  times[0].tv_sec -= seconds;
  times[1] = times[0];
  assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static uint64_t bytes_of(const char *path) {
  struct stat info;
  assert_int_equal(stat(path, &info), 0);
  return (uint64_t)info.st_size;
}

/* The path of the entry that is made for ROWS[i], in an empty folder. */
static void make_alone(cache_play *p, size_t i, char path[512], uint64_t *bytes) {
  cache_play_clear(p);
  assert_true(cache_play_once(p, NULL, ROWS[i]).packed);
  assert_int_equal(cache_play_entries(p, path), 1);
  *bytes = bytes_of(path);
}

static void the_longest_unused_goes(void **state) {
  cache_play *p = *state;
  char paths[3][512];
  uint64_t bytes[3];
  for (size_t i = 0; i < 3; i++) make_alone(p, i, paths[i], &bytes[i]);
  cache_play_clear(p);
  const uint64_t all = bytes[0] + bytes[1] + bytes[2];
  p->cache_bytes = all - 1;
  for (size_t i = 0; i < 2; i++) assert_true(cache_play_once(p, NULL, ROWS[i]).packed);
  set_age(paths[0], 500);
  set_age(paths[1], 100);
  assert_true(cache_play_once(p, NULL, ROWS[0]).from_cache); /* now it is the one that was used last */
  assert_true(cache_play_once(p, NULL, ROWS[2]).packed);
  assert_true(icn_os_exists(paths[0]) && !icn_os_exists(paths[1]) && icn_os_exists(paths[2]));
  p->cache_bytes = all; /* room for all of them */
  assert_true(cache_play_once(p, NULL, ROWS[1]).packed);
  for (size_t i = 0; i < 3; i++) assert_true(icn_os_exists(paths[i]));
  p->cache_bytes = bytes[2]; /* for it alone: the others go when it is written */
  assert_true(icn_os_remove(paths[2]));
  assert_true(cache_play_once(p, NULL, ROWS[2]).packed);
  assert_true(!icn_os_exists(paths[0]) && !icn_os_exists(paths[1]) && icn_os_exists(paths[2]));
  p->cache_bytes = bytes[2] - 1; /* for nothing: what is there stays */
  assert_true(cache_play_once(p, NULL, ROWS[0]).packed);
  assert_int_equal(p->warnings, 0);
  p->cache_bytes = 0;
}

static void small_weights_are_not_worth_a_file(void **state) {
  cache_play *p = *state;
  char path[512];
  cache_play_clear(p);
  icn_context *context = cache_play_context(p, NULL);
  if (context == NULL) skip();
  context->weights_least = (uint64_t)1 << 18; /* as it is */
  assert_true(cache_play_run(p, context, NULL, ICN_PRECISION_FP32).packed);
  assert_int_equal(cache_play_entries(p, path), 0);
  icn_context_destroy(context);
}

static void the_limit_may_come_from_the_environment(void **state) {
  (void)state;
  icn_context_options options;
  icn_context *context = NULL;
  icn_error error;
  static const char *const WRONG[] = {"1G", "-1", " 5", "99999999999999999999999"};
  icn_context_options_init(&options);
  options.opencl_library = "none";
  assert_int_equal(setenv("CLINCEPTION_CACHE_BYTES", "12345", 1), 0);
  assert_int_equal(icn_context_create(&options, &context, &error), ICN_OK);
  assert_int_equal(icn_context_cache_bytes(context), 12345);
  icn_context_destroy(context);
  options.cache_bytes = 777; /* the program's own word counts */
  assert_int_equal(icn_context_create(&options, &context, &error), ICN_OK);
  assert_int_equal(icn_context_cache_bytes(context), 777);
  icn_context_destroy(context);
  options.cache_bytes = 0;
  for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
    assert_int_equal(setenv("CLINCEPTION_CACHE_BYTES", WRONG[i], 1), 0);
    assert_int_equal(icn_context_create(&options, &context, &error), ICN_ARGUMENT);
    assert_null(context);
    assert_non_null(strstr(error.message, "CLINCEPTION_CACHE_BYTES"));
  }
  assert_int_equal(unsetenv("CLINCEPTION_CACHE_BYTES"), 0);
  assert_int_equal(icn_context_create(&options, &context, &error), ICN_OK);
  assert_int_equal(icn_context_cache_bytes(context), 1 << 30);
  icn_context_destroy(context);
}

/* --------------------------------------------------------- unusable folders */

/* Two executors in one context there: both right, packed, and one warning that says `words`. */
static void assert_does_without(cache_play *p, const char *folder, const char *words) {
  const cache_outcome want = cache_play_once(p, "none", NULL);
  icn_context *context = cache_play_context(p, folder);
  char first[sizeof p->log];
  snprintf(first, sizeof first, "%s", p->log);
  for (int i = 0; i < 2; i++) {
    const cache_outcome outcome = cache_play_run(p, context, NULL, ICN_PRECISION_FP32);
    assert_true(outcome.packed);
    cache_play_assert_same(&outcome, &want);
    if (i == 0) strncat(first, p->log, sizeof first - strlen(first) - 1);
  }
  icn_context_destroy(context);
  if (strstr(first, words) == NULL) fail_msg("'%s' is not in: %s", words, first);
}

static void a_read_only_folder_is_one_warning(void **state) {
  cache_play *p = *state;
  const char *folder = "/proc/sys/kernel"; /* nobody can make a file here, not even root */
  if (access(folder, R_OK) != 0) skip();
  assert_does_without(p, folder, "packed weights are not kept");
  assert_true(p->warnings >= 1 && p->warnings <= 2); /* where programs are kept, their cache has one of its own */
}

static void a_read_only_folder_is_read(void **state) {
  cache_play *p = *state;
  char path[512];
  cache_play_clear(p);
  const cache_outcome want = cache_play_once(p, NULL, NULL);
  assert_int_equal(cache_play_entries(p, path), 1);
  assert_int_equal(chmod(p->folder, 0555), 0);
  const cache_outcome hit = cache_play_once(p, NULL, NULL);
  assert_int_equal(chmod(p->folder, 0755), 0);
  assert_true(hit.from_cache);
  cache_play_assert_same(&want, &hit);
  assert_int_equal(p->warnings, 0);
}

static void a_full_disk_is_one_warning(void **state) {
  cache_play *p = *state;
  char path[512];
  struct rlimit limit, kept;
  cache_play_clear(p);
  icn_context *context = cache_play_context(p, NULL);
  if (context == NULL) skip();
  const cache_outcome want = cache_play_run(p, context, NULL, ICN_PRECISION_FP32); /* programs are built from now on */
  assert_int_equal(cache_play_entries(p, path), 1);
  assert_true(icn_os_remove(path));
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &kept), 0);
  signal(SIGXFSZ, SIG_IGN);
  limit = kept;
  limit.rlim_cur = 6000; /* in the middle of it */
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
  const cache_outcome first = cache_play_run(p, context, NULL, ICN_PRECISION_FP32);
  const size_t said = cache_play_log_count(p, "packed weights are not kept");
  const cache_outcome second = cache_play_run(p, context, NULL, ICN_PRECISION_FP32);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &kept), 0);
  assert_int_equal(said, 1);
  assert_int_equal(p->warnings, 1);
  cache_play_assert_same(&want, &first);
  cache_play_assert_same(&want, &second);
  assert_int_equal(cache_play_entries(p, path), 0); /* nor a temporary */
  icn_context_destroy(context);
}

static void folders_of_others_are_refused(void **state) {
  cache_play *p = *state;
  char path[512];
  icn_cache_listing *listing = NULL;
  icn_error error;
  cache_play_clear(p);
  (void)cache_play_once(p, NULL, NULL);
  const size_t entries = cache_play_entries(p, path);
  assert_int_equal(chmod(p->folder, 0777), 0);
  assert_does_without(p, NULL, "is not used: everybody may write to it");
  assert_int_equal(p->warnings, 1);
  icn_context *context = cache_play_context(p, NULL);
  assert_int_equal(icn_cache_list(context, 0, &listing, &error), ICN_IO);
  assert_null(listing);
  assert_non_null(strstr(error.message, "everybody may write"));
  icn_context_destroy(context);
  assert_int_equal(chmod(p->folder, 0755), 0);
  if (geteuid() == 0) {
    assert_int_equal(chown(p->folder, 12345, (gid_t)-1), 0);
    assert_does_without(p, NULL, "is not used: it belongs to another user");
    assert_int_equal(chown(p->folder, 0, (gid_t)-1), 0);
  }
  assert_int_equal(cache_play_entries(p, path), entries);
  assert_true(cache_play_once(p, NULL, NULL).from_cache);
}

static bool count_writable(void *user, const char *name, uint64_t bytes, int64_t changed) {
  const cache_play *p = ((void **)user)[0];
  size_t *counts = ((void **)user)[1];
  char path[600];
  struct stat info;
  (void)bytes, (void)changed;
  snprintf(path, sizeof path, "%s/%.200s", p->folder, name);
  assert_int_equal(stat(path, &info), 0);
  counts[0]++;
  counts[1] += (info.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  return true;
}

static void entries_are_their_owners(void **state) {
  cache_play *p = *state;
  size_t counts[2] = {0, 0};
  void *user[] = {p, counts};
  cache_play_clear(p);
  const mode_t kept = umask(0);
  const cache_outcome outcome = cache_play_once(p, NULL, NULL);
  (void)umask(kept);
  assert_true(outcome.packed);
  assert_true(icn_os_list_files(p->folder, count_writable, user));
  assert_true(counts[0] > 0); /* weights, and mostly programs */
  assert_int_equal(counts[1], 0);
}

/* Good when the context is made, and then not any more. */
static void a_folder_may_turn_bad(void **state) {
  cache_play *p = *state;
  cache_play_clear(p);
  (void)cache_play_once(p, NULL, NULL);
  icn_context *context = cache_play_context(p, NULL);
  assert_int_equal(chmod(p->folder, 0777), 0);
  assert_true(cache_play_run(p, context, NULL, ICN_PRECISION_FP32).packed);
  assert_int_equal(chmod(p->folder, 0755), 0);
  assert_true(cache_play_run(p, context, NULL, ICN_PRECISION_FP32).from_cache);
  icn_context_destroy(context);
}

/* ------------------------------------------------------------------ listing */

static icn_cache_listing *list(icn_context *context, int check) {
  icn_cache_listing *listing = NULL;
  icn_error error;
  if (icn_cache_list(context, check, &listing, &error) != ICN_OK) fail_msg("%s", error.message);
  return listing;
}

static size_t count_kind(const icn_cache_listing *listing, icn_cache_kind kind, const char *problem) {
  size_t count = 0;
  for (size_t i = 0; i < icn_cache_listing_count(listing); i++) {
    const icn_cache_entry entry = icn_cache_listing_entry(listing, i);
    count += entry.kind == kind && (problem == NULL ? entry.problem[0] == '\0' : strstr(entry.problem, problem) != NULL);
  }
  return count;
}

static void entries_are_listed_and_removed(void **state) {
  cache_play *p = *state;
  char path[512], other[600];
  icn_error error;
  cache_play_clear(p);
  icn_context *context = cache_play_context(p, NULL);
  if (context == NULL) skip();
  assert_string_equal(icn_context_cache_folder(context), p->folder);
  (void)cache_play_run(p, context, NULL, ICN_PRECISION_FP32);
  icn_cache_listing *listing = list(context, 1);
  assert_int_equal(count_kind(listing, ICN_CACHE_WEIGHTS, NULL), 1);
  const size_t programs = count_kind(listing, ICN_CACHE_PROGRAM, NULL);
  assert_int_equal(icn_cache_listing_count(listing), programs + 1);
  assert_int_equal(icn_cache_listing_entry(listing, programs + 1).kind, 0);
  icn_cache_listing_destroy(listing);

  assert_int_equal(cache_play_entries(p, path), 1);
  size_t bytes = 0;
  unsigned char *data = cache_play_read(path, &bytes);
  data[bytes - 4096] ^= 1; /* the last weight's first byte */
  cache_play_write(path, data, bytes);
  free(data);
  listing = list(context, 0);
  assert_int_equal(count_kind(listing, ICN_CACHE_WEIGHTS, NULL), 1); /* nobody has looked */
  icn_cache_listing_destroy(listing);
  snprintf(other, sizeof other, "%s.77-0.tmp", path);
  cache_play_write(other, (const unsigned char *)"half", 4);
  listing = list(context, 1);
  assert_int_equal(count_kind(listing, ICN_CACHE_WEIGHTS, "checksum"), 1);
  assert_int_equal(count_kind(listing, ICN_CACHE_LEFTOVER, "not finished"), 0); /* somebody may be writing it */
  icn_cache_listing_destroy(listing);
  set_age(other, 7200);
  listing = list(context, 1);
  assert_int_equal(count_kind(listing, ICN_CACHE_LEFTOVER, "not finished"), 1);
  assert_int_equal(icn_cache_listing_entry(listing, programs + 1).kind, ICN_CACHE_LEFTOVER); /* the oldest stands last */
  icn_cache_listing_destroy(listing);

  char foreign[600];
  snprintf(foreign, sizeof foreign, "%s/tuning.txt", p->folder);
  cache_play_write(foreign, (const unsigned char *)"mine", 4);
  listing = list(context, 0);
  for (size_t i = 0; i < icn_cache_listing_count(listing); i++) assert_int_equal(icn_cache_listing_remove(listing, i, &error), ICN_OK);
  assert_int_equal(icn_cache_listing_remove(listing, 0, &error), ICN_OK); /* gone already */
  assert_int_equal(icn_cache_listing_remove(listing, 999, &error), ICN_ARGUMENT);
  icn_cache_listing_destroy(listing);
  assert_true(icn_os_exists(foreign));
  assert_true(icn_os_remove(foreign));
  assert_int_equal(cache_play_entries(p, path), 0);
  icn_context_destroy(context);
}

/* What a process left behind that ended while it wrote goes when the next entry is written. */
static void leftovers_go(void **state) {
  cache_play *p = *state;
  char path[512], fresh[600], stale[600];
  cache_play_clear(p);
  (void)cache_play_once(p, NULL, NULL);
  assert_int_equal(cache_play_entries(p, path), 1);
  snprintf(fresh, sizeof fresh, "%s.1-0.tmp", path);
  snprintf(stale, sizeof stale, "%s.1-1.tmp", path);
  cache_play_write(fresh, (const unsigned char *)"half", 4);
  cache_play_write(stale, (const unsigned char *)"half", 4);
  set_age(stale, 7200);
  assert_true(icn_os_remove(path));
  assert_true(cache_play_once(p, NULL, NULL).packed);
  assert_true(icn_os_exists(fresh) && !icn_os_exists(stale));
  assert_true(icn_os_remove(fresh));
}

static void a_subject_cannot_write_to_the_terminal(void **state) {
  cache_play *p = *state;
  char path[512];
  cache_play_clear(p);
  icn_context *context = cache_play_context(p, NULL);
  if (context == NULL) skip();
  (void)cache_play_run(p, context, NULL, ICN_PRECISION_FP32);
  assert_int_equal(cache_play_entries(p, path), 1);
  size_t bytes = 0;
  icn_weight_file_header header;
  icn_cache_key key;
  unsigned char *data = cache_play_read(path, &bytes);
  icn_weight_file_read_header(data, &header);
  memcpy(key.bytes, header.key, sizeof key.bytes);
  icn_weight_file_seal(data, &key,
                       "\x1b[31mr\xc3\xa9"
                       "d\n \xe2\x82\xac \xc2\x9b \xf0\x9f\x98\x80 \x80 \xed\xa0\x80 \xc3",
                       bytes, (size_t)header.count);
  cache_play_write(path, data, bytes);
  free(data);
  icn_cache_listing *listing = list(context, 1);
  for (size_t i = 0; i < icn_cache_listing_count(listing); i++) {
    const icn_cache_entry entry = icn_cache_listing_entry(listing, i);
    if (entry.kind == ICN_CACHE_WEIGHTS)
      assert_string_equal(entry.subject,
                          "?[31mr\xc3\xa9"
                          "d? \xe2\x82\xac ?? \xf0\x9f\x98\x80 ? ??? ?");
  }
  icn_cache_listing_destroy(listing);
  icn_context_destroy(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_longest_unused_goes),
      cmocka_unit_test(small_weights_are_not_worth_a_file),
      cmocka_unit_test(the_limit_may_come_from_the_environment),
      cmocka_unit_test(a_read_only_folder_is_one_warning),
      cmocka_unit_test(a_read_only_folder_is_read),
      cmocka_unit_test(a_full_disk_is_one_warning),
      cmocka_unit_test(folders_of_others_are_refused),
      cmocka_unit_test(entries_are_their_owners),
      cmocka_unit_test(a_folder_may_turn_bad),
      cmocka_unit_test(entries_are_listed_and_removed),
      cmocka_unit_test(leftovers_go),
      cmocka_unit_test(a_subject_cannot_write_to_the_terminal),
  };
  return cmocka_run_group_tests_name("weight_cache_places", tests, cache_play_set_up, cache_play_tear_down);
}
