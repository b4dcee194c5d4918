# One file a line: every .cl and .clh, embedded into the library.
set(ICN_KERNEL_FILES
  kernels/common.clh
  kernels/loop.clh
  kernels/copy.cl
  kernels/vector.clh
  kernels/functions.clh
  kernels/elementwise.cl
  kernels/conv_direct.cl
  kernels/conv_tile.cl
  kernels/conv_gpu.cl
  kernels/conv_transpose.cl
  kernels/depthwise.cl
  kernels/matmul_direct.cl
  kernels/matmul_tile.cl
  kernels/tile.clh
  kernels/pool.cl
)
