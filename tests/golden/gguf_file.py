#!/usr/bin/env python3
"""Writes tests/golden/small.gguf with the gguf package: keys of every type, three tensors.

    python3 tests/golden/gguf_file.py       (in the project's root; gguf 0.19.0)
"""
import sys

sys.path = [p for p in sys.path if not p.endswith("golden")]  # this file is not the package

import numpy
import gguf

w = gguf.GGUFWriter("tests/golden/small.gguf", "test")
w.add_custom_alignment(64)
for kind, value in [("uint8", 200), ("int8", -100), ("uint16", 60000), ("int16", -30000), ("uint32", 4000000000),
                    ("int32", -2000000000), ("uint64", 2**63 + 1), ("int64", -2**62), ("float32", 0.5), ("float64", 0.1),
                    ("bool", True), ("string", "h\u00e9")]:
    getattr(w, f"add_{kind}")(f"x.{kind}", value)
w.add_array("x.strings", ["a", "", "bc"])
w.add_array("x.numbers", [1, -2, 3])
w.add_array("x.floats", [0.25, -0.5])
w.add_tensor("b", numpy.arange(6, dtype=numpy.float32).reshape(2, 3))
w.add_tensor("a", numpy.arange(4, dtype=numpy.float16))
w.add_tensor("q", numpy.arange(2 * 34, dtype=numpy.uint8).reshape(2, 34), raw_dtype=gguf.GGMLQuantizationType.Q8_0)
w.write_header_to_file()
w.write_kv_data_to_file()
w.write_tensors_to_file()
w.close()
