"""Clusters and Sentinel groups of real processes on this machine: ``garrison dev``, the demo and tests."""
