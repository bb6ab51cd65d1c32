"""Drawn scenes: coloured shapes on a background, with captions and boxes, from a seed."""

from __future__ import annotations

from hamsight.demo.scenes.coco import write_dataset
from hamsight.demo.scenes.content import Background, Group
from hamsight.demo.scenes.scene import Scene, draw_scene

__all__ = ["Background", "Group", "Scene", "draw_scene", "write_dataset"]
