"""Measurements of vertebrae and of the spine, from masks: heights, end plates, densities, angles and slips."""
