"""The test suite: unit, property, simulation, journals, contract, integration, e2e, containers, bench."""
