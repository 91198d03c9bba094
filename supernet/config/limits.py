"""Limits on the values of a study that follow from its data set, its spaces and its other values.

Each limit is a `Bound`: the key of a value, what the value amounts to (images, architectures, pixels), and the range in
which that has to be. `bounds` lists those of a study, for its sections and for every recipe, baseline, swept value and
step of each space, so that a study that could not run to its end is refused when its file is read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from supernet import spaces
from supernet.config.datasets import DATASETS
from supernet.config.searches import Searches
from supernet.config.sections import Data, Landscape, Metrics, Pool, Proxies, Scoring, Search, Standalone
from supernet.config.sections import Protocol as Training
from supernet.config.space_section import SpaceStudy
from supernet.config.splits import Sizes, split_sizes

Key = tuple[str | int, ...]

LEAST_SIDE = 4
"""Pixels per side: networks halve it twice."""
LEAST_SCORED = 2
"""Images of the scoring split: batch norm computes a variance over them."""
LEAST_THRESHOLD = 1e-6
"""One image of a million (`supernet.metrics.definitions`)."""
COUNTED = 1_000
"""Pools above this size are compared with the number of architectures of a sub-space, which takes time to count."""

MOST: Mapping[str, int] = MappingProxyType(
    {
        "epochs": 100_000,
        "layers": 1_000,
        "channels": 16_384,
        "hidden": 16_384,
        "random_paths": 1_000,
        "landmark_pairs": 1_000,
        "seeds": 1_000,
        "shards": 100_000,
        "resamples": 1_000_000,
        "grid": 1_001,
        "paths": 10_000,
        "steps": 1_000_000,
        "architectures": 10_000_000,
        "retrain": 10_000,
        "finds": 10_000,
        "batches": 10_000,
        "recalibration_batches": 100_000,
        "checks": 10_000,
    }
)
"""The largest plausible value of each key that is a count, in any section: far above all published studies."""


class Sections(Protocol):
    """The part of `supernet.config.study.Study` that limits depend on."""

    @property
    def data(self) -> Data: ...
    @property
    def protocol(self) -> Training: ...
    @property
    def pool(self) -> Pool: ...
    @property
    def scoring(self) -> Scoring: ...
    @property
    def metrics(self) -> Metrics: ...
    @property
    def search(self) -> Search: ...
    @property
    def proxies(self) -> Proxies: ...
    @property
    def landscape(self) -> Landscape | None: ...
    @property
    def standalone(self) -> Standalone | None: ...
    @property
    def searches(self) -> Searches | None: ...
    @property
    def spaces(self) -> dict[str, SpaceStudy]: ...
    def model_dump(self, *, exclude: Any = None) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Bound:
    """A value and the range of what it amounts to; `words` name the amount, `remedy` says what to do."""

    key: Key
    value: Any
    amount: float
    words: str
    remedy: str
    least: float = 0
    most: float = float("inf")

    @property
    def kept(self) -> bool:
        """Whether the amount is in the range."""
        return self.least <= self.amount <= self.most

    @property
    def message(self) -> str:
        """State the amount, the limit and the remedy."""
        limit = f"at least {_text(self.least)}" if self.amount < self.least else f"at most {_text(self.most)}"
        return f"{self.words}; expected {limit}: {self.remedy}"


def bounds(study: Sections) -> Iterator[Bound]:
    """Yield all limits of a study, in the order of its sections.

    Limits that compare with the images of a split are left out if the splits themselves are impossible.
    """
    yield from _counts(study)
    yield from _images(study)
    splits = tuple(_splits(study))
    yield from splits
    if all(one.kept for one in splits):
        yield from _uses_of_images(study, sizes_of(study.data))
    yield from _architectures(study)
    yield from _channels(study)
    threshold = study.metrics.threshold
    if threshold != "auto":
        yield Bound(
            ("metrics", "threshold"), threshold, float(threshold), f"{threshold:g} is below one image of a million",
            "use a larger one, or `auto`", LEAST_THRESHOLD,
        )  # fmt: skip


def sizes_of(data: Data) -> Sizes:
    """Compute the splits of a data set whose number of images is known."""
    known = DATASETS[data.name]
    return split_sizes(known.images, known.official_test, data)


def _counts(study: Sections) -> Iterator[Bound]:
    """Bound each whole number whose key is in `MOST`, wherever it is in the study."""
    for key, value in _leaves(study.model_dump(), ()):
        # A value of a sweep is below the name of its factor.
        name = key[-2] if isinstance(key[-1], int) else key[-1]
        if isinstance(value, int) and not isinstance(value, bool) and name in MOST:
            most = MOST[str(name)]
            yield Bound(key, value, value, f"{value} is more than any study needs", "use a smaller number", most=most)


def _leaves(value: Any, key: Key) -> Iterator[tuple[Key, Any]]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _leaves(one, (*key, name))
    elif isinstance(value, tuple | list) and key[-2:-1] == ("sweep",):
        for place, one in enumerate(value):
            yield (*key, place), one
    else:
        yield key, value


def _images(study: Sections) -> Iterator[Bound]:
    data = study.data
    side = data.resolution or DATASETS[data.name].side
    if data.resolution is not None:
        words = f"images have {side} x {side} pixels, and the networks halve the side twice"
        yield Bound(("data", "resolution"), data.resolution, side, words, "use a larger one", LEAST_SIDE)
    if side >= LEAST_SIDE:
        padding = data.crop_padding
        words = f"images have {side} x {side} pixels, and random crops must contain part of the image"
        yield Bound(("data", "crop_padding"), padding, padding, words, "use a smaller padding", most=side - 1)


def _splits(study: Sections) -> Iterator[Bound]:
    data, sizes, images = study.data, sizes_of(study.data), DATASETS[study.data.name].images
    if data.test_portion is not None:
        yield Bound(
            ("data", "test_portion"), data.test_portion, sizes.test, f"{sizes.test} of {images} images are the test "
            "set", "use a larger portion", 1,
        )  # fmt: skip
    rest = images - sizes.test
    yield Bound(
        ("data", "scoring_portion"), data.scoring_portion, sizes.scoring, f"{sizes.scoring} of {rest} images are the "
        "scoring split", "use a larger portion", LEAST_SCORED,
    )  # fmt: skip
    yield Bound(
        ("data", "scoring_portion"), data.scoring_portion, sizes.train, f"{sizes.train} of {images} images are left "
        "for training", "use a smaller `scoring_portion` or `test_portion`", 2,
    )  # fmt: skip


def _uses_of_images(study: Sections, sizes: Sizes) -> Iterator[Bound]:
    for space, section in study.spaces.items():
        yield from _batches_of_space(space, section, sizes)
    if study.proxies.names:
        count = study.proxies.images
        yield Bound(
            ("proxies", "images"), count, count, f"{sizes.train} images are left for training", "use fewer",
            most=sizes.train,
        )  # fmt: skip
    for space, section in study.spaces.items():
        portions = [section.baseline.train_portion]
        portions += [] if section.truth is None else [section.truth.train_portion]
        images = min(map(sizes.images_of, portions))
        if study.landscape is not None:
            count = study.landscape.images
            yield Bound(
                ("landscape", "images"), count, count, f"networks of {space} are trained on {images} images",
                "use fewer", most=images,
            )  # fmt: skip
        if study.searches is not None and space in study.searches.systems:
            size = study.searches.batch_size
            most = min(sizes.images_of(section.baseline.train_portion), sizes.scoring)
            yield Bound(
                ("searches", "batch_size"), size, size, f"systems of {space} have {most} images in one of their "
                "splits", "use a smaller one", most=most,
            )  # fmt: skip


def _batches_of_space(space: str, section: SpaceStudy, sizes: Sizes) -> Iterator[Bound]:
    """Bound portion and batch size of the ground truth, the baseline, each swept value and each cumulative step."""
    place, baseline = ("spaces", space), section.baseline
    if section.truth is not None:
        yield from _batches((*place, "truth"), section.truth.train_portion, section.truth.batch_size, sizes)
    yield from _batches((*place, "baseline"), baseline.train_portion, baseline.batch_size, sizes)
    for factor in ("train_portion", "batch_size"):
        for number, value in enumerate(section.sweep.get(factor, ())):
            used = {"train_portion": baseline.train_portion, "batch_size": baseline.batch_size, factor: value}
            yield _one_batch((*place, "sweep", factor, number), value, **used, sizes=sizes)
    for factor, setting in section.steps():
        if factor in ("train_portion", "batch_size"):
            value = getattr(setting, factor)
            yield _one_batch(
                (*place, "cumulative", factor), value, setting.train_portion, setting.batch_size, sizes
            )  # fmt: skip


def _batches(place: Key, portion: float, batch_size: int, sizes: Sizes) -> Iterator[Bound]:
    images = sizes.images_of(portion)
    # A portion that is too small for any batch is named instead of the batch size.
    if images < LEAST_SCORED:
        yield _one_batch((*place, "train_portion"), portion, portion, 2, sizes)
    else:
        yield _one_batch((*place, "batch_size"), batch_size, portion, batch_size, sizes)


def _one_batch(key: Key, value: Any, train_portion: float, batch_size: int, sizes: Sizes) -> Bound:
    images = sizes.images_of(train_portion)
    words = f"train_portion {train_portion:g} gives {images} training images for batches of {batch_size}"
    return Bound(key, value, images, words, "use a larger `train_portion` or a smaller `batch_size`", batch_size)


def _architectures(study: Sections) -> Iterator[Bound]:
    """Bound the numbers of architectures that are drawn without replacement."""
    for space, section in study.spaces.items():
        size = study.pool.size_of(space)
        if size == "all":
            yield from _left_by_landmarks(study, space, section)
        else:
            yield from _drawn(study, space, section, size if study.pool.law == "uniform" else 0)
        searched = spaces.subspace(space, section.baseline.dynamic_channels)
        most = _available(searched, section)
        yield Bound(
            ("search", "architectures"), study.search.architectures, study.search.architectures,
            f"{searched} has {most} architectures", "use fewer", most=most,
        )  # fmt: skip


def _drawn(study: Sections, space: str, section: SpaceStudy, drawn: int) -> Iterator[Bound]:
    """Bound a pool, and its landmarks, which are others; `drawn` is 0 if it is not drawn at random."""
    for own in _own_spaces(space, section, drawn):
        most = _available(own, section)
        key = ("pool", "sizes", space) if space in study.pool.sizes else ("pool", "size")
        size = study.pool.size_of(space)
        yield Bound(key, size, drawn, f"{own} has {most} architectures", "use fewer", most=most)
        if _has_landmarks(section):
            both = drawn + study.protocol.landmarks
            yield Bound(
                ("protocol", "landmarks"), study.protocol.landmarks, both, f"{own} has {most} architectures, "
                f"{drawn} of which are the pool", "use fewer landmarks or a smaller pool", most=most,
            )  # fmt: skip


def _left_by_landmarks(study: Sections, space: str, section: SpaceStudy) -> Iterator[Bound]:
    """Bound the landmarks of a space whose other architectures are all in the pool, and parts of that pool."""
    most, landmarks, top = _available(space, section), study.protocol.landmarks, study.metrics.top
    if _has_landmarks(section):
        yield Bound(
            ("protocol", "landmarks"), landmarks, landmarks + top, f"{space} has {most} architectures, and the pool "
            f"needs {top} that are not landmarks", "use fewer landmarks", most=most,
        )  # fmt: skip
    counts: list[tuple[Key, int]] = [(("metrics", "top"), top)]
    if (standalone := study.standalone) is not None:
        key = "architectures" if standalone.ceiling is None else "ceiling"
        counts.append((("standalone", key), standalone.most))
    for key_of_count, count in counts:
        yield Bound(key_of_count, count, count, f"{space} has {most} architectures", "use fewer", most=most)


def _own_spaces(space: str, section: SpaceStudy, drawn: int) -> list[str]:
    values = [section.baseline.dynamic_channels, *section.sweep.get("dynamic_channels", ())]
    found = dict.fromkeys(spaces.subspace(space, value) for value in values)
    return [own for own in found if own == space or drawn > COUNTED]


def _available(own: str, section: SpaceStudy) -> int:
    """Return how many architectures can be drawn: those of the published table, or all of the space."""
    known = spaces.load(own)
    return known.distinct if section.published is None else known.published_size(section.published)


def _has_landmarks(section: SpaceStudy) -> bool:
    return "ranking" in (section.baseline.landmarks, *section.sweep.get("landmarks", ()))


def _channels(study: Sections) -> Iterator[Bound]:
    """Bound the channels of each network of a space from below: the vertices of a cell share them."""
    for space, section in study.spaces.items():
        least = spaces.load(space).least_channels
        if study.protocol.nasbench101_widths == "doubled":
            least = -(-least // 2)
        found: list[tuple[Key, int]] = [(("baseline", "channels"), section.baseline.channels)]
        if section.truth is not None:
            found.append((("truth", "channels"), section.truth.channels))
        swept = enumerate(section.sweep.get("channels", ()))
        found += [(("sweep", "channels", place), value) for place, value in swept]
        if "channels" in section.cumulative:
            found.append((("cumulative", "channels"), section.cumulative["channels"]))
        for key, value in found:
            words = f"{value} channels cannot be shared by all vertices of a cell of {space}"
            yield Bound(("spaces", space, *key), value, value, words, "use more channels", least)


def _text(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else f"{number:g}"
