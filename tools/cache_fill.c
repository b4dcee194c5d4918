#include "cache_fill.h"

#include <stdio.h>
#include <string.h>

#include "json.h"
#include "os.h"
#include "terminal.h"

/* What the folder holds, by kind. */
typedef struct holding {
  size_t programs, weights;
  double bytes;
} holding;

typedef struct fill {
  const session_options *options;
  session s;
  cJSON *results; /* NULL: printed as text */
} fill;

const char *cache_fill_option(const session_options *o) {
  const struct {
    const char *name;
    bool given;
  } options[] = {
      {"device", o->device != NULL},         {"batch", o->batch != 0},         {"cores", o->cores != 0},
      {"memory-limit", o->memory_limit > 0}, {"tuning", o->tune_file != NULL}, {"shape", o->shapes.count > 0},
      {"passes-off", o->passes_off != NULL}, {"rows", o->rows != NULL},        {"exact", o->exact},
      {"precision", o->precision != NULL},   {"weights", o->weights != NULL},
  };
  for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
    if (options[i].given) return options[i].name;
  return NULL;
}

static int count_entries(const icn_context *context, holding *held) {
  icn_cache_listing *listing = NULL;
  icn_error error;
  memset(held, 0, sizeof *held);
  if (icn_cache_list(context, false, &listing, &error) != ICN_OK) return tool_error(&error);
  for (size_t i = 0; i < icn_cache_listing_count(listing); i++) {
    const icn_cache_entry entry = icn_cache_listing_entry(listing, i);
    held->programs += entry.kind == ICN_CACHE_PROGRAM;
    held->weights += entry.kind == ICN_CACHE_WEIGHTS;
    held->bytes += (double)entry.bytes;
  }
  icn_cache_listing_destroy(listing);
  return TOOL_OK;
}

static void tell(const fill *f, const char *path, const icn_device *device, double seconds, const holding *before, const holding *after) {
  char title[DEVICE_TITLE_BYTES], size[BYTES_TEXT_BYTES];
  const size_t programs = after->programs > before->programs ? after->programs - before->programs : 0;
  const bool weights = after->weights > before->weights;
  const double bytes = after->bytes > before->bytes ? after->bytes - before->bytes : 0;
  if (f->results != NULL) {
    cJSON *o = json_object_in(f->results);
    cJSON_AddStringToObject(o, "model", path);
    cJSON_AddStringToObject(o, "device", icn_device_get_info(device).name);
    cJSON_AddNumberToObject(o, "seconds", seconds);
    json_whole(o, "programs_added", programs);
    cJSON_AddBoolToObject(o, "weights_added", weights);
    json_whole(o, "bytes_added", (uint64_t)bytes);
    return;
  }
  printf("%s on %s: ", path, device_title(device, title));
  if (programs == 0 && !weights)
    printf("nothing to add (%.1f s)\n", seconds);
  else
    printf("%zu programs%s added, %s, in %.1f s\n", programs, weights ? " and its packed weights" : "", bytes_text(bytes, size), seconds);
}

static int fill_one(fill *f, const char *path, const icn_device *device) {
  icn_model *model = NULL;
  icn_executor *executor = NULL;
  holding before, after;
  const double began = icn_os_seconds();
  if (icn_device_get_info(device).kind == ICN_DEVICE_REFERENCE)
    return tool_usage("cache fill: the reference device is plain C and keeps nothing");
  int code = count_entries(f->s.context, &before);
  if (code == TOOL_OK) code = session_load_model(&f->s, f->options, path, &model);
  if (code == TOOL_OK) code = session_executor(&f->s, f->options, model, device, false, false, &executor);
  icn_executor_destroy(executor);
  icn_model_destroy(model);
  if (code == TOOL_OK) code = count_entries(f->s.context, &after);
  if (code == TOOL_OK) tell(f, path, device, icn_os_seconds() - began, &before, &after);
  return code;
}

/* What cannot be kept the library says as a warning. */
static void count_complaints(void *user, icn_log_level level, const char *line) {
  size_t *complaints = user;
  if (level != ICN_LOG_WARNING) return;
  fprintf(stderr, "clinception: warning: %s\n", line);
  *complaints += strstr(line, "cache") != NULL;
}

static int fill_all(fill *f, const char *const *models, size_t count) {
  int code = session_open(&f->s, "cache fill", f->options);
  for (size_t i = 0; i < count && code == TOOL_OK; i++)
    for (size_t d = 0; d < f->s.device_count && code == TOOL_OK; d++) code = fill_one(f, models[i], f->s.devices[d]);
  return code;
}

int cache_fill(const session_options *options, const char *const *models, size_t count, bool json) {
  session_options own = *options;
  size_t complaints = 0;
  const icn_logger logger = {&complaints, ICN_LOG_WARNING, count_complaints};
  own.keep_programs = true;
  own.logger = &logger;
  fill f = {.options = &own, .results = json ? cJSON_CreateArray() : NULL};
  int code = fill_all(&f, models, count);
  cJSON *root = json ? cJSON_CreateObject() : NULL;
  if (json && code == TOOL_OK) cJSON_AddStringToObject(root, "folder", icn_context_cache_folder(f.s.context));
  if (json) cJSON_AddItemToObject(root, "filled", f.results);
  session_close(&f.s);
  if (code == TOOL_OK && complaints > 0) code = tool_fail("not everything could be kept, as the warning says");
  if (json && code == TOOL_OK) return json_print(root);
  cJSON_Delete(root);
  return code;
}
