"""Chart archives: bytes in, checked files out. Pure: no input and output, nothing is ever extracted to disk.

Belongs here: safe reading, the rules of ``Chart.yaml``, version stamping, reproducible packing, values.
"""
