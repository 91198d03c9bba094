"""Generated studies with any number of runs, to measure how the workflow grows."""

SEEDS = 50


def study(runs: int) -> dict[str, object]:
    """Return a study of `runs` runs, a multiple of SEEDS: one space, settings that differ in their learning rate."""
    rates = [round(0.01 + index / 1000, 3) for index in range(runs // SEEDS)]
    size = {"channels": 4, "layers": 1, "epochs": 1, "batch_size": 64, "train_portion": 0.5}
    seeds = list(range(SEEDS))
    space = {
        "truth": size,
        "baseline": {**size, "learning_rate": rates[0]},
        "seeds": seeds,
        "sweep_seeds": seeds,
        "sweep": {"learning_rate": rates},
    }
    head = {"study": "simulation", "title": "Trainings that do nothing", "data": {"name": "digits"}}
    return {**head, "pool": {"size": 6, "seeds": 1, "repeated": 0}, "spaces": {"nasbench201": space}}
