from supernet import spaces as spaces
from supernet.metrics.own_scores.evaluation import evaluate as evaluate
from supernet.paper.load import Results as Results
from supernet.published.benchmark import Benchmark as Benchmark
from supernet.training.trained import TrainedSupernet as TrainedSupernet

__all__ = ["Benchmark", "Results", "TrainedSupernet", "__version__", "evaluate", "spaces"]
__version__: str
