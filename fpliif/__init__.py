"""Hold FP-LIIF: the network, its exact deployable rewrite, its training and its shipped checkpoints.

Importing this package is cheap: the names in ``__init__.pyi`` are imported, and torch with them, on first use.
`fpliif.deploy.deploy` is not among them: a package cannot have a module and a function of one name.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
