/* programs DEVICE_FILE OUT_DIR: every distinct program that could run on a device, for compilers without a device.
 *
 * From the plans of Inception-v3 and GoogLeNet (batch 1 and 8), from every other row that takes one of their layers, and from every row
 * that takes a kernel case (lib/cases.h). OUT_DIR gets PROGRAM.cl files, complete as the library would build them, and index.txt: a line
 * for each kernel of a program that something launches, with these fields between tabs:
 *
 *     PROGRAM.cl  KERNEL  TARGET  ROWS  CONFIG  USES  BUILD OPTIONS
 *
 * TARGET is GPU, ANY or CPU: the rows' kind of device (GPU when one of them is for GPUs, CPU when all are for CPUs). CONFIG is the row's
 * share of the build options as one word. USES: "plan" where a plan chose it, "layer" where it takes a network's layer, "case" where it
 * takes a kernel case. A line "# declined TARGET ROW: REASON" stands for each row that took nothing on this device, "# without ..." for one
 * in an extension of OpenCL C that it does not have.
 *
 * Environment: ICN_TEST_DATA = tests/data. Exit: 0 good, 1 failed, 2 wrong usage. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "os.h"
#include "plan.h"
#include "program.h"
#include "quirks.h"
#include "source_text.h"
#include "support/network.h"

enum { USED_BY_CASE = 1, USED_BY_LAYER = 2, USED_BY_PLAN = 4, ROWS_BYTES = 512, MAX_ROWS = 256 };

/* One kernel of one program. */
typedef struct entry {
  const char *file, *kernel;
  char options[ICN_OPTIONS_BYTES];
  char rows[ROWS_BYTES];
  icn_target target;
  unsigned uses;
  int program; /* number among the programs of its file, from 1 on */
} entry;

typedef struct collection {
  icn_device_desc device;
  entry *entries;
  size_t count, capacity;
  bool seen[MAX_ROWS];
  icn_reason declined[MAX_ROWS];
  icn_error error;
} collection;

static collection all; /* the kernel tests' add_cases() takes no argument of ours */

static void stop(const char *sentence) {
  fprintf(stderr, "programs: %s\n", sentence);
  exit(1);
}

/* ------------------------------------------------------------ collecting */

static entry *entry_of(const char *file, const char *options, const char *kernel) {
  for (size_t i = 0; i < all.count; i++) {
    entry *e = &all.entries[i];
    if (strcmp(e->file, file) == 0 && strcmp(e->options, options) == 0 && strcmp(e->kernel, kernel) == 0) return e;
  }
  if (all.count == all.capacity) {
    all.capacity = all.capacity * 2 + 64;
    all.entries = realloc(all.entries, all.capacity * sizeof *all.entries);
    if (all.entries == NULL) stop("out of memory");
  }
  entry *e = &all.entries[all.count++];
  memset(e, 0, sizeof *e);
  e->file = file;
  e->kernel = kernel;
  e->target = ICN_TARGET_CPU;
  snprintf(e->options, sizeof e->options, "%s", options);
  return e;
}

static void add_launch(const char *row, icn_target target, const icn_launch *launch, unsigned use) {
  if (launch->kind != ICN_LAUNCH_KERNEL) return;
  entry *e = entry_of(launch->file, launch->options, launch->kernel);
  const size_t length = strlen(e->rows);
  if (!icn_list_has(e->rows, row)) snprintf(e->rows + length, ROWS_BYTES - length, "%s%s", length > 0 ? "," : "", row);
  if (target == ICN_TARGET_GPU || (target == ICN_TARGET_ANY && e->target == ICN_TARGET_CPU)) e->target = target;
  e->uses |= use;
}

/* What each row makes of a problem, as far as it takes it. */
static void add_problem(const icn_problem *problem, unsigned use) {
  for (size_t i = 0; i < icn_row_count(); i++) {
    const icn_row *row = icn_row_at(i);
    if (row->op != problem->op) continue;
    if (!icn_row_common_ok(problem, &all.declined[i]) || !row->applies(problem, &all.device, &all.declined[i])) continue;
    icn_config config;
    icn_emit emit;
    memset(&config, 0, sizeof config);
    memset(&emit, 0, sizeof emit);
    row->configure(problem, &all.device, &config);
    if (row->emit(problem, &all.device, &config, &emit, &all.error) != ICN_OK) stop(all.error.message);
    for (int k = 0; k < emit.launch_count; k++) add_launch(row->name, row->target, &emit.launch[k], use);
    all.seen[i] = true;
  }
}

static void add_network(const char *name, int64_t batch) {
  test_network network;
  icn_plan plan;
  if (test_network_load(name, batch, &network, &all.error) != ICN_OK) stop(all.error.message);
  if (icn_plan_make(&network.graph, &all.device, NULL, &plan, &all.error) != ICN_OK) stop(all.error.message);
  for (size_t l = 0; l < plan.layer_count; l++) {
    const icn_plan_layer *layer = &plan.layers[l];
    add_problem(&layer->problem, USED_BY_LAYER);
    for (int k = 0; k < layer->emit.launch_count; k++)
      add_launch(layer->choice.row->name, layer->choice.row->target, &layer->emit.launch[k], USED_BY_PLAN);
  }
  icn_plan_fini(&plan);
  test_network_unload(&network);
}

static void add_cases(void) {
  for (size_t f = 0; icn_case_family(f) != NULL; f++) {
    icn_case_list list;
    if (icn_cases_make(icn_case_family(f), NULL, &list, &all.error) != ICN_OK) stop(all.error.message);
    for (size_t i = 0; i < list.count; i++) {
      icn_problem problem;
      for (icn_case_layout layout = ICN_CASE_DENSE; layout < ICN_CASE_LAYOUTS; layout++)
        if (icn_case_problem(&list.cases[i], layout, &problem)) add_problem(&problem, USED_BY_CASE);
    }
    icn_cases_free(&list);
  }
}

/* What the library launches without a row: the measurement of a device's roof. */
static void add_measurement(void) {
  static const char *const KERNELS[] = {"measure_arithmetic", "measure_copy"};
  for (size_t i = 0; i < sizeof KERNELS / sizeof KERNELS[0]; i++) {
    icn_emit emit;
    memset(&emit, 0, sizeof emit);
    icn_launch *launch = icn_emit_launch(&emit, "measure.cl", KERNELS[i]);
    icn_launch_options(launch, "-D VW=%u", (unsigned)all.device.vector_width);
    add_launch("measure", ICN_TARGET_ANY, launch, USED_BY_CASE);
  }
}

/* ------------------------------------------------------------ writing */

static int by_name(const void *a, const void *b) {
  const entry *x = a, *y = b;
  int order = strcmp(x->file, y->file);
  if (order == 0) order = strcmp(x->options, y->options);
  return order != 0 ? order : strcmp(x->kernel, y->kernel);
}

/* "-D MR=14 -D NV=2" becomes "MR:14,NV:2": no blank and no '=', so that it can stand in a table of NAME=VALUE. */
static void config_word(const char *options, char word[ICN_OPTIONS_BYTES]) {
  size_t length = 0;
  for (const char *c = options; *c != '\0'; c++) {
    if (strncmp(c, "-D ", 3) == 0) {
      c += 2;
    } else {
      word[length++] = *c == ' ' ? ',' : *c == '=' ? ':' : *c;
    }
  }
  if (length == 0) word[length++] = '-';
  word[length] = '\0';
}

static void write_source(const char *folder, const entry *e, const char *name) {
  char path[4096];
  icn_text source;
  const icn_allocator allocator = icn_allocator_default();
  icn_text_init(&source, &allocator);
  if (icn_source_text(NULL, e->file, &source, &all.error) != ICN_OK) stop(all.error.message);
  snprintf(path, sizeof path, "%s/%s", folder, name);
  if (icn_os_write_file(path, source.data, source.length, &all.error) != ICN_OK) stop(all.error.message);
  icn_text_fini(&source);
}

static const char *target_name(icn_target target) { return target == ICN_TARGET_GPU ? "GPU" : target == ICN_TARGET_CPU ? "CPU" : "ANY"; }

static void write_entry(const char *folder, const entry *e, bool first, icn_text *index) {
  char name[256], options[ICN_PROGRAM_OPTIONS_BYTES], config[ICN_OPTIONS_BYTES];
  snprintf(name, sizeof name, "%.*s-%d.cl", (int)strcspn(e->file, "."), e->file, e->program);
  if (first) write_source(folder, e, name);
  icn_program_options(&all.device, e->options, options);
  config_word(e->options, config);
  icn_text_append(index, "%s\t%s\t%s\t%s\t%s\t%s%s%s\t%s\n", name, e->kernel, target_name(e->target), e->rows, config,
                  e->uses & USED_BY_PLAN ? "plan" : "", e->uses & USED_BY_LAYER ? (e->uses & USED_BY_PLAN ? ",layer" : "layer") : "",
                  e->uses & USED_BY_CASE ? (e->uses & ~1U ? ",case" : "case") : "", options);
}

static int write_all(const char *folder) {
  char path[4096];
  icn_text index;
  const icn_allocator allocator = icn_allocator_default();
  int programs = 0, declined = 0;
  if (!icn_os_make_folder(folder)) stop("the output folder cannot be made");
  icn_text_init(&index, &allocator);
  qsort(all.entries, all.count, sizeof *all.entries, by_name);
  for (size_t i = 0; i < all.count; i++) {
    entry *e = &all.entries[i];
    const entry *before = i > 0 ? e - 1 : NULL;
    const bool same_file = before != NULL && strcmp(before->file, e->file) == 0;
    const bool first = !same_file || strcmp(before->options, e->options) != 0;
    e->program = (same_file ? before->program : 0) + (first ? 1 : 0);
    programs += first ? 1 : 0;
    write_entry(folder, e, first, &index);
  }
  for (size_t i = 0; i < icn_row_count(); i++) {
    if (all.seen[i]) continue;
    const icn_row *row = icn_row_at(i);
    icn_text_append(&index, "# %s %s %s: %s\n", icn_row_device_ok(row, &all.device, NULL) ? "declined" : "without",
                    target_name(row->target), row->name, all.declined[i].text);
    declined++;
  }
  snprintf(path, sizeof path, "%s/index.txt", folder);
  if (index.failed) stop("out of memory");
  if (icn_os_write_file(path, index.data, index.length, &all.error) != ICN_OK) stop(all.error.message);
  printf("%d programs, %zu kernels, %d of %zu rows declined\n", programs, all.count, declined, icn_row_count());
  icn_text_fini(&index);
  free(all.entries);
  return 0;
}

static void read_device(const char *path) {
  icn_mapping file;
  if (icn_os_map(path, &file, &all.error) != ICN_OK) stop(all.error.message);
  if (icn_device_desc_parse(file.data, (size_t)file.bytes, &all.device, &all.error) != ICN_OK) stop(all.error.message);
  icn_quirks_apply(&all.device, NULL);
  icn_os_unmap(&file);
}

int main(int argc, char **argv) {
  char googlenet[4096];
  if (argc != 3) {
    fprintf(stderr, "usage: programs DEVICE_FILE OUT_DIR\n");
    return 2;
  }
  const char *data = icn_os_environment("ICN_TEST_DATA");
  if (data == NULL) stop("ICN_TEST_DATA must name the folder tests/data");
  if (icn_row_count() > MAX_ROWS) stop("more rows than this program has room for");
  read_device(argv[1]);
  snprintf(googlenet, sizeof googlenet, "%s/exported/tv_googlenet.torchscript.onnx", data);
  for (int64_t batch = 1; batch <= 8; batch += 7) {
    add_network("builtin:inception_v3", batch);
    add_network(googlenet, batch);
  }
  add_cases();
  add_measurement();
  return write_all(argv[2]);
}
