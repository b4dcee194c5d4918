# The command-line tool: a user of the public API (and of host/os.h for files and time; report looks deeper, at kernel rows).
find_path(ICN_CJSON_INCLUDE cjson/cJSON.h REQUIRED)
find_library(ICN_CJSON_LIBRARY cjson REQUIRED)

# One file a line.
set(ICN_TOOL_SOURCES
  tools/cache_fill.c
  tools/cmd_bench.c
  tools/cmd_cache.c
  tools/cmd_check.c
  tools/cmd_classify.c
  tools/cmd_convert.c
  tools/cmd_devices.c
  tools/cmd_evaluate.c
  tools/dataset.c
  tools/dataset_idx.c
  tools/eval_confusion.c
  tools/eval_figures.c
  tools/eval_models.c
  tools/eval_pictures.c
  tools/eval_report.c
  tools/eval_results.c
  tools/cmd_models.c
  tools/cmd_plan.c
  tools/cmd_quarantine.c
  tools/cmd_recipe.c
  tools/cmd_report.c
  tools/cmd_run.c
  tools/cmd_selftest.c
  tools/cmd_tune.c
  tools/tune_problems.c
  tools/tune_summary.c
  tools/json.c
  tools/labels.c
  tools/main.c
  tools/npy.c
  tools/options.c
  tools/recipe.c
  tools/report_file.c
  tools/report_json.c
  tools/report_kernels.c
  tools/session.c
  tools/tensors.c
  tools/terminal.c
  tools/tool.c
)
add_executable(clinception_tool ${ICN_TOOL_SOURCES})
set_target_properties(clinception_tool PROPERTIES OUTPUT_NAME clinception)
target_include_directories(clinception_tool PRIVATE tools)
target_include_directories(clinception_tool SYSTEM PRIVATE ${ICN_CJSON_INCLUDE} ${ICN_OPENCL_INCLUDE}) # selftest and quarantine look into host/
target_compile_definitions(clinception_tool PRIVATE CL_TARGET_OPENCL_VERSION=300)
target_link_libraries(clinception_tool PRIVATE clinception_static ${ICN_CJSON_LIBRARY} icn_flags)
