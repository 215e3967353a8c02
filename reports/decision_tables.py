"""What the tables of one decision's report say: facts, checks, actions, alternatives, features, versions and hashes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from features import REASONS, Feature
from receivables.decision import DecisionRecord
from reports import words
from reports.history import PaymentHistory

Pairs = list[tuple[str, str]]
#: Entries of a list that fit the first page.
_SHOWN: Final = 2


def facts(request: Mapping[str, Any]) -> dict[str, Pairs]:
    """Order and customer as the request gave them, named and in words; what is absent is left out."""
    order, customer = request["order"], request["customer"]
    account = request.get("credit_account") or {}
    terms, currency = order["payment_terms"], order["currency"]
    money = {name: words.amount(order[name], currency) for name in order if name.endswith("_amount") and order[name]}
    said_terms = f"{terms['net_days']} days net"
    if terms.get("discount_percent"):
        said_terms += f", {terms['discount_percent']}% discount within {terms['discount_days']} days"
    industry, ratings = customer.get("industry_code") or {}, customer.get("external_ratings") or []
    return {
        "Order": _given(
            ("Sales order", order["sales_order"]),
            ("Check point", words.spell(request["check_point"])),
            ("Order date", words.day(order["order_date"])),
            ("Delivery requested", words.day(order.get("requested_delivery_date"))),
            ("Billing expected", words.day(order.get("expected_billing_date"))),
            *((words.spell(name.removesuffix("_amount")) + " amount", value) for name, value in money.items()),
            ("Payment terms", said_terms),
            ("Payment method", words.spell(order["payment_method"]) if order.get("payment_method") else None),
            ("Company code", order.get("company_code")),
        ),
        "Customer": _given(
            ("Name", customer.get("name")),
            ("Payer", customer["payer"]),
            ("Sold-to", customer.get("sold_to")),
            ("Head of group", customer.get("credit_account_parent")),
            ("Country", customer.get("country")),
            ("Industry", " ".join(map(str, industry.values()))),
            ("Legal form", words.spell(customer["legal_form"])),
            ("Customer since", words.day(customer.get("customer_since"))),
            ("Credit group", customer.get("customer_credit_group")),
            ("Risk class in the ERP", account.get("risk_class")),
            ("Blocked in the ERP", words.yes_no(account.get("is_blocked"))),
            *((f"{r['agency']} rating", f"{r['score']}, {words.day(r['rated_on'])}") for r in ratings),
        ),
    }


def _given(*pairs: tuple[str, Any]) -> Pairs:
    return [(name, str(value)) for name, value in pairs if value not in (None, "", "—")]


def checks(response: Mapping[str, Any]) -> list[dict[str, str]]:
    """Every check of the policy with its result, figures and message."""
    return [
        {
            "name": words.CHECKS.get(check["check"], words.spell(check["check"])),
            "result": check["result"].replace("_", " "),
            "style": check["result"].lower() if check["result"] in {"PASS", "FAIL"} else "other",
            "actual": _cell(check.get("actual")),
            "threshold": _cell(check.get("threshold")),
            "message": check.get("message") or "",
        }
        for check in response["decision"]["checks"]
    ]


def _cell(value: object) -> str:
    said = {None: "—", "true": "yes", "false": "no"}
    return said.get(value, words.grouped(str(value))) if value is None or isinstance(value, str) else str(value)


def actions(response: Mapping[str, Any]) -> list[dict[str, str]]:
    """What to do, most urgent first: the action, who does it, with what, and the reasons it answers.

    `parameters` is cut to fit the first page, `full` is not.
    """
    ordered = sorted(response.get("actions", []), key=lambda action: action["priority"])
    return [
        {
            "text": words.ACTIONS.get(action["code"], words.spell(action["code"])),
            "owner": words.spell(action["owner"]),
            "parameters": words.parameters(action.get("parameters") or {}, most=_SHOWN),
            "full": words.parameters(action.get("parameters") or {}),
            "why": ", ".join(_cause(code) for code in action.get("why", [])),
        }
        for action in ordered
    ]


def _cause(code: str) -> str:
    """The reason or check behind a code, in words within a sentence."""
    name = REASONS[code].title if code in REASONS else words.CHECKS.get(code, words.spell(code))
    return name[0].lower() + name[1:]


def changes(response: Mapping[str, Any]) -> list[dict[str, str]]:
    """What would have led to another outcome."""
    return [
        {
            "text": words.CHANGES.get(change["change"], words.spell(change["change"])),
            "parameters": words.parameters(change["parameters"]),
            "outcome": words.OUTCOMES.get(change["outcome"], (words.spell(change["outcome"]), ""))[0],
            "late": words.percent(change["late_over_0"]),
        }
        for change in response.get("counterfactuals") or []
    ]


def loss(response: Mapping[str, Any]) -> Pairs:
    """The money at stake, in words; empty where the answer holds no loss block."""
    block = response.get("loss")
    if not block:
        return []
    currency = block["currency"]
    amounts = [(name, value) for name, value in block.items() if isinstance(value, str) and name != "currency"]
    share = (
        [("Loss given the event", words.percent(block["loss_given_default"]))] if "loss_given_default" in block else []
    )
    said = {"exposure_at_default": "Exposure at the event"}
    return [*((said.get(name, words.spell(name)), words.amount(value, currency)) for name, value in amounts), *share]


def history_words(history: PaymentHistory) -> str:
    """What the payment history rests on, in one sentence."""
    settled, is_open = len(history.settled), len(history.open)
    if not settled and not is_open:
        return "No invoices of this customer are known: it was scored from its segment and the order alone."
    held = f"{words.count(settled, 'settled invoice')} and {words.count(is_open, 'open one', 'open ones')}"
    return f"{held}, from {history.source}."


def feature_groups(record: DecisionRecord, catalogue: Sequence[Feature]) -> list[tuple[str, list[dict[str, str]]]]:
    """Every model input with its meaning, value and what it added to each model's log-odds, by group."""
    known = {feature.name: feature for feature in catalogue}
    listed = [name for name in known if name in record.features] + [n for n in record.features if n not in known]
    groups = itertools.groupby(listed, lambda name: known[name].group if name in known else "other")
    return [(words.spell(group), [_feature(record, known, name) for name in names]) for group, names in groups]


def _feature(record: DecisionRecord, known: Mapping[str, Feature], name: str) -> dict[str, str]:
    value, feature = record.features[name], known.get(name)
    added = {
        model: f"{block['values'][name]:+.4f}" if name in block["values"] else ""
        for model, block in record.contributions.items()
    }
    outside = feature is not None and value is not None and not feature.low <= value <= feature.high
    meaning = feature.meaning if feature else ""
    if feature is not None and value is None:
        meaning += f" (not known: {feature.null_meaning})"
    return {
        "name": name,
        "meaning": meaning,
        "value": words.number(value, feature.unit if feature else ""),
        "unit": feature.unit if feature else "",
        "outside": "outside the expected range" if outside else "",
        **{f"added_{model}": text for model, text in added.items()},
    }


def model_title(model: str, event: str) -> str:
    """A model's name in words; the customer model is called by the event that it predicts.

    >>> model_title("default", "serious_delinquency_6m"), model_title("late_payment", "")
    ('Serious delinquency', 'Late payment')
    """
    if model == "default" and event:
        return words.spell(re.sub(r"_\d+m$", "", event))
    return "Late payment" if model.startswith("late") else words.spell(model)


def sums(record: DecisionRecord, event: str) -> Iterator[str]:
    """For each model: that reference and contributions add up to the log-odds that was served, and how closely."""
    for model, block in record.contributions.items():
        parts = block["values"].values()
        total = block["reference"] + sum(parts)
        gap = abs(total - block.get("total", total))
        title, n = model_title(model, event), words.count(len(parts), "contribution")
        yield (
            f"{title}: reference {block['reference']:+.6f} and {n} "
            f"add up to {total:+.6f} log-odds; the served value differs by {gap:.1e}."
        )


def audit(record: DecisionRecord, event: str) -> Pairs:
    """Ids, versions and hashes that tie the decision to its inputs, models and policy."""
    response = record.response
    block = response.get("audit") or {}
    model = {f"model {name.replace('_', ' ')}": value for name, value in (response.get("model") or {}).items()}
    versions = {
        f"version of {n.replace('_', ' ')}": v for n, v in record.versions.items() if not isinstance(v, Mapping)
    }
    pairs = {
        "score id": record.score_id,
        "request id": record.request_id,
        "as of": record.as_of,
        "recorded at": record.recorded_at,
        "valid until": response.get("valid_until"),
        "policy": response["decision"].get("policy_version"),
        **model,
        **versions,
        "audit id": block.get("audit_id"),
        "input sha256": record.input_sha256,
        "record sha256": record.record_sha256,
        "previous record sha256": record.previous_sha256,
        "kept until": block.get("retain_until"),
    }
    files = [
        (f"{_file_title(path, event)}, sha256", digest)
        for group in record.versions.values()
        if isinstance(group, Mapping)
        for path, digest in group.items()
    ]
    return [(words.spell(name), str(value)) for name, value in pairs.items() if value not in (None, "")] + files


def _file_title(path: str, event: str) -> str:
    """A model file by the name of its model: the folder of the customer model must not call its event a default."""
    folder, slash, name = path.rpartition("/")
    return f"{model_title(folder, event)}: {name}" if slash else path
