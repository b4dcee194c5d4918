#include "kernel_file.h"

#include <stdio.h>
#include <string.h>

static const double LOCK_SECONDS = 5; /* whoever has it has it for a millisecond */
enum { ELSEWHERE_SECONDS = 60 * 60 }; /* no first start takes as long */

bool icn_kernel_file_path(const icn_context *context, char *path, size_t bytes) {
  if (context->cache_dir == NULL) return false;
  const int length = snprintf(path, bytes, "%s/kernels.txt", context->cache_dir);
  return length > 0 && (size_t)length < bytes;
}

/* A warning, once a context. */
static void complain(icn_context *context, const char *sentence) {
  icn_mutex_lock(context->mutex);
  const bool first = !context->kernels_complained;
  context->kernels_complained = true;
  icn_mutex_unlock(context->mutex);
  if (first) icn_log(&context->logger, ICN_LOG_WARNING, "%s", sentence);
}

static icn_status read_file(icn_context *context, const char *path, icn_kernel_log *log, icn_error *error) {
  char sentence[ICN_MESSAGE_BYTES];
  icn_mapping mapping;
  icn_error problem;
  icn_error_clear(&problem);
  if (!icn_os_exists(path)) return ICN_OK;
  icn_status status = icn_os_map(path, &mapping, &problem);
  if (status == ICN_OK) {
    status = icn_kernel_log_parse(log, mapping.data, (size_t)mapping.bytes, &problem);
    icn_os_unmap(&mapping);
  }
  if (status == ICN_NO_MEMORY) return icn_error_set(error, status, "%s", problem.message);
  if (status != ICN_OK) {
    snprintf(sentence, sizeof sentence, "what is known of kernels is not used: '%.200s': %.200s", path, problem.message);
    complain(context, sentence);
  } else if (icn_kernel_log_complaint(log, path, sentence, sizeof sentence)) {
    complain(context, sentence);
  }
  return ICN_OK;
}

icn_status icn_kernel_file_load(icn_context *context, icn_kernel_log *log, icn_error *error) {
  char path[4096];
  icn_kernel_log_init(log, &context->allocator);
  return icn_kernel_file_path(context, path, sizeof path) ? read_file(context, path, log, error) : ICN_OK;
}

static icn_status write_file(const char *path, const icn_kernel_log *log, icn_error *error) {
  icn_text text;
  icn_text_init(&text, &log->arena.allocator);
  icn_kernel_log_print(log, &text);
  icn_status status = ICN_OK;
  if (text.failed || text.data == NULL)
    status = icn_error_memory(error, text.length + 1, "what is known of kernels");
  else
    status = icn_os_write_file(path, text.data, text.length, error);
  icn_text_fini(&text);
  return status;
}

icn_status icn_kernel_file_edit(icn_context *context, icn_kernel_edit *edit, void *user, icn_kernel_log *log, icn_error *error) {
  icn_status status = ICN_OK;
  char path[4096];
  icn_os_lock lock;
  icn_kernel_log_init(log, &context->allocator);
  ICN_REQUIRE(icn_kernel_file_path(context, path, sizeof path), ICN_IO, "there is no cache folder");
  ICN_REQUIRE(icn_os_make_folder(context->cache_dir), ICN_IO, "the cache folder '%s' cannot be made", context->cache_dir);
  ICN_TRY(icn_os_lock_file(path, LOCK_SECONDS, &lock, error));
  status = read_file(context, path, log, error);
  if (status == ICN_OK) status = edit(user, log, error);
  if (status == ICN_OK) status = write_file(path, log, error);
  icn_os_unlock_file(&lock);
done:
  return status;
}

bool icn_kernel_file_is_left_behind(const icn_kernel_entry *marker, const char *now) {
  if (!icn_os_process_is_elsewhere(marker->process)) return !icn_os_process_is_alive(marker->process);
  const int64_t since = icn_date_seconds(now) - icn_date_seconds(marker->date);
  return since > ELSEWHERE_SECONDS || since < -ELSEWHERE_SECONDS; /* clocks differ a little */
}
