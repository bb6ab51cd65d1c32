"""Model packages: found, downloaded, compiled with OpenVINO and run."""
