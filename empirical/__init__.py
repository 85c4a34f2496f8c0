"""Real data and real networks: data sets, activations and their moments, the fit, phases of deep training, advice.

A public name is imported, and torch with it, when it is first asked for: the command's help does not wait for it. The
stub next to this file lists the names.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
