#define _XOPEN_SOURCE 700
#include "support/cache_play.h"

#include <dirent.h>
#include <unistd.h>

#include "os.h"
#include "support/icn_test.h"

static void keep_log(void *user, icn_log_level level, const char *line) {
  cache_play *p = user;
  if (level == ICN_LOG_WARNING && strstr(line, "cache") != NULL) p->warnings++;
  const size_t length = strlen(p->log);
  snprintf(p->log + length, sizeof p->log - length, "%s\n", line);
}

int cache_play_set_up(void **state) {
  static cache_play p;
  snprintf(p.folder, sizeof p.folder, "weights-test-%lu", icn_os_process());
  p.file = api_model_write();
  p.device = getenv("ICN_TEST_DEVICE");
  api_fill(p.image, CACHE_IMAGE, 5);
  *state = &p;
  return 0;
}

int cache_play_tear_down(void **state) {
  cache_play *p = *state;
  cache_play_clear(p);
  (void)rmdir(p->folder);
  proto_free(&p->file);
  return 0;
}

icn_context *cache_play_context(cache_play *p, const char *folder) {
  const icn_logger logger = {p, ICN_LOG_DEBUG, keep_log};
  icn_context_options options;
  icn_context *context = NULL;
  icn_error error;
  icn_context_options_init(&options);
  options.logger = &logger;
  options.allocator = p->allocator;
  options.cache_dir = folder == NULL ? p->folder : folder;
  options.cache_bytes = p->cache_bytes;
  p->log[0] = '\0';
  p->warnings = 0;
  if (icn_context_create(&options, &context, &error) != ICN_OK) fail_msg("%s", error.message);
  context->weights_least = 0;
  if (icn_context_device_count(context) > 0) return context;
  icn_context_destroy(context);
  return NULL;
}

cache_outcome cache_play_run(cache_play *p, icn_context *context, const char *rows, icn_precision precision) {
  const icn_input_shape shape = {.name = NULL, .rank = 4, .dim = {1, 3, CACHE_SIDE, CACHE_SIDE}};
  icn_executor_options options;
  icn_executor *executor = NULL;
  icn_model *model = NULL;
  icn_error error;
  cache_outcome outcome = {.status = ICN_OK};
  float *outputs[] = {outcome.scores, NULL};
  const float *input = p->image;
  p->log[0] = '\0';
  icn_error_clear(&error);
  icn_executor_options_init(&options);
  options.shapes = &shape;
  options.shape_count = 1;
  options.forced_rows = rows;
  options.precision = precision;
  outcome.status = icn_context_find_device(context, p->device, &options.device, &error);
  if (outcome.status == ICN_OK) outcome.status = icn_model_load_memory(context, p->file.data, p->file.bytes, &model, &error);
  if (outcome.status == ICN_OK) outcome.status = icn_executor_create(model, &options, &executor, &error);
  if (outcome.status == ICN_OK) outcome.status = icn_executor_run(executor, &input, outputs, &error);
  if (outcome.status != ICN_OK && (outcome.status != ICN_NO_MEMORY || p->allocator == NULL)) fail_msg("%s", error.message);
  icn_executor_destroy(executor);
  icn_model_destroy(model);
  outcome.from_cache = cache_play_log_count(p, "from the cache in") > 0;
  outcome.packed = cache_play_log_count(p, "packed in") > 0;
  return outcome;
}

cache_outcome cache_play_once(cache_play *p, const char *folder, const char *rows) {
  icn_context *context = cache_play_context(p, folder);
  if (context == NULL) skip();
  const cache_outcome outcome = cache_play_run(p, context, rows, ICN_PRECISION_FP32);
  icn_context_destroy(context);
  return outcome;
}

void cache_play_assert_same(const cache_outcome *a, const cache_outcome *b) {
  assert_int_equal(a->status, ICN_OK);
  assert_int_equal(b->status, ICN_OK);
  assert_memory_equal(a->scores, b->scores, sizeof a->scores);
}

size_t cache_play_log_count(const cache_play *p, const char *words) {
  size_t count = 0;
  for (const char *at = strstr(p->log, words); at != NULL; at = strstr(at + 1, words)) count++;
  return count;
}

/* ------------------------------------------------------------------- files */

static bool ends_in(const char *text, const char *end) {
  return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

size_t cache_play_entries(const cache_play *p, char path[512]) {
  size_t count = 0;
  DIR *folder = opendir(p->folder);
  if (folder == NULL) return 0;
  for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
    if (entry->d_name[0] == '.' || ends_in(entry->d_name, ".bin")) continue;
    if (!ends_in(entry->d_name, ".weights")) fail_msg("'%s' was left in the cache", entry->d_name);
    if (count++ == 0) snprintf(path, 512, "%.200s/%.200s", p->folder, entry->d_name);
  }
  closedir(folder);
  return count;
}

void cache_play_clear(const cache_play *p) {
  DIR *folder = opendir(p->folder);
  if (folder == NULL) return;
  for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
    char path[512];
    snprintf(path, sizeof path, "%.200s/%.200s", p->folder, entry->d_name);
    if (entry->d_name[0] != '.') (void)icn_os_remove(path);
  }
  closedir(folder);
}

unsigned char *cache_play_read(const char *path, size_t *bytes) {
  icn_mapping mapping;
  assert_int_equal(icn_os_map(path, &mapping, NULL), ICN_OK);
  unsigned char *data = malloc((size_t)mapping.bytes + 1);
  assert_non_null(data);
  if (mapping.bytes > 0) memcpy(data, mapping.data, (size_t)mapping.bytes);
  *bytes = (size_t)mapping.bytes;
  icn_os_unmap(&mapping);
  return data;
}

void cache_play_write(const char *path, const unsigned char *data, size_t bytes) {
  assert_int_equal(icn_os_write_file(path, data, bytes, NULL), ICN_OK);
}
