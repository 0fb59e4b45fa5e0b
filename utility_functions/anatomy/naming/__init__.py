"""Naming of vertebrae: the best sequence of levels over noisy detections, exactly, with its posterior.

`statistics` holds what is usual, `fitting` learns it, `evidence` tells levels from regions and pedicles, `ordering`
sorts detections along the spine, and `decoder` names them.
"""
