"""conf/simulation.toml: the simulated seller, as frozen dataclasses."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from receivables.config import conf_dir, load
from receivables.errors import ConfigError
from receivables.money import EXPONENTS


@dataclass(frozen=True)
class Volume:
    """How many invoices: monthly rate of a median customer, its spread, season by month, weight by weekday of issue."""

    per_month: float
    log_sd: float
    arriving_share: float
    season: tuple[float, ...]
    weekdays: tuple[float, ...]


@dataclass(frozen=True)
class Amount:
    """How large an invoice is, in the base currency, and how much later a large one is paid (days per log unit)."""

    median: float
    between_log_sd: float
    within_log_sd: float
    delay_per_log: float


@dataclass(frozen=True)
class Largest:
    """The dominant customer: its share of all invoices and its fixed traits, by code."""

    share: float
    segment: str
    behaviour: str
    run: str
    net_days: int


@dataclass(frozen=True)
class Segment:
    """A kind of customer; `terms` and `behaviours` are weights in the order of the configured lists."""

    code: str
    share: float
    volume: float
    terms: tuple[float, ...]
    behaviours: tuple[float, ...]
    dispute_share: float
    natural_person_share: float
    public_body: bool


@dataclass(frozen=True)
class Country:
    """Where a customer sits, ISO 3166 alpha-2, and the currency that it is invoiced in."""

    code: str
    currency: str
    share: float


@dataclass(frozen=True)
class Currency:
    """Base-currency units for one unit on the first day, and the spread of its monthly change."""

    code: str
    rate: float
    monthly_log_sd: float


@dataclass(frozen=True)
class Behaviour:
    """When money is ready: logistic law around `base` days after due, plus a share of slow invoices (exponential)."""

    code: str
    base_mean: float
    base_sd: float
    spread_median: float
    spread_log_sd: float
    directions: tuple[float, ...]
    slow_share: float
    slow_days: float


@dataclass(frozen=True)
class Run:
    """Days on which a customer's payment run takes place: weekdays (Monday = 0) or days of the month."""

    code: str
    share: float
    weekdays: tuple[int, ...]
    days_of_month: tuple[int, ...]
    lead_days: float


@dataclass(frozen=True)
class Stress:
    """One state of decline: monthly probabilities to move on, to recover and to file, and what it does to payment."""

    code: str
    worse: float
    better: float
    filing: float
    delay_days: float
    slow_share: float
    never_share: float


@dataclass(frozen=True)
class Events:
    """Everything that happens around an invoice besides its payment; shares between 0 and 1, days as named."""

    dispute_days: float
    cancelled_share: float
    return_share: float
    partial_share: float
    promise_share: float
    promise_kept_share: float
    dunning_days: tuple[int, ...]
    dunning_weekday: int
    write_off_days: int
    special_terms_share: float
    terms_change_share: float
    limit_change_share: float
    group_share: float
    booked_late_share: float
    booked_late_days: int


@dataclass(frozen=True)
class SimulationConfig:
    """conf/simulation.toml as a whole."""

    end: dt.date
    base_currency: str
    net_days: tuple[int, ...]
    industries: tuple[str, ...]
    methods: tuple[str, ...]
    volume: Volume
    amount: Amount
    largest: Largest
    segments: tuple[Segment, ...]
    countries: tuple[Country, ...]
    currencies: tuple[Currency, ...]
    behaviours: tuple[Behaviour, ...]
    runs: tuple[Run, ...]
    stress: tuple[Stress, ...]
    events: Events

    @classmethod
    def read(cls, path: Path | None = None) -> SimulationConfig:
        """The configured seller; raises ConfigError with every problem where the file is absent or wrong."""
        path = path or conf_dir() / "simulation.toml"
        config = load(cls, path)
        problems = list(_problems(config))
        if problems:
            raise ConfigError("\n  ".join([f"{path}: {len(problems)} problem(s)", *problems]))
        return config


def index_of(entries: Sequence[Segment | Behaviour | Run | Stress], code: str) -> int:
    """Position of the entry with that code."""
    return [entry.code for entry in entries].index(code)


def _problems(config: SimulationConfig) -> Iterator[str]:
    yield from _wrong_lengths(config)
    yield from _wrong_codes(config)
    yield from _wrong_shares(config)
    for run in config.runs:
        if not run.weekdays and not run.days_of_month:
            yield f"runs {run.code}: expected weekdays or days_of_month, got neither"
    if config.stress[0].worse or config.stress[0].filing:
        yield f"stress[0]: expected a state that never declines or files, got {config.stress[0].code}"
    if len(config.stress) < 2:
        yield f"stress: expected at least two states, got {len(config.stress)}"


def _wrong_lengths(config: SimulationConfig) -> Iterator[str]:
    expected = [("volume.season", config.volume.season, 12), ("volume.weekdays", config.volume.weekdays, 7)]
    expected += [(f"behaviours {b.code} directions", b.directions, 3) for b in config.behaviours]
    for segment in config.segments:
        expected.append((f"segments {segment.code} terms", segment.terms, len(config.net_days)))
        expected.append((f"segments {segment.code} behaviours", segment.behaviours, len(config.behaviours)))
    for name, values, length in expected:
        if len(values) != length:
            yield f"{name}: expected {length} weights, got {len(values)}"


def _wrong_codes(config: SimulationConfig) -> Iterator[str]:
    largest = config.largest
    for name, code, known in (
        ("segment", largest.segment, {entry.code for entry in config.segments}),
        ("behaviour", largest.behaviour, {entry.code for entry in config.behaviours}),
        ("run", largest.run, {entry.code for entry in config.runs}),
    ):
        if code not in known:
            yield f"largest.{name}: expected one of the configured codes, got {code!r}"
    if largest.net_days not in config.net_days:
        yield f"largest.net_days: expected one of net_days, got {largest.net_days}"
    rated = {config.base_currency, *(currency.code for currency in config.currencies)}
    for country in config.countries:
        if country.currency not in rated:
            yield f"countries {country.code}: expected a currency with a rate, got {country.currency!r}"
    for code in sorted(rated - set(EXPONENTS)):
        yield f"currencies: expected ISO 4217 codes, got {code!r}"


def _wrong_shares(config: SimulationConfig) -> Iterator[str]:
    named = [(f"events.{n}", v) for n, v in vars(config.events).items() if n.endswith("_share")]
    named += [("largest.share", config.largest.share), ("volume.arriving_share", config.volume.arriving_share)]
    coded: list[Segment | Behaviour | Stress] = [*config.segments, *config.behaviours, *config.stress]
    for entry in coded:
        named += [(f"{entry.code} {n}", v) for n, v in vars(entry).items() if n.endswith("_share")]
    for state in config.stress:
        named += [(f"{state.code} filing", state.filing), (f"{state.code} worse + better", state.worse + state.better)]
    for name, value in named:
        if not 0 <= value <= 1:
            yield f"{name}: expected a share between 0 and 1, got {value}"
