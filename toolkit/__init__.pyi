from .document.outcome import Outcome as Outcome
from .options import RunOptions as RunOptions
from .pipeline import bench as bench
from .pipeline import convert as convert
from .pipeline import run as run
from .pipeline import validate as validate

__version__: str
