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
static const double DEFAULT_BUDGET_SECONDS = 300, DEFAULT_BUDGET_OF_ALL_SECONDS = 1800;

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
  char what[200];
  const double elapsed = icn_os_seconds() - t->began, part = elapsed / t->budget;
  (void)config;
  snprintf(what, sizeof what, "problem %zu/%zu, %s %zu/%zu", t->current + 1, t->problem_count, row->name, number + 1, count);
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
    t->current = i;
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
  terminal_catch_signals(ended);
  if (icn_runtime_create(t->s.context, t->device, NULL, &runtime, &error) != ICN_OK) return tool_error(&error);
  int code = tune_problems(t, runtime, device);
  icn_runtime_destroy(runtime);
  if (code == TOOL_OK) code = tune_print_summary(t);
  if (code == TOOL_OK && terminal_interrupted()) return tool_fail("interrupted; what was measured until then is kept in '%s'", t->path);
  return code;
}

static void make_results(tune *t) {
  t->results = tool_allocate(t->problem_count + 1, sizeof *t->results);
  for (size_t i = 0; i < t->problem_count; i++) {
    t->results[i].problem = &t->problems[i];
    t->results[i].candidates = icn_tune_candidate_count(&t->problems[i], icn_device_description(t->device));
  }
}

static int choose_file(tune *t, char *path, size_t bytes) {
  if (t->path == NULL) t->path = icn_os_environment("CLINCEPTION_TUNE_FILE");
  if (t->path == NULL && icn_tuning_default_path(path, bytes)) t->path = path;
  if (t->path == NULL) return tool_usage("tune: there is no cache folder here; where to? --out FILE");
  if (strcmp(t->path, "none") == 0 || strcmp(t->path, "shipped") == 0)
    return tool_usage("tune: the tuning file is '%s', so the results would go nowhere; --out FILE", t->path);
  return TOOL_OK;
}

static int tune_models(tune *t) {
  char device[ICN_TUNE_DEVICE_BYTES], path[4096];
  icn_error error;
  t->so.tune_file = "shipped"; /* compared is with what selection takes before anything is measured here */
  int code = choose_file(t, path, sizeof path);
  if (code == TOOL_OK) code = session_open(&t->s, "tune", &t->so);
  if (code == TOOL_OK && (t->s.device_count != 1 || icn_device_get_info(t->s.devices[0]).kind == ICN_DEVICE_REFERENCE))
    code = tool_usage("tune: name one OpenCL device with --device");
  if (code != TOOL_OK) return code;
  t->device = t->s.devices[0];
  (void)icn_tuning_device(icn_device_description(t->device), true, device);
  const bool only_look = t->dry_run || t->budget <= 0;
  code = tune_find_problems(t);
  if (code == TOOL_OK && !only_look && icn_tuning_check_path(t->path, &error) != ICN_OK) code = tool_error(&error);
  if (code == TOOL_OK) code = tune_leave_known(t, device);
  if (code != TOOL_OK) return code;
  make_results(t);
  return only_look ? tune_print_work(t) : measure(t, device);
}

static void release(tune *t) {
  tune_free_problems(t);
  session_close(&t->s);
  text_list_fini(&t->so.shapes);
  text_list_fini(&t->models);
}

/* What the options say together. */
static int check_usage(const tune *t) {
  if (!t->all && t->models.count != 1) return tool_usage("tune: expected one model or --all, got %zu models", t->models.count);
  if (t->all && t->so.weights != NULL) return tool_usage("tune: --weights belongs to one model, and --all has several");
  if (t->all && t->so.shapes.count > 0) return tool_usage("tune: --shape belongs to one model, and --all has several");
  if (t->so.rows != NULL || t->so.exact)
    return tool_usage("tune: --rows and --exact are for later: a plan takes the fastest of the rows that they leave");
  return TOOL_OK;
}

static int run(int argc, char **argv) {
  tune t = {.budget = -1};
  const option options[] = {
      {"all", NULL, OPTION_FLAG, &t.all, 0, 0,
       "builtin:inception_v3 and builtin:googlenet_bn, in batches of 1 and 8 (or of --batch), and the models named beside it"},
      {"budget", "SECONDS", OPTION_REAL, &t.budget, 0, 1e6,
       "stop after about so long, all models together; default 300, with --all 1800; 0 measures nothing"},
      {"out", "FILE", OPTION_TEXT, &t.path, 0, 0, "the tuning file to add to; default: CLINCEPTION_TUNE_FILE, else the user's own"},
      {"fresh", NULL, OPTION_FLAG, &t.fresh, 0, 0, "measure again what the tuning file knows already"},
      {"dry-run", NULL, OPTION_FLAG, &t.dry_run, 0, 0, "only show what would be measured"},
      {"json", NULL, OPTION_FLAG, &t.json, 0, 0, "print the summary as JSON"},
      SESSION_BATCH_OPTION(t.so),
      SESSION_DEVICE_OPTION(t.so),
      SESSION_MODEL_OPTIONS(t.so),
  };
  int code = options_parse(&command_tune, options, sizeof options / sizeof options[0], argc, argv, &t.models);
  if (code == TOOL_OK) code = check_usage(&t);
  if (t.budget < 0) t.budget = t.all ? DEFAULT_BUDGET_OF_ALL_SECONDS : DEFAULT_BUDGET_SECONDS;
  if (code == TOOL_OK) code = tune_models(&t);
  release(&t);
  return code == OPTIONS_HELP ? TOOL_OK : code;
}

const command command_tune = {
    "tune",
    "M.onnx|--all [--batch N] [--budget SECONDS] [--device WHICH] [--out FILE] [--fresh] [--dry-run] [--json] [options]",
    "finds the fastest kernels for a model on a device and remembers them",
    "For each distinct problem of the model's plan, the most expensive first, tries every kernel row that applies with all its settings: "
    "first against the plain C reference (one that computes wrongly is reported and never chosen), then against the clock, taking turns. "
    "The results are lines of a text file, which from then on decides for every program that uses the library: 'clinception plan --why' "
    "shows it. Each line is checked again for the device and the problem before it is used, so that no file can make a result wrong. The "
    "file is sorted and may be kept under version control; two tuners may write to it at once. Written is after every problem: Ctrl-C "
    "loses nothing, and the next run goes on with what is missing; what the file knows already is left as it is. --all tunes "
    "builtin:inception_v3 and builtin:googlenet_bn (and the models that are named beside it) within one budget, a problem that several of "
    "them have "
    "once. Results are for one batch: tune each that you use. Let the machine be idle meanwhile. Where this file says nothing, lines that "
    "came with the library decide on devices like those they were measured on, then the expected times. CLINCEPTION_TUNE_FILE=shipped "
    "ignores this file, CLINCEPTION_TUNE_FILE=none all results.",
    "  clinception tune M.onnx                          # five minutes, for the default device\n"
    "  clinception tune M.onnx --batch 8 --budget 3600\n"
    "  clinception tune --all                           # half an hour, for Inception-v3 and GoogLeNet\n"
    "  clinception tune --all M.onnx --batch 1          # and for this one, a picture at a time\n"
    "  clinception tune M.onnx --dry-run                # what there is to measure\n"
    "  clinception tune M.onnx --out mine.txt && CLINCEPTION_TUNE_FILE=mine.txt clinception bench M.onnx\n",
    run};
