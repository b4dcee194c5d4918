# One file a line.
set(ICN_HOST_SOURCES
  host/image_api.c
  host/cache.c
  host/clblast.c
  host/clcall.c
  host/context.c
  host/device.c
  host/loader.c
  host/program.c
  host/runtime.c
  host/share.c
  host/source_text.c
  host/measure.c
)
if(WIN32)
  list(APPEND ICN_HOST_SOURCES host/os_windows.c)
else()
  list(APPEND ICN_HOST_SOURCES host/os_posix.c)
endif()
