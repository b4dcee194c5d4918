# One file a line.
set(ICN_HOST_SOURCES
  host/image_api.c
  host/cache.c
  host/clblast.c
  host/clcall.c
  host/context.c
  host/device.c
  host/exec_check.c
  host/exec_device.c
  host/exec_reference.c
  host/executor.c
  host/loader.c
  host/program.c
  host/runtime.c
  host/share.c
  host/source_text.c
  host/weights.c
  host/model.c
  host/plan_api.c
  host/measure.c
  host/interop.c
  host/classify.c
  host/kernel_check.c
  host/measure_row.c
  host/device_facts.c
  host/trial.c
  host/tune.c
  host/tune_file.c
)
if(WIN32)
  list(APPEND ICN_HOST_SOURCES host/os_windows.c)
else()
  list(APPEND ICN_HOST_SOURCES host/os_posix.c)
endif()
