"""One module a runtime. Each defines RUNNER; nothing else needs editing to add one."""
