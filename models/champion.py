"""The champion: both models, their rating scale and the portfolio's late rates, in one verified folder.

Layout: late/ and default/ (each an artefact of its own, as registered), priors.json, rating.json, standby.json (the
scorecards that answer where the models cannot), effects.json (what reasons move, which decides on those published),
beside/ (the event within another horizon), golden.json (orders with the scores that they must get), manifest.json, and
once promoted manifest.sig.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from models import artefact, golden, standby
from models.artefact import Artefact, Facts
from models.contributions import Contributions
from models.default import DefaultModel
from models.effects import Effects
from models.event import Event
from models.late import LateModel
from models.law import PaymentLaw
from models.numbers import Floats
from models.scale import ScoreScale
from models.standby import Standby
from receivables.errors import ArtefactError
from receivables.signature import SigningKey, TrustedKeys, signing_key, trusted_keys

if TYPE_CHECKING:
    from features import Priors

LATE: Final = "late"
DEFAULT: Final = "default"
CHAMPION: Final = "champion"
BESIDE: Final = "beside"
_EFFECTS: Final = "effects.json"


@dataclass(frozen=True)
class Champion:
    """What scores an order: payment-time model, default model, rating scale, peer late rates, and the manifest.

    `standby` are the scorecards that answer where the models cannot, null for a champion without. `late_effects` and
    `default_effects` say which reasons of either model are published. `beside` predicts the same event within another
    horizon, null where the ledger did not hold enough of it; ratings and decisions do not rest on it. `is_standby` says
    that scorecards stand in the models' place.
    """

    late: LateModel
    default: DefaultModel
    scale: ScoreScale
    priors: Priors
    manifest: dict[str, Any]
    standby: Standby | None = None
    late_effects: Effects = field(default_factory=Effects)
    default_effects: Effects = field(default_factory=Effects)
    beside: DefaultModel | None = None
    is_standby: bool = False

    @cached_property
    def on_standby(self) -> Champion | None:
        """The same champion with its scorecards in the models' place, null without them."""
        if self.standby is None:
            return None
        late = cast(LateModel, self.standby.late)  # answers whatever an order asks of a payment-time model
        return replace(
            self,
            late=late,
            default=self.standby.default(self.default.event),
            standby=None,
            late_effects=Effects(),
            default_effects=Effects(),
            beside=None,
        )

    def explained(self, x: Floats) -> tuple[PaymentLaw, Contributions, Contributions]:
        """For orders x (n, F): their payment laws, the contributions to being late at all, and those to the event."""
        return (*self.late.explained(x), self.default.explain(x))

    @property
    def explained_by(self) -> dict[str, str]:
        """By model what its explanations are computed with, "pred_contrib" and the cause where not the fast way."""
        return {LATE: self.late.explained_by, DEFAULT: self.default.explained_by}


def save_late(folder: Path, model: LateModel, facts: Facts) -> None:
    """Writes the payment-time model as an artefact folder."""
    artefact.save(folder, model.to_files(), facts, kind=LATE, names=model.names)


def save_default(folder: Path, model: DefaultModel, facts: Facts) -> None:
    """Writes the default model as an artefact folder."""
    artefact.save(folder, model.to_files(), facts, kind=DEFAULT, names=model.names_, event=model.event.to_dict())


def load_late(folder: Path) -> LateModel:
    """The payment-time model in `folder`; raises ArtefactError where anything is wrong with it."""
    return _late(artefact.read(folder, kind=LATE))


def load_default(folder: Path) -> DefaultModel:
    """The default model in `folder`; raises ArtefactError where anything is wrong with it."""
    return _default(artefact.read(folder, kind=DEFAULT))


def save_champion(
    folder: Path,
    *,
    late: LateModel,
    default: DefaultModel,
    priors: Priors,
    facts: Facts,
    scale: ScoreScale | None = None,
    key: SigningKey | None = None,
    standby: Standby | None = None,
    effects: Mapping[str, Effects] | None = None,
    beside: DefaultModel | None = None,
) -> None:
    """Writes a signed champion in one step; the one before stays at `artefact.previous(folder)`.

    The scale is conf/rating.toml's unless given, the key this installation's (`signing_key`); `effects` of `LATE` and
    `DEFAULT`. Raises ArtefactError where the two models expect different columns.
    """
    files = _files(late, default, priors, facts, scale, standby, effects or {}, beside)
    event, key = default.event.to_dict(), key or signing_key()
    artefact.save(folder, files, facts, kind=CHAMPION, names=late.names, event=event, key=key)


def save_candidate(
    folder: Path,
    *,
    late: LateModel,
    default: DefaultModel,
    priors: Priors,
    facts: Facts,
    standby: Standby | None = None,
    effects: Mapping[str, Effects] | None = None,
    beside: DefaultModel | None = None,
) -> None:
    """Writes the same without a signature: what training leaves for `otcrisk promote` to judge and to sign."""
    files = _files(late, default, priors, facts, None, standby, effects or {}, beside)
    event = default.event.to_dict()
    artefact.save(folder, files, facts, kind=CHAMPION, names=late.names, event=event)


def _files(
    late: LateModel,
    default: DefaultModel,
    priors: Priors,
    facts: Facts,
    scale: ScoreScale | None,
    cards: Standby | None,
    effects: Mapping[str, Effects],
    beside: DefaultModel | None,
) -> dict[str, bytes]:
    if late.names != default.names_ or (beside is not None and beside.names_ != late.names):
        raise ArtefactError("the models of a champion must expect the same columns")
    event = default.event.to_dict()
    parts = {
        LATE: artefact.build(late.to_files(), facts, kind=LATE, names=late.names),
        DEFAULT: artefact.build(default.to_files(), facts, kind=DEFAULT, names=late.names, event=event),
    }
    if beside is not None:
        built = artefact.build(beside.to_files(), facts, kind=DEFAULT, names=late.names, event=beside.event.to_dict())
        parts[BESIDE] = built
    files = {f"{part}/{path}": data for part, built in parts.items() for path, data in built.items()}
    files["priors.json"] = json.dumps(priors.to_json(), indent=1).encode()
    files["rating.json"] = json.dumps((scale or ScoreScale.load()).to_dict(), indent=1).encode()
    published = {model: effects.get(model, Effects()).to_dict() for model in (LATE, DEFAULT)}
    files[_EFFECTS] = json.dumps(published, indent=1).encode()
    if cards is not None:
        files[standby.FILE] = cards.to_json()
    bound = golden.binding(files, late.names, event)
    return {**files, golden.FILE: golden.made(late, default, bound).to_json()}


def load_champion(
    folder: Path,
    *,
    names: tuple[str, ...] | None = None,
    version: str | None = None,
    keys: TrustedKeys | None = None,
    is_tried: bool = False,
) -> Champion:
    """The champion in `folder`, signed by one of `keys`, every byte verified before it is parsed.

    The keys are by default those that this installation trusts. It must have been trained on columns `names` in
    feature set `version`, by default those of the feature table. With `is_tried` it must also have come through a trial
    in a clean child process, which is made now unless it was before. Raises ArtefactError that names the file, the
    cause, and the last good champion if there is one. Where an interrupted promotion left nothing at `folder`, the
    champion before it is the current one.
    """
    place = artefact.previous(folder) if not folder.exists() and artefact.previous(folder).is_dir() else folder
    try:
        found = artefact.read(place, kind=CHAMPION, keys=keys or trusted_keys())
        made = champion_of(found, names=names, version=version)
        if is_tried:
            from models.trial import tried

            tried(found)
        _ = made.explained_by  # holds the compiled loops against LightGBM, and the first order does not wait for it
        return made
    except ArtefactError as error:
        good = artefact.previous(place)
        hint = f"\n  the champion before it is at {good}" if good.is_dir() else ""
        raise ArtefactError(f"{place}: {error}{hint}") from None


def load_standby(folder: Path, *, keys: TrustedKeys | None = None) -> Champion:
    """The champion's scorecards in the place of models that cannot be loaded; what they need is verified, no more.

    Raises ArtefactError where the manifest is not signed, or the scorecards, the scale or the late rates are damaged.
    """
    from features import NAMES, VERSION, Priors

    needed = (standby.FILE, "rating.json", "priors.json")
    manifest, files = artefact.read_some(folder, needed, kind=CHAMPION, keys=keys or trusted_keys())
    if (manifest.names, manifest.feature_set_version) != (NAMES, VERSION):
        raise ArtefactError(f"{folder}: trained on another feature set than this installation computes")
    cards = Standby.from_json(files[standby.FILE], manifest.names)
    return Champion(
        cast(LateModel, cards.late),  # answers whatever an order asks of a payment-time model
        cards.default(Event.from_dict(manifest.event)),
        ScoreScale.from_dict(json.loads(files["rating.json"])),
        Priors.from_json(json.loads(files["priors.json"])),
        manifest.to_dict(),
        is_standby=True,
    )


def read_candidate(folder: Path) -> Artefact:
    """The verified bytes of a champion that need not be signed: for judging it, never for serving."""
    return artefact.read(folder, kind=CHAMPION)


def champion_of(found: Artefact, *, names: tuple[str, ...] | None = None, version: str | None = None) -> Champion:
    """What verified bytes hold; raises ArtefactError where they are not a champion for `names` and `version`.

    Trees are checked in Python here; LightGBM sees them when they first score (see `models.trial`).
    """
    from features import NAMES, VERSION, Priors

    manifest = found.manifest
    expected = (NAMES if names is None else names, VERSION if version is None else version)
    if (manifest.names, manifest.feature_set_version) != expected:
        raise ArtefactError(
            f"trained on feature set {manifest.feature_set_version} ({len(manifest.names)} features), but this "
            f"installation computes {expected[1]} ({len(expected[0])}); train again or install the matching release"
        )
    golden.require_binding(found)
    late, default = _late(found.sub(LATE)), _default(found.sub(DEFAULT))
    if not (late.names == default.names_ == manifest.names and default.event.to_dict() == manifest.event):
        raise ArtefactError("the models do not expect the columns, or predict the event, that the manifest states")
    try:
        scale = ScoreScale.from_dict(json.loads(found.files["rating.json"]))
        priors = Priors.from_json(json.loads(found.files["priors.json"]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ArtefactError(f"rating.json or priors.json: {type(error).__name__}: {error}") from None
    cards = found.files.get(standby.FILE)
    return Champion(
        late,
        default,
        scale,
        priors,
        manifest.to_dict(),
        Standby.from_json(cards, manifest.names) if cards else None,
        *_effects(found),
        _beside(found, default.event),
    )


def _beside(found: Artefact, event: Event) -> DefaultModel | None:
    """The model of another horizon; none in a champion without."""
    if not any(path.startswith(f"{BESIDE}/") for path in found.files):
        return None
    made = _default(found.sub(BESIDE))
    if made.names_ != found.manifest.names or made.event.label != event.label:
        raise ArtefactError(f"{BESIDE}/: does not expect the columns, or predict the event, that the manifest states")
    return made


def _effects(found: Artefact) -> tuple[Effects, Effects]:
    """Of both models; none in a champion that was made before there were any."""
    try:
        document = json.loads(found.files.get(_EFFECTS, b'{"late": {"per_unit": {}}, "default": {"per_unit": {}}}'))
        return Effects.from_dict(document[LATE]), Effects.from_dict(document[DEFAULT])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ArtefactError(f"{_EFFECTS}: {type(error).__name__}: {error}") from None


def _late(found: Artefact) -> LateModel:
    return LateModel.from_files(found.manifest.names, found.files)


def _default(found: Artefact) -> DefaultModel:
    return DefaultModel.from_files(found.manifest.names, Event.from_dict(found.manifest.event), found.files)
