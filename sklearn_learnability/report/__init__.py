"""What is handed on: a classifier measured against every known truth of the suite."""

from sklearn_learnability.report._suite import (
    SuiteMeasurement,
    SuiteReport,
    run_suite,
    suite_models,
)

__all__ = ["SuiteMeasurement", "SuiteReport", "run_suite", "suite_models"]
