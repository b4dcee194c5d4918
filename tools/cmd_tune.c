/* clinception tune: finds the fastest kernels for a model on a device, and remembers them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "device_facts.h"
#include "os.h"
#include "terminal.h"
#include "tune_file.h"
#include "tune_summary.h"

static const double LEAST_SHARE_SECONDS = 1; /* of a problem, as long as the budget has it */
static const double DEFAULT_BUDGET_SECONDS = 300;

/* Nothing that the user has to know is lost: each problem is written when it is done. */
static void ended(const char *signal_name, bool crashed) {
  static const char *const ASKED[] = {"\nclinception: finishing what is being measured; once more ends at once\n"};
  (void)signal_name;
  if (!crashed) terminal_say(ASKED, 1);
}

static bool stopped(void *user) {
  (void)user;
  return terminal_interrupted();
}

static void show(void *user, const icn_row *row, const icn_config *config, size_t number, size_t count) {
  const tune *t = user;
  char what[100];
  const double elapsed = icn_os_seconds() - t->began, part = elapsed / t->budget;
  (void)config;
  snprintf(what, sizeof what, "%s %zu of %zu", row->name, number + 1, count);
  progress_show_part(what, part < 1 ? part : 1, part < 1 ? t->budget - elapsed : 0);
}

/* ---------------------------------------------------------------- the file */

/* The file's lines for one problem. */
static int store(const tune *t, const icn_tune_outcome *o, const char *device) {
  char date[32], *lines = tool_allocate(2 * ICN_TUNE_MOST_RESULTS, ICN_TUNE_LINE_BYTES + 1);
  const icn_allocator allocator = icn_allocator_default();
  icn_error error;
  size_t length = 0;
  icn_os_date(date);
  for (size_t i = 0; i < o->result_count + o->wrong_row_count; i++) {
    const icn_tune_row *row = i < o->result_count ? &o->results[i] : &o->wrong_rows[i - o->result_count];
    if (!icn_tunedb_line(device, icn_device_get_info(t->device).driver, date, row, lines + length)) continue;
    length += strlen(lines + length);
    lines[length++] = '\n';
  }
  lines[length] = '\0';
  const int code = length == 0 || icn_tuning_store(t->path, lines, &allocator, &error) == ICN_OK ? TOOL_OK : tool_error(&error);
  free(lines);
  return code;
}

/* Problems that the file knows already come last: a second run goes on where the first one ended. */
static int known_last(tune *t, const char *device) {
  icn_error error;
  icn_mapping mapping = {NULL, 0, NULL};
  icn_tunedb db;
  size_t known;
  const icn_allocator allocator = icn_allocator_default();
  char sentence[ICN_MESSAGE_BYTES];
  if (!icn_os_exists(t->path)) return TOOL_OK;
  if (icn_os_map(t->path, &mapping, &error) != ICN_OK) return tool_error(&error);
  icn_status status = icn_tunedb_parse(&db, mapping.data, (size_t)mapping.bytes, device, &allocator, &error);
  icn_os_unmap(&mapping);
  if (status != ICN_OK) return tool_error(&error);
  if (icn_tunedb_complaint(&db, t->path, sentence, sizeof sentence)) fprintf(stderr, "clinception: warning: %s\n", sentence);
  icn_tune_problem *order = tool_allocate(t->problem_count, sizeof *order);
  size_t count = 0;
  for (int pass = 0; pass < 2; pass++)
    for (size_t i = 0; i < t->problem_count; i++)
      if ((icn_tunedb_find(&db, t->problems[i].key, &known) != NULL) == (pass == 1)) order[count++] = t->problems[i];
  if (count > 0) memcpy(t->problems, order, count * sizeof *order);
  free(order);
  icn_tunedb_fini(&db);
  return TOOL_OK;
}

/* ------------------------------------------------------------------ tuning */

static double weight(const icn_tune_problem *p) { return sqrt(p->expected_seconds * (double)p->layers); }

/* When the next problem is to end: its share of what is left, and long enough to compare something. */
static double end_of(const tune *t, size_t index) {
  const double now = icn_os_seconds(), left = t->began + t->budget - now;
  double all = 0;
  for (size_t i = index; i < t->problem_count; i++) all += weight(&t->problems[i]);
  const double share = all > 0 ? left * weight(&t->problems[index]) / all : left;
  return now + fmin(left, fmax(share, LEAST_SHARE_SECONDS + icn_tune_least_seconds(&t->problems[index])));
}

static int tune_problems(tune *t, icn_runtime *runtime, const char *device) {
  icn_error error;
  int code = TOOL_OK;
  t->began = icn_os_seconds();
  for (size_t i = 0; i < t->problem_count && code == TOOL_OK && !terminal_interrupted(); i++) {
    const double left = t->began + t->budget - icn_os_seconds();
    if (left <= icn_tune_least_seconds(&t->problems[i])) {
      t->too_short = true;
      continue; /* smaller ones may still fit */
    }
    const icn_tune_watch watch = {end_of(t, i), stopped, show, t};
    t->results[i].begun = true;
    if (icn_tune_run(runtime, &t->problems[i], &watch, &t->results[i].outcome, &error) != ICN_OK) code = tool_error(&error);
    if (code == TOOL_OK) code = store(t, &t->results[i].outcome, device);
    if (t->results[i].outcome.result_count == 0 && t->results[i].outcome.tried < t->results[i].outcome.candidates) t->too_short = true;
  }
  t->took = icn_os_seconds() - t->began;
  progress_clear();
  return code;
}

static int measure(tune *t, const char *device) {
  icn_error error;
  icn_runtime *runtime = NULL;
  if (icn_tuning_check_path(t->path, &error) != ICN_OK) return tool_error(&error);
  int code = known_last(t, device);
  if (code != TOOL_OK) return code;
  for (size_t i = 0; i < t->problem_count; i++) t->results[i].problem = &t->problems[i];
  terminal_catch_signals(ended);
  if (icn_runtime_create(t->s.context, t->device, NULL, &runtime, &error) != ICN_OK) return tool_error(&error);
  code = tune_problems(t, runtime, device);
  icn_runtime_destroy(runtime);
  if (code == TOOL_OK) code = tune_print_summary(t);
  if (code == TOOL_OK && terminal_interrupted()) return tool_fail("interrupted; what was measured until then is kept in '%s'", t->path);
  return code;
}

static int find_problems(tune *t) {
  icn_error error;
  icn_plan_options options;
  icn_plan_options_init(&options);
  options.device = t->device;
  options.batch = t->so.batch;
  options.shapes = t->s.shapes;
  options.shape_count = t->s.shape_count;
  options.disabled_passes = t->so.passes_off;
  options.precision = session_precision(&t->so);
  if (icn_tune_problems(t->model, &options, &t->problems, &t->problem_count, &error) != ICN_OK) return tool_error(&error);
  t->results = tool_allocate(t->problem_count, sizeof *t->results);
  for (size_t i = 0; i < t->problem_count; i++) {
    t->results[i].problem = &t->problems[i];
    t->results[i].candidates = icn_tune_candidate_count(&t->problems[i], icn_device_description(t->device));
  }
  return TOOL_OK;
}

static int choose_file(tune *t, char *path, size_t bytes) {
  if (t->path == NULL) t->path = icn_os_environment("CLINCEPTION_TUNE_FILE");
  if (t->path == NULL && icn_tuning_default_path(path, bytes)) t->path = path;
  if (t->path == NULL) return tool_usage("tune: there is no cache folder here; where to? --out FILE");
  if (strcmp(t->path, "none") == 0) return tool_usage("tune: CLINCEPTION_TUNE_FILE is 'none', so the results would go nowhere; --out FILE");
  return TOOL_OK;
}

static int tune_model(tune *t) {
  char device[ICN_TUNE_DEVICE_BYTES], path[4096];
  t->so.tune_file = "none"; /* compared is with what selection takes by itself */
  int code = choose_file(t, path, sizeof path);
  if (code == TOOL_OK) code = session_open(&t->s, "tune", &t->so);
  if (code == TOOL_OK && (t->s.device_count != 1 || icn_device_get_info(t->s.devices[0]).kind == ICN_DEVICE_REFERENCE))
    code = tool_usage("tune: name one OpenCL device with --device");
  if (code == TOOL_OK) t->device = t->s.devices[0];
  if (code == TOOL_OK) code = session_load_model(&t->s, t->model_path, &t->model);
  if (code == TOOL_OK) code = find_problems(t);
  if (code != TOOL_OK) return code;
  if (t->dry_run || t->budget <= 0) return tune_print_work(t);
  return measure(t, icn_tuning_device(icn_device_description(t->device), true, device));
}

static void release(tune *t) {
  const icn_allocator allocator = icn_allocator_default(); /* the session's context has no other */
  icn_release(&allocator, t->problems);
  free(t->results);
  icn_model_destroy(t->model);
  session_close(&t->s);
  text_list_fini(&t->so.shapes);
}

static int run(int argc, char **argv) {
  tune t = {.budget = DEFAULT_BUDGET_SECONDS};
  const option options[] = {
      {"budget", "SECONDS", OPTION_REAL, &t.budget, 0, 1e6, "stop after about so long; default 300; 0 measures nothing"},
      {"out", "FILE", OPTION_TEXT, &t.path, 0, 0, "the tuning file to add to; default: CLINCEPTION_TUNE_FILE, else the user's own"},
      {"dry-run", NULL, OPTION_FLAG, &t.dry_run, 0, 0, "only show what would be measured"},
      {"json", NULL, OPTION_FLAG, &t.json, 0, 0, "print the summary as JSON"},
      SESSION_BATCH_OPTION(t.so),
      SESSION_DEVICE_OPTION(t.so),
      SESSION_MODEL_OPTIONS(t.so),
  };
  text_list positionals = {0};
  int code = options_parse(&command_tune, options, sizeof options / sizeof options[0], argc, argv, &positionals);
  if (code == TOOL_OK && positionals.count != 1) code = tool_usage("tune: expected one model, got %zu", positionals.count);
  if (code == TOOL_OK && (t.so.rows != NULL || t.so.exact))
    code = tool_usage("tune: --rows and --exact are for later: a plan takes the fastest of the rows that they leave");
  if (code == TOOL_OK) {
    t.model_path = positionals.items[0];
    code = tune_model(&t);
  }
  release(&t);
  text_list_fini(&positionals);
  return code == OPTIONS_HELP ? TOOL_OK : code;
}

const command command_tune = {
    "tune",
    "M.onnx [--batch N] [--budget SECONDS] [--device WHICH] [--out FILE] [--dry-run] [--json] [options]",
    "finds the fastest kernels for a model on a device and remembers them",
    "For each distinct problem of the model's plan, the most expensive first, tries every kernel row that applies with all its settings: "
    "first against the plain C reference (one that computes wrongly is reported and never chosen), then against the clock, taking turns. "
    "The results are lines of a text file, which from then on decides for every program that uses the library: 'clinception plan --why' "
    "shows it. Each line is checked again for the device and the problem before it is used, so that no file can make a result wrong. The "
    "file is sorted and may be kept under version control; two tuners may write to it at once. Written is after every problem: Ctrl-C "
    "loses nothing, and the next run goes on with what is missing. Results are for one batch: tune each that you use. Let the machine be "
    "idle meanwhile. CLINCEPTION_TUNE_FILE=none "
    "ignores all results.",
    "  clinception tune M.onnx                          # five minutes, for the default device\n"
    "  clinception tune M.onnx --batch 8 --budget 3600\n"
    "  clinception tune M.onnx --dry-run                # what there is to measure\n"
    "  clinception tune M.onnx --out mine.txt && CLINCEPTION_TUNE_FILE=mine.txt clinception bench M.onnx\n",
    run};
