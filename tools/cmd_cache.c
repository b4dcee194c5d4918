/* clinception cache: what is kept between runs, and how to be rid of it. */
#include <stdio.h>
#include <string.h>

#include "cache_fill.h"
#include "commands.h"
#include "json.h"
#include "os.h"

typedef struct cache {
  icn_context *context;
  icn_cache_listing *listing;
  bool json, repair;
  const char *folder;
  session_options so; /* of fill */
} cache;

static const char *kind_name(icn_cache_kind kind) {
  return kind == ICN_CACHE_PROGRAM ? "program" : kind == ICN_CACHE_WEIGHTS ? "weights" : "leftover";
}

/* "just now", "3 hours ago" */
static const char *age_text(int64_t then, char text[COUNT_TEXT_BYTES + 8]) {
  static const struct {
    int64_t seconds;
    const char *name;
  } UNITS[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}};
  char count[COUNT_TEXT_BYTES];
  const int64_t age = icn_os_clock() - then;
  for (size_t i = 0; i < sizeof UNITS / sizeof UNITS[0]; i++) {
    if (age < UNITS[i].seconds) continue;
    snprintf(text, COUNT_TEXT_BYTES + 8, "%s ago", count_text((size_t)(age / UNITS[i].seconds), UNITS[i].name, count));
    return text;
  }
  return "just now";
}

static double bytes_of(const cache *c, icn_cache_kind kind) {
  double bytes = 0;
  for (size_t i = 0; i < icn_cache_listing_count(c->listing); i++) {
    const icn_cache_entry entry = icn_cache_listing_entry(c->listing, i);
    if (kind == 0 || entry.kind == kind) bytes += (double)entry.bytes;
  }
  return bytes;
}

static bool is_damaged(const icn_cache_entry *entry) { return entry->problem[0] != '\0'; }

/* ------------------------------------------------------------------- JSON */

static cJSON *start_json(const cache *c) {
  cJSON *root = cJSON_CreateObject();
  cJSON_AddStringToObject(root, "folder", c->folder);
  json_whole(root, "weights_limit_bytes", icn_context_cache_bytes(c->context));
  return root;
}

static void add_entry(cJSON *list, const icn_cache_entry *entry) {
  cJSON *o = json_object_in(list);
  cJSON_AddStringToObject(o, "kind", kind_name(entry->kind));
  cJSON_AddStringToObject(o, "name", entry->name);
  cJSON_AddStringToObject(o, "for", entry->subject);
  json_whole(o, "bytes", entry->bytes);
  json_whole(o, "last_used", entry->last_used < 0 ? 0 : (uint64_t)entry->last_used);
  if (is_damaged(entry))
    cJSON_AddStringToObject(o, "problem", entry->problem);
  else
    cJSON_AddNullToObject(o, "problem");
}

/* ---------------------------------------------------------------- actions */

static int list(const cache *c) {
  const size_t count = icn_cache_listing_count(c->listing);
  char size[BYTES_TEXT_BYTES], limit[BYTES_TEXT_BYTES], number[COUNT_TEXT_BYTES], age[COUNT_TEXT_BYTES + 8];
  cJSON *root = c->json ? start_json(c) : NULL, *entries = c->json ? cJSON_AddArrayToObject(root, "entries") : NULL;
  table t;
  table_init(&t, "lrll");
  table_add(&t, "kind"), table_add(&t, "size"), table_add(&t, "last used"), table_add(&t, "for");
  for (size_t i = 0; i < count; i++) {
    const icn_cache_entry entry = icn_cache_listing_entry(c->listing, i);
    if (c->json) add_entry(entries, &entry);
    table_add(&t, "%s", kind_name(entry.kind));
    table_add(&t, "%s", bytes_text((double)entry.bytes, size));
    table_add(&t, "%s", age_text(entry.last_used, age));
    if (is_damaged(&entry))
      table_add(&t, "of no use: %s (%s)", entry.problem, entry.name);
    else
      table_add(&t, "%s", entry.subject);
  }
  if (!c->json) {
    if (count > 0) table_print(&t);
    printf("%s%s, %s, in %s\n", count > 0 ? "\n" : "", count_text(count, "file", number), bytes_text(bytes_of(c, 0), size), c->folder);
    printf("packed weights: %s", bytes_text(bytes_of(c, ICN_CACHE_WEIGHTS), size));
    printf(" of at most %s\n", bytes_text((double)icn_context_cache_bytes(c->context), limit));
  }
  table_fini(&t);
  return c->json ? json_print(root) : TOOL_OK;
}

/* Removes every entry, or those of no use; how many and how many bytes. */
static int remove_entries(const cache *c, bool damaged_only, size_t *removed, double *bytes) {
  icn_error error;
  for (size_t i = 0; i < icn_cache_listing_count(c->listing); i++) {
    const icn_cache_entry entry = icn_cache_listing_entry(c->listing, i);
    if (damaged_only && !is_damaged(&entry)) continue;
    if (icn_cache_listing_remove(c->listing, i, &error) != ICN_OK) return tool_error(&error);
    *bytes += (double)entry.bytes;
    (*removed)++;
  }
  return TOOL_OK;
}

static int clear(const cache *c) {
  size_t removed = 0;
  double bytes = 0;
  char size[BYTES_TEXT_BYTES], number[COUNT_TEXT_BYTES];
  const int code = remove_entries(c, false, &removed, &bytes);
  if (code != TOOL_OK) return code;
  if (!c->json) {
    printf("%s removed, %s freed, in %s\n", count_text(removed, "file", number), bytes_text(bytes, size), c->folder);
    return TOOL_OK;
  }
  cJSON *root = start_json(c);
  json_whole(root, "removed", removed);
  json_whole(root, "freed_bytes", (uint64_t)bytes);
  return json_print(root);
}

static int verify(const cache *c) {
  const size_t count = icn_cache_listing_count(c->listing);
  size_t damaged = 0, removed = 0;
  double freed = 0;
  char size[BYTES_TEXT_BYTES], number[COUNT_TEXT_BYTES];
  cJSON *root = c->json ? start_json(c) : NULL, *entries = c->json ? cJSON_AddArrayToObject(root, "entries") : NULL;
  for (size_t i = 0; i < count; i++) {
    const icn_cache_entry entry = icn_cache_listing_entry(c->listing, i);
    if (c->json) add_entry(entries, &entry);
    if (!is_damaged(&entry)) continue;
    damaged++;
    if (!c->json) printf("%s: %s\n", entry.name, entry.problem);
  }
  int code = c->repair ? remove_entries(c, true, &removed, &freed) : TOOL_OK;
  if (c->json) {
    json_whole(root, "damaged", damaged);
    json_whole(root, "removed", removed);
    const int printed = json_print(root);
    code = code == TOOL_OK ? printed : code;
  } else {
    printf("%s, %s checked in %s: %zu of no use\n", count_text(count, "file", number), bytes_text(bytes_of(c, 0), size), c->folder,
           damaged);
    if (removed > 0) printf("%s removed, %s freed\n", count_text(removed, "file", number), bytes_text(freed, size));
  }
  if (code != TOOL_OK || damaged == removed) return code;
  return tool_fail("%zu %s of the cache %s of no use: what is needed of it is made anew, and --repair removes it now", damaged,
                   damaged == 1 ? "file" : "files", damaged == 1 ? "is" : "are");
}

static void show_log(void *user, icn_log_level level, const char *line) {
  (void)user, (void)level, (void)line; /* that the folder is not used is the listing's error, too */
}

static int act(cache *c, const char *action) {
  static const icn_logger silent = {NULL, ICN_LOG_WARNING, show_log};
  icn_context_options options;
  icn_error error;
  icn_context_options_init(&options);
  options.logger = &silent;
  options.opencl_library = "none";
  if (icn_context_create(&options, &c->context, &error) != ICN_OK) return tool_error(&error);
  if (icn_cache_list(c->context, strcmp(action, "verify") == 0, &c->listing, &error) != ICN_OK) return tool_error(&error);
  c->folder = icn_context_cache_folder(c->context);
  if (strcmp(action, "list") == 0) return list(c);
  return strcmp(action, "clear") == 0 ? clear(c) : verify(c);
}

static int check_usage(const cache *c, const text_list *words) {
  static const char *const ACTIONS[] = {"fill", "list", "clear", "verify"};
  enum { FILL, LIST, CLEAR, VERIFY, ACTION_COUNT };
  size_t action = 0;
  if (words->count == 0) return tool_usage("cache: expected one of fill, list, clear and verify");
  while (action < ACTION_COUNT && strcmp(words->items[0], ACTIONS[action]) != 0) action++;
  if (action == ACTION_COUNT) {
    const char *close = closest_name(words->items[0], ACTIONS, ACTION_COUNT);
    if (close != NULL) return tool_usage("cache: unknown action '%s': did you mean %s?", words->items[0], close);
    return tool_usage("cache: unknown action '%s', expected fill, list, clear or verify", words->items[0]);
  }
  const char *fills = cache_fill_option(&c->so);
  if (c->repair && action != VERIFY) return tool_usage("cache: --repair belongs to verify, not to %s", ACTIONS[action]);
  if (fills != NULL && action != FILL) return tool_usage("cache: --%s belongs to fill, not to %s", fills, ACTIONS[action]);
  if (action == FILL && words->count < 2) return tool_usage("cache fill: which model? expected cache fill M.onnx...");
  if (action != FILL && words->count > 1)
    return tool_usage("cache %s: expected nothing behind it, got '%s'", ACTIONS[action], words->items[1]);
  return TOOL_OK;
}

static int run(int argc, char **argv) {
  cache c = {0};
  const option options[] = {
      {"json", NULL, OPTION_FLAG, &c.json, 0, 0, "print JSON"},
      {"repair", NULL, OPTION_FLAG, &c.repair, 0, 0, "with verify: remove what is damaged"},
      SESSION_DEVICE_OPTION(c.so),
      SESSION_BATCH_OPTION(c.so),
      SESSION_CORES_OPTION(c.so),
      SESSION_MEMORY_OPTION(c.so),
      SESSION_TUNING_OPTION(c.so),
      SESSION_MODEL_OPTIONS(c.so),
  };
  text_list words = {0};
  int code = options_parse(&command_cache, options, sizeof options / sizeof options[0], argc, argv, &words);
  if (code == TOOL_OK) code = check_usage(&c, &words);
  if (code == TOOL_OK) {
    const bool fills = strcmp(words.items[0], "fill") == 0;
    code = fills ? cache_fill(&c.so, words.items + 1, words.count - 1, c.json) : act(&c, words.items[0]);
  }
  icn_cache_listing_destroy(c.listing);
  icn_context_destroy(c.context);
  text_list_fini(&c.so.shapes);
  text_list_fini(&words);
  return code == OPTIONS_HELP ? TOOL_OK : code;
}

const command command_cache = {
    "cache",
    "fill M.onnx... | list | clear | verify [--repair] [--json]",
    "shows, fills, empties or checks what is kept between runs",
    "Built programs and packed weights are kept in a folder of the user's (CLINCEPTION_CACHE_DIR names another one, or none), so that the "
    "second start of a model is a quick one. fill makes the next start of a model as quick as it can be, before anybody waits for it: it "
    "prepares the model as 'run' and 'classify' would with the same options, and keeps all there is to keep, also programs of drivers that "
    "keep "
    "them themselves (PoCL, for which that takes as long again as the first start). list shows what is there, the last used first, and "
    "what it was first made for. clear removes all of it and says how much room that made; it does not touch the tuning file. verify "
    "reads every byte and names what is damaged (exit code 1); --repair removes that. A damaged file does no harm: it is found out before "
    "it is used, and made anew. Packed weights take CLINCEPTION_CACHE_BYTES at most (1 GiB); beyond that, those that were not used for the "
    "longest time go. The options from --device on belong to fill.",
    "  clinception cache fill inception_v3.onnx --device all\n"
    "  clinception cache list\n"
    "  clinception cache verify --repair\n"
    "  CLINCEPTION_CACHE_DIR=/tmp/mine clinception cache clear\n",
    run};
