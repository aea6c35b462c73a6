"""Delegate lint: what accelerators on phones are known not to take of an artifact, read from its file without running
it.

graph.py      operations of a file in one form
reading.py    .tflite and .mlpackage into that form
target.py     a target: the operations it takes, its rules, where the facts come from
targets/      one file a target
partition.py  where a delegate splits a graph
linting.py    all of it together
"""
