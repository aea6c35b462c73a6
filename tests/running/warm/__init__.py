"""Python processes that need not import the heavy libraries again: they are forked from one that has.

Importing torch, TensorFlow, litert-torch and coremltools takes six seconds, and tests start hundreds of processes of
ours. So `starting` hands their command lines to a process that has imported the libraries, none of our own modules, and
nothing else (`serving`); it forks, and what comes of it is a child of the process that asked for it, with that command
line, folder, environment, and pipes. To the one that asked it is a process like any other: with its own memory,
signals, and exit status.
Tests of the start itself use the fixture `cold_processes`, and SEGPORT_TESTS_COLD=1 switches all this off; so does
`make test-all`.
"""
