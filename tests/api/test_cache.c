/* The cache of program binaries: hits, damage, a binary that the driver refuses, folders that cannot be written, two processes at once. */

#define _XOPEN_SOURCE 700 /* symlink */
#include "cache.h"
#include "os.h"
#include "share.h"
#include "support/api_model.h"
#include "support/icn_test.h"

#if !defined(_WIN32)
#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { SUBJECT = 40, HEADER_BYTES = 224, IMAGE = 3 * 16 * 16 };

typedef struct fixture {
  char folder[256];
  proto_writer file;
  float image[IMAGE], want[10];
  char log[65536];
  size_t warnings;
} fixture;

static void keep_log(void *user, icn_log_level level, const char *line) {
  fixture *f = user;
  if (level == ICN_LOG_WARNING) f->warnings++;
  const size_t length = strlen(f->log);
  snprintf(f->log + length, sizeof f->log - length, "%s\n", line);
}

static size_t count_in_log(const fixture *f, const char *words) {
  size_t count = 0;
  for (const char *at = strstr(f->log, words); at != NULL; at = strstr(at + 1, words)) count++;
  return count;
}

/* One classification with a fresh context whose cache is `folder`; the result is always right. Returns how many programs were compiled. */
static size_t classify(fixture *f, const char *folder, bool *opencl) {
  const icn_logger logger = {f, ICN_LOG_DEBUG, keep_log};
  const icn_input_shape shape = {.name = NULL, .rank = 4, .dim = {1, 3, 16, 16}};
  icn_context_options options;
  icn_executor_options executor_options;
  icn_context *context = NULL;
  icn_executor *executor = NULL;
  icn_error error;
  float scores[10], *outputs[] = {scores, NULL};
  const float *input = f->image;
  f->log[0] = '\0';
  f->warnings = 0;
  icn_context_options_init(&options);
  options.logger = &logger;
  options.cache_dir = folder;
  if (icn_context_create(&options, &context, &error) != ICN_OK) fail_msg("%s", error.message);
  *opencl = icn_context_device_count(context) > 0;
  icn_model *model = api_model_load(context, &f->file);
  icn_executor_options_init(&executor_options);
  executor_options.shapes = &shape;
  executor_options.shape_count = 1;
  if (*opencl) {
    if (icn_executor_create(model, &executor_options, &executor, &error) != ICN_OK) fail_msg("%s", error.message);
    if (icn_executor_run(executor, &input, outputs, &error) != ICN_OK) fail_msg("%s", error.message);
    assert_true(api_difference(scores, f->want, 10) < 1e-5);
    icn_executor_destroy(executor);
  }
  icn_model_destroy(model);
  icn_context_destroy(context);
  return count_in_log(f, "built '");
}

static void compute_expected(fixture *f) {
  const icn_input_shape shape = {.name = NULL, .rank = 4, .dim = {1, 3, 16, 16}};
  icn_executor_options options;
  icn_executor *executor = NULL;
  icn_error error;
  float *outputs[] = {f->want, NULL};
  const float *input = f->image;
  icn_context *context = api_context();
  icn_model *model = api_model_load(context, &f->file);
  icn_executor_options_init(&options);
  options.shapes = &shape;
  options.shape_count = 1;
  assert_int_equal(icn_context_find_device(context, "reference", &options.device, &error), ICN_OK);
  assert_int_equal(icn_executor_create(model, &options, &executor, &error), ICN_OK);
  assert_int_equal(icn_executor_run(executor, &input, outputs, &error), ICN_OK);
  icn_executor_destroy(executor);
  icn_model_destroy(model);
  icn_context_destroy(context);
}

typedef void entry_action(const char *path);

/* Applies `action` to every entry of the cache; returns their number. */
static size_t each_entry(const fixture *f, entry_action *action) {
  size_t count = 0;
  DIR *folder = opendir(f->folder);
  if (folder == NULL) return 0;
  for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
    const size_t length = strlen(entry->d_name);
    if (length < 4) continue;
    if (strcmp(entry->d_name + length - 4, ".bin") != 0) fail_msg("'%s' was left in the cache", entry->d_name);
    char path[600];
    snprintf(path, sizeof path, "%s/%s", f->folder, entry->d_name);
    if (action != NULL) action(path);
    count++;
  }
  closedir(folder);
  return count;
}

static void remove_entry(const char *path) { assert_true(icn_os_remove(path)); }

static int set_up(void **state) {
  static fixture f;
  snprintf(f.folder, sizeof f.folder, "cache-test-%lu", icn_os_process());
  f.file = api_model_write();
  api_fill(f.image, IMAGE, 5);
  *state = &f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  (void)each_entry(f, remove_entry);
  (void)rmdir(f->folder);
  proto_free(&f->file);
  return 0;
}

/* First of all, while this process has no OpenCL threads: two processes fill one empty cache, then both read it. */
static void two_processes_share_a_cache(void **state) {
  fixture *f = *state;
  pid_t children[2];
  for (int i = 0; i < 2; i++) {
    children[i] = fork();
    assert_true(children[i] >= 0);
    if (children[i] == 0) {
      bool opencl = false;
      compute_expected(f);
      (void)classify(f, f->folder, &opencl);
      const size_t built = classify(f, f->folder, &opencl);
      _exit(built == 0 ? 0 : 1); /* the second time nothing is compiled */
    }
  }
  for (int i = 0; i < 2; i++) {
    int status = 0;
    assert_int_equal(waitpid(children[i], &status, 0), children[i]);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
  }
  compute_expected(f);
}

static void programs_are_compiled_once(void **state) {
  fixture *f = *state;
  bool opencl = false;
  (void)each_entry(f, remove_entry);
  const size_t built = classify(f, f->folder, &opencl);
  if (!opencl) skip();
  assert_true(built > 0);
  assert_int_equal(each_entry(f, NULL), built);
  assert_int_equal(classify(f, f->folder, &opencl), 0);
  assert_int_equal(each_entry(f, NULL), built);
  assert_int_equal(classify(f, "none", &opencl), built);
}

static uint8_t *read_entry(const char *path, size_t *bytes) {
  icn_mapping mapping;
  assert_int_equal(icn_os_map(path, &mapping, NULL), ICN_OK);
  uint8_t *data = malloc((size_t)mapping.bytes);
  assert_non_null(data);
  memcpy(data, mapping.data, (size_t)mapping.bytes);
  *bytes = (size_t)mapping.bytes;
  icn_os_unmap(&mapping);
  return data;
}

static void write_entry(const char *path, const uint8_t *data, size_t bytes) {
  assert_int_equal(icn_os_write_file(path, data, bytes, NULL), ICN_OK);
}

static void flip_a_bit(const char *path) {
  size_t bytes;
  uint8_t *data = read_entry(path, &bytes);
  data[bytes - bytes / 3] ^= 16;
  write_entry(path, data, bytes);
  free(data);
}

static void cut_off(const char *path) {
  size_t bytes;
  uint8_t *data = read_entry(path, &bytes);
  write_entry(path, data, bytes / 2);
  free(data);
}

static void cut_off_in_the_header(const char *path) {
  size_t bytes;
  uint8_t *data = read_entry(path, &bytes);
  write_entry(path, data, HEADER_BYTES / 2);
  free(data);
}

static void empty(const char *path) { write_entry(path, (const uint8_t *)"", 0); }

static void claim_a_huge_length(const char *path) {
  size_t bytes;
  uint8_t *data = read_entry(path, &bytes);
  memset(data + 24, 0xFF, 8);
  write_entry(path, data, bytes);
  free(data);
}

/* A valid entry whose binary is none: only the driver can tell. */
static void replace_binary_by_noise(const char *path) {
  size_t bytes;
  uint8_t *data = read_entry(path, &bytes);
  assert_true(bytes > HEADER_BYTES);
  for (size_t i = HEADER_BYTES; i < bytes; i++) data[i] = (uint8_t)(i * 37 + 11);
  const uint64_t checksum = XXH3_64bits(data + SUBJECT, bytes - SUBJECT);
  memcpy(data + 32, &checksum, sizeof checksum);
  write_entry(path, data, bytes);
  free(data);
}

static const struct {
  entry_action *action;
  const char *words;
} DAMAGES[] = {{flip_a_bit, "checksum"},           {cut_off, "length"},
               {cut_off_in_the_header, "cut off"}, {empty, "cut off"},
               {claim_a_huge_length, "length"},    {replace_binary_by_noise, "refused"}};
enum { DAMAGE_COUNT = sizeof DAMAGES / sizeof DAMAGES[0] };

static size_t next_damage; /* entries are damaged in turn, each in another way */

static void damage(const char *path) { DAMAGES[next_damage++ % DAMAGE_COUNT].action(path); }

static void damage_falls_back_to_compiling(void **state) {
  fixture *f = *state;
  bool opencl = false, seen[DAMAGE_COUNT] = {false};
  (void)classify(f, f->folder, &opencl);
  if (!opencl) skip();
  for (next_damage = 0; next_damage < DAMAGE_COUNT;) {
    const size_t programs = each_entry(f, damage);
    assert_true(programs > 0);
    assert_int_equal(classify(f, f->folder, &opencl), programs);
    for (size_t i = 0; i < DAMAGE_COUNT; i++) seen[i] = seen[i] || count_in_log(f, DAMAGES[i].words) > 0;
    assert_int_equal(classify(f, f->folder, &opencl), 0); /* the entries were written anew */
  }
  for (size_t i = 0; i < DAMAGE_COUNT; i++) {
    if (!seen[i]) fail_msg("no line of the log says '%s'", DAMAGES[i].words);
  }
}

/* A sound entry of a program whose kernels no network needs. */
static struct {
  uint8_t *data;
  size_t bytes;
} foreign;

static void keep_as_foreign(const char *path) { foreign.data = read_entry(path, &foreign.bytes); }

static void make_foreign(const char *folder) {
  icn_context_options options;
  icn_context *context = NULL;
  const icn_device *device = NULL;
  icn_error error;
  double flop_per_second, bytes_per_second;
  icn_context_options_init(&options);
  options.cache_dir = folder;
  assert_int_equal(icn_context_create(&options, &context, &error), ICN_OK);
  assert_int_equal(icn_context_find_device(context, NULL, &device, &error), ICN_OK);
  if (icn_device_measure(context, device, &flop_per_second, &bytes_per_second, &error) != ICN_OK) fail_msg("%s", error.message);
  icn_context_destroy(context);
}

static void replace_by_foreign(const char *path) {
  size_t bytes;
  uint8_t *data = read_entry(path, &bytes);
  memcpy(foreign.data + 8, data + 8, 16); /* the key */
  write_entry(path, foreign.data, foreign.bytes);
  free(data);
}

static void a_binary_without_the_kernel_falls_back_to_compiling(void **state) {
  fixture *f = *state;
  bool opencl = false;
  const size_t programs = classify(f, "none", &opencl);
  if (!opencl) skip();
  (void)each_entry(f, remove_entry);
  make_foreign(f->folder);
  assert_int_equal(each_entry(f, keep_as_foreign), 1);
  (void)each_entry(f, remove_entry);
  (void)classify(f, f->folder, &opencl);
  assert_int_equal(each_entry(f, replace_by_foreign), programs);
  free(foreign.data);
  assert_int_equal(classify(f, f->folder, &opencl), programs);
  assert_true(count_in_log(f, "refused") >= programs);
  assert_int_equal(classify(f, f->folder, &opencl), 0); /* the entries were written anew */
}

static void a_folder_that_cannot_be_made_is_a_log_line(void **state) {
  fixture *f = *state;
  bool opencl = false;
  static const char BLOCKER[] = "cache-test-blocker";
  assert_int_equal(icn_os_write_file(BLOCKER, "x", 1, NULL), ICN_OK);
  const size_t built = classify(f, "cache-test-blocker/cache", &opencl);
  assert_true(icn_os_remove(BLOCKER));
  if (!opencl) skip();
  assert_int_equal(count_in_log(f, "cannot be made"), built);
  assert_true(built > 1);
  assert_int_equal(f->warnings, 1); /* one cause, one sentence */
  assert_int_equal(count_in_log(f, "cache-test-blocker/cache"), built);
}

static void a_read_only_folder_is_a_log_line(void **state) {
  fixture *f = *state;
  bool opencl = false;
  const char *folder = "/proc/sys/kernel"; /* nobody can make a file here, not even root */
  if (access(folder, R_OK) != 0) skip();
  const size_t built = classify(f, folder, &opencl);
  if (!opencl) skip();
  assert_true(built > 0);
  assert_int_equal(count_in_log(f, "is not kept"), built);
  assert_int_equal(f->warnings, 1);
}

static const char LINKED[] = "cache-test-linked";

static void point_elsewhere(const char *path) {
  char target[512];
  assert_non_null(getcwd(target, sizeof target - sizeof LINKED));
  strcat(strcat(target, "/"), LINKED);
  assert_true(icn_os_remove(path));
  assert_int_equal(symlink(target, path), 0);
}

/* As good as full: no file may be longer. Not by building programs, for which the driver writes files, too. */
static void a_full_disk_is_a_log_line(void **state) {
  fixture *f = *state;
  const icn_logger logger = {f, ICN_LOG_DEBUG, keep_log};
  static icn_share share;
  static const unsigned char BINARY[50000] = {1};
  struct rlimit limit, kept;
  icn_context_options options;
  icn_context *context = NULL;
  icn_error error;
  f->log[0] = '\0';
  f->warnings = 0;
  icn_context_options_init(&options);
  options.logger = &logger;
  options.cache_dir = f->folder;
  options.opencl_library = "none";
  if (icn_context_create(&options, &context, &error) != ICN_OK) fail_msg("%s", error.message);
  share.context = context;
  (void)each_entry(f, remove_entry);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &kept), 0);
  limit = kept;
  limit.rlim_cur = sizeof BINARY / 2;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
  for (uint8_t i = 0; i < 2; i++) icn_cache_store(&share, &(icn_cache_key){{i}}, "a.cl", BINARY, sizeof BINARY);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &kept), 0);
  assert_int_equal(count_in_log(f, "too large"), 2);
  assert_int_equal(f->warnings, 1);
  assert_int_equal(each_entry(f, remove_entry), 0); /* nor a part of one */
  icn_cache_store(&share, &(icn_cache_key){{0}}, "a.cl", BINARY, sizeof BINARY);
  assert_int_equal(each_entry(f, remove_entry), 1);
  icn_context_destroy(context);
}

/* What another user could have put there in the moment between asking whose the folder is and writing. */
static void a_link_is_replaced_not_followed(void **state) {
  fixture *f = *state;
  bool opencl = false;
  struct stat info;
  const size_t programs = classify(f, "none", &opencl);
  if (!opencl) skip();
  (void)classify(f, f->folder, &opencl);
  assert_int_equal(icn_os_write_file(LINKED, "x", 1, NULL), ICN_OK);
  assert_int_equal(each_entry(f, point_elsewhere), programs);
  assert_int_equal(classify(f, f->folder, &opencl), programs);
  assert_int_equal(stat(LINKED, &info), 0);
  assert_int_equal(info.st_size, 1); /* as it was */
  assert_true(icn_os_remove(LINKED));
  assert_int_equal(classify(f, f->folder, &opencl), 0);
  assert_int_equal(each_entry(f, remove_entry), programs);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(two_processes_share_a_cache),
      cmocka_unit_test(programs_are_compiled_once),
      cmocka_unit_test(damage_falls_back_to_compiling),
      cmocka_unit_test(a_binary_without_the_kernel_falls_back_to_compiling),
      cmocka_unit_test(a_folder_that_cannot_be_made_is_a_log_line),
      cmocka_unit_test(a_read_only_folder_is_a_log_line),
      cmocka_unit_test(a_full_disk_is_a_log_line),
      cmocka_unit_test(a_link_is_replaced_not_followed),
  };
  return cmocka_run_group_tests_name("cache", tests, set_up, tear_down);
}
#else
static void needs_posix(void **state) {
  (void)state;
  skip();
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(needs_posix)};
  return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
#endif
