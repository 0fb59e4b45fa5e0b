"""Batches in whole shares: every sample counts once, and what fills a share does not count."""

from __future__ import annotations

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from learning_functions.samples.store.replica_shares import in_whole_shares  # noqa: E402


@pytest.mark.parametrize("replicas", [1, 2, 3])
@pytest.mark.parametrize("sizes", [(3, 2, 2), (1, 1), (4,)])
def test_every_sample_counts_once(sizes: tuple[int, ...], replicas: int) -> None:
    places = np.split(np.arange(sum(sizes), dtype=np.float32), np.cumsum(sizes)[:-1])
    batches = tf.data.Dataset.from_generator(
        lambda: ((each, {"a": each + 0.5}) for each in places),
        output_signature=(tf.TensorSpec([None]), {"a": tf.TensorSpec([None])}),
    )
    whole = -(-max(sizes) // replicas) * replicas
    seen = []
    for (x, counted), y in in_whole_shares(batches, max(sizes), replicas):
        assert x.shape == counted.shape == (whole,)
        np.testing.assert_array_equal(y["a"], x + 0.5)
        seen += x.numpy()[counted == 1].tolist()
        assert set(x.numpy()[counted == 0]) <= {x.numpy()[counted == 1][-1]}
    assert seen == list(range(sum(sizes)))
