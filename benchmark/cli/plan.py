"""``fundusbench plan``: show the trainings of the pipeline and their cost, before anything runs."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from benchmark.cli.output import OutputTable, add_json, show, show_json
from benchmark.common.errors import InputError
from benchmark.common.files import read_json
from benchmark.common.progress import progress_bar
from benchmark.common.terms import SPLITS, Arm, Size, Split
from benchmark.common.units import duration, memory, quantity
from benchmark.data.manifest import MANIFEST, read_manifest
from benchmark.dispatch.train import count_workers
from benchmark.jobs.queue import Job, makespan
from benchmark.runs.declared import declared_packs, resolve_runs
from benchmark.runs.environment import hardware
from benchmark.runs.labels import StepKey, settings_text, step_key
from benchmark.runs.results import read_trained
from benchmark.runs.run import RECORDS, RUNS, Record
from benchmark.runs.run_store import is_trained
from benchmark.runs.spec import ArmRun, BlendRun, NetworkRun, TrainedRun
from benchmark.runs.systems import step_nets
from benchmark.settings.devices import check_device
from benchmark.settings.loading import load_params
from benchmark.settings.params import Params
from benchmark.sources.registry import SourceParams
from models.systems.registry import SYSTEMS

if TYPE_CHECKING:
    from benchmark.cli.step_timing import TimedStep

JPEG = 10
"""Compression of packed JPEG relative to raw: 8 to 11 times for fundus photographs of 224 to 720 px."""
WEIGHT = 4
"""Bytes per parameter in a model file."""
CHECKPOINT = 12
"""Bytes per parameter in a checkpoint: the weight and its two moments."""

TimeRange = tuple[float, float]
"""Low and high end of an estimate."""


@dataclass(frozen=True, slots=True)
class PlannedTraining:
    """Training of an arm or network with all its seeds; None for numbers that are not known yet."""

    method: str
    arm: str
    size: Size
    pixels: int
    n_cells: int
    heads: tuple[str, ...]
    runs: int
    epochs: int
    images: int | None
    """Images that one run sees, over all epochs."""
    parameters: int
    macs_per_image: int
    """Multiply-adds of a forward pass."""
    step_cost: float
    """Multiply-adds of a training step divided by those of its forward pass: about 3, or less with frozen parts."""
    macs: int | None
    """Multiply-adds of all runs, forward and backward."""
    seconds: TimeRange | None
    """Seconds of one run on the measured device."""
    memory: int | None
    """Bytes that a step takes on the measured device."""
    net: str = ""
    """The network, as ``method/arm``, if it is of a system or of an arm with settings of its own; empty if shared."""
    own: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the arm that differ from the sections', by dotted name."""
    depends_on: tuple[str, ...] = ()
    """Arms whose run of the same seed must finish first."""
    left: tuple[int, ...] = ()
    """Seeds whose run is not finished."""

    @property
    def key(self) -> StepKey:
        """Identity of the step's cost; see :func:`benchmark.runs.labels.step_key`."""
        return self.n_cells, self.size, self.heads, self.net


@dataclass(frozen=True, slots=True)
class Plan:
    """All trainings, and the disk space of models and packs."""

    trainings: tuple[PlannedTraining, ...]
    packs: Mapping[str, int] | None
    """Bytes over all splits per size, and per size with a colour normalisation of some arms; None if the number of
    images is not known."""
    encoding: str
    images: Mapping[Split, int] | None
    images_from: str
    device: str
    """Name of the measured device; empty if nothing was measured."""
    workers: int
    """Number of runs at once."""
    wall: TimeRange | None
    """Seconds that all runs take, also the finished ones; None if a time is not known."""
    left: TimeRange | None
    """Seconds that the unfinished runs take; None if a time is not known."""
    fewer: bool
    """True if a step was measured on fewer images than a batch."""
    given: tuple[str, ...]
    """Systems that were measured elsewhere, so that nothing is trained for them."""

    @property
    def models(self) -> int:
        """Bytes of all model files."""
        return sum(WEIGHT * training.parameters * training.runs for training in self.trainings)

    @property
    def checkpoint(self) -> int:
        """Bytes of the largest checkpoint."""
        return max((CHECKPOINT * training.parameters for training in self.trainings), default=0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--no-measure", action="store_true", help="count only, without times: run no training step")
    parser.add_argument(
        "--power",
        nargs="?",
        const=".",
        metavar="FOLDER",
        help="show instead the seeds and patients that each primary claim needs, by the variation in a finished "
        "experiment (as in `compare`; default: this folder)",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Print the plan of params.yaml.

    Raises InputError if a parameter breaks a rule, this machine has no such device, or a training step does not fit
    into memory.
    """
    if args.power:
        _run_power(args.power, as_json=args.json)
        return
    params = load_params()
    done = runs_done(params)
    if not args.json and done and all(done.values()):
        print(f"all {len(done)} runs are finished: `dvc status` lists the stages that are not up to date")
        return
    if not args.no_measure:
        check_device(params.train)
    planned = plan(params, measure=not args.no_measure, done=done)
    if args.json:
        show_json(planned)
    else:
        show(*plan_parts(planned))


def _run_power(where: str, *, as_json: bool) -> None:
    """Print the seeds and patients that each primary claim needs; raises InputError without measured claims."""
    from benchmark.cli.compare import read_experiment
    from benchmark.report.verification.table_diff import read_lines
    from benchmark.statistics.power import MAX_SEEDS, needed

    verdicts = read_lines(read_experiment(where, "verdicts.csv")["verdicts.csv"])
    rows = [row for row in verdicts if int(row.get("primary") or 0)]
    planned = [found for row in sorted(rows, key=lambda row: row["primary"]) if (found := needed(row))]
    if not planned:
        msg = f"a plan of power needs verdicts on the primary claims with two seeds or more, but {where} has none: "
        raise InputError(f"{msg}run `dvc repro` there")
    if as_json:
        show_json(planned)
        return
    header = (
        "claim",
        "split",
        "of interest",
        "patients",
        "seeds",
        "detectable",
        "seeds needed",
        "patients needed",
        "or both",
    )
    cells = [
        (
            *(one.part, one.split, f"{one.difference:.4g}", str(one.patients), str(one.seeds), f"{one.detectable:.4f}"),
            "not by seeds alone" if one.seeds_needed is None else str(one.seeds_needed),
            "not by patients alone" if one.patients_needed is None else f"{one.patients_needed:,}",
            "-" if one.both is None else f"{one.both[0]} seeds, {one.both[1]:,} patients",
        )
        for one in planned
    ]
    show(
        OutputTable(header, cells, texts=2),
        "of interest: margin of the verdict; detectable: true difference whose 95 % interval excludes 0 in four of "
        "five such experiments; seeds or patients needed: to detect the difference of interest with as many of the "
        f"other (at most {MAX_SEEDS} seeds), or both, where each causes half of the variance",
        "the variation is that of a few seeds, so these are orders of magnitude; a verdict needs an interval above the "
        "margin, which such experiments find in four of five cases if the true difference is twice the margin",
    )


def plan(params: Params, *, measure: bool, done: Mapping[str, bool] | None = None) -> Plan:
    """Count the trainings of the parameters and, with ``measure``, time a few steps of each kind.

    Raises InputError if the network cannot be built as declared, or a training step does not fit into memory.
    """
    images, images_from = count_images(params)
    done = runs_done(params) if done is None else done
    counted = [(_with_left(params, one, done), spec) for one, spec in count_trainings(params, images)]
    steps: dict[StepKey, TimedStep] = _recorded(params, [one for one, _ in counted]) if measure else {}
    unknown = {one.key: spec for one, spec in counted if one.left and one.key not in steps}
    measured, device = _measure(params, unknown) if measure else ({}, "")
    steps |= measured
    own = [_timed(one, steps.get(one.key), images) for one, _ in counted]
    fitted = (blends(params, name, images, own) for name in params.systems if params.seeds_of(name))
    timed = (*own, *(_with_left(params, one, done) for one in fitted))
    workers = count_workers(params) if measure else 1
    return Plan(
        trainings=timed,
        packs=pack_bytes(params, images),
        encoding=params.prepare.encoding,
        images=images,
        images_from=images_from,
        device=device,
        workers=workers,
        wall=_wall([(one, params.seeds_of(one.method)) for one in timed], workers),
        left=_wall([(one, one.left) for one in timed if one.left], workers),
        given=tuple(params.predicted),
        fewer=any(one.key in steps and steps[one.key].images < spec.train.batch_size for one, spec in counted),
    )


def runs_done(params: Params) -> dict[str, bool]:
    """Return whether each run to train is finished, by ``method/arm/seed``; a system's blends of a seed are one.

    Without a manifest nothing is known of the data, and it is empty.
    """
    try:
        declared = resolve_runs(params, read_manifest())
    except InputError:
        return {}
    done: dict[str, bool] = {}
    for spec in declared:
        name = f"{spec.method}/blends/{spec.seed}" if isinstance(spec, BlendRun) else spec.name
        done[name] = done.get(name, True) and is_trained(spec)
    return done


def _with_left(params: Params, one: PlannedTraining, done: Mapping[str, bool]) -> PlannedTraining:
    seeds = params.seeds_of(one.method)
    return replace(one, left=tuple(seed for seed in seeds if not done.get(f"{one.method}/{one.arm}/{seed}")))


def count_images(params: Params) -> tuple[dict[Split, int] | None, str]:
    """Return the images per split and the origin of the counts: the source's parameters or the manifest."""
    declared = _declared(params.data)
    if declared:
        return declared, f"as `data` declares {params.data.name}"
    if MANIFEST.exists():
        rows = [row for row in read_manifest() if row.source == params.data.name]
        if rows:
            counts = Counter(row.split for row in rows)
            return {split: counts[split] for split in SPLITS}, f"as {MANIFEST} lists them"
    return None, "unknown until fetch"


def _declared(data: SourceParams) -> dict[Split, int] | None:
    """Return the images per split of a generated data set; the manifest may belong to other parameters."""
    from benchmark.sources import phantom as source

    if not isinstance(data, source.Params):
        return None
    return {split: 2 * getattr(data.patients, split) for split in SPLITS}


def count_trainings(params: Params, images: Mapping[Split, int] | None) -> list[tuple[PlannedTraining, TrainedRun]]:
    """Count every training method, and return each with one of its runs."""
    # The photographs do not matter here, so the data set need not exist yet, and packs may be another experiment's.
    specs = resolve_runs(params, [], packs=declared_packs)
    kinds = {spec.group: spec for spec in specs if isinstance(spec, ArmRun | NetworkRun)}
    counted: list[tuple[PlannedTraining, TrainedRun]] = []
    for spec in kinds.values():
        # Networks of systems train on the patients that blends are not fitted on.
        share = 1 - params.systems[spec.method].holdout_fraction if spec.method in params.systems else 1.0
        own = params.own_settings(Arm(spec.method, spec.arm))
        counted.append((_count(spec, len(params.seeds_of(spec.method)), images, share, own), _without_start(spec)))
    return counted


def _without_start(spec: TrainedRun) -> TrainedRun:
    """Return a run without the weights that it starts from, which do not change its cost."""
    return spec.model_copy(update={"parent": "", "parent_key": "", "model": spec.model.bare})


def _count(
    spec: TrainedRun,
    runs: int,
    images: Mapping[Split, int] | None,
    share: float = 1.0,
    own: Mapping[str, Any] | None = None,
) -> PlannedTraining:
    """Count one training that uses a share of the train images, with its own settings."""
    from benchmark.training.networks import run_cost

    cost, step = run_cost(spec), step_cost(spec)
    n_cells, size, heads, net = step_key(spec, own=bool(own))
    seen = round(spec.train.epochs * images["train"] * share) if images else None
    return PlannedTraining(
        method=spec.method,
        arm=spec.arm,
        size=size,
        pixels=spec.pixels,
        n_cells=n_cells,
        heads=heads,
        runs=runs,
        epochs=spec.train.epochs,
        images=seen,
        parameters=cost.parameters,
        macs_per_image=cost.macs,
        step_cost=step,
        macs=None if seen is None else round(step * cost.macs) * seen * runs,
        seconds=None,
        memory=None,
        net=net,
        own=own or {},
        depends_on=(spec.parent,) if spec.parent else (),
    )


def step_cost(spec: TrainedRun) -> float:
    """Return the multiply-adds of a training step of a run's network, in multiples of its forward pass."""
    built: tuple[Hashable, ...]
    match spec:
        case ArmRun():
            built = spec.model.bare, spec.n_cells, spec.loss.name, spec.pixels
        case NetworkRun():
            built = spec.group, spec.model.bare, spec.blocks, spec.width, spec.loss.name, spec.pixels
    if built not in _STEP_COSTS:
        _STEP_COSTS[built] = _counted_step(_without_start(spec))
    return _STEP_COSTS[built]


_STEP_COSTS: dict[tuple[Hashable, ...], float] = {}
"""Counted once, as building a network takes seconds."""


def _counted_step(spec: TrainedRun) -> float:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from benchmark.training.networks import build_run_network

    with torch.device("meta"):
        network = build_run_network(spec).eval()
        with FlopCounterMode(display=False) as counter:
            outputs = network(torch.zeros(1, 3, spec.pixels, spec.pixels))
            forward = counter.get_total_flops()
            torch.autograd.backward([output.sum() for output in outputs.values()])
    return float(counter.get_total_flops() / forward)


def blends(
    params: Params, name: str, images: Mapping[Split, int] | None, trainings: Sequence[PlannedTraining]
) -> PlannedTraining:
    """Count the forward passes of the networks that a system's blends read, over images that no network trains on."""
    settings = params.systems[name]
    read = {net for step in SYSTEMS[name].steps.values() for net in step_nets(step, settings)}
    nets = [one for one in trainings if one.method == name and one.arm in read]
    seen = None if images is None else predicted_images(params, name, images)
    known = seen is not None and all(one.seconds for one in nets)
    ends = [sum(_per_image(one, end, images) / one.step_cost for one in nets) for end in (0, 1)] if known else []
    macs = sum(one.macs_per_image for one in nets)
    return replace(
        nets[0],
        arm="blends",
        net=name,
        epochs=0,
        images=seen,
        parameters=0,
        macs_per_image=macs,
        macs=None if seen is None else macs * seen * nets[0].runs,
        seconds=(seen * ends[0], seen * ends[1]) if seen is not None and ends else None,
        depends_on=tuple(f"{one.method}/{one.arm}" for one in nets),
    )


def predicted_images(params: Params, name: str, images: Mapping[Split, int]) -> int:
    """Return the images that each network of a system predicts after its training, over all TTA views."""
    settings, steps = params.systems[name], SYSTEMS[name].steps.values()
    kept, held = settings.holdout_fraction * images["train"], images["val"] + images["test"]
    changed = settings.tta_views * (kept + held) if any(step.tta for step in steps) else 0
    # Training has predicted the unchanged val and test images already, but not the features of a layer.
    plain = kept + (held if SYSTEMS[name].layer else 0) if not all(step.tta for step in steps) else 0
    return round(changed + plain)


def _per_image(one: PlannedTraining, end: int, images: Mapping[Split, int] | None) -> float:
    """Return the seconds of a training step per image."""
    assert one.seconds
    assert images
    return one.seconds[end] / image_equivalents(one, _seen(one, images))


def _seen(one: PlannedTraining, images: Mapping[Split, int]) -> dict[Split, int]:
    """Return the images per split of a training; of train, those that it uses."""
    return {**images, "train": images["train"] if not one.images else one.images // max(one.epochs, 1)}


def _measure(params: Params, kinds: Mapping[StepKey, TrainedRun]) -> tuple[dict[StepKey, TimedStep], str]:
    """Measure a step of each kind, and return the steps and the device's name."""
    from benchmark.cli.step_timing import Stopwatch

    watch = Stopwatch(params)
    bar = progress_bar(kinds.items(), desc="measure", unit=" kinds", leave=False)
    return {key: watch.measure(spec) for key, spec in bar}, watch.device


def _recorded(params: Params, trainings: Sequence[PlannedTraining]) -> dict[StepKey, TimedStep]:
    """Return the cost of a step of each kind that earlier runs had on this processor and these cards."""
    from benchmark.cli.step_timing import TimedStep

    here, kinds, found = hardware(), {one.key: one for one in trainings}, dict[StepKey, list[tuple[float, int]]]()
    for path in sorted(RECORDS.glob("*/*/*.json")):
        try:
            record = Record.model_validate(read_json(path))
            run = read_trained(RUNS / path.relative_to(RECORDS).with_suffix(""))
        except (InputError, ValueError):
            continue  # Another version wrote it, or the run was removed.
        arm = Arm(run.method, run.arm)
        own = bool(params.own_settings(arm))
        one = kinds.get(step_key(run, own=own))
        batch_size = params.of(arm).train.batch_size if own else params.train.batch_size
        alike = one and (one.pixels, one.parameters, batch_size) == (run.pixels, run.parameters, run.train.batch_size)
        if one and alike and (record.cpu, record.gpu) == (here["cpu"], here["gpu"]):
            shown = run.data.model_dump() | {"train": run.train_images}
            done = replace(one, epochs=run.train.epochs)
            cost = record.seconds / image_equivalents(done, shown), record.peak_memory_bytes
            found.setdefault(one.key, []).append(cost)
    return {
        key: TimedStep(min(costs)[0], max(costs)[0], 0.0, max(size for _, size in costs), params.train.batch_size)
        for key, costs in found.items()
    }


def image_equivalents(one: PlannedTraining, images: Mapping[Any, int]) -> float:
    """Return a run's cost in images of a training step; val after each epoch and test at the end are forward only."""
    return one.epochs * images["train"] + (one.epochs * images["val"] + images["test"]) / one.step_cost


def _timed(one: PlannedTraining, step: TimedStep | None, images: Mapping[Split, int] | None) -> PlannedTraining:
    """Return a training with its time and memory, if they are known."""
    if step is None:
        return one
    if images is None:
        return replace(one, memory=step.memory)
    seen = image_equivalents(one, _seen(one, images))
    return replace(one, seconds=(step.low * seen + step.start, step.high * seen + step.start), memory=step.memory)


def _wall(seeds: Sequence[tuple[PlannedTraining, Sequence[int]]], workers: int) -> TimeRange | None:
    """Simulate the job queue, and return the time of the runs of some seeds of each training."""
    if not seeds or any(one.seconds is None for one, _ in seeds):
        return None
    names = {f"{one.method}/{one.arm}/{seed}": (one, seed) for one, chosen in seeds for seed in chosen}
    ends = []
    for end in (0, 1):
        jobs = []
        for name, (one, seed) in names.items():
            needed = tuple(parent for arm in one.depends_on if (parent := f"{arm}/{seed}") in names)
            jobs.append(Job(name, str, (), needed, one.seconds[end] if one.seconds else 0.0))
        ends.append(makespan(jobs, workers))
    return ends[0], ends[1]


def pack_bytes(params: Params, images: Mapping[Split, int] | None) -> dict[str, int] | None:
    """Return the bytes of the packs of each size over all splits; exact without headers if raw, an estimate if jpeg."""
    if images is None:
        return None
    smaller = JPEG if params.prepare.encoding == "jpeg" else 1
    return {
        size if colours == params.prepare.colour_normalisation else f"{size} {colours}": (
            sum(images.values()) * params.sizes.of(size) ** 2 * 3 // smaller
        )
        for colours, sizes in params.packed_sizes().items()
        for size in sizes
    }


HEADER = (
    *("arm", "px", "n_cells", "runs", "left", "images", "parameters", "MACs/image"),
    *("MACs, total", "time, one run", "memory", "model files"),
)


def plan_parts(plan: Plan) -> tuple[OutputTable, str]:
    """Return the plan as a table with totals, and notes."""
    return OutputTable(HEADER, [_cells(one) for one in plan.trainings], total=_totals(plan)), "\n".join(_notes(plan))


def _cells(one: PlannedTraining) -> tuple[str, ...]:
    return (
        f"{one.method}/{one.arm}" + f" ({settings_text(one.own)})" * bool(one.own),
        str(one.pixels),
        str(one.n_cells),
        str(one.runs),
        str(len(one.left)),
        _known(one.images, quantity),
        quantity(one.parameters),
        quantity(one.macs_per_image),
        _known(one.macs, quantity),
        _span(one.seconds),
        _known(one.memory, memory),
        memory(WEIGHT * one.parameters * one.runs),
    )


def _totals(plan: Plan) -> tuple[str, ...]:
    """Return the sums over all runs, the time of all runs, and the memory of the largest runs that train at once."""
    macs, peaks = (
        [getattr(one, name) for one in plan.trainings if getattr(one, name) is not None] for name in ("macs", "memory")
    )
    whole = (
        quantity(sum(macs)) if macs else "-",
        _span(plan.wall),
        memory(max(peaks) * plan.workers) if peaks else "-",
    )
    runs = (str(sum(counts)) for counts in ([one.runs for one in plan.trainings], _left(plan)))
    return ("total", "", "", *runs, "", "", "", *whole, memory(plan.models))


def _left(plan: Plan) -> list[int]:
    return [len(one.left) for one in plan.trainings]


def _known(value: float | None, show: Callable[[float], str]) -> str:
    return "-" if value is None else show(value)


def _span(seconds: TimeRange | None) -> str:
    """Return a range of times as text; a single time if both ends read the same."""
    return "-" if seconds is None else " to ".join(dict.fromkeys(map(duration, seconds)))


def _notes(plan: Plan) -> list[str]:
    """Return notes on the table's numbers and on disk space."""
    counts = ", ".join(f"{split} {count:,}" for split, count in (plan.images or {}).items())
    has_blends = any(one.arm == "blends" for one in plan.trainings)
    fewer = ", some on part of a batch, and memory in proportion" if plan.fewer else ""
    timed = (
        f"time and memory: of one run on {plan.device}, from the records of earlier runs there, else from a few "
        f"steps for each n_cells, size and heads{fewer}; val and test cost a forward pass per image; the total has "
        f"{plan.workers} run(s) in parallel, without the start of stages"
    )
    left = f"left: {sum(_left(plan))} of {sum(one.runs for one in plan.trainings)} runs are not finished"
    return [
        left + f", and take {_span(plan.left)}; the total is that of all runs" * (plan.left is not None),
        f"images: number of one run, epochs x train; {f'{counts}, ' if counts else ''}{plan.images_from}",
        "MACs: multiply-adds per image of a forward pass; for all runs, of training steps, which take about three "
        "times as many, or fewer where parts of a network are frozen",
        timed if plan.device else "time and memory: not measured",
        *_disk_notes(plan),
        *([f"measured elsewhere, without any training here: {', '.join(plan.given)}"] * bool(plan.given)),
        *(["blends: forward passes of a system's networks, without fitting the blends"] * has_blends),
        "stages that are up to date are skipped: `dvc status` lists the others",
    ]


def _disk_notes(plan: Plan) -> list[str]:
    checkpoint = f"a running training's checkpoint takes up to {memory(plan.checkpoint)}, twice while it is replaced"
    if plan.packs is None:
        return [f"disk: packs unknown until fetch, model files {memory(plan.models)}; {checkpoint}"]
    sizes = " + ".join(f"{size} {memory(count)}" for size, count in plan.packs.items())
    packs = sum(plan.packs.values())
    encoding = plan.encoding if plan.encoding == "raw" else f"{plan.encoding}, an estimate at 1/{JPEG} of raw"
    return [
        f"disk: packs {memory(packs)} ({sizes}; {encoding}) and model files {memory(plan.models)}, "
        f"{memory(packs + plan.models)} in total; DVC's cache takes as much again where files cannot be shared",
        f"temporary disk space: {memory(packs)} while packs are prepared; {checkpoint}",
    ]
