"""kvx kubernetes apply as a process that can be killed, where the stand-in says that it serves."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from standing import Standing, StandingDrivers

from kvx.commands.flags import deployment_from
from kvx.commands.phase import alone_of
from kvx.errors import KvxError
from kvx.execute import Call, execute
from kvx.report import Lines
from kvx.world import real_world


def main(folder: str) -> int:
    plan, deployment = alone_of("kubernetes", deployment_from(Path(folder)), chosen=True)
    drivers, call = StandingDrivers(Standing()), Call("kvx kubernetes", 0)
    try:
        result = execute(plan, deployment, drivers, Lines(sys.stderr), real_world(), call=call)
    except KvxError as error:
        print(f"{error.message}\nfix: {error.fix}", file=sys.stderr)
        return int(error.exit_code)
    print("changed" if result.changed else "unchanged")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
