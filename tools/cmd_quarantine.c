/* clinception quarantine: kernel rows that are not used here, because they compute wrongly or have brought a process down. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "json.h"
#include "kernel_file.h"
#include "kernel_log.h"

typedef struct quarantine {
  icn_context *context;
  const char *row; /* to be cleared; NULL: all */
  bool json;
  size_t cleared;
} quarantine;

static bool is_listed(const icn_kernel_entry *entry) { return entry->state != ICN_KERNEL_RIGHT; }

/* What it means for the next start. */
static const char *meaning(const icn_kernel_entry *entry, const char *now) {
  switch (entry->state) {
    case ICN_KERNEL_WRONG:
      return "computes wrongly: not used";
    case ICN_KERNEL_RUNNING:
      return icn_kernel_file_is_left_behind(entry, now) ? "its process has ended: counts against it at the next start"
                                                        : "runs for the first time now";
    case ICN_KERNEL_STOPPED:
      return "its process ended in the compiler: used";
    case ICN_KERNEL_REFUSED:
      return icn_kernel_is_out(entry, now) ? "was not built by the driver: not tried for a day"
                                           : "was not built by the driver: is tried again";
    case ICN_KERNEL_CRASHED:
      return icn_kernel_is_out(entry, now) ? "its process ended: not used for a day" : "its process ended: gets another chance";
    default:
      return "its process ended, twice: not used with this driver";
  }
}

static int list(const quarantine *q, const icn_kernel_log *log) {
  static const char *const headings[] = {"row", "device", "driver", "since", "what", "found"};
  char now[32];
  size_t count = 0;
  table t;
  cJSON *array = q->json ? cJSON_CreateArray() : NULL;
  icn_os_date(now);
  table_init(&t, "llllll");
  for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++) table_add(&t, "%s", headings[i]);
  for (size_t i = 0; i < log->count; i++) {
    const icn_kernel_entry *entry = &log->entries[i];
    if (!is_listed(entry)) continue;
    const char *const cells[] = {entry->row, entry->device, entry->driver, entry->date, meaning(entry, now), entry->note};
    for (size_t k = 0; k < sizeof cells / sizeof cells[0]; k++) table_add(&t, "%s", cells[k]);
    count++;
    if (!q->json) continue;
    cJSON *object = json_object_in(array);
    static const char *const names[] = {"row", "device", "driver", "since", "meaning", "note"};
    cJSON_AddStringToObject(object, "state", icn_kernel_state_name(entry->state));
    for (size_t k = 0; k < sizeof cells / sizeof cells[0]; k++) cJSON_AddStringToObject(object, names[k], cells[k]);
  }
  int code = TOOL_OK;
  if (q->json)
    code = json_print(array);
  else if (count == 0)
    printf("no kernel row is in quarantine\n");
  else
    table_print(&t);
  table_fini(&t);
  return code;
}

/* Markers of processes that are alive stay. */
static icn_status clear(void *user, icn_kernel_log *log, icn_error *error) {
  quarantine *q = user;
  char now[32];
  (void)error;
  icn_os_date(now);
  for (size_t i = log->count; i-- > 0;) {
    const icn_kernel_entry *entry = &log->entries[i];
    if (!is_listed(entry) || (q->row != NULL && strcmp(entry->row, q->row) != 0)) continue;
    if (entry->state == ICN_KERNEL_RUNNING && !icn_kernel_file_is_left_behind(entry, now)) continue;
    icn_kernel_log_remove(log, i);
    q->cleared++;
  }
  return ICN_OK;
}

static int act(quarantine *q, bool clears) {
  char path[4096];
  icn_error error;
  icn_kernel_log log;
  if (!icn_kernel_file_path(q->context, path, sizeof path))
    return tool_fail("there is no cache folder, so nothing is known of kernels (CLINCEPTION_CACHE_DIR)");
  const bool edits = clears && icn_os_exists(path);
  const icn_status status =
      edits ? icn_kernel_file_edit(q->context, clear, q, &log, &error) : icn_kernel_file_load(q->context, &log, &error);
  int code = status == ICN_OK ? TOOL_OK : tool_error(&error);
  if (code == TOOL_OK && clears)
    printf("%zu %s cleared\n", q->cleared, q->cleared == 1 ? "entry" : "entries");
  else if (code == TOOL_OK)
    code = list(q, &log);
  icn_kernel_log_fini(&log);
  return code;
}

static void show_warning(void *user, icn_log_level level, const char *line) {
  (void)user;
  (void)level;
  fprintf(stderr, "clinception: warning: %s\n", line);
}

static int open_context(quarantine *q) {
  icn_error error;
  const icn_logger logger = {NULL, ICN_LOG_WARNING, show_warning};
  icn_context_options options;
  icn_context_options_init(&options);
  options.logger = &logger;
  options.opencl_library = "none"; /* a driver that crashes must not be in the way */
  return icn_context_create(&options, &q->context, &error) == ICN_OK ? TOOL_OK : tool_error(&error);
}

static int check_usage(const quarantine *q, const text_list *words) {
  if (words->count == 0) return tool_usage("quarantine: expected list or clear");
  const bool clears = strcmp(words->items[0], "clear") == 0;
  if (!clears && strcmp(words->items[0], "list") != 0) return tool_usage("quarantine: expected list or clear, got '%s'", words->items[0]);
  if (words->count > (clears ? 2U : 1U)) return tool_usage("quarantine: '%s' is too much", words->items[words->count - 1]);
  if (clears && q->json) return tool_usage("quarantine: --json is for list");
  return TOOL_OK;
}

static int run(int argc, char **argv) {
  quarantine q = {0};
  const option options[] = {{"json", NULL, OPTION_FLAG, &q.json, 0, 0, "list: print JSON instead of a table"}};
  text_list words = {0};
  int code = options_parse(&command_quarantine, options, sizeof options / sizeof options[0], argc, argv, &words);
  if (code == TOOL_OK) code = check_usage(&q, &words);
  if (code == TOOL_OK) code = open_context(&q);
  if (words.count > 1) q.row = words.items[1];
  if (code == TOOL_OK) code = act(&q, strcmp(words.items[0], "clear") == 0);
  icn_context_destroy(q.context);
  text_list_fini(&words);
  return code == OPTIONS_HELP ? TOOL_OK : code;
}

const command command_quarantine = {
    "quarantine",
    "list | clear [ROW] [--json]",
    "kernel rows that are not used here because they are wrong, or crashed",
    "Kernels are tested before their first use on a device and driver. One that computes wrongly is not used any more. Before a kernel is "
    "built and run for the first time a marker is written; when the process ends meanwhile (the driver crashed, or hung until somebody "
    "lost "
    "patience), the next start finds the marker and does without that kernel row for a day; when it happens again, until the driver "
    "changes. In the compiler the first time does not count. 'list' shows all of this; 'clear' forgets it, of one row or of all, so that "
    "they are tried again. It is kept in kernels.txt in the cache folder.",
    "  clinception quarantine list\n"
    "  clinception quarantine clear\n"
    "  clinception quarantine clear conv_gpu\n",
    run};
