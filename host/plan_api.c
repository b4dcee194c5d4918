/* Plans as text, programs as sources, recorded devices: what can be known without running anything. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "executor.h"
#include "measure.h"
#include "plan_fit.h"
#include "program.h"
#include "quirks.h"
#include "source_text.h"
#include "tune.h"
#include "tune_file.h"

void icn_plan_options_init_sized(icn_plan_options *options, size_t struct_bytes) { icn_struct_init(options, struct_bytes); }

static icn_status read_options(const icn_plan_options *given, icn_plan_options *options, icn_error *error) {
  icn_status status = ICN_OK;
  icn_plan_options_init(options);
  if (given == NULL) return ICN_OK;
  ICN_REQUIRE(icn_struct_read(options, sizeof *options, given), ICN_ARGUMENT,
              "the plan options were not initialised (icn_plan_options_init), or have fields that this library does not know");
  ICN_REQUIRE(options->batch >= 0, ICN_ARGUMENT, "the batch is %lld, expected 1 or more (or 0 for 1)", (long long)options->batch);
  ICN_REQUIRE(options->shape_count == 0 || options->shapes != NULL, ICN_ARGUMENT, "%zu input shapes are announced, but shapes is NULL",
              options->shape_count);
  ICN_REQUIRE(options->device == NULL || options->device_text == NULL, ICN_ARGUMENT, "both a device and a recorded device are given");
done:
  return status;
}

/* A plan with all that it refers to. */
typedef struct planned {
  icn_device_desc device;
  icn_graph graph;
  icn_plan plan;
  icn_text passes; /* a line a pass */
  icn_tunedb tuning;
} planned;

static void planned_fini(planned *p) {
  icn_plan_fini(&p->plan);
  icn_graph_fini(&p->graph);
  icn_text_fini(&p->passes);
  icn_tunedb_fini(&p->tuning);
}

static icn_status describe(const icn_model *model, const icn_plan_options *options, icn_device_desc *desc, icn_error *error) {
  const icn_device *device = options->device;
  icn_status status = ICN_OK;
  if (options->device_text != NULL) {
    ICN_TRY(icn_device_desc_parse(options->device_text, strlen(options->device_text), desc, error));
    icn_quirks_apply(desc, model->context->quirks);
    return ICN_OK;
  }
  if (device == NULL) ICN_TRY(icn_context_find_device(model->context, NULL, &device, error));
  ICN_REQUIRE(device->desc.kind != ICN_DEVICE_REFERENCE, ICN_UNSUPPORTED,
              "the reference device runs the graph node by node: there is no plan for it");
  *desc = device->desc;
done:
  return status;
}

/* *p is initialised here and wants planned_fini whatever is returned. */
static icn_status make(icn_model *model, const icn_plan_options *options, planned *p, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_allocator *allocator = &model->context->allocator;
  memset(p, 0, sizeof *p);
  icn_graph_init(&p->graph, allocator);
  icn_arena_init(&p->plan.arena, allocator);
  icn_text_init(&p->passes, allocator);
  icn_plan_request request = {.disabled_passes = options->disabled_passes,
                              .forced_rows = options->forced_rows,
                              .why = options->why != 0,
                              .tuning = &p->tuning,
                              .precision = options->precision,
                              .memory_limit = options->memory_limit};
  icn_arena_init(&p->tuning.arena, allocator);
  ICN_TRY(describe(model, options, &p->device, error));
  ICN_TRY(icn_tuning_load(model->context, &p->device, options->device_text == NULL, &p->tuning, error));
  ICN_TRY(icn_check_pass_names(options->disabled_passes, error));
  ICN_TRY(icn_check_row_names(options->forced_rows, error));
  ICN_TRY(icn_import(&model->source, options->shapes, options->shape_count, options->batch, &p->graph, error));
  ICN_TRY(icn_plan_network(&p->graph, &p->device, &request, &p->passes, &p->plan, error));
done:
  return status;
}

static void print_quirks(const icn_device_desc *desc, icn_text *text) {
  const size_t before = text->length;
  icn_quirks_print(desc, text);
  if (text->length > before) icn_text_append(text, "\n");
}

icn_status icn_model_plan(icn_model *model, const icn_plan_options *given, char **result, icn_error *error) {
  icn_status status = ICN_OK;
  icn_plan_options options;
  icn_error_clear(error);
  if (model == NULL || result == NULL) {
    return icn_error_set(error, ICN_ARGUMENT, "icn_model_plan: %s is NULL", model == NULL ? "model" : "text");
  }
  *result = NULL;
  status = read_options(given, &options, error);
  if (status != ICN_OK) return status;
  planned p;
  icn_text text;
  icn_text_init(&text, &model->context->allocator);
  ICN_TRY(make(model, &options, &p, error));
  if (options.why && p.passes.length > 0) icn_text_append(&text, "passes (how often each rewrote the graph):\n%s\n", p.passes.data);
  if (options.why) print_quirks(&p.device, &text);
  icn_plan_print(&p.plan, &p.graph, &p.device, &text);
  if (text.failed || text.data == NULL) ICN_TRY(icn_error_memory(error, text.length + 1, "the plan's text"));
  *result = text.data;
  text.data = NULL;
done:
  icn_text_fini(&text);
  planned_fini(&p);
  return status;
}

icn_status icn_model_account(icn_model *model, const icn_plan_options *given, icn_memory_account *account, icn_error *error) {
  icn_status status = ICN_OK;
  icn_plan_options options;
  planned p;
  icn_error_clear(error);
  if (model == NULL || account == NULL)
    return icn_error_set(error, ICN_ARGUMENT, "icn_model_account: %s is NULL", model == NULL ? "model" : "account");
  status = read_options(given, &options, error);
  if (status != ICN_OK) return status;
  ICN_TRY(make(model, &options, &p, error));
  const icn_plan_memory memory = icn_plan_memory_of(&p.plan, &p.device);
  ICN_TRY(icn_account_write(&memory, account, error));
done:
  planned_fini(&p);
  return status;
}

/* ----------------------------------------------------------------- sources */

static bool same_program(const icn_launch *a, const icn_launch *b) {
  return strcmp(a->file, b->file) == 0 && strcmp(a->options, b->options) == 0;
}

/* True for the first launch of the plan that uses its program. */
static bool is_first_use(const icn_plan *plan, size_t step) {
  const icn_launch *launch = &plan->layers[plan->steps[step].layer].emit.launch[plan->steps[step].launch];
  if (launch->kind != ICN_LAUNCH_KERNEL) return false;
  for (size_t i = 0; i < step; i++) {
    const icn_launch *other = &plan->layers[plan->steps[i].layer].emit.launch[plan->steps[i].launch];
    if (other->kind == ICN_LAUNCH_KERNEL && same_program(launch, other)) return false;
  }
  return true;
}

icn_status icn_model_sources(icn_model *model, const icn_plan_options *given,
                             void (*program)(void *user, const char *file, const char *build_options, const char *source), void *user,
                             icn_error *error) {
  icn_status status = ICN_OK;
  icn_plan_options options;
  icn_error_clear(error);
  if (model == NULL || program == NULL) {
    return icn_error_set(error, ICN_ARGUMENT, "icn_model_sources: %s is NULL", model == NULL ? "model" : "program");
  }
  status = read_options(given, &options, error);
  if (status != ICN_OK) return status;
  planned p;
  icn_text source;
  icn_text_init(&source, &model->context->allocator);
  ICN_TRY(make(model, &options, &p, error));
  for (size_t i = 0; i < p.plan.step_count; i++) {
    if (!is_first_use(&p.plan, i)) continue;
    const icn_launch *launch = &p.plan.layers[p.plan.steps[i].layer].emit.launch[p.plan.steps[i].launch];
    char build_options[ICN_PROGRAM_OPTIONS_BYTES];
    icn_program_options(&p.device, launch->options, build_options);
    icn_text_fini(&source);
    icn_text_init(&source, &model->context->allocator);
    ICN_TRY(icn_source_text(model->context->kernel_dir, launch->file, &source, error));
    program(user, launch->file, build_options, source.data);
  }
done:
  icn_text_fini(&source);
  planned_fini(&p);
  return status;
}

/* ---------------------------------------------------------------- problems */

static int by_cost(const void *left, const void *right) {
  const icn_tune_problem *a = left, *b = right;
  const double cost_a = a->expected_seconds * (double)a->layers, cost_b = b->expected_seconds * (double)b->layers;
  if (cost_a != cost_b) return cost_a > cost_b ? -1 : 1;
  return strcmp(a->key, b->key);
}

static void add_problem(icn_tune_problem *problems, size_t *count, const icn_problem *problem, const icn_choice *choice, int runs) {
  char key[ICN_KEY_BYTES];
  (void)icn_problem_key(problem, key);
  for (size_t i = 0; i < *count; i++) {
    if (strcmp(problems[i].key, key) != 0) continue;
    problems[i].layers += (size_t)runs;
    return;
  }
  icn_tune_problem *added = &problems[(*count)++];
  added->problem = *problem;
  memcpy(added->key, key, sizeof key);
  added->layers = (size_t)runs;
  added->row = choice->row;
  added->config = choice->config;
  added->expected_seconds = choice->cost_seconds;
}

icn_status icn_tune_problems(icn_model *model, const icn_plan_options *given, icn_tune_problem **problems, size_t *count,
                             icn_error *error) {
  icn_plan_options options;
  planned p;
  *problems = NULL;
  *count = 0;
  icn_error_clear(error);
  icn_status status = read_options(given, &options, error);
  if (status != ICN_OK) return status;
  ICN_TRY(make(model, &options, &p, error));
  const size_t most = p.plan.layer_count + p.plan.other_count;
  *problems = icn_allocate_array(&model->context->allocator, most + 1, sizeof **problems);
  if (*problems == NULL) ICN_TRY(icn_error_memory(error, most * sizeof **problems, "the plan's problems"));
  for (size_t i = 0; i < p.plan.layer_count; i++) {
    const icn_plan_layer *layer = &p.plan.layers[i];
    add_problem(*problems, count, &layer->problem, &layer->choice, layer->slices);
  }
  for (size_t i = 0; i < p.plan.other_count; i++) add_problem(*problems, count, &p.plan.others[i].problem, &p.plan.others[i].choice, 1);
  qsort(*problems, *count, sizeof **problems, by_cost);
done:
  planned_fini(&p);
  return status;
}

/* ------------------------------------------------------------------ record */

icn_status icn_device_record(const icn_device *device, const icn_context *context, char **result, icn_error *error) {
  icn_text text;
  icn_device_desc desc;
  icn_error_clear(error);
  if (device == NULL || context == NULL || result == NULL) {
    return icn_error_set(error, ICN_ARGUMENT, "icn_device_record: %s is NULL",
                         device == NULL    ? "device"
                         : context == NULL ? "context"
                                           : "text");
  }
  *result = NULL;
  desc = device->reported; /* quirks are applied where it is read */
  if (desc.kind != ICN_DEVICE_REFERENCE) {
    icn_status status = icn_device_measure(context, device, &desc.flop_per_second, &desc.bytes_per_second, error);
    if (status == ICN_OK) status = icn_device_measure_launch(context, device, &desc.launch_seconds, error);
    if (status != ICN_OK) return status;
  }
  icn_text_init(&text, &context->allocator);
  icn_device_desc_print(&desc, &text);
  if (text.failed || text.data == NULL) {
    icn_text_fini(&text);
    return icn_error_memory(error, text.length + 1, "the device's description");
  }
  *result = text.data;
  return ICN_OK;
}
