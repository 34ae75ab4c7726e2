"""What a calibration says of single labels and confidences."""

from __future__ import annotations

import numpy as np

from tagger.calibration import ALL_NEED_REVIEW, Calibration, Scale


def test_thresholds_are_neutral_unless_learned() -> None:
    calibration = Calibration(thresholds={"usage": {"Casual": 0.3}})
    assert calibration.threshold("usage", "Casual") == 0.3
    assert calibration.threshold("usage", "Sports") == calibration.threshold("season", "Fall") == 0.5
    np.testing.assert_allclose(calibration.limits("usage", ("Sports", "Casual")), [0.5, 0.3])


def test_labels_without_a_scale_have_the_temperature_of_their_head() -> None:
    calibration = Calibration({"usage_sigmoid": 4.0}, {"usage_sigmoid": {"Party": Scale(2.0, -1.0)}})
    slopes, offsets = calibration.line("usage_sigmoid", ("Casual", "Party"))
    assert slopes.tolist() == [0.25, 2.0] and offsets.tolist() == [0.0, -1.0]
    slopes, offsets = calibration.line("season_sigmoid", ("Fall",))
    assert slopes.tolist() == [1.0] and offsets.tolist() == [0.0]


def test_another_target_precision() -> None:
    calibration = Calibration(review={"usage": 0.8}, curves={"usage": [(0.6, 0.3), (0.95, 0.8)], "season": []})
    found = [calibration.review_at("usage", target) for target in (0.01, 0.6, 0.61, 0.95, 0.96)]
    assert found == [0.3, 0.3, 0.8, 0.8, ALL_NEED_REVIEW]
    assert calibration.review_at("season", 0.5) == ALL_NEED_REVIEW
    assert Calibration(review={"usage": 0.8}).review_at("usage", 0.9) == ALL_NEED_REVIEW
