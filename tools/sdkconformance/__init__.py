"""The Azure SDK's own test suites against our emulator: `make sdk-conformance`."""
