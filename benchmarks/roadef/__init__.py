"""The ROADEF/EURO challenge 2012 (machine reassignment) as a yardstick for local search."""
