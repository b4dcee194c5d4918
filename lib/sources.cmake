# One file a line (this list is merged line by line).
set(ICN_LIB_SOURCES
  lib/base.c
  lib/tensor.c
  lib/cost.c
  lib/device_desc.c
  lib/kernel.c
  lib/row_support.c
  lib/row_copy.c
  lib/op.c
  lib/graph.c
  lib/graph_check.c
  lib/problem.c
  lib/problem_key.c
  lib/row_elementwise.c
)
