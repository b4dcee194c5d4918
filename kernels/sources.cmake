# One file a line: every .cl and .clh, embedded into the library.
set(ICN_KERNEL_FILES
  kernels/common.clh
  kernels/loop.clh
  kernels/copy.cl
  kernels/vector.clh
  kernels/functions.clh
  kernels/elementwise.cl
)
