"""`python -m kvx`, for where no script of that name is installed."""

from kvx.main import run

run()
