"""Model packages: found, downloaded, compiled with OpenVINO and run."""

import sys

# OpenVINO tells its makers of each import, from a forked process. It leaves that out where the
# package that sends is missing.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
