/* clinception report: everything that is to be known of a device, in one file to send. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "device_facts.h"
#include "os.h"
#include "report.h"
#include "terminal.h"

static const double TRUST_SECONDS = 15;

static void keep_log(void *user, icn_log_level level, const char *line) {
  report *r = user;
  (void)level; /* all of it: how long programs take to build, what the compiler said, which quirks there are */
  if (r->log_count == MAX_LOG_LINES) {
    r->log_lost++;
    return;
  }
  r->log[r->log_count++] = report_without_names(tool_format("%.500s", line));
}

/* The guessed work counts as seconds until the machine has shown what it makes of them. */
static double seconds_left(const report *r, double elapsed) {
  const double rate = (r->work_done + TRUST_SECONDS) / (elapsed + TRUST_SECONDS);
  return r->work > r->work_done ? (r->work - r->work_done) / rate : 0;
}

int report_step(report *r, bool now, const char *shown, const char *format, ...) {
  char what[600];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  report_file_running("%s", what);
  const double time = icn_os_seconds(), part = r->work > 0 ? r->work_done / r->work : 0;
  if (time - r->shown > 0.1) {
    progress_show_part(shown, part < 1 ? part : 1, seconds_left(r, time - r->began));
    r->shown = time;
  }
  return r->path != NULL && (now || report_file_is_due()) ? report_file_write(report_json(r)) : TOOL_OK;
}

static int stages(report *r) {
  int code = report_plan_kernel_cases(r);
  if (code == TOOL_OK) code = report_plan_benchmarks(r);
  if (code == TOOL_OK) code = report_measure(r);
  if (code == TOOL_OK && !terminal_interrupted()) code = report_kernel_cases(r);
  if (code == TOOL_OK && !terminal_interrupted()) code = report_measure(r);
  if (code == TOOL_OK && !terminal_interrupted()) code = report_benchmarks(r);
  if (code == TOOL_OK && !terminal_interrupted() && !r->quick) code = report_measure(r);
  progress_clear();
  return code;
}

static int make_report(report *r) {
  char size[BYTES_TEXT_BYTES];
  size_t bytes = 0;
  r->began = icn_os_seconds();
  int code = report_file_open(r->path);
  report_file_running("reading the device's properties");
  if (code == TOOL_OK) code = report_file_write(report_json(r));
  if (code != TOOL_OK) return code;
  code = stages(r);
  const bool stopped = terminal_interrupted();
  const char *state = code != TOOL_OK ? "failed" : stopped ? "interrupted" : "complete";
  const int written = report_file_finish(report_json(r), state, code != TOOL_OK || stopped, &bytes);
  if (code != TOOL_OK || written != TOOL_OK) return code != TOOL_OK ? code : written;
  if (stopped) return tool_fail("interrupted; '%s' holds what was found so far", r->path);
  const bool good = report_print_summary(r);
  printf("\nwrote %s (%s). It holds no names of persons, machines or files.\n", r->path, bytes_text((double)bytes, size));
  return good ? TOOL_OK : tool_fail("not everything was right on this device; '%s' says what, please send it", r->path);
}

static int check_rows(const char *which, const char *names) {
  for (const char *name = names; name != NULL && *name != '\0';) {
    const size_t length = strcspn(name, ",");
    char *word = tool_format("%.*s", (int)length, name);
    const int code = icn_row_find(word) != NULL ? TOOL_OK : tool_usage("report: --%s names '%s', which is no kernel row", which, word);
    free(word);
    if (code != TOOL_OK) return code;
    name += length;
    name += strspn(name, ",");
  }
  return TOOL_OK;
}

/* The one device to report on. */
static int choose_device(report *r) {
  const int code = session_open(&r->s, "report", &r->so);
  if (code != TOOL_OK) return code;
  if (r->s.device_count > 1)
    return tool_usage("report: a report is of one device; name it with --device (there are %zu)", r->s.device_count);
  r->device = r->s.devices[0];
  if (icn_device_get_info(r->device).kind == ICN_DEVICE_REFERENCE)
    return tool_usage("report: a report is of an OpenCL device; the reference is plain C");
  r->desc = *icn_device_description(r->device);
  return TOOL_OK;
}

static int check_usage(const report *r, const text_list *positionals) {
  if (positionals->count > 0) return tool_usage("report: expected only options, got '%s'", positionals->items[0]);
  if (r->path == NULL) return tool_usage("report: where to? -o FILE is missing");
  if (r->quick && r->full) return tool_usage("report: --quick and --full exclude each other");
  const int code = check_rows("rows", r->only);
  return code != TOOL_OK ? code : check_rows("skip", r->skip);
}

static int run(int argc, char **argv) {
  report *r = tool_allocate(1, sizeof *r);
  const icn_logger logger = {r, ICN_LOG_DEBUG, keep_log};
  const option options[] = {
      {"o", "FILE", OPTION_TEXT, &r->path, 0, 0, "the file to write, JSON"},
      SESSION_DEVICE_OPTION(r->so),
      {"full", NULL, OPTION_FLAG, &r->full, 0, 0, "every kernel case, and every kernel row's time (the default): a few minutes"},
      {"quick", NULL, OPTION_FLAG, &r->quick, 0, 0, "only the small kernel cases, and the time of the rows that would be chosen"},
      {"rows", "LIST", OPTION_TEXT, &r->only, 0, 0, "only these kernel rows, separated by commas"},
      {"skip", "LIST", OPTION_TEXT, &r->skip, 0, 0, "leave out these kernel rows: for a second report, when one of them ended the first"},
  };
  text_list positionals = {0};
  int code = options_parse(&command_report, options, sizeof options / sizeof options[0], argc, argv, &positionals);
  if (code == TOOL_OK) code = check_usage(r, &positionals);
  r->so.logger = &logger;
  r->rows = tool_allocate(icn_row_count(), sizeof *r->rows);
  if (code == TOOL_OK) code = choose_device(r);
  if (code == TOOL_OK) code = make_report(r);
  session_close(&r->s);
  for (size_t i = 0; i < r->log_count; i++) free(r->log[i]);
  free(r->rows);
  free(r);
  text_list_fini(&positionals);
  return code == OPTIONS_HELP ? TOOL_OK : code;
}

const command command_report = {
    "report",
    "-o FILE [--device WHICH] [--quick | --full] [--rows LIST] [--skip LIST]",
    "tests and measures a device and writes a file to send to us",
    "Runs the kernel cases on a device, each kernel row against the plain C reference, measures the device's peak, bandwidth and launches, "
    "and "
    "times each class of kernel. All of it, with every limit and extension of the device, its driver, the operating system's and the "
    "processor's "
    "name, goes to one JSON file; a summary is printed. The file holds no names of persons, machines or files. It is written anew all the "
    "time: "
    "when a driver crashes, or you press Ctrl-C, it holds what was found until then and, as 'running', what was being run. The exit code "
    "is 1 "
    "when a kernel was wrong.",
    "  clinception report -o report.json                       # the default device; a few minutes\n"
    "  clinception report -o mali.json --device mali --quick\n"
    "  clinception report -o mali.json --device mali --skip conv_gpu   # when the first report ended with conv_gpu running\n",
    run};
