"""The functions of the commands for programs that speak the Model Context Protocol."""
