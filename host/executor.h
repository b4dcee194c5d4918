/* What an executor holds. exec_device.c prepares a plan for OpenCL, exec_run.c runs it; exec_reference.c runs the graph
 * through the plain C reference. */
#ifndef ICN_HOST_EXECUTOR_H
#define ICN_HOST_EXECUTOR_H

#include "dispatch.h"
#include "model.h"
#include "plan.h"
#include "runtime_cl.h"
#include "weight_cache.h"

/* A value that can be read after a run. */
typedef struct icn_exec_value {
  icn_tensor_info info;
  int source; /* position in plan.values; reference: graph value */
} icn_exec_value;

struct icn_executor {
  icn_context *context;
  icn_model *model;
  const icn_device *device;
  bool keep_values, profile;
  size_t window;   /* launches that a run gives ahead, 0: all */
  icn_arena arena; /* infos */
  icn_graph graph;
  icn_tensor_info *inputs, *outputs;
  icn_layer_info *layers;
  size_t layer_count;
  icn_exec_value *values;
  size_t value_count;
  icn_memory_info memory;
  icn_run *active; /* submitted, not waited for */
  bool has_run;    /* a run has finished: values can be read */

  icn_runtime *runtime; /* NULL: the reference */
  icn_plan plan;
  icn_buffer **buffers;                /* plan.buffer_count; own ones and, borrowed, those of `weights` */
  icn_weight **weights;                /* plan.buffer_count, NULL for own buffers */
  icn_weight_entry *kept;              /* the weights' entry in the cache while the plan is tried out, else NULL */
  icn_bound **bounds;                  /* plan.step_count * plan.slices; where a step is bound alike for all slices, the first alone */
  icn_dispatch *dispatch;              /* how the launches are enqueued */
  int *input_buffers, *output_buffers; /* for each graph input / output its plan buffer, -1: none */

  icn_arena reference_arena; /* the last run's values */
  const float **reference_values;
  double reference_clock; /* when the last node ended */
};

typedef struct icn_notice icn_notice; /* run.c */

struct icn_run {
  icn_executor *executor;
  icn_status status;
  icn_error error;
  cl_event *copies; /* into each input, then out of each wanted output, NULL for others; none on the reference device */
  cl_event ended;   /* behind all of it; NULL on the reference device, and while `left` */
  icn_notice *notice;
  /* With a window. */
  float **outputs;     /* the caller's, for when the last launches are given */
  size_t left;         /* launches that were not given yet */
  cl_event portion[2]; /* what was given last, and before that; NULL: nothing, or known to have ended */
  icn_mutex *mutex;    /* guards what follows */
  bool cancelled;
};

/* The executor's common parts around `runtime` (taken, also on failure; NULL: made for options->device). */
icn_status icn_executor_create_on(icn_model *model, const icn_executor_options *options, const icn_device *device, icn_runtime *runtime,
                                  icn_executor **executor, icn_error *error);

icn_status icn_exec_device_prepare(icn_executor *executor, const icn_executor_options *options, icn_error *error);
void icn_exec_device_fini(icn_executor *executor);
/* Enqueues copies in, launches, copies out, with a window as much of that as goes into it; run->copies and run->ended tell when they have
 * ended. After a failure nothing is in flight. */
icn_status icn_exec_device_submit(icn_run *run, const float *const *inputs, float *const *outputs, icn_error *error);
/* Gives the device what there is room for in the window: now, waiting until all is given, or all of it whatever the window. run->left says
 * what remains. Returns run->status, whose sentence is run->error; ICN_CANCELLED: cancelled before all was given. */
typedef enum icn_feed { ICN_FEED_LOOK, ICN_FEED_WAIT, ICN_FEED_ALL } icn_feed;
icn_status icn_exec_device_feed(icn_run *run, icn_feed how);
/* Whether nothing of what was given goes on. Nothing is left, or run->status says why not. */
icn_status icn_exec_device_look(const icn_run *run, bool *ended, icn_error *error);
/* Gives the rest, waits for all of it, and takes the times of layers (profile). Returns run->status, as above. */
icn_status icn_exec_device_wait(icn_run *run);
/* Its events. Nothing of it is in flight. */
void icn_exec_device_release(icn_run *run);
icn_status icn_exec_device_read(icn_executor *executor, const icn_exec_value *value, float *data, icn_error *error);
/* The elements of `view` at `place`, dense in the model's order. */
icn_status icn_exec_device_read_view(icn_executor *executor, const icn_place *place, const icn_view *view, float *data, icn_error *error);
/* Enqueues one layer's steps, of the first slice. */
icn_status icn_exec_device_enqueue_layer(icn_executor *executor, size_t layer, icn_error *error);

/* Every weight of the plan on the device, packed or from the cache. Ended, also where it failed, by settle, which keeps what was packed. */
icn_status icn_exec_weights_upload(icn_executor *executor, icn_error *error);
void icn_exec_weights_settle(icn_executor *executor, bool keep);
void icn_exec_weights_release(icn_executor *executor);

icn_status icn_exec_reference_prepare(icn_executor *executor, icn_error *error);
icn_status icn_exec_reference_run(icn_executor *executor, const float *const *inputs, float *const *outputs, icn_error *error);
icn_status icn_exec_reference_read(const icn_executor *executor, const icn_exec_value *value, float *data, icn_error *error);

/* A graph value's name and shape. */
icn_tensor_info icn_exec_value_info(const icn_graph *graph, int value);
/* The bytes of a tensor's floats. Its shape is known. */
uint64_t icn_exec_info_bytes(const icn_tensor_info *info);

/* The options' lists hold only names that exist. Fails: ICN_ARGUMENT (the known names are listed). */
icn_status icn_check_pass_names(const char *list, icn_error *error);
icn_status icn_check_row_names(const char *list, icn_error *error);

#endif
