"""Settings of a run: a YAML file checked against these classes, all mistakes reported at once."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tagger.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

HeadKind = Literal["softmax", "sigmoid"]
InputKind = Literal["image", "title"]
EngineName = Literal["auto", "onnxruntime", "openvino"]
EnginePrecision = Literal["auto", "float32", "int8"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CatalogConfig(_Section):
    """Where the columns of a catalog are, and which texts mean "missing"."""

    layout: Literal["auto", "fashion", "table", "photos", "classes"] = "auto"
    #: our name → the column's name in the file, for id, image, title, brand, price, … and for attributes.
    columns: dict[str, str] = {}
    #: what joins several values in one cell of the source.
    separator: str = "|"
    missing: tuple[str, ...] = ("", "NA", "N/A", "nan", "None", "null")
    #: folder that relative photo paths start from; default: the catalog's own folder.
    image_folder: str | None = None
    #: whether a table must have a column of photos; false: without one its products have titles alone.
    photos: bool = True


class PhotoConfig(_Section):
    """The size every photo is letterboxed to, and what is refused."""

    height: int = Field(80, ge=16, le=1024)
    width: int = Field(60, ge=16, le=1024)
    max_pixels: int = Field(50_000_000, ge=1, le=178_956_970)  # Pillow opens no larger ones
    max_bytes: int = Field(64_000_000, ge=1)


class SplitConfig(_Section):
    """Shares of the three parts. Near-duplicate photos always stay in one part."""

    train: float = Field(0.8, gt=0, le=1)
    validation: float = Field(0.1, ge=0, lt=1)
    test: float = Field(0.1, ge=0, lt=1)
    stratify: str | None = None
    #: largest Hamming distance of two 64-bit perceptual hashes that still counts as the same photo.
    near_duplicate_distance: int = Field(1, ge=0, le=3)
    seed: int = 0

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> Self:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the shares train + validation + test must sum to 1, not {total:g}")
        return self


class Composite(_Section):
    """A label that stands for several sigmoid labels, such as Unisex = Men + Women.

    The first composite of an attribute whose `label` and `where` both fit a product applies to it.
    """

    label: str
    means: tuple[str, ...] = Field(min_length=1)
    #: column → value, all of which the product must have; empty: any product.
    where: dict[str, str] = {}


class AttributeConfig(_Section):
    """One attribute: its heads and how its classes are chosen."""

    heads: Literal["softmax", "sigmoid", "both"] = "softmax"
    primary: HeadKind | None = None
    parent: str | None = None
    #: left out without a word where the catalog has no such column.
    optional: bool = False
    #: trained beside the others for what it teaches the trunk, but neither tagged nor in the bundle.
    auxiliary: bool = False
    #: the labels are the words of this text column, such as the title: free supervision for an auxiliary attribute.
    words_of: str | None = None
    composites: tuple[Composite, ...] = ()
    #: classes with fewer products are rare; `rare` says what happens to them.
    min_count: int = Field(2, ge=1)
    rare: Literal["drop", "merge", "keep"] = "drop"
    #: only the N most frequent classes stay, the others are treated as rare.
    top: int | None = Field(None, ge=1)
    loss_weight: float = Field(1.0, ge=0)
    #: class weight = (mean count / count) ** power, normalised to a mean of 1 over the products; 0: no weighting.
    class_weight_power: float = Field(0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _primary_is_a_head(self) -> Self:
        if self.primary and self.primary not in self.head_kinds:
            raise ValueError(f"primary: {self.primary} is not among heads: {self.heads}")
        return self

    @model_validator(mode="after")
    def _words_are_several_labels(self) -> Self:
        if self.words_of and self.primary_head != "sigmoid":
            raise ValueError(f"words_of: {self.words_of} gives several labels at once: expected heads: sigmoid")
        return self

    @property
    def head_kinds(self) -> tuple[HeadKind, ...]:
        """The heads as a tuple, the softmax head first."""
        return ("softmax", "sigmoid") if self.heads == "both" else (self.heads,)

    @property
    def primary_head(self) -> HeadKind:
        """The head that `tag` answers from."""
        return self.primary or self.head_kinds[0]


class NetworkConfig(_Section):
    """The trunk and the layer that the heads share."""

    trunk: str = "resnet_small"
    #: "none", "imagenet", or the path of a .weights.h5 / .h5 file.
    weights: str = "none"
    #: units of the embedding layer and share of them dropped while training; None: what fits the trunk.
    embedding: int | None = Field(None, ge=2, le=4096)
    dropout: float | None = Field(None, ge=0, lt=1)


class AugmentationConfig(_Section):
    """Random changes of a training photo. Never the hue: baseColour is a label."""

    flip: bool = True
    #: largest shift, as a share of the height and the width.
    shift: float = Field(0.06, ge=0, le=0.5)
    #: largest change of scale, 0.1 = between 0.9 and 1.1.
    scale: float = Field(0.08, ge=0, le=0.5)
    #: largest change of width against height, 0.1 = between 1 / 1.1 and 1.1, all but exactly.
    aspect: float = Field(0.0, ge=0, le=0.5)
    brightness: float = Field(0.1, ge=0, le=1)
    contrast: float = Field(0.1, ge=0, le=1)
    #: share of the photos that lose a rectangle to a grey (Zhong et al. 2017, https://arxiv.org/abs/1708.04896).
    erase: float = Field(0.0, ge=0, le=1)
    #: shares of the photos that are blended with another one, and that get a rectangle of another one; the targets
    #: are mixed as well.
    mixup: float = Field(0.0, ge=0, le=1)
    cutmix: float = Field(0.0, ge=0, le=1)
    #: share of the epochs, the first ones, that see mixtures; those after them learn from photos as they are.
    mixed_share: float = Field(1.0, ge=0, le=1)

    @model_validator(mode="after")
    def _mixed_at_most_once(self) -> Self:
        if self.mixup + self.cutmix > 1 + 1e-6:
            raise ValueError(f"mixup + cutmix: expected at most 1, got {self.mixup + self.cutmix:g}")
        return self


class DistillationConfig(_Section):
    """Finished networks whose answers are learned from beside the labels, see `tagger.training.distillation`."""

    #: bundles, run folders, or names of shipped models; none: the labels alone.
    teachers: tuple[str, ...] = ()
    #: how much their answers count beside the labels.
    share: float = Field(0.8, gt=0, le=1)


class TrainingConfig(_Section):
    """Optimisation: which steps, with warm-up and a cosine, and when to stop."""

    epochs: int = Field(22, ge=1)
    #: progressive resizing: this share of the epochs, the first ones, sees smaller photos. They grow from `small_scale`
    #: times the size to the size itself in `small_sizes` even steps, since one large step undoes much of the learning.
    #: The best epoch is one of those after them.
    small_share: float = Field(0, ge=0, lt=1)
    small_scale: float = Field(0.6, ge=0.25, lt=1)
    small_sizes: int = Field(2, ge=1, le=20)
    batch_size: int = Field(128, ge=1)
    #: muon: orthogonal steps for trunk and embedding, AdamW for the heads, see `tagger.training.muon`;
    #: adamw: AdamW for all (Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101).
    optimizer: Literal["muon", "adamw"] = "muon"
    learning_rate: float = Field(2e-3, gt=0)
    #: share of the learning rate for trunk and embedding; below 1 they keep more of what `--from` gave them.
    trunk_rate: float = Field(1.0, gt=0, le=1)
    #: share of the weights that `--from` gave in those at the end: what both agree on is more robust (Wortsman et al.
    #: 2022, https://arxiv.org/abs/2109.01903).
    start_share: float = Field(0.0, ge=0, lt=1)
    weight_decay: float = Field(0.05, ge=0)
    warmup_epochs: float = Field(1.0, ge=0)
    label_smoothing: float = Field(0.05, ge=0, lt=1)
    #: momentum of the exponential moving average of the weights; 0: none.
    ema: float = Field(0.995, ge=0, lt=1)
    #: epochs without a better mean macro-F1 on validation before training stops; 0: never.
    patience: int = Field(8, ge=0)
    #: the weights of the epoch that was best on validation, or of the last one, where too few are in it to tell.
    keep: Literal["best", "last"] = "best"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    #: GPUs that share each batch; 1: no sharing.
    devices: int = Field(1, ge=1)
    seed: int = Field(0, ge=0, lt=2**32)
    augmentation: AugmentationConfig = AugmentationConfig()
    distillation: DistillationConfig = DistillationConfig()

    @model_validator(mode="after")
    def _a_batch_is_enough_for_all(self) -> Self:
        if self.batch_size < self.devices:
            raise ValueError(f"a batch of {self.batch_size} can't be shared by {self.devices} devices")
        return self

    @property
    def small_epochs(self) -> int:
        """How many epochs see smaller photos: always fewer than there are."""
        return int(self.small_share * self.epochs)

    @property
    def mixed_epochs(self) -> int:
        """How many epochs see mixtures of photos."""
        augmentation = self.augmentation
        return int(augmentation.mixed_share * self.epochs) if augmentation.mixup + augmentation.cutmix else 0


class FlagsConfig(_Section):
    """The feed-forward network that predicts flags from metadata."""

    #: "all", or a list of boolean columns; an empty list: no flags network.
    columns: Literal["all"] | tuple[str, ...] = "all"
    epochs: int = Field(12, ge=1)
    batch_size: int = Field(256, ge=1)
    learning_rate: float = Field(2e-3, gt=0)
    hidden: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = (128, 64)
    dropout: float = Field(0.3, ge=0, lt=1)
    #: words of title and description that become features, the most frequent first.
    vocabulary: int = Field(2000, ge=0)


class NeighboursConfig(_Section):
    """The nearest products of the train part, whose labels have a say in the tags."""

    #: how many there are; 0: the heads answer alone.
    count: int = Field(30, ge=0, le=1000)
    #: principal axes of the embedding in which they are compared.
    dimensions: int = Field(32, ge=2, le=512)


class ColoursConfig(_Section):
    """How much of which colours a photo holds, which has a say in the tags, see `tagger.colours`."""

    #: colours that all are sorted into; 0: the heads answer alone.
    count: int = Field(128, ge=0, le=255)


class SimilarityConfig(_Section):
    """What similar products are found by."""

    #: numbers a photo, see `tagger.similarity`; 0: the embedding layer's own output, without what the heads say.
    dimensions: int = Field(128, ge=0, le=1024)


class ReviewConfig(_Section):
    """When a tag is marked `needs_review`."""

    #: tags below the lowest confidence from which this share of the tags is right, as far as validation can tell.
    target_precision: float = Field(0.95, gt=0, lt=1)


class InferenceConfig(_Section):
    """How the bundle's network is run where the command line doesn't say otherwise."""

    #: auto: OpenVINO where it is installed, else ONNX Runtime.
    engine: EngineName = "auto"
    #: auto: what the engine thinks best; float32: full precision anywhere; int8: convolutions in int8, the fastest.
    engine_precision: EnginePrecision = "auto"


class Config(_Section):
    """All settings of a run."""

    #: what tags are learnt from: [image], or [image, title] for a second, small network that reads the names.
    inputs: tuple[InputKind, ...] = ("image",)
    catalog: CatalogConfig = CatalogConfig()
    photo: PhotoConfig = PhotoConfig()
    split: SplitConfig = SplitConfig()
    #: empty: every attribute that the catalog has, one softmax head each.
    attributes: dict[str, AttributeConfig] = {}
    network: NetworkConfig = NetworkConfig()
    training: TrainingConfig = TrainingConfig()
    flags: FlagsConfig = FlagsConfig()
    colours: ColoursConfig = ColoursConfig()
    neighbours: NeighboursConfig = NeighboursConfig()
    similarity: SimilarityConfig = SimilarityConfig()
    review: ReviewConfig = ReviewConfig()
    inference: InferenceConfig = InferenceConfig()

    @model_validator(mode="after")
    def _inputs_are_known(self) -> Self:
        if self.inputs not in (("image",), ("image", "title")):
            raise ValueError(f"inputs: expected [image] or [image, title], got [{', '.join(self.inputs)}]")
        return self

    @model_validator(mode="after")
    def _parents_are_attributes(self) -> Self:
        for name, attribute in self.attributes.items():
            ancestor, seen = attribute.parent, {name}
            while ancestor is not None:
                if ancestor not in self.attributes:
                    raise ValueError(
                        f"attributes.{name}.parent: {ancestor} is not an attribute."
                        + did_you_mean(ancestor, self.attributes)
                    )
                if ancestor in seen:
                    raise ValueError(f"attributes.{name}.parent: the parents of {name} go round in a circle")
                if self.attributes[ancestor].auxiliary:
                    raise ValueError(f"attributes.{name}.parent: {ancestor} is auxiliary and can't be a parent")
                seen.add(ancestor)
                ancestor = self.attributes[ancestor].parent
        if self.attributes and all(attribute.auxiliary for attribute in self.attributes.values()):
            raise ValueError("attributes: all are auxiliary, so that nothing would be tagged")
        return self


def load_config(
    path: Path | str | None = None, overrides: Sequence[str] = (), defaults: Mapping[str, Any] | None = None
) -> Config:
    """Read a YAML config and apply overrides.

    Args:
        path: the YAML file; None: all defaults.
        overrides: texts such as "training.epochs=3"; the value is read as YAML.
        defaults: settings by section, for what neither file nor overrides say, before the defaults of `Config`.

    Raises:
        ConfigError: the file is missing or no YAML, or settings are unknown or out of range (all are listed).
    """
    settings = _read_yaml(Path(path)) if path is not None else {}
    for override in overrides:
        _apply_override(settings, override)
    return parse_config(_completed(settings, defaults or {}), str(path or "the overrides"))


def _completed(settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, and in every section the defaults of what it doesn't say."""
    completed = {**defaults, **settings}
    for name, values in defaults.items():
        # What is given as no section stays as it is, for the check to say so.
        if isinstance(values, Mapping) and isinstance(given := settings.get(name, {}), Mapping):
            completed[name] = _completed(given, values)
    return completed


def override_config(config: Config, overrides: Sequence[str]) -> Config:
    """Apply overrides, as `load_config` does, to a config that is there already.

    Raises:
        ConfigError: settings are unknown or out of range.
    """
    settings = config.model_dump(mode="json")
    for override in overrides:
        _apply_override(settings, override)
    return parse_config(settings, "the overrides")


def parse_config(settings: dict[str, Any], source: str) -> Config:
    """Check plain settings; `source` names them in the error.

    Raises:
        ConfigError: listing every unknown setting and every value out of range.
    """
    try:
        return Config.model_validate(settings)
    except ValidationError as error:
        lines = [f"  {describe_problem(problem)}" for problem in error.errors()]
        raise ConfigError(f"{len(lines)} mistake(s) in {source}:\n" + "\n".join(lines)) from error


def describe_problem(problem: ErrorDetails) -> str:
    """One line on one problem that pydantic found: where it is, what was expected, what was found."""
    location, kind = problem["loc"], problem["type"]
    where = ".".join(map(str, location))
    if kind == "extra_forbidden":
        return f"{where}: unknown setting.{did_you_mean(str(location[-1]), _settings_beside(location))}"
    if kind == "value_error":  # our own check, which says what it found
        return f"{where}: {problem['ctx']['error']}" if where else str(problem["ctx"]["error"])
    found = "" if kind == "missing" else f", got {reprlib.repr(problem['input'])}"
    return f"{where}: {problem['msg']}{found}"


def dump_config(config: Config) -> str:
    """Return the config as YAML that `load_config` reads back to an equal config."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


class _StrictLoader(yaml.SafeLoader):
    """Refuses a name that comes twice in a section: of the two, YAML would quietly take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in lines:
                raise ValueError(f"{name} is there twice, in lines {lines[name]} and {line}")
            lines[name] = line
        return super().construct_mapping(node, deep)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        settings = yaml.load(path.read_text(encoding="utf-8"), _StrictLoader)
    except OSError as error:
        raise ConfigError(f"Can't read the config {path}: {error.strerror}. Check the path.") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: not UTF-8, or a date such as 2020-13-01
        raise ConfigError(f"{path} is not a YAML file: {_one_line(error)}") from error
    if settings is None:
        return {}
    if not isinstance(settings, dict):
        raise ConfigError(f"{path} must hold settings (name: value), but holds a {type(settings).__name__}.")
    return settings


def _apply_override(settings: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f'Expected an override like training.epochs=3, got "{override}".')
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f'The value of the override "{override}" is not YAML: {_one_line(error)}') from error
    *parents, last = key.split(".")
    for parent in parents:
        if settings.get(parent) is None:
            settings[parent] = {}
        settings = settings[parent]
        if not isinstance(settings, dict):
            raise ConfigError(f'The override "{override}" goes through {parent}, which is no section.')
    settings[last] = value


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _settings_beside(location: tuple[str | int, ...]) -> list[str]:
    """Names of the settings in the section of a `Config` that a location points into."""
    section: Any = Config
    for part in location[:-1]:
        if isinstance(section, type) and issubclass(section, BaseModel):
            if part not in section.model_fields:
                return []
            section = section.model_fields[str(part)].annotation
        else:  # dict[str, X] or tuple[X, ...]
            section = get_args(section)[1 if get_origin(section) is dict else 0]
    return list(section.model_fields)
