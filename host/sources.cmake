# One file a line.
set(ICN_HOST_SOURCES
)
if(WIN32)
  list(APPEND ICN_HOST_SOURCES host/os_windows.c)
else()
  list(APPEND ICN_HOST_SOURCES host/os_posix.c)
endif()
