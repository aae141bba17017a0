"""What others add to the commands: functions that only read, sentences for them, and names to be found."""
