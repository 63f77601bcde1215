"""Largest relative L2 difference between the rows of two .npy matrices; B is the reference. Exit 1 above --tolerance.

example:
  compare_npy.py ours.npy reference.npy --tolerance 2e-5
"""
import argparse, sys
import numpy as np

a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
a.add_argument("a"); a.add_argument("b")
a.add_argument("--tolerance", type=float, help="default 2e-5; 2e-3 if either file is float16")
a = a.parse_args()
x, y = np.load(a.a), np.load(a.b)
if x.shape != y.shape or x.ndim != 2:
    sys.exit(f"shapes differ or are no matrices: {x.shape} and {y.shape}")
tolerance = a.tolerance if a.tolerance is not None else 2e-3 if np.float16 in (x.dtype, y.dtype) else 2e-5
if not x.size:
    print("no rows"); sys.exit()
x, y = x.astype(np.float64), y.astype(np.float64)
d = np.linalg.norm(x - y, axis=1) / np.maximum(np.linalg.norm(y, axis=1), 1e-30)
d = np.where(np.isnan(d), np.inf, d)  # NaN must not pass as small
i = int(d.argmax())
print(f"{len(d)} rows of {x.shape[1]}: max {d[i]:.3e} (row {i}), median {np.median(d):.3e}, over {tolerance:g}: {(d > tolerance).sum()}")
sys.exit(int(d[i] > tolerance))
