"""milrun: executes saved Core ML ML Programs on any machine, with torch as the arithmetic.

    from validation.milrun import Interpreter
    answer = Interpreter("net.mlpackage").predict({"image": picture})

It answers "what does this file compute", not "how fast is it on a phone": there is no Neural Engine arithmetic here and
no latency worth reporting. See docs/measured/conformance.md for what was checked and how float16 is treated.

The public names stand in ``__init__.pyi``; the interpreter, and torch with it, is imported on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
