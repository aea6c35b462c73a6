from .loop import TrainResult as TrainResult
from .loop import train as train
