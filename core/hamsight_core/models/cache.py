"""The folder where downloaded models and compiled networks are kept for this user."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """Return the folder: HAMSIGHT_CACHE, or `hamsight` in the system's place for caches."""
    given = os.environ.get("HAMSIGHT_CACHE")
    if given:
        return Path(given).expanduser().absolute()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "hamsight" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "hamsight"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hamsight"


def models_folder() -> Path:
    """Return the folder that holds one folder for each downloaded model."""
    return cache_folder() / "models"


def compiled_folder() -> Path:
    """Return the folder where OpenVINO keeps compiled networks."""
    return cache_folder() / "compiled"
