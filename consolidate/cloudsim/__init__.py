"""The compatibility mode ``cloudsim``: CloudSim 3.0.3's PlanetLab power experiments, to the last digit.

For comparing with published figures. Its hosts, VMs and accounting are that program's, quirks included;
:mod:`consolidate.engine` is the replay to trust for savings.
"""

from consolidate.cloudsim.day import Day, read_day
from consolidate.cloudsim.log import Log
from consolidate.cloudsim.outcome import Outcome
from consolidate.cloudsim.policies import DETECTORS, SELECTORS
from consolidate.cloudsim.running import BASELINES, Experiment, frame, run, warm_up
from consolidate.cloudsim.variant import Variant
from consolidate.cloudsim.view import Optimizer, View

__all__ = [
    "BASELINES",
    "DETECTORS",
    "SELECTORS",
    "Day",
    "Experiment",
    "Log",
    "Optimizer",
    "Outcome",
    "Variant",
    "View",
    "frame",
    "read_day",
    "run",
    "warm_up",
]
