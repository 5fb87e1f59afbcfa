"""The plane that shows most of a cloud of points."""

import pytest
import torch

from rnnlib.topics.projection import main_plane


def test_the_main_plane_keeps_distances_of_points_that_lie_in_a_plane() -> None:
    generator = torch.Generator().manual_seed(0)
    plane, _ = torch.linalg.qr(torch.randn(7, 2, generator=generator, dtype=torch.float64))
    points = torch.randn(20, 2, generator=generator, dtype=torch.float64)
    found = main_plane(points @ plane.T + 3)
    torch.testing.assert_close(torch.cdist(found, found), torch.cdist(points, points))
    assert found.var(0)[0] >= found.var(0)[1]
    assert main_plane(torch.ones(1, 3)).shape == (1, 2)
    with pytest.raises(ValueError, match="H at least 2"):
        main_plane(torch.ones(4, 1))
