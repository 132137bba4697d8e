"""Graphs of calls that are recorded once and played again."""

import torch

from sklearn_learnability.torch.models._recorded import CALLS_BEFORE, Recorded


def test_a_recorded_graph_gives_what_the_function_gives():
    def function(positions, batch):
        return (positions * batch[0]).sum(1), positions.sin()

    recorded = Recorded()
    generator = torch.Generator().manual_seed(0)
    for _ in range(CALLS_BEFORE + 10):
        arguments = torch.randn(2, 3, generator=generator), (torch.randn(3, generator=generator),)
        for found, expected in zip(
            recorded(function, *arguments), function(*arguments), strict=True
        ):
            torch.testing.assert_close(found, expected)
    (graph,) = recorded.graphs.values()
    assert graph is not None


def test_a_function_that_branches_on_values_is_not_taken_for_its_first_branch():
    def function(positions, batch):
        scale = 1.0 if float(batch.sum()) > 0 else -1.0
        return positions.sum(1) * scale, positions * scale

    recorded = Recorded()
    for call in range(CALLS_BEFORE + 6):
        batch = torch.ones(2) if call < CALLS_BEFORE + 2 else -torch.ones(2)
        found = recorded(function, torch.ones(1, 2), batch)
    assert float(found[0]) == -2.0
