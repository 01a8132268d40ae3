#!/usr/bin/env python3
"""Arrays as numpy writes them. Run here; needs numpy (made with 2.4.6)."""
import numpy as np

np.save("u8_2x3.npy", np.arange(6, dtype=np.uint8).reshape(2, 3))
np.save("i64_5.npy", np.array([-(2**62), -1, 0, 1, 2**62], dtype=np.int64))
np.save("f32_2x1x2.npy", np.array([[[0.5, -1.25]], [[3e38, 1e-45]]], dtype=np.float32))
np.save("f64_scalar.npy", np.array(np.pi))
np.save("i32_empty.npy", np.zeros((0, 4), dtype=np.int32))
np.save("big_endian.npy", np.arange(3, dtype=">f4"))
np.save("fortran.npy", np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)))
np.save("f16.npy", np.zeros(2, dtype=np.float16))
np.save("records.npy", np.zeros(2, dtype=[("a", "<i4"), ("b", "<f4")]))
with open("version_2.npy", "wb") as out:
    np.lib.format.write_array(out, np.arange(3, dtype=np.uint8), version=(2, 0))
