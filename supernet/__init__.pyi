from supernet import spaces as spaces
from supernet.training.trained import TrainedSupernet as TrainedSupernet

__all__ = ["TrainedSupernet", "__version__", "spaces"]
__version__: str
