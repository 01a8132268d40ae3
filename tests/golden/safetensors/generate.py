#!/usr/bin/env python3
"""A file as the safetensors library writes it. Run here; needs safetensors (made with 0.8.0) and numpy."""
import numpy as np
from safetensors.numpy import save_file

save_file({"b/kernel": np.arange(6, dtype=np.float32).reshape(1, 2, 3) / 4,
           "a/bias": np.array([1.5, -2.5], dtype=np.float32),
           "scalar": np.array(7.0, dtype=np.float32)}, "three.safetensors", metadata={"format": "np"})
save_file({"half": np.zeros(2, dtype=np.float16)}, "f16.safetensors")
