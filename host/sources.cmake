# One file a line.
set(ICN_HOST_SOURCES
)
