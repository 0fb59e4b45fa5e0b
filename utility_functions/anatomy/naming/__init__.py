"""Naming of vertebrae: the best sequence of levels over noisy detections, exactly, with its posterior.

`statistics` holds the usual distances and probabilities, and `statistics_fit` fits them. `evidence` computes
likelihoods of levels from regions and pedicles. `ordering` sorts detections along the spine, and `decoder` names them.
"""
