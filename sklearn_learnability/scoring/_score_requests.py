"""What a scorer asks for, where metadata routing is enabled."""

from typing import Any

from sklearn.utils.metadata_routing import UNCHANGED, MetadataRequest


class ScoreRequests:
    """A scorer that says which metadata it takes, as scikit-learn's searches ask."""

    _request: MetadataRequest

    def _ask_for(self, **aliases: Any) -> None:
        """Add a request for every argument that is not left as it is."""
        for name, alias in aliases.items():
            if alias is not UNCHANGED:
                self._request.score.add_request(param=name, alias=alias)

    def _accept_sample_weight(self) -> bool:
        """Say that weights are taken: scikit-learn asks where routing is not enabled."""
        return True

    def get_metadata_routing(self) -> MetadataRequest:
        """Return what the scorer asks for, as scikit-learn's searches read it.

        Returns
        -------
        MetadataRequest
            The requests of ``set_score_request``.
        """
        return self._request
