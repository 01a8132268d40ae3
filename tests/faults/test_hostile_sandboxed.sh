#!/bin/sh
# root: makes a device.
# The hostile stages of test_hostile_stages.sh, confined.
SANDBOX=auto
. tests/faults/test_hostile_stages.sh
