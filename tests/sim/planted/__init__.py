"""Planted faults: one small change at a time, and whether the tests and simulators notice it."""
