"""The phases of targets: functions from a deployment to the steps that bring it about."""
