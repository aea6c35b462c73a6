"""A phone's instruction set on this machine: LiteRT for ARM64 under qemu-user, with CPUs chosen by name.

`machine` makes it and starts programs in it, `profiles` are its CPUs, `instructions` reads what a counted inference
executed. `count_instructions.c` is the plugin that counts.
"""
