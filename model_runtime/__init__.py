"""Speech to mouth motion to sparse keys; standard library, numpy and onnxruntime only.

Knows nothing of Blender. The road is in `pipeline.py`; the values that pass along it are in `contracts.py`.
"""
