/* clinception plan: what will run, and why. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "os.h"
#include "session.h"

typedef struct plan {
  session s;
  session_options so;
  const char *device_file, *sources_dir;
  bool why;
  char rows[SESSION_ROWS_BYTES];
  icn_model *model;
} plan;

/* Where the programs go: each is DIR/NAME.cl, and DIR/programs.txt lists the build options. */
typedef struct writer {
  const char *folder;
  text_list names; /* as the library gave them, for numbering */
  char *list;
  size_t list_bytes;
  int code;
} writer;

static void append(writer *w, const char *text) {
  size_t length = strlen(text);
  w->list = tool_grow(w->list, w->list_bytes + length + 1, 1);
  memcpy(w->list + w->list_bytes, text, length + 1);
  w->list_bytes += length;
}

static void write_program(void *user, const char *file, const char *build_options, const char *source) {
  writer *w = user;
  icn_error error;
  if (w->code != TOOL_OK) return;
  size_t earlier = 0;
  for (size_t i = 0; i < w->names.count; i++) earlier += strcmp(w->names.items[i], file) == 0;
  text_list_add(&w->names, tool_format("%s", file));
  const char *slash = strrchr(file, '/'), *base = slash != NULL ? slash + 1 : file;
  int stem = (int)strcspn(base, ".");
  char *name = earlier == 0 ? tool_format("%.*s.cl", stem, base) : tool_format("%.*s-%zu.cl", stem, base, earlier + 1);
  char *path = tool_format("%s/%s", w->folder, name), *line = tool_format("%s: %s\n", name, build_options);
  if (icn_os_write_file(path, source, strlen(source), &error) != ICN_OK) w->code = tool_error(&error);
  append(w, line);
  free(line);
  free(path);
  free(name);
}

static int write_sources(const plan *p, const icn_plan_options *options) {
  icn_error error;
  char count[COUNT_TEXT_BYTES];
  writer w = {.folder = p->sources_dir, .code = TOOL_OK};
  if (!icn_os_make_folder(w.folder)) return tool_fail("cannot make the folder '%s' for the program sources", w.folder);
  append(&w, "");
  icn_status status = icn_model_sources(p->model, options, write_program, &w, &error);
  if (status != ICN_OK && w.code == TOOL_OK) w.code = tool_error(&error);
  char *path = tool_format("%s/programs.txt", w.folder);
  if (w.code == TOOL_OK && icn_os_write_file(path, w.list, w.list_bytes, &error) != ICN_OK) w.code = tool_error(&error);
  if (w.code == TOOL_OK) printf("wrote %s to %s (build options in programs.txt)\n", count_text(w.names.count, "program", count), w.folder);
  for (size_t i = 0; i < w.names.count; i++) free((void *)w.names.items[i]);
  text_list_fini(&w.names);
  free(path);
  free(w.list);
  return w.code;
}

static int print_plan(const plan *p, const icn_plan_options *options) {
  icn_error error;
  char *text = NULL;
  if (icn_model_plan(p->model, options, &text, &error) != ICN_OK) {
    if (p->device_file == NULL || strncmp(error.message, "device description", 18) != 0) return tool_error(&error);
    return tool_fail("'%s': %s", p->device_file, error.message);
  }
  fputs(text, stdout);
  icn_text_destroy(p->s.context, text);
  return p->sources_dir != NULL ? write_sources(p, options) : TOOL_OK;
}

static int plan_for_devices(plan *p, icn_plan_options *options) {
  char label[16];
  int code = TOOL_OK;
  for (size_t i = 0; i < p->s.device_count && code == TOOL_OK; i++) {
    options->device = p->s.devices[i];
    if (i > 0) putchar('\n');
    code = print_plan(p, options);
  }
  if (code == TOOL_OK)
    printf(
        "\nExpected times follow from assumed rates. With measured ones: clinception devices --device %s --record FILE,\n"
        "then clinception plan M.onnx --device-file FILE\n",
        p->s.device_count == 1 ? device_label(p->s.devices[0], label) : "WHICH");
  return code;
}

/* The recorded description, NUL-terminated. */
static int read_device_file(const char *path, char **text) {
  icn_error error;
  icn_mapping mapping;
  if (icn_os_map(path, &mapping, &error) != ICN_OK) return tool_error(&error);
  if (mapping.bytes > 0 && memchr(mapping.data, '\0', (size_t)mapping.bytes) != NULL) {
    icn_os_unmap(&mapping);
    return tool_fail("'%s' is no device description: it is not a text file", path);
  }
  *text = tool_allocate((size_t)mapping.bytes + 1, 1);
  if (mapping.bytes > 0) memcpy(*text, mapping.data, (size_t)mapping.bytes);
  icn_os_unmap(&mapping);
  return TOOL_OK;
}

static int plan_model(plan *p, const char *path) {
  char *device_text = NULL;
  icn_plan_options options;
  icn_plan_options_init(&options);
  int code = p->device_file != NULL ? read_device_file(p->device_file, &device_text) : TOOL_OK;
  if (p->device_file != NULL) p->so.device = "reference"; /* this machine needs no OpenCL then */
  if (code == TOOL_OK) code = session_open(&p->s, "plan", &p->so);
  if (code == TOOL_OK) code = session_load_model(&p->s, &p->so, path, &p->model);
  options.batch = p->so.batch;
  options.shapes = p->s.shapes;
  options.shape_count = p->s.shape_count;
  options.disabled_passes = p->so.passes_off;
  options.forced_rows = session_rows(&p->so, p->rows);
  options.precision = session_precision(&p->so);
  options.memory_limit = p->so.memory_limit;
  options.why = p->why;
  if (code == TOOL_OK && device_text != NULL) {
    options.device_text = device_text;
    code = print_plan(p, &options);
  } else if (code == TOOL_OK) {
    code = plan_for_devices(p, &options);
  }
  free(device_text);
  return code;
}

static int run(int argc, char **argv) {
  plan p = {0};
  const option options[] = {
      SESSION_BATCH_OPTION(p.so),
      {"device-file", "FILE", OPTION_TEXT, &p.device_file, 0, 0,
       "plan for the device that 'clinception devices --record FILE' described, instead of one of this machine"},
      {"why", NULL, OPTION_FLAG, &p.why, 0, 0, "for each layer, why each other kernel row declined or lost"},
      {"sources", "DIR", OPTION_TEXT, &p.sources_dir, 0, 0, "write the program sources there, as they would be built"},
      SESSION_DEVICE_OPTION(p.so),
      SESSION_TUNING_OPTION(p.so),
      SESSION_MEMORY_OPTION(p.so),
      SESSION_MODEL_OPTIONS(p.so),
  };
  text_list positionals = {0};
  int code = options_parse(&command_plan, options, sizeof options / sizeof options[0], argc, argv, &positionals);
  if (code == TOOL_OK && positionals.count != 1) code = tool_usage("plan: expected one model, got %zu", positionals.count);
  if (code == TOOL_OK && p.device_file != NULL && p.so.device != NULL)
    code = tool_usage("plan: --device and --device-file exclude each other");
  if (code == TOOL_OK && p.sources_dir != NULL && p.so.device != NULL && strcmp(p.so.device, "all") == 0)
    code = tool_usage("plan: --sources writes the programs of one device; name it with --device");
  if (code == TOOL_OK) code = plan_model(&p, positionals.items[0]);
  icn_model_destroy(p.model);
  session_close(&p.s);
  text_list_fini(&p.so.shapes);
  text_list_fini(&positionals);
  return code == OPTIONS_HELP ? TOOL_OK : code;
}

const command command_plan = {"plan",
                              "M.onnx [--device-file FILE] [--why] [--sources DIR] [options]",
                              "shows what will run on a device, and why",
                              "Prints the plan that a model gets on a device: one line a layer (name, problem, kernel row, work), then the "
                              "totals, with the device memory that it takes, to the byte. Nothing is run. Times are "
                              "expected ones, from the rates of the device: assumed, or measured where "
                              "--device-file brings them. The problem's text is the key by which the tests, the benchmark and selection "
                              "know it: kN is N output channels, rHxW the "
                              "window, s its stride, p its padding; y:/256+64 means that the output is written into a tensor of 256 "
                              "channels, from channel 64 on.",
                              "  clinception plan M.onnx                                  # for the default device\n"
                              "  clinception plan M.onnx --why | less                     # each declined kernel row's reason\n"
                              "  clinception devices --device mali --record mali.txt      # on the other machine\n"
                              "  clinception plan M.onnx --device-file mali.txt --sources mali-programs\n",
                              run};
