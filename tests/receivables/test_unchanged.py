"""Answers are asked for anew once something was written, never before."""

from __future__ import annotations

import itertools
import threading

from receivables.unchanged import Unchanged


def test_an_answer_holds_until_the_next_write_and_each_question_has_its_own() -> None:
    versions, asked = iter([1, 1, 1, 2, 2]), itertools.count()
    kept = Unchanged(lambda: next(versions))
    assert [kept.get(question, lambda: next(asked)) for question in ("a", "b", "a", "a", "a")] == [0, 1, 0, 2, 2]


def test_where_writes_cannot_be_counted_nothing_is_kept() -> None:
    asked = itertools.count()
    kept = Unchanged(lambda: None)
    assert [kept.get("a", lambda: next(asked)) for _ in range(3)] == [0, 1, 2]


def test_where_nothing_is_kept_a_question_that_hangs_keeps_no_other_waiting() -> None:
    kept, hangs, ended = Unchanged(lambda: None), threading.Event(), threading.Event()
    hanging = threading.Thread(target=kept.get, args=("a", lambda: hangs.set() or ended.wait(60)), daemon=True)
    hanging.start()
    assert hangs.wait(60)
    answers: list[int] = []
    asking = threading.Thread(target=lambda: answers.append(kept.get("a", lambda: 7)), daemon=True)
    asking.start()
    asking.join(10)
    meanwhile = list(answers)
    ended.set()
    hanging.join(60)
    assert meanwhile == [7]


def test_an_answer_that_could_not_be_had_is_asked_for_again() -> None:
    kept, answers = Unchanged(lambda: 1), iter([ValueError("not now"), 7])

    def ask() -> int:
        found = next(answers)
        if isinstance(found, ValueError):
            raise found
        return found

    for wanted in (None, 7):
        try:
            assert kept.get("a", ask) == wanted
        except ValueError:
            assert wanted is None
