"""Converters and runtimes in processes of their own, with a limit of time and of memory: whatever they do, segport goes
on.

`process` is the near end of such a process, `child` its far end; `conversions` and `runtimes` say what is done there.
"""
