/* `clinception report`: what was found, as JSON and as a summary. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_classes.h"
#include "device_facts.h"
#include "os.h"
#include "report.h"

/* ----------------------------------------------------------------- privacy */

static bool in_path(char c) { return isalnum((unsigned char)c) != 0 || strchr("._-+~@%$/\\", c) != NULL; }

/* "/home/jo/x/y.cl:3:1" becomes "y.cl:3:1", C:\Users\jo\y.cl the same. */
static void strip_paths(char *text) {
  char *to = text;
  for (const char *from = text; *from != '\0';) {
    const bool drive = isalpha((unsigned char)from[0]) && from[1] == ':' && (from[2] == '\\' || from[2] == '/');
    const bool begins = from == text || (isalnum((unsigned char)from[-1]) == 0 && from[-1] != '/' && from[-1] != '\\');
    if (!begins || (!drive && *from != '/' && *from != '~')) {
      *to++ = *from++;
      continue;
    }
    const char *last = from, *end = from + (drive ? 2 : 0);
    for (; *end != '\0' && in_path(*end); end++)
      if (*end == '/' || *end == '\\') last = end + 1;
    if (last == from || (last == from + 1 && !drive)) last = from; /* a lone '/' or "/x" tells nothing */
    while (last < end) *to++ = *last++;
    from = end;
  }
  *to = '\0';
}

static void strip_word(char *text, const char *word) {
  const size_t length = word != NULL ? strlen(word) : 0;
  if (length < 3) return; /* too short to be told from a part of something else */
  for (char *found = strstr(text, word); found != NULL; found = strstr(found + 1, word)) {
    const bool whole = (found == text || isalnum((unsigned char)found[-1]) == 0) && isalnum((unsigned char)found[length]) == 0;
    if (whole) memset(found, '*', length);
  }
}

char *report_without_names(char *text) {
  static const char *const NAMES[] = {"USER", "LOGNAME", "USERNAME", "HOSTNAME", "COMPUTERNAME"};
  strip_paths(text);
  for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) strip_word(text, icn_os_environment(NAMES[i]));
  return text;
}

static void add_text(cJSON *object, const char *name, const char *text) {
  char *copy = tool_format("%s", text);
  cJSON_AddStringToObject(object, name, report_without_names(copy));
  free(copy);
}

/* -------------------------------------------------------------------- JSON */

static void add_words(cJSON *object, const char *name, const char *words) {
  cJSON *list = cJSON_AddArrayToObject(object, name);
  while (*words != '\0') {
    const size_t length = strcspn(words, " ");
    char *word = tool_format("%.*s", (int)length, words);
    if (length > 0) cJSON_AddItemToArray(list, cJSON_CreateString(word));
    free(word);
    words += length;
    words += strspn(words, " ");
  }
}

/* A driver's version may be written in digits alone and is still a text. */
static bool is_number(const char *key) {
  static const char *const TEXTS[] = {"name", "vendor", "driver", "version", "platform", "kind"};
  for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++)
    if (strcmp(key, TEXTS[i]) == 0) return false;
  return true;
}

/* A device file's `key: value` lines as the members of an object, in their order; tools/dev/device_of_report.py makes them of it again. */
static void add_description(cJSON *root, const icn_device_desc *desc) {
  const icn_allocator allocator = icn_allocator_default();
  cJSON *object = cJSON_AddObjectToObject(root, "device");
  icn_text text;
  icn_text_init(&text, &allocator);
  icn_device_desc_print(desc, &text);
  char *line = text.failed ? NULL : strchr(text.data, '\n'); /* behind the first, which names the format */
  while (line != NULL && line[1] != '\0') {
    char *key = line + 1, *colon = strstr(key, ": ");
    line = strchr(key, '\n');
    if (colon == NULL || line == NULL) break;
    *colon = *line = '\0';
    const char *value = colon + 2;
    if (strcmp(key, "extensions") == 0)
      add_words(object, key, value);
    else if (value[0] != '\0' && strspn(value, "0123456789") == strlen(value) && is_number(key))
      cJSON_AddRawToObject(object, key, value);
    else
      cJSON_AddStringToObject(object, key, value);
  }
  icn_text_fini(&text);
}

static void add_fact(void *user, const char *name, icn_fact_kind kind, const char *value) {
  cJSON *object = user;
  if (kind == ICN_FACT_TEXT) {
    cJSON_AddStringToObject(object, name, value);
  } else if (kind == ICN_FACT_WORDS) {
    add_words(object, name, value);
  } else if (strchr(value, ' ') == NULL && value[0] != '\0') {
    cJSON_AddRawToObject(object, name, value);
  } else {
    char *list = tool_format("[%s]", value);
    for (char *c = list; *c != '\0'; c++)
      if (*c == ' ') *c = ',';
    cJSON_AddRawToObject(object, name, list);
    free(list);
  }
}

static void add_machine(cJSON *root) {
  icn_os_machine machine;
  cJSON *object = cJSON_AddObjectToObject(root, "machine");
  icn_os_describe_machine(&machine);
  cJSON_AddStringToObject(object, "system", machine.system);
  cJSON_AddStringToObject(object, "processor", machine.processor);
  cJSON_AddStringToObject(object, "processor_model", machine.model);
  json_whole(object, "processors", machine.processors);
  json_whole(object, "memory_bytes", machine.memory_bytes);
}

/* What is known of its driver; what is not known yet, the kernel cases may tell. */
static void add_quirks(cJSON *root, const icn_device *device) {
  cJSON *list = cJSON_AddArrayToObject(root, "quirks");
  for (size_t i = 0; i < icn_device_quirk_count(device); i++)
    cJSON_AddItemToArray(list, cJSON_CreateString(icn_device_quirk(device, i).name));
  if (icn_os_environment("CLINCEPTION_QUIRKS") != NULL)
    cJSON_AddStringToObject(root, "quirk_switches", icn_os_environment("CLINCEPTION_QUIRKS"));
}

static row_result total_of(const report *r) {
  row_result total = {0};
  for (size_t i = 0; i < icn_row_count(); i++) {
    const row_result *row = &r->rows[i];
    total.runs += row->runs;
    total.right += row->right;
    total.wrong += row->wrong;
    total.not_built += row->not_built;
    total.failed += row->failed;
    total.declined += row->declined;
    total.largest_error = fmax(total.largest_error, row->largest_error);
  }
  return total;
}

static void add_counts(cJSON *object, const row_result *row) {
  json_whole(object, "runs", row->runs);
  json_whole(object, "right", row->right);
  json_whole(object, "wrong", row->wrong);
  json_whole(object, "not_built", row->not_built);
  json_whole(object, "failed", row->failed);
  json_whole(object, "declined", row->declined);
  json_real(object, "largest_error", row->largest_error);
}

static void add_rows(cJSON *root, const report *r) {
  static const char *const TARGETS[] = {"any", "cpu", "gpu"};
  const row_result total = total_of(r);
  cJSON *object = cJSON_AddObjectToObject(root, "kernel_cases");
  json_whole(object, "cases", r->cases);
  add_counts(object, &total);
  cJSON *list = cJSON_AddArrayToObject(object, "rows");
  for (size_t i = 0; i < icn_row_count(); i++) {
    const row_result *row = &r->rows[i];
    cJSON *o = json_object_in(list);
    cJSON_AddStringToObject(o, "row", icn_row_at(i)->name);
    cJSON_AddStringToObject(o, "operation", icn_op_name(icn_row_at(i)->op));
    cJSON_AddStringToObject(o, "written_for", TARGETS[icn_row_at(i)->target]);
    add_counts(o, row);
    json_real(o, "seconds", row->seconds);
    if (row->problem[0] != '\0') add_text(o, "first_problem", row->problem);
    if (row->last_decline[0] != '\0') cJSON_AddStringToObject(o, "last_decline", row->last_decline);
    if (row->given_up) cJSON_AddTrueToObject(o, "given_up");
    if (row->skipped) cJSON_AddTrueToObject(o, "skipped");
  }
}

static void add_benches(cJSON *root, const report *r) {
  cJSON *list = cJSON_AddArrayToObject(root, "benchmarks");
  for (size_t i = 0; i < r->bench_count; i++) {
    const bench_result *b = &r->benches[i];
    cJSON *o = json_object_in(list);
    cJSON_AddStringToObject(o, "class", icn_bench_class(b->class_index));
    cJSON_AddStringToObject(o, "problem", b->key);
    cJSON_AddStringToObject(o, "row", b->row->name);
    cJSON_AddBoolToObject(o, "chosen", b->chosen);
    json_real(o, "error", b->error);
    if (b->problem[0] != '\0') add_text(o, "what_went_wrong", b->problem);
    if (b->seconds <= 0) continue;
    json_real(o, "seconds", b->seconds);
    json_real(o, "flop_per_second", b->flop / b->seconds);
    json_real(o, "bytes_per_second", b->bytes / b->seconds);
    if (r->desc.flop_per_second > 0) json_real(o, "part_of_peak", b->flop / b->seconds / r->desc.flop_per_second);
    if (r->desc.bytes_per_second > 0) json_real(o, "part_of_bandwidth", b->bytes / b->seconds / r->desc.bytes_per_second);
  }
}

/* A line of the log a line: cJSON would put all into one. */
static void add_log(cJSON *root, const report *r) {
  const icn_allocator allocator = icn_allocator_default();
  icn_text text;
  icn_text_init(&text, &allocator);
  icn_text_append(&text, "[");
  for (size_t i = 0; i < r->log_count; i++) {
    cJSON *line = cJSON_CreateString(r->log[i]);
    char *quoted = cJSON_PrintUnformatted(line);
    icn_text_append(&text, "%s\n\t\t%s", i > 0 ? "," : "", quoted != NULL ? quoted : "\"\"");
    cJSON_free(quoted);
    cJSON_Delete(line);
  }
  icn_text_append(&text, "]");
  cJSON_AddRawToObject(root, "log", text.failed ? "[]" : text.data);
  json_whole(root, "log_lines_left_out", r->log_lost);
  icn_text_fini(&text);
}

cJSON *report_json(const report *r) {
  char date[32];
  cJSON *root = cJSON_CreateObject();
  icn_os_date(date);
  cJSON_AddStringToObject(root, "format", "clinception report 1");
  report_file_add_state(root);
  cJSON_AddStringToObject(root, "extent", r->quick ? "quick" : "full");
  cJSON_AddStringToObject(root, "date", date);
  json_real(root, "seconds", icn_os_seconds() - r->began);
  cJSON_AddStringToObject(root, "library", icn_version());
  cJSON_AddBoolToObject(root, "kernels_from_folder", icn_os_environment("CLINCEPTION_KERNEL_DIR") != NULL);
  add_machine(root);
  add_description(root, &r->desc);
  add_quirks(root, r->device);
  if (r->measure_problem[0] != '\0') add_text(root, "measure_problem", r->measure_problem);
  add_rows(root, r);
  add_benches(root, r);
  icn_device_facts(r->s.context, r->device, add_fact, cJSON_AddObjectToObject(root, "opencl"));
  add_log(root, r);
  return root;
}

/* ----------------------------------------------------------------- summary */

static void print_problems(const report *r) {
  table t;
  static const char *const headings[] = {"row", "runs", "wrong", "not built", "failed"};
  table_init(&t, "lrrrr");
  for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++) table_add(&t, "%s", headings[i]);
  for (size_t i = 0; i < icn_row_count(); i++) {
    const row_result *row = &r->rows[i];
    if (row->runs == row->right) continue;
    table_add(&t, "%s", icn_row_at(i)->name);
    table_add(&t, "%zu", row->runs);
    table_add(&t, "%zu", row->wrong);
    table_add(&t, "%zu", row->not_built);
    table_add(&t, "%zu", row->failed);
  }
  table_print(&t);
  table_fini(&t);
  for (size_t i = 0; i < icn_row_count(); i++)
    if (r->rows[i].problem[0] != '\0') printf("%s: %s\n", icn_row_at(i)->name, r->rows[i].problem);
}

static void print_benches(const report *r) {
  table t;
  static const char *const headings[] = {"kernels", "row", "us", "GFLOP/s", "GB/s", "peak", "bandwidth"};
  table_init(&t, "llrrrrr");
  for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++) table_add(&t, "%s", headings[i]);
  for (size_t i = 0; i < r->bench_count; i++) {
    const bench_result *b = &r->benches[i];
    if (!b->chosen) continue;
    table_add(&t, "%s", icn_bench_class(b->class_index));
    table_add(&t, "%s", b->row->name);
    if (b->seconds <= 0) {
      for (int k = 0; k < 5; k++) table_add(&t, "%s", k == 0 ? "wrong" : "-");
      continue;
    }
    table_add(&t, "%.1f", b->seconds * 1e6);
    table_add(&t, "%.1f", b->flop / b->seconds * 1e-9);
    table_add(&t, "%.1f", b->bytes / b->seconds * 1e-9);
    table_add(&t, "%.0f %%", r->desc.flop_per_second > 0 ? 100 * b->flop / b->seconds / r->desc.flop_per_second : 0.0);
    table_add(&t, "%.0f %%", r->desc.bytes_per_second > 0 ? 100 * b->bytes / b->seconds / r->desc.bytes_per_second : 0.0);
  }
  table_print(&t);
  table_fini(&t);
}

bool report_print_summary(const report *r) {
  char title[DEVICE_TITLE_BYTES];
  const row_result total = total_of(r);
  size_t rows = 0, bad_benches = 0;
  for (size_t i = 0; i < icn_row_count(); i++) rows += r->rows[i].runs > 0;
  for (size_t i = 0; i < r->bench_count; i++) bad_benches += r->benches[i].problem[0] != '\0';
  printf("%s, driver %s\n", device_title(r->device, title), r->desc.driver);
  if (r->measure_problem[0] != '\0')
    printf("the rates could not be measured: %s\n", r->measure_problem);
  else if (r->desc.flop_per_second > 0)
    printf("measured: %.1f GFLOP/s, %.1f GB/s, %.1f us a launch\n", r->desc.flop_per_second * 1e-9, r->desc.bytes_per_second * 1e-9,
           r->desc.launch_seconds * 1e6);
  printf("kernel cases: %zu, run %zu times on %zu of %zu kernel rows: ", r->cases, total.runs, rows, icn_row_count());
  if (total.right == total.runs)
    printf("all right; the largest error is %.0f %% of what is allowed\n\n", total.largest_error * 100);
  else
    printf("%zu right, %zu wrong, %zu not built, %zu failed\n\n", total.right, total.wrong, total.not_built, total.failed);
  if (total.right != total.runs) {
    print_problems(r);
    putchar('\n');
  }
  if (r->bench_count > 0) {
    print_benches(r);
    printf(
        "Parts of the measured peak, by the direct count of operations (Winograd needs fewer), and of the measured bandwidth of memory\n"
        "(caches give more).\n");
  }
  return total.right == total.runs && bad_benches == 0 && r->measure_problem[0] == '\0';
}
