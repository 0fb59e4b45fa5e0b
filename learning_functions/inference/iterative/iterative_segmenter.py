"""The iterative segmenter on a whole scan: seeds, traversal, second pass, and the findings made from them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from learning_functions.inference.iterative.mr_numbering import counted_centres, numbered_findings
from learning_functions.inference.iterative.patch_prediction import PatchPrediction, PatchPredictor, VoxelPoint
from learning_functions.inference.iterative.second_pass import second_pass
from learning_functions.inference.iterative.seeds import DOWN, CentroidSeeds, CornerSeeds, HeatmapSeeds, Seeds
from learning_functions.inference.iterative.segmented_chain import found_instances
from learning_functions.inference.iterative.threshold_search import best_agreeing_chain
from learning_functions.inference.iterative.traversal import FULL, Rules, Traversal, traverse
from learning_functions.inference.scan_view import ScanView
from learning_functions.task import Settings
from learning_functions.task_options.instance_options import InstanceOptions
from utility_functions.anatomy.labels import VERTEBRAE
from utility_functions.anatomy.landmark_prompt import HIGHEST, landmark_prompt
from utility_functions.anatomy.naming.routes import above, below
from utility_functions.anatomy.parts import ARCH, BODY, column_of
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.records.findings import Findings, StageFindings
from utility_functions.records.map_kinds import PartMap

USUAL_STEP_MM = 25.0
"""Detected vertebrae without gaps between them are split into pieces of about this height, which serve as seeds."""
SMALLEST_PIECE_MM3 = 500.0
"""Smaller components of the detection are no seeds."""
TOP_DOWN = Rules(agreeing_centres=3)
"""Along a spine heatmap a vertebra is found when the last three centres agree (Serrador et al. 2024)."""
LEAST_PROMPT_FRACTION = 0.1
"""A patch with less of a prompt's height counts as unprompted, as in the two-branch model (`next_vertebra_unet`)."""
_BRANCHES: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
NOTHING = "No vertebra was found."
NO_MASK = "No mask of a whole vertebra was found; the names found before stay."


def segmented(network: Any, settings: Settings[InstanceOptions], view: ScanView) -> StageFindings:
    """``instances``, ``landmarks``, ``completeness`` and ``trail`` of one traversal.

    network: input (1, *patch, 2), image and memory, or (1, *patch, 3), with a landmark prompt of the target; output
        {"mask": (1, *patch, 1), "complete": (1, 1), "level": (1, 1)}. It is called through ``predict_on_batch``.

    Seeds are the centroids found before, else the detection, vertebrae numbered before (``numbered``), a spine heatmap
    (``heatmap``), or a lattice; the option ``direction`` gives the direction. With the option ``counted`` vertebrae are
    numbered instead of named, and ``numbered`` takes the place of instances and landmarks. Masks exclude the bodies of
    other vertebrae named before. Where a chain still contradicts what was found before, others at ``other_thresholds``
    are tried, and the trail is that of the chain kept (`best_agreeing_chain`). A network that takes prompts gets them
    during the traversal or, with the option ``second_pass``, after it.
    """
    spec, options = settings.spec, settings.options
    image, findings, direction = view.image, view.findings, options.direction
    predict_patch = patch_predictor(network, settings, image, view.padding_value)
    known = known_bodies(findings, image.grid)

    def chain_at(threshold: float) -> Traversal:
        seeds = seeds_of(findings, image, spec.patch, direction, options.sees_prompts and not options.second_pass)
        rules = replace(TOP_DOWN if isinstance(seeds[0], HeatmapSeeds) else Rules(), threshold=threshold)
        return traverse(
            predict_patch, image.grid.shape, spec.patch, image.grid.spacing_mm, direction, seeds, rules, known
        )

    parts = findings.detection if isinstance(findings.detection, PartMap) else None
    bone = None if parts is None else bone_of(findings)
    thresholds = options.threshold, options.other_thresholds
    traversal = best_agreeing_chain(chain_at, *thresholds, findings, bone, image.grid, options.least_agreement)
    trail = traversal.trail.placed(image.grid)
    if options.counted:
        counted = numbered_findings(view, traversal.found) if traversal.found else StageFindings().noting(NOTHING)
        return counted.having(trail=trail)
    chain = traversal.found
    if options.sees_prompts and options.second_pass:
        points = np.zeros((0, 3))
        if findings.landmarks is not None:
            points = image.grid.to_index(findings.landmarks.only(VERTEBRAE).points_mm)
        bodies = None if parts is None else parts.voxels == BODY
        offset_mm = options.second_pass_offset_mm
        second = second_pass(predict_patch, chain, image.grid, spec.patch, direction, points, offset_mm, bodies)
        chain, trail = second.found, replace(trail, second_pass_predictions=second.predictions)
    if not chain and findings.landmarks is not None and len(findings.landmarks) and findings.instances is not None:
        return StageFindings(trail=trail).noting(NO_MASK)
    target = None if options.refine_mm else view.target_grid  # refinement begins with the coarse masks
    found = found_instances(view, chain, target).having(trail=trail)
    if not chain:
        return found.noting(NOTHING)
    if traversal.trail.ended == FULL:
        return found.noting(f"The traversal stopped after {len(traversal.found)} vertebrae; there may be more.")
    return found


def patch_predictor(network: Any, settings: Settings[InstanceOptions], image: Volume, padding: float) -> PatchPredictor:
    """The network as a function of a patch's corner, memory and target; patches of padding alone are skipped.

    With the option ``mirrored_inference`` the output is the mean of the predictions on the patch and its mirror image.
    A network that takes prompts gets one at the target's centroid.
    """
    patch, options = settings.spec.patch, settings.options
    mirrored = options.mirrored_inference

    def predict_patch(
        corner: tuple[int, int, int], memory: NDArray[np.uint8], target: VoxelPoint | None
    ) -> PatchPrediction:
        window = image.window(corner, patch, fill=padding)
        if (window.voxels == np.float32(padding)).all():
            return PatchPrediction(np.zeros(patch, np.float16), 0.0, np.nan)
        channels, is_prompted = [window.voxels, memory], False
        if options.sees_prompts:
            prompt = np.zeros(patch, np.uint8)
            if target is not None:
                prompt = landmark_prompt(image.grid.to_mm(target), window.grid, options.prompt_sigma_mm)
            channels.append(prompt)
            is_prompted = float(prompt.max()) >= LEAST_PROMPT_FRACTION * HIGHEST
        inputs = np.stack(channels, axis=-1)[None].astype(np.float32)
        chosen = branches(network)[is_prompted]
        answer = chosen.predict_on_batch(np.concatenate([inputs, inputs[:, ::-1]]) if mirrored else inputs)
        masks = np.asarray(answer["mask"], np.float32)[..., 0]
        mask = (masks[0] + masks[1][::-1]) / 2 if mirrored else masks[0]
        complete, level = (float(np.mean(answer[name])) if name in answer else np.nan for name in ("complete", "level"))
        return PatchPrediction(mask.astype(np.float16), complete, level)

    return predict_patch


def branches(network: Any) -> tuple[Any, Any]:
    """The network for patches without a prompt, and that for patches with one.

    Of a two-branch model (`next_vertebra_unet`) they are its two branches, so that each prediction computes only one;
    the second one predicts a mask alone. Of any other network both are the network itself.
    """
    if not any(layer.name == "found_unmarked" for layer in getattr(network, "layers", ())):
        return network, network
    if network not in _BRANCHES:
        import keras

        found, prompted = (network.get_layer(name).output for name in ("found", "drawn"))
        properties = {name: network.get_layer(name).output for name in ("complete", "level")}
        parts = (
            keras.Model(network.inputs, {"mask": found, **properties}),
            keras.Model(network.inputs, {"mask": prompted}),
        )
        for part in parts:
            part.compile(jit_compile=False)  # as the whole is
        _BRANCHES[network] = parts
    return _BRANCHES[network]


def seeds_of(
    findings: Findings, image: Volume, patch: tuple[int, int, int], direction: str, prompted: bool = False
) -> list[Seeds]:
    """Seeds, the best first: known centroids, else detected or numbered vertebrae, else the heatmap; then a lattice.

    prompted: whether the network can be prompted with centroids found before.
    """
    corner = CornerSeeds(image.grid.shape, patch, direction)
    detected = bone_of(findings), image.grid.spacing_mm
    named = findings.landmarks.only(VERTEBRAE) if findings.landmarks is not None else None
    if named is not None and findings.landmarks is not None and len(named):
        points = image.grid.to_index(named.points_mm)
        preceded = unnamed_before(named.names, findings.landmarks.names, direction) if prompted else None
        return [
            CentroidSeeds(points, direction, bone_of(findings), image.grid.spacing_mm, unnamed_before=preceded),
            corner,
        ]
    if pieces := detected_pieces(findings):
        return [CentroidSeeds(pieces, direction, *detected), corner]
    if findings.numbered is not None and (counted := counted_centres(findings.numbered)):
        return [CentroidSeeds(counted, direction), corner]
    if findings.heatmap is not None:
        findings.heatmap.grid.require_same(image.grid, "The heatmap and the image")
        return [HeatmapSeeds(np.asarray(findings.heatmap.voxels, np.float32), patch, direction), corner]
    return [corner]


def unnamed_before(names: Sequence[str], known: Collection[str], direction: str) -> list[bool]:
    """Of each named vertebra, whether one that is not ``known`` may come before it in the direction of traversal."""
    before = [set(above(name) if direction == DOWN else below(name)) for name in names]
    return [bool(levels) and not levels & set(known) for levels in before]


def known_bodies(findings: Findings, grid: Grid) -> NDArray[np.float64]:
    """The centroids of vertebrae named before (n, 3), in voxels of the grid, without C1, which has no body."""
    if findings.landmarks is None:
        return np.zeros((0, 3))
    return grid.to_index(findings.landmarks.only(VERTEBRAE[1:]).points_mm)


def bone_of(findings: Findings) -> NDArray[np.bool_] | None:
    """Where the detection shows vertebrae (x, y, z): bodies and arches, or tubes round them."""
    detection = findings.detection
    if not isinstance(detection, LabelMap):
        return None
    return np.isin(detection.voxels, (BODY, ARCH)) if isinstance(detection, PartMap) else detection.voxels > 0


def detected_pieces(findings: Findings) -> list[VoxelPoint]:
    """Means (voxels) of the detected bodies; tubes without gaps are split at the usual height."""
    detection = findings.detection
    if not isinstance(detection, LabelMap):
        return []
    bodies = detection.voxels == BODY if isinstance(detection, PartMap) else column_of(detection).voxels > 0
    pieces, _ = ndimage.label(bodies)
    spacing = detection.grid.spacing_mm
    found = []
    for number, box in enumerate(ndimage.find_objects(pieces), start=1):
        voxels = np.argwhere(pieces[box] == number) + [axis.start for axis in box]
        if len(voxels) * detection.grid.voxel_volume_mm3 < SMALLEST_PIECE_MM3:
            continue
        height = box[2].stop - box[2].start
        parts = max(round(height * spacing[2] / USUAL_STEP_MM), 1)
        part = (voxels[:, 2] - box[2].start) * parts // height
        found += [voxels[part == i].mean(axis=0) for i in range(parts) if (part == i).any()]
    return found
