"""What a user names as a model -> ModelSource. One module a kind of model; `loading` chooses.

Nothing found in a file is ever executed as Python: checkpoints are safetensors or state dicts read with
`weights_only=True`, TorchScript and torch.export programs are graphs whose pickled parts may hold tensors only. The one
exception is a factory, `package.module:name`: that is the user's own code, and naming it is asking for it to run.
"""

from toolkit.models.checkpoint import default_output_size
from toolkit.models.loading import load_source
from toolkit.models.naming import palette

__all__ = ["default_output_size", "load_source", "palette"]
