from __future__ import annotations

from typing import Any

import pytest

from tagger.report.verdict import give_verdict


def metrics(**figures: Any) -> dict[str, Any]:
    return {
        "target_precision": 0.95, "accuracy": 0.8, "accuracy_interval": None, "coverage": 0.6,
        "accepted_accuracy": 0.96, "accepted_accuracy_interval": None, **figures,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("figures", "decision", "words"),
    [
        ({"accuracy": 0.99, "accuracy_interval": [0.98, 1.0]}, "live", "without review: 99 % of the tags"),
        ({"accuracy": 0.96, "accuracy_interval": [0.94, 0.98]}, "partly", "60 % can go live: 96 % of these"),
        ({}, "partly", "the other 40 % need a person"),
        ({"coverage": 1.0}, "partly", "All can go live on trial"),
        (
            {"accepted_accuracy": 0.94, "accepted_accuracy_interval": [0.92, 0.96]}, "partly",
            "a little below the target of 95 %, within chance",
        ),
        (
            {"accepted_accuracy": 0.9, "accepted_accuracy_interval": [0.88, 0.92]}, "person",
            "the 60 % without a review mark are right in only 90 %",
        ),
        ({"coverage": 0.0, "accepted_accuracy": None}, "person", "Needs a person: 80 % of the tags are right"),
        ({"coverage": 0.01, "accepted_accuracy": 1.0}, "person", "hardly any (1 %)"),
    ],
)  # fmt: skip
def test_verdicts(figures, decision, words):
    verdict = give_verdict(metrics(**figures))
    assert verdict.decision == decision
    assert words in verdict.sentence.replace("\N{NO-BREAK SPACE}", " ")
