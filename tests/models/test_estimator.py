"""The default model behaves as scikit-learn expects of a classifier, but for what it does otherwise on purpose."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import check_estimator

from models import DefaultModel, scorecard

ZERO_ONE = "outcomes are 0 and 1 and nothing else"
OWN_ERRORS = "what is refused raises an error of this project, not ValueError or NotFittedError"
DIFFERENT = {
    **dict.fromkeys(
        (
            "check_classifier_data_not_an_array",
            "check_classifiers_classes",
            "check_estimators_dtypes",
            "check_fit2d_1feature",
            "check_sample_weights_not_an_array",
            "check_sample_weights_not_overwritten",
            "check_sample_weights_pandas_series",
            "check_sample_weights_shape",
        ),
        ZERO_ONE,
    ),
    **dict.fromkeys(
        (
            "check_classifier_not_supporting_multiclass",
            "check_classifiers_one_label",
            "check_classifiers_regression_target",
            "check_classifiers_train",
            "check_complex_data",
            "check_estimator_sparse_array",
            "check_estimator_sparse_matrix",
            "check_estimator_sparse_tag",
            "check_estimators_empty_data_messages",
            "check_estimators_unfitted",
            "check_fit1d",
            "check_fit2d_1sample",
            "check_fit2d_predict1d",
            "check_n_features_in_after_fitting",
            "check_requires_y_none",
            "check_supervised_y_no_nan",
        ),
        OWN_ERRORS,
    ),
    "check_parameters_default_constructible": "the event is a record, not a number or a text",
    "check_sample_weight_equivalence_on_dense_data": "columns are standardised without the weights of their rows",
    "check_supervised_y_2d": "a column of outcomes is taken as it is, without a warning",
}


@pytest.mark.filterwarnings("ignore")  # the checks' own: deprecated calls, complex numbers cut to real ones
def test_every_other_check_of_scikit_learn_is_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scorecard, "MIN_EVENTS", 1)  # their samples are smaller than what is learnt from
    model = DefaultModel(params={"num_iterations": 3}, seeds=(1,), raw=False)
    found = check_estimator(model, on_fail=None, on_skip=None)
    failed = {check["check_name"] for check in found if check["status"] == "failed"}
    assert failed - set(DIFFERENT) == set()
    assert sum(check["status"] == "passed" for check in found) >= 30
