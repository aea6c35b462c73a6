"""segport: trained segmentation network in, phone-ready models and the proof that they still work out.

Python does all that the command line does::

    import toolkit
    outcome = toolkit.run(toolkit.RunOptions(out="runs/mine"))
    print(outcome.document["artifacts"][0]["verdict"])

The public names stand in ``__init__.pyi``; each is imported on first use, so that `import toolkit` loads nothing heavy.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
