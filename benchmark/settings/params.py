"""params.yaml as frozen, validated models: every knob has a rule, and an unknown key is an error."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SerializeAsAny, ValidationError, field_validator, model_validator

from benchmark.common.errors import InputError
from benchmark.common.files import read_yaml
from benchmark.common.section import Section as Section
from benchmark.data.gates.registry import Policy
from benchmark.images.variants.registry import VARIANTS
from benchmark.settings.sweep import Sweep
from benchmark.sources.registry import SourceParams, load_source
from models.losses.registry import LOSSES

PARAMS = Path("params.yaml")

Size = Literal["small", "mid", "large"]
"""Role of an input size: the paper's 224, 448 and 720 px, whatever their pixels in this profile."""


class Sizes(Section):
    """Side of the square input in pixels, per role."""

    small: Annotated[int, Field(ge=16, le=2048)]
    """The paper's 224."""
    mid: Annotated[int, Field(ge=16, le=2048)]
    """The paper's 448."""
    large: Annotated[int, Field(ge=16, le=2048)]
    """The paper's 720."""

    def of(self, size: Size) -> int:
        """Pixels of a role."""
        return int(getattr(self, size))

    @model_validator(mode="after")
    def _grows(self) -> Sizes:
        if not self.small < self.mid < self.large:
            msg = "sizes must grow from small to mid to large"
            raise ValueError(msg)
        return self


class Prepare(Section):
    """From photographs to packs."""

    on_bad_image: Literal["stop", "skip"] = "stop"
    """What to do with a photograph that cannot be read: stop, or skip it and go on; each is listed by name."""
    variant: str = "plain"
    """What is done to the colours: a file of benchmark/variants (plain, graham, clahe)."""
    encoding: Literal["raw", "jpeg"] = "raw"
    """How packs hold images: raw bytes (fastest), or jpeg at quality 95. Made from the originals of IDRiD (n = 6) that
    is about 8, 10 and 11 times smaller at 224, 448 and 720 px, and 2.5, 5 and 6 times at 40, 80 and 128 px."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Processes that decode; 0 takes every core."""

    @field_validator("variant")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in VARIANTS:
            msg = f"must be one of {', '.join(VARIANTS)}, but got {name!r}"
            raise ValueError(msg)
        return name


class Gates(Section):
    """What to do with what each check of the data finds (benchmark/gates).

    Stop before anything is trained; warn and go on; or drop the photographs concerned, of a leak between splits those
    of train (of val, where it leaks into test). What the manifest cannot hold cannot be warned of alone, and a count
    cannot be dropped.
    """

    ids: Literal["stop", "drop"] = "stop"
    """An id has two rows: somebody has to say which one holds."""
    labels: Literal["stop", "drop"] = "stop"
    """A label is no grade: likely the wrong column, or another scale."""
    counts: Literal["stop", "warn"] = "stop"
    """Splits differ from the published ones: numbers would compare with nobody's."""
    patients: Policy = "stop"
    """A patient is in two splits: the split is wrong, and dropping hides how."""
    eyes: Policy = "warn"
    """An eye lacks its fellow: harmless, but a sign of lost rows."""
    readable: Policy = "stop"
    """A file is missing or damaged: likely an incomplete download."""
    black: Policy = "warn"
    """There is nothing to see: published sets hold such, with a grade."""
    tiny: Policy = "warn"
    """Too few pixels for lesions: some sets are thumbnails by design."""
    fundus: Policy = "warn"
    """It looks like something else: a guess, so look at it."""
    identical: Policy = "drop"
    """Pixels recur: certain, so the leak goes and what is measured on stays as published."""
    near: Policy = "warn"
    """A shot recurs, changed: nearly certain, so look at it; drop once you have."""

    def of(self, name: str) -> Policy:
        """What to do with the findings of a gate."""
        policy: Policy = getattr(self, name)
        return policy


class Cells(Section):
    """The Multi-Cell part."""

    width: Annotated[float, Field(gt=0, le=4)] = 1.0
    """Branch widths as a multiple of Inception-ResNet-v2's own."""
    normal: Annotated[int, Field(ge=0, le=20)] = 1
    """Normal Cell-C after each Reduction Cell-B (not printed in the paper)."""


class Model(Section):
    """The network that every arm shares."""

    trunk: str
    """Any timm model that gives feature maps (``timm.list_models()``)."""
    pretrained: bool = False
    """Start from timm's weights for that name (needs the network once)."""
    stride: Annotated[int, Field(ge=2, le=64)] = 32
    """Input pixels per feature-map pixel where the trunk is cut; must be one that the trunk has."""
    cut: str = ""
    """Module of the trunk to cut after, where that is not the end of the stage with this stride."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout between pooling and heads."""
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    """Subtracted from RGB in 0-1."""
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    """Divides RGB after the subtraction."""
    cells: Cells = Cells()


class Augment(Section):
    """Random changes of each training image; each depends on the seed, the epoch and the image alone."""

    flip: bool = True
    """Mirror left-right and up-down, each with probability one half."""
    rotate: Annotated[float, Field(ge=0, le=180)] = 180.0
    """Rotate by an angle drawn from plus or minus this many degrees."""
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Zoom by a factor drawn from 1 plus or minus this."""
    brightness: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Multiply by a factor drawn from 1 plus or minus this."""
    contrast: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Stretch around the image's mean by a factor drawn from 1 plus or minus this."""
    colour: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Multiply each channel by its own factor drawn from 1 plus or minus this."""


class Train(Section):
    """One training run. Optimiser and schedule are timm's, by name."""

    epochs: Annotated[int, Field(ge=1, le=10_000)]
    """Passes over the training split."""
    batch: Annotated[int, Field(ge=2, le=4096)]
    """Images per update."""
    accumulate: Annotated[int, Field(ge=1, le=4096)] = 1
    """Passes that an update's images are split into: less memory for the same update, but for batch norm's."""
    opt: str = "adamw"
    """timm optimiser (``timm.optim.list_optimizers()``)."""
    lr: Annotated[float, Field(gt=0, le=10)]
    """Peak learning rate."""
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Weight decay, not applied to biases and norms."""
    sched: Literal["cosine", "poly", "step", "constant"] = "cosine"
    """timm learning-rate schedule, stepped per update."""
    min_lr: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Where the schedule ends."""
    decay_rate: Annotated[float, Field(gt=0, le=10)] = 0.1
    """Of ``step``: factor of each drop; of ``poly``: the power (1 is linear)."""
    decay_epochs: Annotated[float, Field(gt=0, le=1)] = 0.3
    """Of ``step``: share of the epochs between two drops."""
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of all updates over which the rate rises linearly."""
    clip: Annotated[float, Field(ge=0)] = 1.0
    """Clip the gradient's norm to this; 0 leaves it."""
    class_weights: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Weigh an image's loss by its grade's count to minus this power: 0 leaves it, 1 lets every grade weigh alike."""
    resample: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Draw an epoch's images by their grade's count to minus this power: 0 takes each once, 1 evens the grades."""
    keep: Literal["last", "best"] = "last"
    """Which weights are evaluated: those of the last epoch, or of the epoch with the best val kappa of the run's
    main head (scores where there are scores, else prob.; the earlier of equals). Test is never looked at."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to train."""
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    """Number format; auto takes bf16-mixed where the device multiplies it natively."""
    compile: bool = False
    """Let torch compile the network first: minutes at the start for faster steps after it; made for GPUs."""
    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    """CPU threads; 0 takes every core. Results are bit-identical for the same number only."""
    checkpoint_minutes: Annotated[float, Field(ge=0)] = 5.0
    """Save the state of a running training this often, beside the end of each epoch; 0 after each update."""
    augment: Augment = Augment()


class Arm(Section):
    """One row of the experiment: what is trained, at which size, starting from what."""

    objective: str
    """A file of models/losses."""
    size: Size
    """Role of the input size."""
    level: Annotated[int, Field(ge=1, le=3)] = 1
    """1: the trunk alone; 2: one Reduction-B; 3: two."""
    parent: Annotated[str, Field(alias="from")] = ""
    """``stage/arm`` whose weights, seed by seed, this arm starts from; empty: from the trunk's own start."""
    match: Literal["", "images", "macs"] = ""
    """Train for as many images, or multiply-adds, as all stages of the arm ``of`` took; empty: for train.epochs."""
    of: str = ""
    """``stage/arm`` whose cost is matched."""


class Tracking(Section):
    """MLflow."""

    experiment: str = "fundusbench"
    """Experiment that the runs are logged under; the data set's name is appended."""
    live_after_s: Annotated[float, Field(ge=0)] = 300.0
    """A training stage that will take longer than this is followed live; a shorter one is logged when it ends."""


class Params(Section):
    """The whole of params.yaml."""

    data: SerializeAsAny[SourceParams]
    sizes: Sizes
    gates: Gates = Gates()
    prepare: Prepare = Prepare()
    model: Model
    objectives: dict[str, dict[str, Any]]
    """Parameters of each loss, by its name."""
    train: Train
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    """One training per arm and seed."""
    arms: dict[str, dict[str, Arm]]
    """DVC stage -> arm -> what it is."""
    tracking: Tracking = Tracking()
    transfer: dict[Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")], SerializeAsAny[SourceParams]] = Field({})
    """Other data sets, each under a name of its own and declared as ``data`` is: every finished run is evaluated on
    their test splits, too."""
    sweep: Sweep = Sweep()
    """The search over the loss weighting (``fundusbench sweep``); no other step reads it."""

    def arm(self, stage: str, name: str) -> Arm:
        """Look up an arm.

        Raises:
            InputError: there is no such arm.
        """
        arms = self.arms.get(stage, {})
        if name not in arms:
            known = ", ".join(f"{s}/{a}" for s in self.arms for a in self.arms[s])
            msg = f"an arm must be one of {known}, but got {stage}/{name}: declare it under `arms` in params.yaml"
            raise InputError(msg)
        return arms[name]

    @model_validator(mode="after")
    def _coheres(self) -> Params:
        if self.train.accumulate > self.train.batch // 2:
            msg = (
                f"train.accumulate must leave two images or more per pass, but splits {self.train.batch} into "
                f"{self.train.accumulate}: lower it, or raise train.batch"
            )
            raise ValueError(msg)
        if len(set(self.seeds)) != len(self.seeds):
            msg = f"seeds must differ from one another, but got {self.seeds}"
            raise ValueError(msg)
        for name, given in self.objectives.items():
            _check_loss(name, given)
        for stage, arms in self.arms.items():
            for name, arm in arms.items():
                self._check_arm(f"{stage}/{name}", arm)
        return self

    def _check_arm(self, name: str, arm: Arm) -> None:
        if arm.objective not in self.objectives:
            msg = f"arms: `objective` must be one of {', '.join(self.objectives)}, but {name} has {arm.objective!r}"
            raise ValueError(msg)
        if self.train.class_weights and not LOSSES[arm.objective].per_image:
            msg = (
                f"train.class_weights apply to losses that are means over images, but {name} minimises "
                f"{arm.objective}: set it to 0, or use train.resample"
            )
            raise ValueError(msg)
        for key, path in (("from", arm.parent), ("of", arm.of)):
            stage, _, other = path.partition("/")
            if path and other not in self.arms.get(stage, {}):
                msg = f"arms: `{key}` must name another arm as stage/arm, but {name} has {path!r}"
                raise ValueError(msg)
        if bool(arm.match) != bool(arm.of):
            msg = f"arms: `match` and `of` must be given together, but {name} has {arm.match!r} and {arm.of!r}"
            raise ValueError(msg)
        self._check_chain(name, arm)

    def _check_chain(self, name: str, arm: Arm) -> None:
        """No arm may start from, or be matched to, itself by any way."""
        ahead, seen = [arm.parent, arm.of], {""}
        while ahead:
            path = ahead.pop()
            if path == name:
                msg = f"arms: an arm cannot start from, or match, what descends from it, but {name} does"
                raise ValueError(msg)
            if path not in seen:
                seen.add(path)
                stage, _, other = path.partition("/")
                found = self.arms.get(stage, {}).get(other)
                ahead += [found.parent, found.of] if found else []


def _check_loss(name: str, given: dict[str, Any]) -> None:
    if name not in LOSSES:
        msg = f"objectives: a loss must be one of {', '.join(LOSSES)}, but got {name!r}"
        raise ValueError(msg)
    known = LOSSES[name].defaults
    for key, value in given.items():
        if key not in known:
            msg = f"objectives.{name}: unknown key {key!r}; it knows {', '.join(known) or 'no parameter'}"
            raise ValueError(msg)
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            msg = f"objectives.{name}.{key} must be a number >= 0, but got {value!r}"
            raise ValueError(msg)


def load_params(path: Path = PARAMS) -> Params:
    """Read and validate a parameter file.

    Raises:
        InputError: the file is missing, is no YAML, or breaks a rule; the sentence names every fault.
    """
    raw = read_yaml(path, "the parameters are")
    return parse_params(raw, str(path))


def parse_params(raw: Any, origin: str = "params.yaml") -> Params:
    """Validate parameters; ``origin`` is what error sentences call them.

    Raises:
        InputError: a rule is broken; the sentence names the key, the rule, the value and the mend.
    """
    if not isinstance(raw, dict):
        msg = f"{origin} must hold a mapping of parameters, but holds {type(raw).__name__}"
        raise InputError(msg)
    if "data" in raw:
        raw = raw | {"data": parse_data(raw["data"], origin, ("data",))}
    if isinstance(raw.get("transfer"), dict):
        others = raw["transfer"].items()
        raw = raw | {"transfer": {name: parse_data(data, origin, ("transfer", str(name))) for name, data in others}}
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        raise InputError(_sentences(error, origin, (), raw)) from error


def parse_data(raw: Any, origin: str, path: tuple[str, ...] = ("data",)) -> Any:
    """Validate what describes a data set, by the rules of its ``source``; what names none is left to the rules for all.

    Args:
        raw: the keys and values of the section.
        origin: named where one is wrong.
        path: of the section.

    Raises:
        InputError: as in :func:`parse_params`.
    """
    if not isinstance(raw, dict) or not isinstance(raw.get("source"), str):
        return raw
    try:
        return load_source(raw["source"]).Params.model_validate(raw)
    except ValidationError as error:
        raise InputError(_sentences(error, origin, path, raw)) from error


def _sentences(error: ValidationError, origin: str, prefix: tuple[str, ...], raw: Any) -> str:
    return "; ".join(_sentence(fault, origin, prefix, raw) for fault in error.errors(include_url=False))


def _sentence(fault: Any, origin: str, prefix: tuple[str, ...], raw: Any) -> str:
    key = ".".join([*prefix, *(str(part) for part in fault["loc"])])
    where = f"{origin}: `{key}`" if key else f"{origin}:"
    rule = fault["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if fault["type"] == "extra_forbidden":
        return f"{where} is not a parameter{_near(fault['loc'], prefix)}: remove or rename it"
    if fault["type"] == "missing":
        return f"{where} must be given, but is missing: add it"
    if fault["type"] == "value_error":
        return f"{where} {rule}: correct it"
    return f"{where} {rule}, but got {fault['input']!r}: correct it there or with -S {key}=..."


def _near(loc: tuple[Any, ...], prefix: tuple[str, ...]) -> str:
    """Name the known key that an unknown one resembles most."""
    section: Any = Params
    if prefix:
        return ""
    for part in loc[:-1]:
        field = section.model_fields.get(str(part)) if hasattr(section, "model_fields") else None
        section = field.annotation if field else None
    known = [f.alias or name for name, f in getattr(section, "model_fields", {}).items()]
    near = difflib.get_close_matches(str(loc[-1]), known, n=1)
    return f" (did you mean `{near[0]}`?)" if near else (f"; known are {', '.join(known)}" if known else "")
