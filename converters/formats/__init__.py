"""One module (or package) a target format. Each defines CONVERTER; nothing else needs editing to add one."""
