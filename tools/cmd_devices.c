/* clinception devices: what there is to run on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "json.h"
#include "os.h"
#include "session.h"

static const char *kind_name(icn_device_kind kind) {
  static const char *const names[] = {"", "cpu", "gpu", "other", "reference"};
  return names[kind];
}

static void add_quirks(cJSON *device, const icn_device *of) {
  cJSON *list = cJSON_AddArrayToObject(device, "quirks");
  for (size_t i = 0; i < icn_device_quirk_count(of); i++) {
    const icn_quirk_info quirk = icn_device_quirk(of, i);
    cJSON *o = json_object_in(list);
    cJSON_AddStringToObject(o, "name", quirk.name);
    cJSON_AddStringToObject(o, "breaks", quirk.breaks);
    cJSON_AddStringToObject(o, "workaround", quirk.workaround);
    cJSON_AddStringToObject(o, "evidence", quirk.evidence);
  }
}

/* Below the table: what is known to be wrong with a device's driver, and what is done about it. */
static void print_quirks(const session *s) {
  char label[16];
  for (size_t i = 0; i < s->device_count; i++) {
    for (size_t k = 0; k < icn_device_quirk_count(s->devices[i]); k++) {
      const icn_quirk_info quirk = icn_device_quirk(s->devices[i], k);
      printf("quirk of device %s, %s: %s; %s (%s)\n", device_label(s->devices[i], label), quirk.name, quirk.breaks, quirk.workaround,
             quirk.evidence);
    }
  }
}

static int print_json(const session *s) {
  cJSON *root = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(root, "devices");
  for (size_t i = 0; i < s->device_count; i++) {
    icn_device_info info = icn_device_get_info(s->devices[i]);
    cJSON *o = json_object_in(list);
    cJSON_AddNumberToObject(o, "index", info.index);
    cJSON_AddStringToObject(o, "kind", kind_name(info.kind));
    cJSON_AddStringToObject(o, "name", info.name);
    cJSON_AddStringToObject(o, "vendor", info.vendor);
    cJSON_AddStringToObject(o, "platform", info.platform);
    cJSON_AddStringToObject(o, "version", info.version);
    cJSON_AddStringToObject(o, "driver", info.driver);
    json_whole(o, "compute_units", info.compute_units);
    json_whole(o, "global_bytes", info.global_bytes);
    json_whole(o, "max_allocation_bytes", info.max_allocation_bytes);
    json_whole(o, "local_bytes", info.local_bytes);
    add_quirks(o, s->devices[i]);
  }
  cJSON_AddStringToObject(root, "opencl_problem", icn_context_opencl_problem(s->context));
  return json_print(root);
}

/* "OpenCL 3.0 ..." without what the vendor adds. */
static int version_length(const char *version) {
  size_t length = strcspn(version, " ");
  if (version[length] == ' ') length += 1 + strcspn(version + length + 1, " ");
  return (int)length;
}

static int print_table(const session *s) {
  table t;
  char memory[BYTES_TEXT_BYTES], local[BYTES_TEXT_BYTES], label[16];
  table_init(&t, "rllrrrlll");
  static const char *const headings[] = {"index", "kind", "name", "units", "memory", "local", "version", "platform", "driver"};
  for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++) table_add(&t, "%s", headings[i]);
  for (size_t i = 0; i < s->device_count; i++) {
    icn_device_info info = icn_device_get_info(s->devices[i]);
    table_add(&t, "%s", device_label(s->devices[i], label));
    if (info.kind == ICN_DEVICE_REFERENCE) {
      static const char *const cells[] = {"-", "plain C without OpenCL", "-", "-", "-", "-", "-", "-"};
      for (size_t k = 0; k < sizeof cells / sizeof cells[0]; k++) table_add(&t, "%s", cells[k]);
      continue;
    }
    table_add(&t, "%s", kind_name(info.kind));
    table_add(&t, "%s", info.name);
    table_add(&t, "%u", info.compute_units);
    table_add(&t, "%s", bytes_text((double)info.global_bytes, memory));
    table_add(&t, "%s", bytes_text((double)info.local_bytes, local));
    table_add(&t, "%.*s", version_length(info.version), info.version);
    table_add(&t, "%s", info.platform);
    table_add(&t, "%s", info.driver);
  }
  table_print(&t);
  table_fini(&t);
  print_quirks(s);
  return TOOL_OK;
}

static int record(const session *s, const char *path) {
  icn_error error;
  char *text;
  if (s->device_count > 1) return tool_usage("devices: --record writes one device; name it with --device (there are %zu)", s->device_count);
  if (icn_device_get_info(s->devices[0]).kind == ICN_DEVICE_REFERENCE)
    return tool_usage("devices: --record describes OpenCL devices; there is no plan for the reference, which is plain C");
  progress_show("measuring the device", 0, 0);
  icn_status status = icn_device_record(s->devices[0], s->context, &text, &error);
  progress_clear();
  if (status != ICN_OK) return tool_error(&error);
  status = icn_os_write_file(path, text, strlen(text), &error);
  icn_text_destroy(s->context, text);
  if (status != ICN_OK) return tool_error(&error);
  printf("wrote %s: the description of %s\n", path, icn_device_get_info(s->devices[0]).name);
  return TOOL_OK;
}

static int run(int argc, char **argv) {
  bool json = false;
  const char *record_path = NULL;
  session_options so = {0};
  const option options[] = {
      SESSION_DEVICE_OPTION(so),
      {"json", NULL, OPTION_FLAG, &json, 0, 0, "print JSON instead of a table"},
      {"record", "FILE", OPTION_TEXT, &record_path, 0, 0,
       "measure the device, which takes about a second on an otherwise idle machine, and write a description from which 'clinception plan "
       "--device-file FILE' makes its "
       "plans, here or on any other machine"},
  };
  text_list positionals = {0};
  session s = {0};
  int code = options_parse(&command_devices, options, sizeof options / sizeof options[0], argc, argv, &positionals);
  if (code == TOOL_OK && positionals.count > 0) code = tool_usage("devices: expected only options, got '%s'", positionals.items[0]);
  bool named = so.device != NULL;
  if (!named && record_path == NULL) so.device = "all";
  if (code == TOOL_OK) code = session_open(&s, "devices", &so);
  if (code == TOOL_OK && record_path != NULL)
    code = record(&s, record_path);
  else if (code == TOOL_OK)
    code = json ? print_json(&s) : print_table(&s);
  session_close(&s);
  text_list_fini(&positionals);
  return code == OPTIONS_HELP ? TOOL_OK : code;
}

const command command_devices = {
    "devices",
    "[--device WHICH] [--json] [--record FILE]",
    "lists the OpenCL devices of this machine",
    "Lists the OpenCL devices of this machine, with the index and the name by which --device takes them; --json has more of each. Besides "
    "them there is always 'reference': plain C without OpenCL, slow and right, which 'clinception check' compares with. A line below the "
    "table names each quirk: something that a driver gets wrong, and what is done about it (CLINCEPTION_QUIRKS=-NAME does without).",
    "  clinception devices\n"
    "  clinception devices --device gpu --record my-gpu.txt   # then, anywhere: plan M.onnx --device-file my-gpu.txt\n",
    run};
