#include "vetting.h"

#include <stdio.h>
#include <string.h>

#include "kernels_embedded.h"
#include "program.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

struct icn_vetting_kernel {
  int layer; /* the first */
  size_t layers;
  bool known; /* to be right */
  char hash[ICN_KERNEL_HASH_BYTES];
};

/* ------------------------------------------------------------ what is known */

static bool is_here(const icn_vetting *v, const icn_kernel_entry *entry) {
  return strcmp(entry->device, v->device) == 0 && strcmp(entry->driver, v->driver) == 0;
}

static bool is_left_behind(const icn_vetting *v, const icn_kernel_entry *entry) {
  return entry->state == ICN_KERNEL_RUNNING && is_here(v, entry) && icn_kernel_file_is_left_behind(entry, v->date);
}

static icn_status strike_all(void *user, icn_kernel_log *log, icn_error *error) {
  const icn_vetting *v = user;
  icn_status status = ICN_OK;
  for (size_t i = 0; i < log->count && status == ICN_OK;) {
    if (!is_left_behind(v, &log->entries[i])) {
      i++;
      continue;
    }
    status = icn_kernel_log_strike(log, i, v->date, error);
    i = 0;
  }
  return status;
}

static void cannot_write(icn_vetting *v, const icn_error *problem) {
  v->writes = false;
  icn_log(&v->executor->context->logger, ICN_LOG_INFO, "what is found out about kernels is not remembered: %s", problem->message);
}

/* Changes the file; a failure is noted, and nothing is tried again but to take a marker away. */
static void edit(icn_vetting *v, icn_kernel_edit *change) {
  icn_kernel_log log;
  icn_error problem;
  icn_error_clear(&problem);
  if (!v->writes) return;
  if (icn_kernel_file_edit(v->executor->context, change, v, &log, &problem) == ICN_OK)
    v->marker_stays = v->marked != NULL;
  else
    cannot_write(v, &problem);
  icn_kernel_log_fini(&log);
}

/* As it stands in the file. */
static void plain_text(char *text) {
  if (text[0] == '\0') snprintf(text, 2, "-");
  for (char *c = text; *c != '\0'; c++)
    if ((unsigned char)*c < ' ' || *c == 0x7F) *c = ' ';
}

icn_status icn_vetting_begin(icn_vetting *v, icn_executor *executor, icn_self_test mode, icn_error *error) {
  const icn_device_desc *desc = icn_runtime_desc(executor->runtime);
  bool left_behind = false;
  memset(v, 0, sizeof *v);
  v->executor = executor;
  v->on = mode != ICN_SELF_TEST_OFF;
  v->always = mode == ICN_SELF_TEST_ALWAYS;
  v->writes = v->on && executor->context->cache_dir != NULL;
  icn_kernel_log_init(&v->log, &executor->context->allocator);
  icn_kernel_log_init(&v->found, &executor->context->allocator);
  icn_arena_init(&v->arena, &executor->context->allocator);
  if (!v->on) return ICN_OK;
  snprintf(v->device, sizeof v->device, "%.180s on %.180s", desc->name, desc->platform);
  snprintf(v->driver, sizeof v->driver, "%.380s", desc->driver);
  plain_text(v->device);
  plain_text(v->driver);
  icn_os_date(v->date);
  icn_os_process_mark(v->process);
  const size_t length = strlen(v->process);
  snprintf(v->process + length, sizeof v->process - length, ".%llx", (unsigned long long)(uintptr_t)v);
  icn_status status = icn_kernel_file_load(executor->context, &v->log, error);
  for (size_t i = 0; i < v->log.count; i++) left_behind = left_behind || is_left_behind(v, &v->log.entries[i]);
  if (status != ICN_OK || !left_behind) return status;
  edit(v, strike_all);
  return strike_all(v, &v->log, error);
}

/* The entry that keeps a row from being used here, NULL without one. */
static const icn_kernel_entry *quarantine_of(const icn_vetting *v, const char *row) {
  for (size_t i = 0; i < v->log.count; i++) {
    const icn_kernel_entry *entry = &v->log.entries[i];
    if (entry->state == ICN_KERNEL_REFUSED) continue; /* a kernel, not a row */
    if (strcmp(entry->row, row) == 0 && is_here(v, entry) && icn_kernel_is_out(entry, v->date)) return entry;
  }
  return NULL;
}

/* Tests of this process count where there is no file, or it cannot be written. */
static bool tested_in_context(const icn_vetting *v, const char *hash) {
  icn_context *context = v->executor->context;
  bool found = false;
  icn_mutex_lock(context->mutex);
  for (size_t i = 0; i < context->right_count && !found; i++) found = strcmp(context->right[i].hash, hash) == 0;
  icn_mutex_unlock(context->mutex);
  return found;
}

/* Without memory it is tested again. */
static void remember_in_context(const icn_vetting *v, const char *hash) {
  enum { ROOM = 64 };
  icn_context *context = v->executor->context;
  icn_mutex_lock(context->mutex);
  if (context->right_count % ROOM == 0) {
    icn_right_kernel *grown = icn_allocate_array(&context->allocator, context->right_count + ROOM, sizeof *grown);
    if (grown != NULL && context->right_count > 0) memcpy(grown, context->right, context->right_count * sizeof *grown);
    if (grown != NULL) icn_release(&context->allocator, context->right);
    if (grown != NULL) context->right = grown;
    if (grown == NULL) goto done;
  }
  snprintf(context->right[context->right_count++].hash, ICN_KERNEL_HASH_BYTES, "%s", hash);
done:
  icn_mutex_unlock(context->mutex);
}

/* --------------------------------------------------------------- the kernels */

/* Keys of programs that several layers use. */
typedef struct program_memo {
  const icn_launch *launch;
  icn_cache_key key;
} program_memo;

typedef struct hashing {
  icn_vetting *v;
  icn_cache_key sources; /* of the library's kernels, all together: to expand each program's costs a start too much */
  program_memo *memo;    /* of kernels from a folder */
  size_t memo_count;
} hashing;

static void hash_bytes(XXH3_state_t *state, const void *data, size_t bytes) {
  const uint64_t length = bytes;
  (void)XXH3_128bits_update(state, &length, sizeof length);
  (void)XXH3_128bits_update(state, data, bytes);
}

static void end_hash(const XXH3_state_t *state, icn_cache_key *key) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state));
  memcpy(key->bytes, canonical.digest, sizeof key->bytes);
}

static void hash_sources(icn_cache_key *key) {
  XXH3_state_t state;
  XXH3_INITSTATE(&state);
  (void)XXH3_128bits_reset(&state);
  for (size_t i = 0; i < icn_kernel_source_count; i++) {
    hash_bytes(&state, icn_kernel_sources[i].name, strlen(icn_kernel_sources[i].name));
    hash_bytes(&state, icn_kernel_sources[i].text, icn_kernel_sources[i].bytes);
  }
  end_hash(&state, key);
}

static icn_status program_key(hashing *h, const icn_launch *launch, icn_cache_key *key, icn_error *error) {
  *key = h->sources;
  if (launch->kind != ICN_LAUNCH_KERNEL || h->v->executor->context->kernel_dir == NULL) return ICN_OK;
  for (size_t i = 0; i < h->memo_count; i++) {
    const icn_launch *known = h->memo[i].launch;
    if (strcmp(known->file, launch->file) != 0 || strcmp(known->options, launch->options) != 0 ||
        strcmp(known->kernel, launch->kernel) != 0)
      continue;
    *key = h->memo[i].key;
    return ICN_OK;
  }
  const icn_status status = icn_program_key(h->v->executor->runtime->share, launch->file, launch->options, launch->kernel, key, error);
  if (status == ICN_OK) h->memo[h->memo_count++] = (program_memo){launch, *key};
  return status;
}

static void hash_launch(XXH3_state_t *state, const icn_device_desc *desc, const icn_launch *launch, const icn_cache_key *key) {
  char options[ICN_PROGRAM_OPTIONS_BYTES];
  uint64_t sizes[7] = {launch->dims};
  for (int k = 0; k < 3; k++) {
    sizes[1 + k] = launch->global[k];
    sizes[4 + k] = launch->local[k];
  }
  hash_bytes(state, key->bytes, sizeof key->bytes);
  hash_bytes(state, sizes, sizeof sizes);
  if (launch->kind != ICN_LAUNCH_KERNEL) return; /* a library's */
  icn_program_options(desc, launch->options, options);
  const char *const texts[] = {launch->file, options, launch->kernel};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) hash_bytes(state, texts[i], strlen(texts[i]));
}

/* Everything that makes this kernel what it is on this device and driver, as hexadecimal digits. */
static icn_status hash_layer(hashing *h, const icn_plan_layer *layer, char hash[ICN_KERNEL_HASH_BYTES], icn_error *error) {
  icn_status status = ICN_OK;
  XXH3_state_t state;
  icn_cache_key whole;
  char key[ICN_KEY_BYTES];
  const icn_device_desc *desc = icn_runtime_desc(h->v->executor->runtime);
  const char *const texts[] = {
      desc->platform, desc->name, desc->driver, icn_version(), layer->choice.row->name, icn_problem_key(&layer->problem, key)};
  XXH3_INITSTATE(&state);
  (void)XXH3_128bits_reset(&state);
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) hash_bytes(&state, texts[i], strlen(texts[i]));
  const uint32_t numbers[] = {(uint32_t)sizeof(void *), desc->vector_width}; /* one folder may serve processes of both sizes */
  hash_bytes(&state, numbers, sizeof numbers);
  hash_bytes(&state, &desc->quirks, sizeof desc->quirks); /* work-arounds may make the difference */
  hash_bytes(&state, layer->choice.config.value, sizeof layer->choice.config.value);
  for (int i = 0; i < layer->emit.launch_count; i++) {
    icn_cache_key program;
    ICN_TRY(program_key(h, &layer->emit.launch[i], &program, error));
    hash_launch(&state, desc, &layer->emit.launch[i], &program);
  }
  end_hash(&state, &whole);
  for (int i = 0; i < 16; i++) snprintf(hash + 2 * i, 3, "%02x", whole.bytes[i]);
done:
  return status;
}

static icn_status list_kernels(icn_vetting *v, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_plan *plan = &v->executor->plan;
  hashing h = {.v = v};
  hash_sources(&h.sources);
  icn_arena_fini(&v->arena);
  v->kernel_count = 0;
  v->kernels = icn_arena_array(&v->arena, plan->layer_count, sizeof *v->kernels);
  v->kernel_of = icn_arena_array(&v->arena, plan->layer_count, sizeof *v->kernel_of);
  h.memo = icn_arena_array(&v->arena, plan->step_count, sizeof *h.memo);
  ICN_REQUIRE(v->kernels != NULL && v->kernel_of != NULL && h.memo != NULL, ICN_NO_MEMORY, "out of memory: the plan's kernels");
  for (size_t i = 0; i < plan->layer_count; i++) {
    char hash[ICN_KERNEL_HASH_BYTES];
    size_t k = 0;
    ICN_TRY(hash_layer(&h, &plan->layers[i], hash, error));
    while (k < v->kernel_count && strcmp(v->kernels[k].hash, hash) != 0) k++;
    if (k == v->kernel_count) {
      v->kernels[v->kernel_count++] = (icn_vetting_kernel){.layer = (int)i};
      memcpy(v->kernels[k].hash, hash, sizeof hash);
    }
    v->kernels[k].layers++;
    v->kernel_of[i] = (int)k;
  }
done:
  return status;
}

/* The outcome that is known; NULL: it has to be tested. */
static const icn_kernel_entry *outcome_of(const icn_vetting *v, const char *hash) {
  const icn_kernel_entry *entry = icn_kernel_log_tested(&v->found, hash);
  return entry != NULL || v->always ? entry : icn_kernel_log_tested(&v->log, hash);
}

/* Fails with what is known against a layer's kernel or its row. */
static icn_status object(icn_vetting *v, const icn_plan_layer *layer, const icn_kernel_entry *outcome, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_kernel_entry *out = quarantine_of(v, layer->choice.row->name);
  if (out != NULL)
    ICN_FAIL(ICN_DEVICE, "a process ended while it was run for the first time (%s%s; see 'clinception quarantine')", out->date,
             out->state == ICN_KERNEL_CRASHED_TWICE ? ", and once before" : "");
  if (outcome != NULL && outcome->state == ICN_KERNEL_WRONG)
    ICN_FAIL(ICN_MISMATCH, "its self-test for layer '%s' has failed (%s; see 'clinception quarantine'): %s", layer->name, outcome->date,
             outcome->note);
  if (outcome == NULL || outcome->state != ICN_KERNEL_REFUSED || !icn_kernel_is_out(outcome, v->date) || v->tries_refused) goto done;
  v->refused_from_memory = true;
  ICN_FAIL(ICN_BUILD, "it was not built for layer '%s' (%s; see 'clinception quarantine'): %s", layer->name, outcome->date, outcome->note);
done:
  return status;
}

icn_status icn_vetting_plan(icn_vetting *v, const char **refused, icn_error *error) {
  icn_status status = ICN_OK;
  size_t known = 0;
  const double start = icn_os_seconds();
  if (!v->on) return ICN_OK;
  ICN_TRY(list_kernels(v, error));
  for (size_t k = 0; k < v->kernel_count; k++) {
    icn_vetting_kernel *kernel = &v->kernels[k];
    const icn_plan_layer *layer = &v->executor->plan.layers[kernel->layer];
    const icn_kernel_entry *outcome = outcome_of(v, kernel->hash);
    if (v->watch == NULL) status = object(v, layer, outcome, error);
    if (status != ICN_OK) {
      *refused = layer->choice.row->name;
      goto done;
    }
    kernel->known = (outcome != NULL && outcome->state == ICN_KERNEL_RIGHT) || (!v->always && tested_in_context(v, kernel->hash));
    known += kernel->known;
  }
  icn_log(&v->executor->context->logger, ICN_LOG_DEBUG, "self-test: %zu of the plan's %zu kernels are known, looked up in %.4f s", known,
          v->kernel_count, icn_os_seconds() - start);
done:
  return status;
}

bool icn_vetting_tries_again(icn_vetting *v) {
  const bool again = v->refused_from_memory && !v->tries_refused;
  v->tries_refused = true;
  return again;
}

/* ------------------------------------------------------------------- markers */

static icn_kernel_entry entry_of(const icn_vetting *v, icn_kernel_state state, const char *row) {
  return (icn_kernel_entry){
      .state = state, .device = v->device, .driver = v->driver, .library = icn_version(), .row = row, .date = v->date};
}

/* Only the marker of v->marked stays of ours; other threads of this process have theirs. */
static icn_status set_marker(void *user, icn_kernel_log *log, icn_error *error) {
  const icn_vetting *v = user;
  for (size_t i = log->count; i-- > 0;) {
    const icn_kernel_entry *entry = &log->entries[i];
    if (entry->state == ICN_KERNEL_RUNNING && is_here(v, entry) && strcmp(entry->process, v->process) == 0) icn_kernel_log_remove(log, i);
  }
  if (v->marked == NULL) return ICN_OK;
  icn_kernel_entry marker = entry_of(v, ICN_KERNEL_RUNNING, v->marked);
  marker.process = v->process;
  marker.note = v->building ? ICN_KERNEL_BUILDING : NULL;
  return icn_kernel_log_put(log, &marker, error);
}

static void mark(icn_vetting *v, const char *row, bool building) {
  if (row == v->marked && (row == NULL || building == v->building)) return;
  v->marked = row;
  v->building = building;
  edit(v, set_marker);
}

void icn_vetting_enter(icn_vetting *v, size_t layer) {
  if (!v->on) return;
  mark(v, v->kernels[v->kernel_of[layer]].known ? NULL : v->executor->plan.layers[layer].choice.row->name, true);
}

/* --------------------------------------------------------------------- tests */

static void config_text(const icn_config *config, char *text, size_t bytes) {
  size_t length = 0;
  for (size_t i = 0; i < sizeof config->value / sizeof config->value[0] && length < bytes; i++)
    length += (size_t)snprintf(text + length, bytes - length, "%s%d", i == 0 ? "" : ",", (int)config->value[i]);
}

static icn_status note_outcome(icn_vetting *v, const icn_vetting_kernel *kernel, icn_kernel_state state, const char *note,
                               icn_error *error) {
  char config[100], key[ICN_KEY_BYTES];
  const icn_plan_layer *layer = &v->executor->plan.layers[kernel->layer];
  icn_kernel_entry entry = entry_of(v, state, layer->choice.row->name);
  config_text(&layer->choice.config, config, sizeof config);
  entry.config = config;
  entry.problem = icn_problem_key(&layer->problem, key);
  entry.kernel = kernel->hash;
  entry.note = note;
  if (state == ICN_KERNEL_RIGHT) remember_in_context(v, kernel->hash);
  return icn_kernel_log_put(&v->found, &entry, error);
}

void icn_vetting_refused(icn_vetting *v, size_t layer, const icn_error *problem) {
  if (v->on) (void)note_outcome(v, &v->kernels[v->kernel_of[layer]], ICN_KERNEL_REFUSED, problem->message, NULL);
}

static icn_status test_kernel(icn_vetting *v, icn_vetting_kernel *kernel, const char **refused, icn_error *error) {
  icn_status status = ICN_OK;
  char key[ICN_KEY_BYTES];
  const icn_plan_layer *layer = &v->executor->plan.layers[kernel->layer];
  icn_vetted result = {
      .layer = layer->name, .row = layer->choice.row->name, .problem = icn_problem_key(&layer->problem, key), .layers = kernel->layers};
  const double start = icn_os_seconds();
  ICN_TRY(icn_selftest_layer(v->executor, (size_t)kernel->layer, &v->room, &result.check, error));
  result.seconds = icn_os_seconds() - start;
  v->seconds += result.seconds;
  v->tested++;
  kernel->known = true;
  ICN_TRY(note_outcome(v, kernel, result.check.wrong ? ICN_KERNEL_WRONG : ICN_KERNEL_RIGHT, result.check.text, error));
  if (v->watch != NULL) v->watch->tested(v->watch->user, &result, v->tested, v->kernel_count);
  if (!result.check.wrong || v->watch != NULL) goto done;
  *refused = result.row;
  ICN_FAIL(ICN_MISMATCH, "its self-test for layer '%s' fails: %s", result.layer, result.check.text);
done:
  return status;
}

/* Row by row, so that the marker changes as seldom as can be. */
icn_status icn_vetting_run(icn_vetting *v, const char **refused, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_plan_layer *layers = v->executor->plan.layers;
  for (size_t first = 0; first < v->kernel_count; first++) {
    if (v->kernels[first].known) continue;
    const icn_row *row = layers[v->kernels[first].layer].choice.row;
    mark(v, row->name, false);
    for (size_t k = first; k < v->kernel_count; k++)
      if (!v->kernels[k].known && layers[v->kernels[k].layer].choice.row == row) ICN_TRY(test_kernel(v, &v->kernels[k], refused, error));
  }
done:
  return status;
}

/* A row that was out for a day, and is right now, is as good as another. */
static icn_status store(void *user, icn_kernel_log *log, icn_error *error) {
  icn_status status = set_marker(user, log, error);
  const icn_vetting *v = user;
  for (size_t i = 0; i < v->found.count && status == ICN_OK; i++) {
    for (size_t k = log->count; k-- > 0;) {
      const icn_kernel_entry *entry = &log->entries[k];
      const bool crash = entry->state == ICN_KERNEL_CRASHED || entry->state == ICN_KERNEL_STOPPED;
      if (v->found.entries[i].state != ICN_KERNEL_REFUSED && crash && strcmp(entry->row, v->found.entries[i].row) == 0 && is_here(v, entry))
        icn_kernel_log_remove(log, k);
    }
    if (v->found.entries[i].state == ICN_KERNEL_REFUSED && !v->succeeded) continue;
    status = icn_kernel_log_put(log, &v->found.entries[i], error);
  }
  return status;
}

void icn_vetting_end(icn_vetting *v) {
  icn_selftest_room_free(&v->room, v->executor);
  v->marked = NULL;
  if (v->marker_stays) v->writes = true; /* whatever failed since: the next start would take it for a crash of an innocent row */
  if (v->marker_stays || v->found.count > 0) edit(v, store);
  if (v->marker_stays) { /* memory that was not there may be there now */
    v->writes = true;
    edit(v, set_marker);
  }
  if (v->tested > 0) icn_log(&v->executor->context->logger, ICN_LOG_INFO, "self-test: %zu kernels in %.3f s", v->tested, v->seconds);
  icn_kernel_log_fini(&v->log);
  icn_kernel_log_fini(&v->found);
  icn_arena_fini(&v->arena);
}

icn_status icn_vetting_all(icn_executor *executor, const icn_vetting_watch *watch, icn_error *error) {
  icn_status status = ICN_OK;
  icn_vetting v;
  const char *refused = NULL;
  if (!executor->context->keep_constants)
    return icn_error_set(error, ICN_STATE, "the executor has given back the constants that its kernels are tested with");
  ICN_TRY(icn_vetting_begin(&v, executor, ICN_SELF_TEST_ALWAYS, error));
  v.watch = watch;
  ICN_TRY(icn_vetting_plan(&v, &refused, error));
  ICN_TRY(icn_vetting_run(&v, &refused, error));
done:
  icn_vetting_end(&v);
  return status;
}
