#include "tune_file.h"

#include <stdio.h>
#include <string.h>

#include "context.h"

static const double LOCK_SECONDS = 20; /* a tuner holds it for milliseconds */

bool icn_tuning_default_path(char *path, size_t bytes) {
  char folder[4096];
  if (!icn_os_cache_folder(folder, sizeof folder)) return false;
  const int length = snprintf(path, bytes, "%s/tuning.txt", folder);
  return length > 0 && (size_t)length < bytes;
}

const char *icn_tuning_device(const icn_device_desc *desc, bool here, char text[ICN_TUNE_DEVICE_BYTES]) {
  icn_os_machine machine = {.processor = ""};
  char processor[sizeof machine.processor + sizeof machine.model + 2];
  if (here && desc->kind == ICN_DEVICE_CPU) icn_os_describe_machine(&machine);
  const bool both = machine.processor[0] != '\0' && machine.model[0] != '\0';
  snprintf(processor, sizeof processor, "%s%s%s", machine.processor, both ? ", " : "", machine.model);
  return icn_tunedb_device(desc, processor, text);
}

/* ----------------------------------------------------------------- reading */

/* A warning, once a context: `told` is its flag. */
static void complain(icn_context *context, bool *told, const char *sentence) {
  icn_mutex_lock(context->mutex);
  const bool first = !*told;
  *told = true;
  icn_mutex_unlock(context->mutex);
  if (first) icn_log(&context->logger, ICN_LOG_WARNING, "%s", sentence);
}

/* The user's lines. */
static icn_status load_file(icn_context *context, const icn_device_desc *desc, const char *device, icn_tunedb *db, icn_error *error) {
  char sentence[ICN_MESSAGE_BYTES];
  icn_mapping mapping;
  icn_error problem;
  icn_error_clear(&problem);
  if (icn_os_map(context->tune_file, &mapping, &problem) != ICN_OK) {
    snprintf(sentence, sizeof sentence, "no tuning file: %.400s", problem.message);
    complain(context, &context->tune_complained, sentence);
    return ICN_OK;
  }
  icn_status status = icn_tunedb_parse(db, mapping.data, (size_t)mapping.bytes, device, &context->allocator, &problem);
  icn_os_unmap(&mapping);
  if (status == ICN_FORMAT) {
    snprintf(sentence, sizeof sentence, "tuning file '%.200s' is not used: %.200s", context->tune_file, problem.message);
    complain(context, &context->tune_complained, sentence);
    return ICN_OK;
  }
  if (status != ICN_OK) return icn_error_set(error, status, "%s", problem.message);
  if (icn_tunedb_complaint(db, context->tune_file, sentence, sizeof sentence)) complain(context, &context->tune_complained, sentence);
  if (icn_tunedb_outdated(db, context->tune_file, sentence, sizeof sentence)) complain(context, &context->tune_outdated, sentence);
  icn_log(&context->logger, ICN_LOG_INFO, "tuning file '%s': %zu results for '%s', %zu for other devices, %zu of other versions",
          context->tune_file, db->count, desc->name, db->other_device, db->other_version);
  return ICN_OK;
}

icn_status icn_tuning_load(icn_context *context, const icn_device_desc *desc, bool here, icn_tunedb *db, icn_error *error) {
  char device[ICN_TUNE_DEVICE_BYTES];
  icn_status status = ICN_OK;
  memset(db, 0, sizeof *db);
  icn_arena_init(&db->arena, &context->allocator);
  if (context->tune_file == NULL && context->shipped_bytes == 0) return ICN_OK;
  (void)icn_tuning_device(desc, here, device);
  if (context->tune_file != NULL && icn_os_exists(context->tune_file)) ICN_TRY(load_file(context, desc, device, db, error));
  const size_t own = db->count;
  ICN_TRY(icn_tunedb_add_shipped(db, context->shipped, context->shipped_bytes, device, error));
  if (db->count > own)
    icn_log(&context->logger, ICN_LOG_INFO, "shipped tuning: %zu results for devices like '%s'", db->count - own, desc->name);
done:
  return status;
}

/* ----------------------------------------------------------------- writing */

static bool make_folder_of(const char *path) {
  char folder[4096];
  size_t length = strlen(path);
  while (length > 0 && path[length - 1] != '/' && path[length - 1] != '\\') length--;
  if (length <= 1) return true;
  if (length > sizeof folder) return false;
  memcpy(folder, path, length - 1);
  folder[length - 1] = '\0';
  return icn_os_make_folder(folder);
}

icn_status icn_tuning_check_path(const char *path, icn_error *error) {
  icn_os_lock lock;
  if (!make_folder_of(path)) return icn_error_set(error, ICN_IO, "cannot write '%s': its folder cannot be made", path);
  icn_status status = icn_os_lock_file(path, LOCK_SECONDS, &lock, error);
  if (status == ICN_OK) icn_os_unlock_file(&lock);
  return status;
}

static icn_status replace(const char *path, const char *added, const icn_allocator *allocator, icn_error *error) {
  icn_status status = ICN_OK;
  icn_mapping mapping = {NULL, 0, NULL};
  icn_text merged;
  icn_error problem;
  icn_error_clear(&problem);
  icn_text_init(&merged, allocator);
  if (icn_os_exists(path)) ICN_TRY(icn_os_map(path, &mapping, error));
  status = icn_tunedb_merge(mapping.data, (size_t)mapping.bytes, added, &merged, &problem);
  if (status != ICN_OK) ICN_FAIL(status, "cannot add to '%s': %s", path, problem.message);
  icn_os_unmap(&mapping);
  ICN_TRY(icn_os_write_file(path, merged.data, merged.length, error));
done:
  icn_os_unmap(&mapping);
  icn_text_fini(&merged);
  return status;
}

icn_status icn_tuning_store(const char *path, const char *added, const icn_allocator *allocator, icn_error *error) {
  icn_os_lock lock;
  icn_status status = icn_os_lock_file(path, LOCK_SECONDS, &lock, error);
  if (status != ICN_OK) return status;
  status = replace(path, added, allocator, error);
  icn_os_unlock_file(&lock);
  return status;
}
