from .errors import ExecutionError as ExecutionError
from .errors import MilRunError as MilRunError
from .errors import ModelFileError as ModelFileError
from .errors import PredictInputError as PredictInputError
from .errors import UnsupportedOpError as UnsupportedOpError
from .interpreter import Interpreter as Interpreter
from .interpreter import Observer as Observer
