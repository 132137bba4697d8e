"""What is handed on: a table's report, and a classifier measured against every known truth."""

from sklearn_learnability.report._finding import AssessedModel, Finding, FindingCode
from sklearn_learnability.report._learnability_report import LearnabilityReport
from sklearn_learnability.report._measured_regression import regression_report
from sklearn_learnability.report._measured_report import learnability_report
from sklearn_learnability.report._regression_report import AssessedRegressor, RegressionReport
from sklearn_learnability.report._skore_checks import skore_checks
from sklearn_learnability.report._suite import (
    SuiteMeasurement,
    SuiteReport,
    run_suite,
    suite_models,
)

__all__ = [
    "AssessedModel",
    "AssessedRegressor",
    "Finding",
    "FindingCode",
    "LearnabilityReport",
    "RegressionReport",
    "SuiteMeasurement",
    "SuiteReport",
    "learnability_report",
    "regression_report",
    "run_suite",
    "skore_checks",
    "suite_models",
]
