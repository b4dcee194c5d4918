#!/usr/bin/env python3
"""Small files as the format's own library writes them: what tests/unit/test_safetensors.c reads and tests/fuzz begins with.

    pip install safetensors==0.8.0 numpy
    python tools/dev/make_safetensors.py tests/data/safetensors
"""
import os
import sys

import numpy as np
from safetensors.numpy import save_file


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    count = np.arange(6, dtype=np.float32).reshape(2, 3)
    kinds = {"float64": np.float64, "float32": np.float32, "float16": np.float16, "int64": np.int64, "int32": np.int32, "int8": np.int8,
             "uint8": np.uint8, "bool": np.bool_, "uint16": np.uint16}
    save_file({name: count.astype(kind) for name, kind in kinds.items()}, os.path.join(folder, "kinds.safetensors"), metadata={"format": "np"})
    save_file({"conv.weight": np.ones((4, 3, 1, 1), np.float32), "bn.running_var": np.ones(4, np.float32), "empty": np.zeros((0, 2), np.float32),
               "bn.num_batches_tracked": np.array(7, np.int64)}, os.path.join(folder, "layer.safetensors"))


if __name__ == "__main__":
    main()
