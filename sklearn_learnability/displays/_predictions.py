"""Pictures of what a classifier predicts, drawn from the classifier or from its predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from numpy.typing import ArrayLike

from sklearn_learnability.displays._display import Display

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_learnability.metrics._comparison import ModelComparison


class FromPredictions:
    """A picture that `from_predictions` draws, and so of a fitted classifier."""

    _names_models: ClassVar[bool] = False

    @classmethod
    def from_predictions(cls, *args: Any, **kwargs: Any) -> Self:
        """Draw probabilities of held-out rows: labels, probabilities, options."""
        raise NotImplementedError

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: ArrayLike, **options: Any) -> Self:
        """Draw the probabilities of a fitted classifier.

        Parameters
        ----------
        estimator : fitted classifier
            A classifier with `predict_proba`.
        X : array-like of shape (n_samples, n_features)
            Inputs. Of rows that the classifier was not fitted on. A ceiling in `reference_nll`
            predicts them too, unless they are the rows that it was fitted on itself.
        y : array-like of shape (n_samples,)
            Class labels.
        **options : dict
            Options of `from_predictions`, such as the axes.

        Returns
        -------
        FromPredictions
            The display, drawn.
        """
        from sklearn_learnability.metrics._reference import was_fitted_on
        from sklearn_learnability.scoring._efficiency_scorer import class_probabilities

        proba, classes = class_probabilities(estimator, X, y)
        given: dict[str, Any] = {"labels": classes}
        if cls._names_models:
            given["name"] = type(estimator).__name__
        ceiling: Any = options.get("reference_nll")
        if hasattr(ceiling, "oof_nll_") and not was_fitted_on(ceiling, y):
            given["X"] = X
        return cls.from_predictions(y, proba, **(given | options))


class ComparisonDisplay(FromPredictions, Display):
    """A picture of models beside a ceiling, one row a model."""

    _names_models = True

    @classmethod
    def from_comparison(cls, comparison: ModelComparison, *, ax: Axes | None = None) -> Self:
        """Draw a comparison of models."""
        raise NotImplementedError

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_proba: ArrayLike,
        *,
        name: str = "model",
        ax: Axes | None = None,
        **options: Any,
    ) -> Self:
        """Draw probabilities of held-out rows beside a ceiling.

        Several models go to :func:`~sklearn_learnability.metrics.compare_models`, and their
        comparison to `from_comparison`.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Class labels. Of rows that the model was not fitted on.
        y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
            Predicted probabilities; a vector is the probability of the second class.
        name : str, default="model"
            Name of the model.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.
        **options : dict
            Options of :func:`~sklearn_learnability.metrics.compare_models`; either `learnability`
            or `reference_nll` is among them.

        Returns
        -------
        ComparisonDisplay
            The display, drawn.
        """
        from sklearn_learnability.metrics import compare_models

        return cls.from_comparison(compare_models(y_true, {name: y_proba}, **options), ax=ax)
